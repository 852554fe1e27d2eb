"""Finding the size and angle of the tile from its repetition, without the key.

A tile that repeats puts a lattice of peaks into the autocorrelation of the residual. Two of its vectors tell the
size, the angle and the aspect of the tile; where it stands, how it is mirrored and what it says stay open.
Autocorrelations of several windows add up, whatever became of the time between them and wherever the tile moved.
After Kutter 1998, "Watermarking resistance to translation, rotation, and scaling", whitened as in generalised
cross-correlation (Knapp and Carter 1976).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from watermark.lattice import RING_INNER, RING_OUTER

_BANDS = 3  # ranges of the tile's size, each with the frequencies at which such tiles have their carriers
_MOST_OF_A_LINE = 12.0  # times the local mean that one frequency may count: lines of the picture are higher
_OUTLIER = 6.0
_PADDING = 1.8  # of the picture, so that far lags do not meet near ones
_FASTEST = 72  # sizes of transforms are multiples of it
_LEAST_OVERLAP = 0.05  # share of the picture over which a lag must be seen
_REACH = 5  # tiles, beyond which lattice vectors are not looked at
_NEIGHBOURS = 7  # grid points within which only the highest counts


@dataclass(frozen=True)
class Lattice:
    """A supposed tile: the length of its width in pixels, the angle in radians of its width from the x axis towards y
    (down), its height over its width, and by how many standard deviations its lags stand out.
    """

    length: float
    angle: float
    aspect: float
    score: float


class Periodicity:
    """The summed autocorrelation of residuals float[h, w] of one shape, for tiles of `shortest` to `longest` pixels."""

    def __init__(self, residuals: Sequence[Tensor], shortest: float, longest: float) -> None:
        self._rows, self._columns = residuals[0].shape
        self._device = residuals[0].device
        self._size = _fast(int(self._rows * _PADDING)), _fast(int(self._columns * _PADDING))
        power = torch.zeros(self._size[0], self._size[1] // 2 + 1, device=self._device)
        for residual in residuals:
            values = torch.fft.rfft2(residual - residual.mean(), s=self._size)
            power += _whitened(values.real.square() + values.imag.square())
        ratio = (longest / shortest) ** (1 / _BANDS)
        edges = [shortest * ratio**i for i in range(_BANDS + 1)]
        self._bands = [(low, high, self._correlation(power, low, high)) for low, high in pairwise(edges)]

    def best(self, count: int, aspects: Sequence[float], largest_angle: float) -> list[Lattice]:
        """The `count` lattices that stand out most, of the given aspects, at angles up to `largest_angle` radians."""
        found = [
            lattice
            for low, high, correlation in self._bands
            for lattice in self._peaks(correlation, low, high, aspects, largest_angle, count)
        ]
        return sorted(found, key=lambda lattice: -lattice.score)[:count]

    def _correlation(self, power: Tensor, low: float, high: float) -> Tensor:
        """float[H, W] of lags: times the root of the overlap, in units of the spread at lags beyond a tile's detail."""
        height, width = self._size
        fy = torch.fft.fftfreq(height, device=self._device)[:, None]
        fx = torch.fft.rfftfreq(width, device=self._device)[None, :]
        radius = torch.hypot(fx, fy)
        band = (radius >= RING_INNER / high) & (radius <= (RING_OUTER + 0.5) / low)
        # Borders, captions and blocks put their energy on the axes.
        band &= (fy.abs() > 2.5 / self._rows) & (fx.abs() > 2.5 / self._columns)
        lags = torch.fft.irfft2(power * band, s=self._size)
        y = torch.fft.fftfreq(height, 1 / height, device=self._device)[:, None]
        x = torch.fft.fftfreq(width, 1 / width, device=self._device)[None, :]
        overlap = self._overlap(x, y)
        lags = lags / overlap.clamp(min=_LEAST_OVERLAP / 2).sqrt()
        far = (torch.hypot(x, y) > 0.6 * low) & (overlap > 2 * _LEAST_OVERLAP)
        lags = (lags / lags[far].square().mean().sqrt().clamp(min=1e-12)).clamp(-_OUTLIER, _OUTLIER)
        kept: Tensor = lags * overlap.sqrt() * (overlap > _LEAST_OVERLAP / 2)
        return kept

    def _overlap(self, x: Tensor, y: Tensor) -> Tensor:
        """The share of the picture that still meets itself after a shift."""
        share: Tensor = (1 - x.abs() / self._columns).clamp(min=0) * (1 - y.abs() / self._rows).clamp(min=0)
        return share

    def _peaks(
        self,
        correlation: Tensor,
        low: float,
        high: float,
        aspects: Sequence[float],
        largest_angle: float,
        count: int,
    ) -> Iterator[Lattice]:
        """The highest of all lengths and angles in steps of about half a pixel at the far end of the tile."""
        lengths = torch.arange(math.log(low), math.log(high), 0.45 / high, device=self._device).exp()
        angles = torch.arange(-largest_angle, largest_angle + 1e-9, 0.6 / high, device=self._device)
        ratios = torch.tensor(aspects, device=self._device)[:, None, None]
        scores = self._scores(correlation, lengths[:, None], angles[None, :], ratios)
        around = F.max_pool2d(scores[:, None], _NEIGHBOURS, stride=1, padding=_NEIGHBOURS // 2)[:, 0]
        alone = torch.where(scores == around, scores, 0.0).flatten()
        top = torch.topk(alone, min(count, alone.numel()))
        for score, index in zip(top.values.tolist(), top.indices.tolist(), strict=True):
            aspect, row, column = (int(i) for i in np.unravel_index(index, scores.shape))
            yield Lattice(float(lengths[row]), float(angles[column]), aspects[aspect], score)

    def _scores(self, correlation: Tensor, lengths: Tensor, angles: Tensor, aspects: Tensor) -> Tensor:
        """float[R, L, A] of float[L, 1] lengths, float[1, A] angles and float[R, 1, 1] aspects: the mean of the
        correlation over the lattice, weighted by overlap, in standard deviations.
        """
        across_x, across_y = torch.cos(angles) * lengths, torch.sin(angles) * lengths
        total = torch.zeros(len(aspects), *across_x.shape, device=self._device)
        weight = torch.zeros_like(total)
        shortest = float(lengths.min()) * min(1.0, float(aspects.min()))
        reach = min(_REACH, int(math.hypot(self._rows, self._columns) / shortest))
        for m in range(-reach, reach + 1):
            for n in range(reach + 1):
                if n == 0 and m <= 0:
                    continue  # the other half repeats this one
                x = m * across_x - n * aspects * across_y
                y = m * across_y + n * aspects * across_x
                overlap = self._overlap(x, y)
                seen = overlap > _LEAST_OVERLAP
                if bool(seen.any()):
                    total += torch.where(seen, self._at(correlation, x, y), 0.0)
                    weight += torch.where(seen, overlap, 0.0)
        return total / weight.clamp(min=0.2).sqrt()

    def _at(self, correlation: Tensor, x: Tensor, y: Tensor) -> Tensor:
        """The correlation between its points, linear in both directions."""
        height, width = self._size
        flat = correlation.reshape(-1)
        left, top = torch.floor(x), torch.floor(y)
        dx, dy = x - left, y - top
        x0, y0 = left.long() % width, top.long() % height
        x1, y1 = (x0 + 1) % width, (y0 + 1) % height
        upper = torch.lerp(torch.take(flat, y0 * width + x0), torch.take(flat, y0 * width + x1), dx)
        lower = torch.lerp(torch.take(flat, y1 * width + x0), torch.take(flat, y1 * width + x1), dx)
        between: Tensor = torch.lerp(upper, lower, dy)
        return between


def _whitened(power: Tensor) -> Tensor:
    """Power over its mean in about 56 x 56 points, less one: many carriers wide, so that these stay as they are."""
    local = F.avg_pool2d(power[None, None], 8, ceil_mode=True, count_include_pad=False)
    local = F.avg_pool2d(F.pad(local, (3, 3, 3, 3), mode="replicate"), 7, stride=1)
    local = F.interpolate(local, size=power.shape, mode="bilinear")[0, 0]
    return (power / (local + 1e-9)).clamp(max=_MOST_OF_A_LINE) - 1


def _fast(length: int) -> int:
    return -(-length // _FASTEST) * _FASTEST
