"""Finding what was done to a picture: size, mirror image, angle and aspect, from coarse to fine."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from watermark.carriers import SLOT_S, Carriers
from watermark.lattice import SHIFT_GRID, frequencies
from watermark.residual import Window
from watermark.spectrum import FreeSpectrum, Geometry, affine

_SEARCH_WINDOWS = 4
_CANDIDATES = 4
_BATCH = 64
_MIN_MEAN_SCORE = 4.9  # over windows; pictures without a mark stay below 4.7 after refinement
_MIN_JOINT_SCORE = 6.2  # of all windows; the best of 3e7 positions and geometries reaches 5.9 by chance
_STEP = 0.006  # relative change of scale, or radians, that turns the outermost carriers by about a radian
_ANGLES_DEG = 5.0
_SQUEEZE = 0.06


class GeometrySearch:
    """Looks for the tile in a few windows under thousands of geometries.

    Each window counts by itself, and all count together with the shifts of their time slots: the latter sees
    weaker marks, the former also those in clips that do not begin where the marked one did.
    """

    def __init__(self, windows: Sequence[Window], carriers: Carriers) -> None:
        picks = np.linspace(0, len(windows) - 1, min(_SEARCH_WINDOWS, len(windows))).round().astype(int)
        chosen = [windows[i] for i in picks]
        self._spectra = [(FreeSpectrum(w.residual), w.tile) for w in chosen]
        self._device = chosen[0].residual.device
        lattice = frequencies()[carriers.sync]
        self._lattice = torch.from_numpy(lattice.astype(np.float32)).to(self._device)
        # The inverse real transform turns the other way round than `best_shift`, hence the conjugate phases.
        middles = np.array([(w.from_s + w.to_s) / 2 for w in chosen])
        hops = carriers.hops[(middles // SLOT_S).astype(np.int64) % len(carriers.hops)] / SHIFT_GRID
        moves = np.exp(2j * np.pi * (hops @ lattice.T)).astype(np.complex64)
        self._moves = torch.from_numpy(moves).to(self._device)
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
                if score >= 1.0:
                    yield geometry

    def _scores(self, geometries: Sequence[Geometry]) -> npt.NDArray[np.float64]:
        """float64[N]: how each geometry stands out, 1 at the level from which decoding is worth its cost."""
        parts = [self._batch(geometries[start : start + _BATCH]) for start in range(0, len(geometries), _BATCH)]
        return torch.cat(parts).cpu().numpy().astype(np.float64)

    def _batch(self, geometries: Sequence[Geometry]) -> Tensor:
        alone = torch.zeros(len(geometries), device=self._device)
        together = torch.zeros(len(geometries), len(self._lattice), dtype=torch.complex64, device=self._device)
        for (spectrum, tile), moves in zip(self._spectra, self._moves, strict=True):
            matrices = torch.tensor([affine(tile, g) for g in geometries], device=self._device)
            points = torch.einsum("kc,ndc->nkd", self._lattice, matrices)
            turned = spectrum.at(points).conj() * self._carrier
            alone += self._peaks(turned)
            together += turned * moves
        alone /= _MIN_MEAN_SCORE * len(self._spectra)
        level: Tensor = torch.maximum(alone, self._peaks(together) / _MIN_JOINT_SCORE)
        return level

    def _peaks(self, turned: Tensor) -> Tensor:
        """float[N]: the best score over all shifts of complex64[N, sync] amplitudes, conjugate and turned."""
        half_size = SHIFT_GRID, SHIFT_GRID // 2 + 1
        grid = torch.zeros(len(turned), math.prod(half_size), dtype=torch.complex64, device=self._device)
        grid[:, self._cells] = turned
        # With "forward" the inverse transform is a plain sum; a real one counts each carrier twice.
        sums = torch.fft.irfft2(grid.reshape(-1, *half_size), s=(SHIFT_GRID, SHIFT_GRID), norm="forward")
        norm = (turned.abs().square().sum(dim=1) / 2).sqrt().clamp_(min=1e-12)
        peaks: Tensor = sums.reshape(len(turned), -1).amax(dim=1) / (2 * norm)
        return peaks

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
    return [Geometry(s, s, angle, flip) for flip in (False, True) for angle in turned for s in _cut_sizes()]


def _rotations() -> list[Geometry]:
    step = math.degrees(_STEP)
    angles = [a * sign for a in np.arange(step, _ANGLES_DEG + step, step).tolist() for sign in (1, -1)]
    return [Geometry(s, s, a) for a in angles for s in _cut_sizes()]


def _squeezes() -> list[Geometry]:
    ratios = [1 + r * sign for r in np.arange(2 * _STEP, _SQUEEZE + _STEP, 2 * _STEP).tolist() for sign in (1, -1)]
    return [Geometry(s * r, s / r) for r in ratios for s in _cut_sizes()]


def _cut_sizes() -> list[float]:
    """Of pictures that were cut to no less than three fifths; combined with another change, more is not searched."""
    return _scale_grid(0.97, 1.7)
