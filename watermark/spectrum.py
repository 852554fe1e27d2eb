"""The complex strength of every carrier in a residual, for a supposed geometry of the tile."""

from __future__ import annotations

import functools

import cv2
import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from watermark.geometry import Geometry, Matrix, pixels_per_tile
from watermark.lattice import RING_OUTER, frequencies, mirror

Lines = npt.NDArray[np.complex128]

_SAMPLES = 96  # points along a tile: more than twice the 23 cycles, so that what lies above does not fold into them
ROUGH_SAMPLES = 64
"""Enough to compare geometries, at half the price: the carriers stay apart from most of what lies above them."""
_MAX_TILES = 24  # along a side of the picture; what lies further out is left unread


def carrier_lines(
    residual: Tensor, tile: tuple[float, float], geometry: Geometry, samples: int = _SAMPLES
) -> tuple[Lines, Lines]:
    """Carrier amplitudes and, around each, amplitudes that carry nothing.

    residual: float[h, w]; tile: width and height in pixels of the tile at scale 1; samples: along a tile, where the
    picture has to be laid back onto its grid. Returns complex128[K] and
    complex128[K, 4]; the phase refers to the centre of the picture. The four neighbours lie half a cycle per
    tile off in both directions, where a periodic tile has no energy, so they measure what the picture left
    there.
    """
    if geometry.upright:
        return _upright_lines(residual, tile, geometry)
    return _folded_lines(residual, tile, geometry, samples)


def _upright_lines(residual: Tensor, tile: tuple[float, float], geometry: Geometry) -> tuple[Lines, Lines]:
    """Exact sums on the half-integer grid, separably: real matrix products instead of an image-sized transform."""
    rows, columns = residual.shape
    reach = 2 * RING_OUTER + 1
    down = _waves(rows, tile[1] * geometry.scale_y, 0, reach, str(residual.device))
    across = _waves(columns, tile[0] * geometry.scale_x, -reach, reach, str(residual.device))
    half = torch.view_as_complex(torch.stack([down[0] @ residual, down[1] @ residual], dim=-1))
    grid = (half @ torch.complex(across[0], across[1]).T).cpu().numpy().astype(np.complex128)
    lattice = frequencies()
    u, v = 2 * lattice[:, 0] + reach, 2 * lattice[:, 1]
    lines = grid[v, u]
    around = np.stack([grid[v + dv, u + du] for dv in (-1, 1) for du in (-1, 1)], axis=1)
    if geometry.flip:
        return lines[mirror()], around[mirror()]
    return lines, around


@functools.lru_cache(maxsize=16)
def _waves(length: int, tile: float, first: int, last: int, device: str) -> Tensor:
    """float32[2, last - first + 1, length]: cosines and negative sines of first/2 .. last/2 cycles per tile, phase 0
    at the centre.
    """
    position = (np.arange(length) + 0.5 - length / 2) / tile
    phase = 2 * np.pi * np.outer(np.arange(first, last + 1) / 2, position)
    return torch.from_numpy(np.stack([np.cos(phase), -np.sin(phase)]).astype(np.float32)).to(device)


def _folded_lines(residual: Tensor, tile: tuple[float, float], geometry: Geometry, samples: int) -> tuple[Lines, Lines]:
    """The picture is laid back onto the tile's own grid, pairs of tiles are added up, and the sum is transformed."""
    folded = _folded(residual, tile, geometry, samples)
    spectrum = torch.fft.rfft2(folded).T.cpu().numpy().astype(np.complex128)  # [v, u] needs v >= 0 as the short axis
    lattice = frequencies()
    u, v = 2 * lattice[:, 0], 2 * lattice[:, 1]
    size = 2 * samples
    lines = spectrum[v, u % size] * np.exp(-2j * np.pi * lattice.sum(axis=1) * 0.5 / samples)
    around = np.stack([spectrum[v + dv, (u + du) % size] for dv in (-1, 1) for du in (-1, 1)], axis=1)
    return lines, around


def _folded(residual: Tensor, tile: tuple[float, float], geometry: Geometry, samples: int) -> Tensor:
    """float[2 S, 2 S] of [x, y]: the sum of all pairs of tiles, S samples a tile, the picture's centre at 0."""
    rows, columns = residual.shape
    matrix = pixels_per_tile(tile, geometry)
    tilt = np.array([geometry.tilt_x / (columns / 2), geometry.tilt_y / (rows / 2)])
    corners = np.array([[x, y] for x in (-columns / 2, columns / 2) for y in (-rows / 2, rows / 2)])
    flat = corners / (1 - corners @ tilt)[:, None]
    extent = np.abs(flat @ np.linalg.inv(matrix).T).max(axis=0)
    # Two tiles each; half of them on each side.
    across, down = (int(n) for n in np.minimum(np.ceil(extent), _MAX_TILES // 2))
    laid = _laid_on_cpu if residual.device.type == "cpu" else _laid_anywhere
    size = 2 * samples
    pairs = laid(residual, matrix, tilt, (across, down), samples)
    return pairs.reshape(across, size, down, size).sum(dim=(0, 2))


def _laid_anywhere(residual: Tensor, matrix: Matrix, tilt: Matrix, pairs: tuple[int, int], samples: int) -> Tensor:
    """float32[2 S across, 2 S down] of [x, y]: the picture on the tiles' own grid, nothing beyond its borders.

    matrix: pixels a tile; tilt: of the perspective, a pixel; pairs: of tiles across and down.
    """
    rows, columns = residual.shape
    x, y = (_positions(n, samples, str(residual.device)) for n in pairs)
    grid = torch.empty(len(x), len(y), 2, device=residual.device)
    torch.add(matrix[0, 0] * 2 / columns * x[:, None], matrix[0, 1] * 2 / columns * y[None, :], out=grid[..., 0])
    torch.add(matrix[1, 0] * 2 / rows * x[:, None], matrix[1, 1] * 2 / rows * y[None, :], out=grid[..., 1])
    if tilt.any():
        half = np.array([columns / 2, rows / 2])
        grid /= (1 + grid @ torch.from_numpy((tilt * half).astype(np.float32)).to(residual.device))[..., None]
    return F.grid_sample(residual[None, None], grid[None], mode="bicubic", align_corners=False)[0, 0]


def _laid_on_cpu(residual: Tensor, matrix: Matrix, tilt: Matrix, pairs: tuple[int, int], samples: int) -> Tensor:
    """The same, to rounding, three times as fast: a perspective is one matrix, and OpenCV does those well."""
    rows, columns = residual.shape
    onto_tiles = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, samples]]) / samples
    onto_tiles[:2, 2] -= pairs
    onto_pixels, nearer, placed = np.eye(3), np.eye(3), np.eye(3)
    onto_pixels[:2, :2], nearer[2, :2], placed[:2, 2] = matrix, tilt, (columns / 2 - 0.5, rows / 2 - 0.5)
    size = 2 * samples * pairs[0], 2 * samples * pairs[1]
    how = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    laid = cv2.warpPerspective(residual.numpy(), placed @ nearer @ onto_pixels @ onto_tiles, size, flags=how)
    return torch.from_numpy(np.asarray(laid, np.float32)).T


@functools.lru_cache(maxsize=32)
def _positions(pairs: int, samples: int, device: str) -> Tensor:
    """float32: the samples along `pairs` pairs of tiles, in tiles, around 0."""
    count = 2 * samples * pairs
    return (torch.arange(count, device=device, dtype=torch.float32) + 0.5) / samples - pairs


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
