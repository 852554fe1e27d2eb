"""The idle motion: which stretch of the footage is played, and in which order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from avatars.engine.errors import FootageUnsuitable
from avatars.engine.footage import Footage
from avatars.engine.geometry import EYES, LIPS, Reals, ShapeModel

# Lips this far apart, in shares of the person's range, may still be in the base; each step costs quality,
# because the warp has to close them.
_OPENNESS = (0.10, 0.18, 0.30, 0.50, 1.0)
_OPENNESS_COST = (0.0, 0.05, 0.12, 0.20, 0.60)
_ENOUGH_S, _LONGEST_S, _SHORTEST_S = 6.0, 20.0, 0.4
# A head that moves a hundredth of the eye distance per frame costs as much as a third of a long window.
_UNREST = 6.0
# A head so far from its usual turn that the lips are a fiftieth of the eye distance off costs a fifth of a long window:
# every shape is known best for the usual head.
_UNUSUAL = 10.0
# And lips that rest so far from where they usually do: they show in every pause.
_ELSEWHERE = 10.0
# So does a picture of the mouth that flickers by five grey levels: noise and compression of the base stay in every
# frame that is drawn over it.
_GRAIN = 0.04
_TOO_SHORT_COST = 0.15  # under a second the same movement comes back too often


@dataclass(frozen=True)
class BaseWindow:
    """Frames `start` .. `stop` (exclusive) of the footage; `openness` is the class in `_OPENNESS` it fell in."""

    start: int
    stop: int
    openness: float


def choose_window(footage: Footage, shape: ShapeModel, turned: Reals) -> BaseWindow:
    """The best calm, frontal, unsmiling stretch without a cut; longer is better up to `_ENOUGH_S` seconds.

    Args:
        turned: float64 [n], how far the turn of the head moves the lips, canonical units.

    Raises:
        FootageUnsuitable: footage_no_base.
    """
    width = np.abs(footage.lip_width - shape.width_rest)
    room = max(shape.width_high - shape.width_rest, shape.width_rest - shape.width_low, 1e-6)
    calm = footage.frontal & (width < 1.5 * room)
    best: tuple[float, BaseWindow] | None = None
    for openness, cost in zip(_OPENNESS, _OPENNESS_COST, strict=True):
        still = calm & (footage.opening < openness * shape.opening_max)
        for start, stop in _runs(_without_blips(still), footage.shot):
            seconds = (stop - start) / footage.fps
            if seconds < _SHORTEST_S:
                continue
            stop = min(stop, start + int(_LONGEST_S * footage.fps))
            unrest = 0.5 * float(footage.yaw[start:stop].mean()) + _UNREST * _speed(footage, start, stop)
            unrest += _UNUSUAL * float(np.nanmean(turned[start:stop])) + _GRAIN * _grain(footage, start, stop)
            unrest += _ELSEWHERE * _elsewhere(footage, shape, start, stop)
            unrest += _TOO_SHORT_COST * (seconds < 1)
            score = (min(seconds, _ENOUGH_S) / _ENOUGH_S) ** 0.5 - cost - unrest
            if best is None or score > best[0]:
                best = (score, BaseWindow(start, stop, openness))
    if best is None:
        raise FootageUnsuitable(
            "footage_no_base",
            "There is no calm moment in this video. Please record a few seconds of silence, "
            "looking into the camera with the mouth closed.",
        )
    return best[1]


def _speed(footage: Footage, start: int, stop: int) -> float:
    """Mean movement of the head per frame, in eye distances."""
    stable = footage.stable[start:stop]
    size = float(np.nanmean(np.abs(stable[:, EYES[1]] - stable[:, EYES[0]])))
    return float(np.nanmean(np.abs(np.diff(stable.mean(axis=1))))) / size


def _elsewhere(footage: Footage, shape: ShapeModel, start: int, stop: int) -> float:
    """How far the lips are, on average, from the person's usual closed ones, canonical units."""
    lips = np.nanmean(footage.canonical[start:stop, :LIPS], axis=0)
    return float(np.abs(lips - shape.neutral[:LIPS]).mean())


def _grain(footage: Footage, start: int, stop: int) -> float:
    """Mean absolute second difference of the mouth's picture over time, grey levels."""
    patches = footage.patches[start:stop].astype(np.int16)
    return float(np.abs(np.diff(patches, n=2, axis=0)).mean())


def _without_blips(still: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Fill holes of up to two frames: a landmark that slipped must not end a window."""
    filled = still.copy()
    for hole in (1, 2):
        filled[hole:-hole] |= still[: -2 * hole] & still[2 * hole :]
    return filled


def _runs(good: NDArray[np.bool_], shot: NDArray[np.int64]) -> list[tuple[int, int]]:
    breaks = np.flatnonzero((np.diff(good.astype(np.int8)) != 0) | (np.diff(shot) != 0)) + 1
    edges = np.concatenate([[0], breaks, [len(good)]])
    return [(int(a), int(b)) for a, b in pairwise(edges) if good[a]]


class IdleWalk:
    """Which base frame to show at each moment: a walk without end that turns round where the head rests."""

    def __init__(self, length: int, motion: NDArray[np.float64], seed: int) -> None:
        """`length`: frames in the base. `motion`: float64 [length], speed of the head at each. Same seed, same walk."""
        self._length = length
        self._chance = np.random.default_rng(seed)
        self._rest = motion <= np.percentile(motion, 20)
        self._place = int(self._chance.integers(length)) if length > 1 else 0
        self._step, self._since = 1, 0

    def __iter__(self) -> Iterator[int]:
        return self

    def __next__(self) -> int:
        shown = self._place
        if self._length > 1:
            self._move()
        return shown

    def _move(self) -> None:
        self._since += 1
        # a turn within a second of the last one would look like a tremor
        may_turn = self._rest[self._place] and self._since > self._length
        if not 0 <= self._place + self._step < self._length or (may_turn and self._chance.random() < 0.1):
            self._step, self._since = -self._step, 0
        self._place = min(max(self._place + self._step, 0), self._length - 1)


class Pace:
    """A walk at the footage's rate, seen at the rate of what is drawn."""

    def __init__(self, walk: IdleWalk, base_fps: int, fps: int) -> None:
        self._walk, self._ratio = walk, Fraction(base_fps, fps)
        self._drawn, self._walked = 0, 0
        self._shown = next(walk)

    def take(self, frames: int) -> NDArray[np.int64]:
        """int64 [frames]: base frames of the next moments."""
        return np.array([self._next() for _moment in range(frames)], np.int64)

    def _next(self) -> int:
        while self._walked < int(self._drawn * self._ratio):
            self._shown, self._walked = next(self._walk), self._walked + 1
        self._drawn += 1
        return self._shown
