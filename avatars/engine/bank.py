"""The mouth bank: real mouths of the person, one for every shape worth keeping."""

from __future__ import annotations

from dataclasses import dataclass, replace

import av
import numpy as np
from numpy.typing import NDArray

from avatars.engine.errors import FootageUnsuitable
from avatars.engine.footage import Footage
from avatars.engine.geometry import INNER, LIPS, MOUTH, OUTER, Complex, Reals, ShapeModel
from avatars.media import planes_of

BANK_FRAMES = 160
_MARGIN = 0.55  # around the lips, in lip widths: the ring that is matched in brightness must lie inside
_WIDTH_WEIGHT = 0.6
_CHANGE = 0.2  # what another mouth costs, in shares of the opening range


@dataclass(frozen=True)
class MouthBank:
    """n mouths. `crops` uint8 [n, 3 * h // 2, w]: planar yuv420p; `points` complex64 [n, MOUTH] in pixels of the
    crop; `opening`, `width` float64 [n] in shares of the person's range (0..1 and -1..1, a little beyond);
    `penalty` float64 [n] grows with the turn of the head and with light that differs from the usual; `frames` int64 [n]
    are the numbers of the footage's frames that they were cut from.
    """

    crops: NDArray[np.uint8]
    points: NDArray[np.complex64]
    opening: Reals
    width: Reals
    penalty: Reals
    frames: NDArray[np.int64]

    def planes(self, index: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Luma uint8 [h, w] and chroma uint8 [h/2, w/2, 2] of one mouth."""
        crop = self.crops[index]
        height = crop.shape[0] * 2 // 3
        chroma = crop[height:].reshape(2, height // 2, -1)
        return crop[:height], np.ascontiguousarray(chroma.transpose(1, 2, 0))

    def moved(self, off: Complex) -> MouthBank:
        """The same mouths with their lips `off`, complex [n, LIPS], from where they were taken to be, pixels.

        The skin beside them follows their middle; lips that would pass through each other meet.
        """
        points = self.points.astype(np.complex128)
        points[:, LIPS:] += off.mean(axis=1, keepdims=True)
        points[:, :LIPS] += off
        inner, half = points[:, len(OUTER) : LIPS], len(INNER) // 2
        lower, upper = inner[:, 1:half], inner[:, :half:-1]
        cross = np.minimum(0, (lower - upper).imag) / 2
        lower -= 1j * cross
        upper += 1j * cross
        return replace(self, points=points.astype(np.complex64))


def choose_mouths(footage: Footage, shape: ShapeModel) -> NDArray[np.int64]:
    """Frames to keep, in time order: sharp, frontal, of the usual colour, spread over all shapes.

    Raises:
        FootageUnsuitable: footage_no_speech_motion.
    """
    if shape.opening_max < 0.02:
        raise FootageUnsuitable(
            "footage_no_speech_motion",
            "The lips hardly move in this video. Please record the person speaking for at least ten seconds.",
        )
    usable = np.flatnonzero(footage.seen & _typical_colour(footage))
    quality = _quality(footage, usable)
    usable = usable[quality >= np.percentile(quality, 25)]
    opening, width = shape.shares(footage.opening[usable], footage.lip_width[usable])
    where = np.stack([np.minimum(opening, 1.5), _WIDTH_WEIGHT * width], axis=1)
    return np.sort(usable[_spread_out(where, BANK_FRAMES)])


def _typical_colour(footage: Footage) -> NDArray[np.bool_]:
    """Leave out takes with another colour cast than most of the footage."""
    off = np.linalg.norm(footage.tint - np.nanmedian(footage.tint, axis=0), axis=1)
    return np.asarray(np.nan_to_num(off, nan=np.inf) < 4.0)


def _quality(footage: Footage, frames: NDArray[np.int64]) -> Reals:
    """Sharp and frontal is good: detail of the mouth against the median, minus the turn of the head."""
    patches = footage.patches[frames].astype(np.float64)
    detail = np.abs(np.diff(patches, axis=1)).mean(axis=(1, 2)) + np.abs(np.diff(patches, axis=2)).mean(axis=(1, 2))
    return np.asarray(detail / np.median(detail) - 2.0 * footage.yaw[frames])


def _penalty(footage: Footage, frames: NDArray[np.int64]) -> Reals:
    light = footage.patches[frames][:, : footage.patches.shape[1] // 4].mean(axis=(1, 2))
    return np.asarray(footage.yaw[frames] + np.abs(light - np.median(light)) / 40)


def _spread_out(where: Reals, count: int) -> NDArray[np.int64]:
    """Farthest-point sampling (Gonzalez 1985) from the most closed mouth on."""
    chosen = [int(np.argmin(where[:, 0]))]
    distance = np.linalg.norm(where - where[chosen[0]], axis=1)
    while len(chosen) < min(count, len(where)):
        chosen.append(int(np.argmax(distance)))
        distance = np.minimum(distance, np.linalg.norm(where - where[chosen[-1]], axis=1))
    return np.asarray(chosen)


def crop_size(footage: Footage, frames: NDArray[np.int64]) -> tuple[int, int]:
    """Width and height, multiples of 4, that hold every chosen mouth with its margin."""
    lips = footage.points[frames][:, :LIPS]
    wide = float(np.max(np.ptp(lips.real, axis=1)))
    high = float(np.max(np.ptp(lips.imag, axis=1)))
    margin = 2 * _MARGIN * wide
    return tuple(max(16, 4 * round((side + margin) / 4)) for side in (wide, high))  # type: ignore[return-value]


class MouthCutter:
    """Cuts the chosen mouths out of the footage as its frames pass by."""

    def __init__(self, footage: Footage, chosen: NDArray[np.int64]) -> None:
        self._footage, self._chosen = footage, chosen
        self._wanted = {int(number): index for index, number in enumerate(chosen)}
        self._width, self._height = crop_size(footage, chosen)
        self._crops = np.zeros((len(chosen), self._height * 3 // 2, self._width), np.uint8)
        self._points = np.zeros((len(chosen), MOUTH), np.complex64)

    def take(self, number: int, frame: av.VideoFrame) -> None:
        """Look at frame `number` of the footage."""
        index = self._wanted.get(number)
        if index is not None:
            points = self._footage.points[number]
            self._crops[index], corner = _cut(frame, points, self._width, self._height)
            self._points[index] = points[:MOUTH] - corner

    def bank(self, shape: ShapeModel) -> MouthBank:
        """What was cut, with each mouth's place in the person's range."""
        opening, width = shape.shares(self._footage.opening[self._chosen], self._footage.lip_width[self._chosen])
        penalty = _penalty(self._footage, self._chosen)
        return MouthBank(self._crops, self._points, opening, width, penalty, np.asarray(self._chosen, np.int64))


def _cut(frame: av.VideoFrame, points: Complex, width: int, height: int) -> tuple[NDArray[np.uint8], complex]:
    centre = points[:LIPS].mean()
    left = int(np.clip(2 * round((centre.real - width / 2) / 2), 0, max(0, frame.width - width)))
    top = int(np.clip(2 * round((centre.imag - height / 2) / 2), 0, max(0, frame.height - height)))
    left, top = left // 2 * 2, top // 2 * 2
    y, u, v = planes_of(frame)
    crop = np.zeros((height * 3 // 2, width), np.uint8)
    part = y[top : top + height, left : left + width]
    crop[: part.shape[0], : part.shape[1]] = part
    for row, plane in ((height, u), (height * 5 // 4, v)):
        target = crop[row : row + height // 4].reshape(height // 2, width // 2)
        part = plane[top // 2 : (top + height) // 2, left // 2 : (left + width) // 2]
        target[: part.shape[0], : part.shape[1]] = part
    return crop, complex(left, top)


def pick_mouths(bank: MouthBank, opening: Reals, width: Reals) -> NDArray[np.int64]:
    """Which mouth to show at each frame: the cheapest path through all frames (Viterbi).

    A frame costs its distance in shape, opening counting most; a change of mouth costs a little, and nothing
    when the next mouth of the bank follows, because it comes from the same movement.

    Args:
        opening, width: float64 [n], commanded, in shares of the person's range.
    """
    size, moments = len(bank.opening), len(opening)
    local = (
        bank.penalty
        + (np.abs(opening[:, None] - bank.opening) + 0.35 * np.abs(width[:, None] - bank.width))
        + 2.0 * np.maximum(0, 0.08 - opening[:, None]) * (bank.opening > 0.15)
    )
    cost = local[0].copy()
    came_from = np.zeros((moments, size), np.int32)
    own = np.arange(size)
    for moment in range(1, moments):
        cheapest = int(np.argmin(cost))
        stay = cost
        follow = np.concatenate([[np.inf], cost[:-1]]) + _CHANGE / 3
        jump = cost[cheapest] + _CHANGE
        came_from[moment] = np.where(
            (stay <= follow) & (stay <= jump), own, np.where(follow <= jump, own - 1, cheapest)
        )
        cost = np.minimum(np.minimum(stay, follow), jump) + local[moment]
    path = np.empty(moments, np.int64)
    path[-1] = int(np.argmin(cost))
    for moment in range(moments - 1, 0, -1):
        path[moment - 1] = came_from[moment, path[moment]]
    return path
