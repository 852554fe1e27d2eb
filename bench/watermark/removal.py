"""Attacks that aim at the mark itself, by somebody who has one clip and no key."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import cv2
import numpy as np

from bench.watermark.film import Picture, Step, each


def temporal_average() -> Step:
    """The mean of what denoising takes out of every frame is taken for the mark and subtracted."""

    def step(film: Iterable[Picture]) -> Iterator[Picture]:
        kept = list(film)
        total = np.zeros(kept[0].shape, np.float32)
        for picture in kept:
            total += picture.astype(np.float32) - cv2.medianBlur(picture, 5)
        guess = cv2.convertScaleAbs(total / len(kept) + 128)
        for picture in kept:
            yield np.asarray(cv2.addWeighted(picture, 1, guess, -1, 128), np.uint8)

    return step


def non_local_means(strength: float = 5) -> Step:
    """Denoising of the luma by the similar patches around."""

    def change(picture: Picture) -> Picture:
        parts = list(cv2.split(cv2.cvtColor(picture, cv2.COLOR_BGR2YCrCb)))
        parts[0] = cv2.fastNlMeansDenoising(parts[0], None, strength, 5, 11)
        return np.asarray(cv2.cvtColor(cv2.merge(parts), cv2.COLOR_YCrCb2BGR), np.uint8)

    return each(change)
