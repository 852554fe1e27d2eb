"""Finding the tile: its place in a window for a supposed geometry, and the geometry itself."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from watermark.carriers import Carriers
from watermark.lattice import SHIFT_GRID, frequencies
from watermark.residual import Window
from watermark.spectrum import FreeSpectrum, Geometry, Lines, affine, carrier_lines

SHIFTS = SHIFT_GRID**2
"""How many positions of the tile are tried for each geometry."""

_SEARCH_WINDOWS = 3
_CANDIDATES = 4
_BATCH = 64
_MIN_MEAN_SCORE = 4.9  # over windows; pictures without a mark stay below 4.7 after refinement
_STEP = 0.006  # relative change of scale, or radians, that turns the outermost carriers by about a radian
_ANGLES_DEG = 3.0
_SQUEEZE = 0.06


@dataclass(frozen=True)
class Sighting:
    """What one window shows of the tile.

    amplitudes: complex128[K], whitened, with the tile's shift taken out; score: of the synchronisation
    carriers, see `watermark.bounds`; shift: x, y in tiles.
    """

    window: Window
    amplitudes: Lines
    score: float
    shift: tuple[float, float]


def whiten(lines: Lines, around: Lines) -> Lines:
    """Carrier amplitudes in units of what the picture holds at such frequencies: complex128[K].

    Half of the weight is the carrier's own neighbourhood, half the mean of its ring: four neighbours alone
    vary.
    """
    power = (np.abs(around) ** 2).mean(axis=1)
    expected = 0.5 * power + 0.5 * (_ring_mean() @ power)
    whitened: Lines = lines / np.sqrt(expected + 1e-12)
    return whitened


@functools.cache
def _ring_mean() -> npt.NDArray[np.float64]:
    """float64[K, K]: averages over carriers whose radius differs by less than 1.5 cycles per tile."""
    radius = np.hypot(*frequencies().T)
    near = np.abs(radius[:, None] - radius[None, :]) < 1.5
    mean: npt.NDArray[np.float64] = near / near.sum(axis=1, keepdims=True)
    return mean


def best_shift(
    amplitudes: Lines, phases: npt.NDArray[np.float64], chosen: npt.NDArray[np.int64]
) -> tuple[float, tuple[float, float]]:
    """The best score of the `chosen` carriers against `phases` over all shifts of the grid, and it."""
    lattice = frequencies()[chosen]
    turned = amplitudes[chosen] * np.exp(-1j * phases[chosen])
    norm = math.sqrt(float((np.abs(turned) ** 2).sum()) / 2)
    if norm == 0:
        return 0.0, (0.0, 0.0)
    grid = np.zeros((SHIFT_GRID, SHIFT_GRID), dtype=np.complex128)
    grid[lattice[:, 1], lattice[:, 0] % SHIFT_GRID] = turned
    scores = np.fft.fft2(grid).real / norm
    y, x = np.unravel_index(int(scores.argmax()), scores.shape)
    return float(scores[y, x]), (int(x) / SHIFT_GRID, int(y) / SHIFT_GRID)


def sight(window: Window, carriers: Carriers, geometry: Geometry) -> Sighting:
    """The tile in `window` under `geometry`; only the synchronisation carriers decide on the shift."""
    amplitudes = whiten(*carrier_lines(window.residual, window.tile, geometry))
    score, coarse = best_shift(amplitudes, carriers.theta, carriers.sync)
    lattice = frequencies()[carriers.sync]
    turned = amplitudes[carriers.sync] * np.exp(-1j * carriers.theta[carriers.sync])
    fine = np.array(list(itertools.product(np.arange(-2, 3) / (4 * SHIFT_GRID), repeat=2))) + coarse
    waves = np.exp(-2j * np.pi * (fine @ lattice.T))
    totals = (waves @ turned).real
    x, y = fine[int(totals.argmax())]
    norm = math.sqrt(float((np.abs(turned) ** 2).sum()) / 2)
    score = float(totals.max()) / norm if norm else 0.0
    still = amplitudes * np.exp(-2j * np.pi * (frequencies() @ np.array([x, y])))
    return Sighting(window, still, score, (float(x), float(y)))


class GeometrySearch:
    """Looks for the tile in up to three windows under thousands of geometries."""

    def __init__(self, windows: Sequence[Window], carriers: Carriers) -> None:
        picks = np.linspace(0, len(windows) - 1, min(_SEARCH_WINDOWS, len(windows))).round().astype(int)
        chosen = [windows[i] for i in picks]
        self._spectra = [(FreeSpectrum(w.residual), w.tile) for w in chosen]
        self._device = chosen[0].residual.device
        lattice = frequencies()[carriers.sync]
        self._lattice = torch.from_numpy(lattice.astype(np.float32)).to(self._device)
        # The inverse real transform turns the other way round than `best_shift`, hence the conjugate phases.
        carrier = np.exp(1j * carriers.theta[carriers.sync]).astype(np.complex64)
        self._carrier = torch.from_numpy(carrier).to(self._device)
        cells = (lattice[:, 0] % SHIFT_GRID) * (SHIFT_GRID // 2 + 1) + lattice[:, 1]
        self._cells = torch.from_numpy(cells).to(self._device)

    def candidates(self) -> Iterator[Geometry]:
        """Refined geometries in stages, likely changes first; lazily, so that a caller may stop early.

        Only those are given whose score stands out: the others would cost a decoding each and never pass it.
        """
        for stage in (_sizes(), _quarter_turns(), _rotations(), _squeezes()):
            scores = self._scores(stage)
            for index in np.argsort(-scores, kind="stable")[:_CANDIDATES]:
                geometry, score = self._refine(stage[int(index)], float(scores[index]))
                if score >= _MIN_MEAN_SCORE * len(self._spectra):
                    yield geometry

    def _scores(self, geometries: Sequence[Geometry]) -> npt.NDArray[np.float64]:
        """float64[N]: the sum over windows of the best score of each geometry."""
        parts = [
            self._batch(geometries[start : start + _BATCH]) for start in range(0, len(geometries), _BATCH)
        ]
        return torch.cat(parts).cpu().numpy().astype(np.float64)

    def _batch(self, geometries: Sequence[Geometry]) -> Tensor:
        count = len(geometries)
        total = torch.zeros(count, device=self._device)
        for spectrum, tile in self._spectra:
            matrices = torch.tensor([affine(tile, g) for g in geometries], device=self._device)
            points = torch.einsum("kc,ndc->nkd", self._lattice, matrices)
            turned = spectrum.at(points).conj() * self._carrier
            norm = (turned.abs().square().sum(dim=1) / 2).sqrt().clamp_(min=1e-12)
            grid = torch.zeros(
                count, SHIFT_GRID * (SHIFT_GRID // 2 + 1), dtype=torch.complex64, device=self._device
            )
            grid[:, self._cells] = turned
            half = grid.reshape(count, SHIFT_GRID, SHIFT_GRID // 2 + 1)
            # Without "forward" scaling the result would be divided by the grid's size; it holds each carrier
            # twice.
            scores = torch.fft.irfft2(half, s=(SHIFT_GRID, SHIFT_GRID), norm="forward")
            total += scores.reshape(count, -1).amax(dim=1) / (2 * norm)
        return total

    def _refine(self, geometry: Geometry, score: float) -> tuple[Geometry, float]:
        """Coordinate ascent in size, aspect and angle with shrinking steps."""
        for step in (_STEP / 2, _STEP / 4, _STEP / 8):
            for _ in range(3):
                near = _neighbours(geometry, step)
                scores = self._scores(near)
                best = int(scores.argmax())
                if scores[best] <= score:
                    break
                geometry, score = near[best], float(scores[best])
        # An upright picture is read exactly and faster; a trace of an angle is the noise of the ascent.
        upright = replace(geometry, angle=0.0)
        straight = float(self._scores([upright])[0])
        return (upright, straight) if straight >= 0.97 * score else (geometry, score)


def _neighbours(g: Geometry, step: float) -> list[Geometry]:
    grow, angle = 1 + step, math.degrees(step)
    return [
        replace(g, scale_x=g.scale_x * grow, scale_y=g.scale_y * grow),
        replace(g, scale_x=g.scale_x / grow, scale_y=g.scale_y / grow),
        replace(g, scale_x=g.scale_x * grow),
        replace(g, scale_x=g.scale_x / grow),
        replace(g, scale_y=g.scale_y * grow),
        replace(g, scale_y=g.scale_y / grow),
        replace(g, angle=g.angle + angle),
        replace(g, angle=g.angle - angle),
    ]


def _scale_grid(low: float, high: float) -> list[float]:
    """Sizes of the tile; a larger tile means fewer in the picture, so that the steps may grow with it."""
    sizes = [low]
    while sizes[-1] < high:
        sizes.append(sizes[-1] * (1 + _STEP * max(1.0, sizes[-1])))
    return sizes


def _sizes() -> list[Geometry]:
    return [Geometry(s, s, 0.0, flip) for flip in (False, True) for s in _scale_grid(0.5, 4.0)]


def _quarter_turns() -> list[Geometry]:
    turned = (90.0, 180.0, 270.0)
    return [
        Geometry(s, s, angle, flip)
        for flip in (False, True)
        for angle in turned
        for s in _scale_grid(0.95, 2.0)
    ]


def _rotations() -> list[Geometry]:
    step = math.degrees(_STEP)
    angles = [a * sign for a in np.arange(step, _ANGLES_DEG + step, step).tolist() for sign in (1, -1)]
    return [Geometry(s, s, a, flip) for flip in (False, True) for a in angles for s in _scale_grid(0.95, 2.0)]


def _squeezes() -> list[Geometry]:
    ratios = [
        1 + r * sign for r in np.arange(2 * _STEP, _SQUEEZE + _STEP, 2 * _STEP).tolist() for sign in (1, -1)
    ]
    return [Geometry(s * r, s / r, 0.0, False) for r in ratios for s in _scale_grid(0.95, 2.0)]
