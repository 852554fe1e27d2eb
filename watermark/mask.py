"""How strongly each part of a frame may be changed before somebody sees it.

Two effects are used: texture hides noise (contrast masking), and a change of luma is seen most in flat and in
dark areas. Strength follows the texture of the *quietest* neighbourhood, so that the wall beside a sharp edge
stays calm.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from watermark.neighbourhood import mean_of_nine

STRENGTH_FLAT = 0.75
"""RMS change of luma in 8-bit steps where the picture is flat: a faint grain, PSNR 50 dB."""

STRENGTH_MAX = 2.4
"""RMS change in the busiest texture."""

STRENGTH_FRAME = 1.2
"""RMS change over a whole frame, at most: with rounding a luma PSNR of 46.3 dB, however busy the picture."""

_STRENGTH_PER_TEXTURE = 0.3
_DARK, _DARK_STRENGTH = 48.0, 0.75
_BLOCK = 8


def strength_map(luma: Tensor) -> Tensor:
    """RMS change allowed around each of a coarse grid of points.

    luma: float[H, W] on 0..255, about 180 rows for a landscape frame (a quarter of 720p); result float[h, w]
    with one value per 8x8 block, h = ceil(H / 8), at most `STRENGTH_MAX`, of RMS at most `STRENGTH_FRAME`.
    """
    rows, columns = luma.shape
    beyond = (1, 1 + -columns % _BLOCK, 1, 1 + -rows % _BLOCK)
    padded = F.pad(luma[None, None], beyond, mode="replicate")
    middle = padded[:, :, 1:-1, 1:-1]
    mean = F.avg_pool2d(middle, _BLOCK)
    # Texture is what a neighbourhood of three pixels does not explain: the shading of a cheek is none.
    detail = middle - mean_of_nine(padded)
    texture = F.avg_pool2d(detail * detail, _BLOCK).sqrt_()
    quietest = -F.max_pool2d(-texture, 3, stride=1, padding=1)
    strength = (STRENGTH_FLAT + _STRENGTH_PER_TEXTURE * quietest).clamp_(max=STRENGTH_MAX)
    strength *= _DARK_STRENGTH + (1 - _DARK_STRENGTH) * (mean / _DARK).clamp_(max=1)
    smooth = mean_of_nine(F.pad(strength, (1, 1, 1, 1), mode="replicate"))[0, 0]
    rms = smooth.square().mean().sqrt()
    return smooth * (STRENGTH_FRAME / rms).clamp(max=1.0)
