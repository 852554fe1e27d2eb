"""Which parts of a picture show the tile: what was pasted over it, or around it, only adds noise."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from watermark.carriers import Carriers
from watermark.geometry import Geometry, pixels_per_tile
from watermark.lattice import frequencies
from watermark.residual import View
from watermark.spectrum import Lines, carrier_lines
from watermark.synchronisation import best_shift, expected_power

_SIDE = 96  # samples of the tile's picture
_BLOCKS = 16  # along the longer side of the picture


def evidence_map(view: View, carriers: Carriers, geometry: Geometry) -> Tensor:
    """float[h, w] in 0..1: how strong the synchronisation carriers are in each part, over what disturbs them there.

    Only these carriers are looked at, so that what is decoded with the weights is as unlikely by chance as without.
    """
    lines, around = carrier_lines(view.residual, view.tile, geometry)
    pattern = _laid_out(view, geometry, _tile(lines, around, carriers))
    rows, columns = view.residual.shape
    block = -(-max(rows, columns) // _BLOCKS)
    gain = _blurred(F.avg_pool2d((view.residual * pattern)[None, None], block, ceil_mode=True))
    noise = F.avg_pool2d(view.residual.square()[None, None], block, ceil_mode=True)
    weight = gain.clamp(min=0) / (noise + noise.mean() * 0.1 + 1e-9)
    return (weight / weight.max().clamp(min=1e-9))[0, 0]


def _tile(lines: Lines, around: Lines, carriers: Carriers) -> Tensor:
    """float32[S, S]: one tile of the synchronisation carriers where they stand, strong where the picture is quiet."""
    expected = expected_power(around)
    whitened = lines / np.sqrt(expected)
    score, shift = best_shift(whitened, carriers.theta, carriers.sync)
    negative, other = best_shift(-whitened, carriers.theta, carriers.sync)
    sign, (x, y) = (-1, other) if negative > score else (1, shift)
    lattice = frequencies()[carriers.sync]
    turns = carriers.theta[carriers.sync] + 2 * np.pi * (lattice[:, 0] * x + lattice[:, 1] * y)
    spectrum = np.zeros((_SIDE, _SIDE), dtype=np.complex128)
    spectrum[lattice[:, 1], lattice[:, 0] % _SIDE] = sign * np.exp(1j * turns) / expected[carriers.sync]
    # Samples stand half a step off the corner of the tile.
    half = np.exp(1j * np.pi * np.fft.fftfreq(_SIDE))
    tile = np.fft.ifft2(spectrum * half[:, None] * half[None, :]).real
    return torch.from_numpy((tile / tile.std()).astype(np.float32))


def _laid_out(view: View, geometry: Geometry, tile: Tensor) -> Tensor:
    """float[h, w]: the tile repeated over the picture."""
    rows, columns = view.residual.shape
    device = view.residual.device
    y = (torch.arange(rows, device=device) + 0.5 - rows / 2)[:, None].expand(rows, columns)
    x = (torch.arange(columns, device=device) + 0.5 - columns / 2)[None, :].expand(rows, columns)
    nearer = 1 - x * geometry.tilt_x / (columns / 2) - y * geometry.tilt_y / (rows / 2)
    inverse = np.linalg.inv(pixels_per_tile(view.tile, geometry))
    across = (inverse[0, 0] * x + inverse[0, 1] * y) / nearer
    down = (inverse[1, 0] * x + inverse[1, 1] * y) / nearer
    grid = torch.stack([across - across.floor(), down - down.floor()], dim=-1) * 2 - 1
    wrapped = F.pad(tile[None, None].to(device), (1, 1, 1, 1), mode="circular")
    shrink = _SIDE / (_SIDE + 2)  # the rim of one sample lets interpolation run round the tile
    return F.grid_sample(wrapped, (grid * shrink)[None].float(), mode="bilinear", align_corners=False)[0, 0]


def _blurred(plane: Tensor) -> Tensor:
    return F.avg_pool2d(F.pad(plane, (1, 1, 1, 1), mode="replicate"), 3, stride=1)
