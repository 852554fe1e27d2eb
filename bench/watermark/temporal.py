"""Attacks on time: frames dropped, doubled, averaged, exchanged."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator

import numpy as np

from bench.watermark.film import Picture, Step


def resampled(speed: float) -> Step:
    """Every output picture is the one that was due at its time: speed 1.25 drops every fifth."""

    def step(film: Iterable[Picture]) -> Iterator[Picture]:
        out = 0
        for index, picture in enumerate(film):
            while int(out * speed) == index:
                yield picture
                out += 1

    return step


def averaged(count: int) -> Step:
    """The mean of `count` neighbours, as motion blur effects make it."""

    def step(film: Iterable[Picture]) -> Iterator[Picture]:
        near: deque[Picture] = deque(maxlen=count)
        for picture in film:
            near.append(picture)
            yield np.rint(np.mean(near, axis=0, dtype=np.float32)).astype(np.uint8)

    return step


def dropped_and_shuffled(share: float = 0.2, seed: int = 3) -> Step:
    """`share` of the frames are lost, the rest change places within groups of four."""

    def step(film: Iterable[Picture]) -> Iterator[Picture]:
        rng = np.random.default_rng(seed)
        group: list[Picture] = []
        for picture in film:
            if rng.random() < share:
                continue
            group.append(picture)
            if len(group) == 4:
                yield from (group[i] for i in rng.permutation(4))
                group = []
        yield from group

    return step


def reverse() -> Step:
    """Played backwards."""

    def step(film: Iterable[Picture]) -> Iterator[Picture]:
        yield from list(film)[::-1]

    return step
