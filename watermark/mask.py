"""How strongly each part of a frame may be changed before somebody sees it.

Two effects are used: texture hides noise (contrast masking), and a change of luma is seen most in flat and in
dark areas. Strength follows the texture of the *quietest* neighbourhood, so that the wall beside a sharp edge
stays calm. Two budgets of the whole frame, structural similarity and squared error, then set the level.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from watermark.neighbourhood import mean_of_nine

STRENGTH_FLAT = 0.8
"""RMS change of luma in 8-bit steps where the picture is flat, at most."""

GAIN_MAX = 3.0
"""How much more the busiest texture bears."""

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
_BLOCK = 8


def strength_map(luma: Tensor, power: Tensor, share: float) -> Tensor:
    """RMS change allowed around each of a coarse grid of points.

    luma: float[n, H, W] on 0..255, about 180 rows for a landscape frame (a quarter of 720p); power: float[h, w], mean
    square of the pattern in each 8x8 block, h = ceil(H / 8); share: of the pattern's energy within the squares
    of `SIMILARITY_BLOCK`. Result float[n, h, w], at most `STRENGTH_FLAT` times `GAIN_MAX`.
    """
    rows, columns = luma.shape[1:]
    beyond = (1, 1 + -columns % _BLOCK, 1, 1 + -rows % _BLOCK)
    padded = F.pad(luma[:, None], beyond, mode="replicate")
    middle = padded[:, :, 1:-1, 1:-1]
    mean = F.avg_pool2d(middle, _BLOCK)
    # Texture is what a neighbourhood of three pixels does not explain: the shading of a cheek is none.
    detail = middle - mean_of_nine(padded)
    fine = _mean_of_four(detail.square_())
    texture = F.avg_pool2d(fine, _BLOCK // 2)
    # A mark of variance g**2 costs g**2 / (2 texture + floor) of structural similarity; the gain keeps that constant.
    harm = F.avg_pool2d(fine.mul_(2).add_(_SIMILARITY_FLOOR).reciprocal_(), _BLOCK // 2)
    quietest = -F.max_pool2d(-texture, 3, stride=1, padding=1)
    gain = (1 + quietest * (2 / _SIMILARITY_FLOOR)).sqrt_().clamp_(max=GAIN_MAX)
    gain *= _DARK_STRENGTH + (1 - _DARK_STRENGTH) * (mean / _DARK).clamp_(max=1)
    gain = mean_of_nine(F.pad(gain, (1, 1, 1, 1), mode="replicate"))
    error = gain.square() * power
    room = SIMILARITY_LOSS - _ROUNDING * _frame_mean(harm)
    level = torch.minimum(room / (share * _frame_mean(error * harm)), STRENGTH_FRAME**2 / _frame_mean(error))
    return (gain * level.clamp_(max=STRENGTH_FLAT**2).sqrt_())[:, 0]


def uniform_strength(share: float) -> float:
    """RMS change that any picture may bear all over: what a flat one would get from `strength_map`."""
    room = (SIMILARITY_LOSS * _SIMILARITY_FLOOR - _ROUNDING) / share
    return math.sqrt(min(room, STRENGTH_FLAT**2))


def _mean_of_four(plane: Tensor) -> Tensor:
    """The mean of each 2x2 square: at 720 lines one of `SIMILARITY_BLOCK`. Several times as fast as `avg_pool2d`."""
    pairs = plane[..., ::2, :] + plane[..., 1::2, :]
    return (pairs[..., ::2] + pairs[..., 1::2]).mul_(0.25)


def _frame_mean(blocks: Tensor) -> Tensor:
    return blocks.mean(dim=(2, 3), keepdim=True)
