"""The complex strength of every carrier in a residual, for a supposed size, angle and flip of the tile."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from watermark.lattice import RING_OUTER, frequencies, mirror

Lines = npt.NDArray[np.complex128]


@dataclass(frozen=True)
class Geometry:
    """How a picture was changed since it was marked, as far as the tile shows it.

    scale_x, scale_y: size of the tile relative to that of an uncut frame (a centre cut to 80 % gives 1.25);
    angle: of the picture in degrees, counter-clockwise; flip: mirrored left to right.
    """

    scale_x: float = 1.0
    scale_y: float = 1.0
    angle: float = 0.0
    flip: bool = False

    @property
    def upright(self) -> bool:
        """Whether the tile's axes are the picture's."""
        return self.angle == 0.0


def carrier_lines(residual: Tensor, tile: tuple[float, float], geometry: Geometry) -> tuple[Lines, Lines]:
    """Carrier amplitudes and, around each, amplitudes that carry nothing.

    residual: float[h, w]; tile: width and height in pixels of the tile at scale 1. Returns complex128[K] and
    complex128[K, 4]; the phase refers to the centre of the picture. The four neighbours lie half a cycle per
    tile off in both directions, where a periodic tile has no energy, so they measure what the picture left
    there.
    """
    if geometry.upright:
        return _upright_lines(residual, tile, geometry)
    lattice = torch.from_numpy(frequencies().astype(np.float32))
    offsets = torch.tensor([[0.0, 0.0], [-0.5, -0.5], [-0.5, 0.5], [0.5, -0.5], [0.5, 0.5]])
    points = (lattice[:, None, :] + offsets) @ torch.tensor(affine(tile, geometry)).T
    values = FreeSpectrum(residual).at(points.to(residual.device)).cpu().numpy().astype(np.complex128)
    return values[:, 0], values[:, 1:]


Matrix = tuple[tuple[float, float], tuple[float, float]]


def affine(tile: tuple[float, float], geometry: Geometry) -> Matrix:
    """The 2x2 matrix from (u, v) in cycles per tile to (x, y) in cycles per pixel (x right, y down)."""
    u = (-1.0 if geometry.flip else 1.0) / (tile[0] * geometry.scale_x)
    v = 1.0 / (tile[1] * geometry.scale_y)
    turn = -math.radians(geometry.angle)  # rows grow downwards
    return (math.cos(turn) * u, -math.sin(turn) * v), (math.sin(turn) * u, math.cos(turn) * v)


def _upright_lines(residual: Tensor, tile: tuple[float, float], geometry: Geometry) -> tuple[Lines, Lines]:
    """Exact sums on the half-integer grid, separably: two real matrix products instead of an image-sized
    transform.
    """
    rows, columns = residual.shape
    reach = 2 * RING_OUTER + 1
    down = _waves(rows, tile[1] * geometry.scale_y, 0, reach, str(residual.device))
    across = _waves(columns, tile[0] * geometry.scale_x, -reach, reach, str(residual.device))
    grid = ((down @ residual.to(torch.complex64)) @ across.T).cpu().numpy().astype(np.complex128)
    lattice = frequencies()
    u, v = 2 * lattice[:, 0] + reach, 2 * lattice[:, 1]
    lines = grid[v, u]
    around = np.stack([grid[v + dv, u + du] for dv in (-1, 1) for du in (-1, 1)], axis=1)
    if geometry.flip:
        return lines[mirror()], around[mirror()]
    return lines, around


@functools.lru_cache(maxsize=16)
def _waves(length: int, tile: float, first: int, last: int, device: str) -> Tensor:
    """complex64[last - first + 1, length]: conjugate waves of first/2 .. last/2 cycles per tile, phase 0 at
    the centre.
    """
    position = (np.arange(length) + 0.5 - length / 2) / tile
    phase = np.outer(np.arange(first, last + 1) / 2, position)
    return torch.from_numpy(np.exp(-2j * np.pi * phase).astype(np.complex64)).to(device)


class FreeSpectrum:
    """The transform of one residual, read anywhere by interpolation: one FFT serves thousands of geometries.

    The picture is padded to at least three times its size and rolled so that its centre is the origin; the
    spectrum is then smooth enough for linear interpolation between its points (loss of amplitude below 6 %).
    Amplitudes are divided by the local mean, so that no frequency outweighs the others because the picture is
    strong there.
    """

    def __init__(self, residual: Tensor) -> None:
        rows, columns = residual.shape
        self._size = _padded(rows), _padded(columns)
        full = torch.zeros(self._size, device=residual.device)
        full[:rows, :columns] = residual
        centred = torch.roll(full, (-(rows // 2), -(columns // 2)), dims=(0, 1))
        values = torch.fft.fft2(centred)
        self._values = values / _local_power(values).sqrt()

    def at(self, points: Tensor) -> Tensor:
        """Amplitudes at float32[..., 2] points (x, y) in cycles per pixel: complex64[...]."""
        height, width = self._size
        x, y = points[..., 0] * width, points[..., 1] * height
        left, top = torch.floor(x), torch.floor(y)
        dx, dy = x - left, y - top
        x0, y0 = left.long(), top.long()
        flat: Tensor = self._values.reshape(-1)

        def corner(i: int, j: int) -> Tensor:
            return torch.take(flat, ((y0 + j) % height) * width + (x0 + i) % width)

        upper = corner(0, 0) * (1 - dx) + corner(1, 0) * dx
        lower = corner(0, 1) * (1 - dx) + corner(1, 1) * dx
        blended: Tensor = upper * (1 - dy) + lower * dy
        return blended


def _local_power(values: Tensor) -> Tensor:
    """The mean of |values|**2 over about 48 points each way, positive."""
    power = values.real**2 + values.imag**2
    coarse = F.avg_pool2d(power[None, None], 16)
    coarse = F.avg_pool2d(F.pad(coarse, (1, 1, 1, 1), mode="circular"), 3, stride=1)
    return F.interpolate(coarse, size=values.shape, mode="bilinear")[0, 0].add_(1e-12)


def _padded(length: int) -> int:
    return -(-3 * length // 128) * 128
