"""Phones -> lips over time, at video rate."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from avatars.speech.model import FloatArray, Phone
from avatars.speech.phones import INVENTORY, MouthShape

# Lips move slower than the tongue: a sound shorter than this does not reach its full shape.
_FULL_SHAPE_S = 0.11
_STEP_S = 0.005
_SMOOTHING_STEPS = 13


@dataclass(frozen=True, slots=True)
class MouthTrack:
    """Per video frame, (n,): `opening` 0..1, `width` -1..1 (float64); `closed`: lips must meet (bool)."""

    opening: FloatArray
    width: FloatArray
    closed: np.ndarray[tuple[int], np.dtype[np.bool_]]


def mouth_track(phones: tuple[Phone, ...], fps: float, frames: int) -> MouthTrack:
    """The lips at the centre of each of `frames` video frames at `fps`; rest after the last phone.

    Shapes blend into each other and short sounds undershoot, but p, b and m always close.
    """
    count = max(int(np.ceil(frames / fps / _STEP_S)), 1)
    opening, width, closed = np.zeros(count), np.zeros(count), np.zeros(count, dtype=np.bool_)
    for phone in phones:
        span = slice(round(phone.start_s / _STEP_S), round(phone.end_s / _STEP_S))
        opening[span], width[span] = _shape_over(phone, len(opening[span]))
        closed[span] = INVENTORY[phone.symbol].mouth.closed
    kernel = np.hanning(_SMOOTHING_STEPS + 2)[1:-1]
    kernel /= kernel.sum()
    smooth_open, smooth_width = (_convolve(track, kernel) for track in (opening, width))
    # The closure itself is kept; only its flanks are blended.
    smooth_open *= 1 - _convolve(closed.astype(np.float64), np.array([0.25, 0.5, 0.25]))
    centres = np.minimum(((np.arange(frames) + 0.5) / fps / _STEP_S).astype(int), count - 1)
    return MouthTrack(smooth_open[centres], smooth_width[centres], closed[centres])


def _shape_over(phone: Phone, steps: int) -> tuple[FloatArray, FloatArray]:
    sound = INVENTORY[phone.symbol]
    start, end = sound.mouth, sound.mouth_to or sound.mouth
    reach = min(1.0, 0.55 + 0.45 * (phone.end_s - phone.start_s) / _FULL_SHAPE_S)
    share = np.linspace(0.0, 1.0, steps)
    return _between(start, end, share, reach)


def _between(
    start: MouthShape, end: MouthShape, share: FloatArray, reach: float
) -> tuple[FloatArray, FloatArray]:
    opening = start.opening + (end.opening - start.opening) * share
    width = start.width + (end.width - start.width) * share
    return opening * reach, width * reach


def _convolve(track: FloatArray, kernel: FloatArray) -> FloatArray:
    padded = np.pad(track, len(kernel) // 2, mode="edge")
    return np.asarray(np.convolve(padded, kernel, mode="valid"), dtype=np.float64)
