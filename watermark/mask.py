"""How strongly each part of a frame may be changed before somebody sees it.

Two effects are used: texture hides noise (contrast masking), and a change of luma is seen most in flat and in
dark areas. Strength follows the texture of the *quietest* neighbourhood, so that the wall beside a sharp edge
stays calm. Two budgets of the whole frame, structural similarity and squared error, then set the level: where squared
error is the scarce one, the busiest places give way, because a grey step says least there.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
import numpy.typing as npt

Blocks = npt.NDArray[np.float32]
Means = npt.NDArray[np.float64]

STRENGTH_FLAT = 0.8
"""RMS change of luma in 8-bit steps where the picture is flat, at most."""

GAIN_MAX = 3.0
"""How much more the busiest texture bears, at most."""

STRENGTH_FRAME = 0.965
"""RMS change over a whole frame, at most: with rounding a luma PSNR of 48.07 dB, however busy the picture."""

SIMILARITY_LOSS = 0.0037
"""What a frame may lose of its structural similarity (Wang et al. 2004) of 1, as far as the mask foresees it."""

SIMILARITY_BLOCK, SIMILARITY_ROWS = 8, 720
"""Side in pixels of the squares over which structural similarity is measured, and the short side of the picture from
which on it is held. Smaller pictures are enlarged before they are seen; for them the square shrinks in proportion."""

_SIMILARITY_FLOOR = (0.03 * 255) ** 2  # the constant C2 of that measure
_ROUNDING = 1 / 12  # variance added by whole grey steps
_DARK, _DARK_STRENGTH = 48.0, 0.75
_CUTS = np.geomspace(1, GAIN_MAX, 65, dtype=np.float32)[:, None]  # where the gain may be cut off
_UNCUT = _CUTS[-1:]
_BLOCK = 8
_NEIGHBOURS = np.ones((3, 3), np.uint8)


def strength_map(luma: npt.NDArray[np.uint8], power: Blocks, share: float) -> Blocks:
    """RMS change allowed around each of a coarse grid of points.

    luma: uint8[H, W], about 180 rows for a landscape frame (a quarter of 720p); power: float32[h, w], mean square of
    the pattern in each 8x8 block, h = ceil(H / 8); share: of the pattern's energy within the squares of
    `SIMILARITY_BLOCK`. Result float32[h, w], at most `STRENGTH_FLAT` times `GAIN_MAX`.
    """
    rows, columns = luma.shape
    padded = cv2.copyMakeBorder(luma, 1, 1 + -rows % _BLOCK, 1, 1 + -columns % _BLOCK, cv2.BORDER_REPLICATE)
    pixels = padded[1:-1, 1:-1].astype(np.float32)
    mean = _halved(pixels, 3)
    # Texture is what a neighbourhood of three pixels does not explain: the shading of a cheek is none. The sum of nine
    # is a whole number and exact.
    detail = pixels
    detail -= cv2.boxFilter(padded, cv2.CV_16S, (3, 3), normalize=False)[1:-1, 1:-1] * np.float32(1 / 9)
    fine = _halved(np.square(detail, out=detail), 1)  # at 720 lines squares of `SIMILARITY_BLOCK`
    texture = _halved(fine, 2)
    # A mark of variance g**2 costs g**2 / (2 texture + floor) of structural similarity; the gain keeps that constant.
    harm = _halved(np.reciprocal(2 * fine + np.float32(_SIMILARITY_FLOOR)), 2)
    quietest = cv2.erode(texture, _NEIGHBOURS)
    gain = np.minimum(np.sqrt(1 + quietest * np.float32(2 / _SIMILARITY_FLOOR)), np.float32(GAIN_MAX))
    gain *= _DARK_STRENGTH + (1 - _DARK_STRENGTH) * np.minimum(mean * np.float32(1 / _DARK), 1)
    gain = cv2.blur(gain, (3, 3), borderType=cv2.BORDER_REPLICATE)
    room = (SIMILARITY_LOSS - _ROUNDING * float(harm.mean())) / share
    gain, level = _within_budgets(gain, power, harm, room)
    strength: Blocks = gain * np.float32(math.sqrt(level))
    return strength


def _within_budgets(gain: Blocks, power: Blocks, harm: Blocks, room: float) -> tuple[Blocks, float]:
    """The gain, cut off as far as the budget of squared error needs it, and the square of the level that both budgets
    leave for it.

    Lowering everything alike would take the mark from the calm places, where it is read best: with the gain cut off
    instead, a single frame of fine texture from edge to edge scores a quarter more (docs/watermark.md).
    """
    cut = 0
    levels, errors = _levels(gain, _UNCUT, power, harm, room)
    if levels[0] * errors[0] > STRENGTH_FRAME**2:
        levels, errors = _levels(gain, _CUTS, power, harm, room)
        within = int(np.count_nonzero(levels * errors <= STRENGTH_FRAME**2))  # the product grows with the cut
        cut = max(0, within - 1)
        gain = np.minimum(gain, _CUTS[cut])
    return gain, min(float(levels[cut]), STRENGTH_FRAME**2 / float(errors[cut]))


def _levels(gain: Blocks, cuts: Blocks, power: Blocks, harm: Blocks, room: float) -> tuple[Means, Means]:
    """For a gain cut off at each of float32[n, 1], the square of the level that structural similarity leaves,
    float64[n], and the squared error of the gain itself, float64[n].
    """
    error = np.square(np.minimum(gain.reshape(1, -1), cuts)) * power.reshape(1, -1)
    loss = error * harm.reshape(1, -1)
    level = room / loss.mean(axis=1).astype(np.float64)
    return np.minimum(level, STRENGTH_FLAT**2), error.mean(axis=1).astype(np.float64)


def uniform_strength(share: float) -> float:
    """RMS change that any picture may bear all over: what a flat one would get from `strength_map`."""
    room = (SIMILARITY_LOSS * _SIMILARITY_FLOOR - _ROUNDING) / share
    return math.sqrt(min(room, STRENGTH_FLAT**2))


def _halved(plane: Blocks, times: int) -> Blocks:
    """The means of squares of 2, 4 or 8 pixels; halving again and again is what OpenCV does fast."""
    for _ in range(times):
        half = plane.shape[1] // 2, plane.shape[0] // 2
        plane = np.asarray(cv2.resize(plane, half, interpolation=cv2.INTER_AREA), np.float32)
    return plane
