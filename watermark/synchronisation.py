"""Finding where the tile stands in a window, and in many windows together."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from watermark.carriers import SLOT_S, Carriers, Phases
from watermark.geometry import Geometry
from watermark.lattice import SHIFT_GRID, frequencies
from watermark.residual import Level, View, Window
from watermark.spectrum import Lines, carrier_lines

SHIFTS = SHIFT_GRID**2
"""How many positions of the tile are tried for each geometry."""

_FINE_BELOW, _COARSE_ABOVE = 0.7, 3.3
_NEAR = np.array(list(itertools.product(np.arange(-2, 3) / (4 * SHIFT_GRID), repeat=2)))
_SHARE_OF_EXPECTED = 0.5
_START_STEP_S = 1.0
_MOST = 1.5  # times the median amplitude that one carrier may count


class Look(NamedTuple):
    """What a residual shows of the tile; see `Sighting`."""

    raw: Lines
    still: Lines
    score: float


@dataclass(frozen=True)
class Sighting:
    """What one window, or a sum of windows, shows of the tile.

    raw: complex128[K] whitened amplitudes; still: the same with the tile's shift taken out; score: of the
    synchronisation carriers, see `watermark.bounds`.
    """

    window: Window
    raw: Lines
    still: Lines
    score: float


def whiten(lines: Lines, around: Lines) -> Lines:
    """Carrier amplitudes in units of what the picture holds at such frequencies: complex128[K].

    Half of the weight is the carrier's own neighbourhood, half the mean of its ring: four neighbours alone
    vary. What stands out even so is a line of the picture, and counts as `_MOST` of the median.
    """
    whitened: Lines = lines / np.sqrt(expected_power(around))
    strength = np.abs(whitened)
    limited: Lines = whitened * np.minimum(1.0, _MOST * np.median(strength) / np.maximum(strength, 1e-12))
    return limited


def expected_power(around: Lines) -> npt.NDArray[np.float64]:
    """float64[K] > 0: what the picture alone would hold at each carrier, by complex128[K, 4] beside it."""
    power = (np.abs(around) ** 2).mean(axis=1)
    expected: npt.NDArray[np.float64] = 0.5 * power + 0.5 * (_ring_mean() @ power) + 1e-12
    return expected


@functools.cache
def _ring_mean() -> npt.NDArray[np.float64]:
    """float64[K, K]: averages over carriers whose radius differs by less than 1.5 cycles per tile."""
    radius = np.hypot(*frequencies().T)
    near = np.abs(radius[:, None] - radius[None, :]) < 1.5
    mean: npt.NDArray[np.float64] = near / near.sum(axis=1, keepdims=True)
    return mean


def best_shift(amplitudes: Lines, phases: Phases, chosen: npt.NDArray[np.int64]) -> tuple[float, tuple[float, float]]:
    """The best score of the `chosen` carriers against `phases` over all shifts of the grid, and it in tiles."""
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


def polarity(amplitudes: Lines, carriers: Carriers) -> tuple[float, bool]:
    """The best synchronisation score over all shifts, and whether it is that of the negative picture.

    Shifts between those of the grid count too: half a step of it turns the outermost carriers by a radian, and a
    score that depends on where the grid happens to lie leads an ascent astray.
    """
    upright, _ = _settle(amplitudes, carriers)
    negative, _ = _settle(-amplitudes, carriers)
    return max(upright, negative), negative > upright


def mark_score(amplitudes: Lines, carriers: Carriers, phases: Phases) -> float:
    """The score of one given mark over all shifts; 0 if the tile shows another mark of the same key.

    phases: float64[K] of the mark. Only the data carriers count, for the others are common to all marks.
    """
    score, _ = best_shift(amplitudes, phases, carriers.data)
    common, _ = best_shift(amplitudes, carriers.theta, carriers.sync)
    return score if _as_strong(score, common, carriers) else 0.0


def settled_mark_score(still: Lines, carriers: Carriers, phases: Phases) -> float:
    """As `mark_score`, where the shift is known and taken out."""
    score = settled_score(still, phases, carriers.data)
    return score if _as_strong(score, settled_score(still, carriers.theta, carriers.sync), carriers) else 0.0


def _as_strong(score: float, common: float, carriers: Carriers) -> bool:
    """Whether data carriers agree with a mark as well as the synchronisation carriers lead one to expect.

    Where the tile is plain to see, the word of another mark may well agree in some more than half of its bits.
    """
    return score >= _SHARE_OF_EXPECTED * common * math.sqrt(len(carriers.data) / len(carriers.sync))


def settled_score(still: Lines, phases: Phases, chosen: npt.NDArray[np.int64]) -> float:
    """How well the `chosen` carriers agree with `phases`, the tile's shift being known; see `watermark.bounds`."""
    turned = still[chosen] * np.exp(-1j * phases[chosen])
    norm = math.sqrt(float((np.abs(turned) ** 2).sum()) / 2)
    return float(turned.real.sum()) / norm if norm else 0.0


def level_for(geometry: Geometry) -> Level:
    """Where a tile of this size is read best."""
    if geometry.scale < _FINE_BELOW:
        return Level.FINE
    return Level.COARSE if geometry.scale > _COARSE_ABOVE else Level.REFERENCE


def sight(
    window: Window,
    carriers: Carriers,
    geometry: Geometry,
    region: Tensor | None = None,
    *,
    detailed: bool = False,
) -> Sighting:
    """The tile in `window` under `geometry`; only the synchronisation carriers decide on the shift.

    region: float[h, w] weights of parts of the picture, at any resolution; detailed: at the fine level too, and what
    both show is added up. Their errors are not the same ones.
    """
    view = window.view(level_for(geometry))
    if not detailed:
        return Sighting(window, *look(view, carriers, geometry, region))
    finer = _whitened(window.view(Level.FINE), geometry, region)
    return Sighting(window, *_settled(_whitened(view, geometry, region) + finer, carriers))


def look(view: View, carriers: Carriers, geometry: Geometry, region: Tensor | None = None) -> Look:
    """As `sight`, in a residual whose time does not matter."""
    return _settled(_whitened(view, geometry, region), carriers)


def _whitened(view: View, geometry: Geometry, region: Tensor | None) -> Lines:
    residual = view.residual if region is None else view.residual * stretched(region, view.residual)
    raw = whiten(*carrier_lines(residual, view.tile, geometry))
    return -raw if geometry.inverted else raw


def _settled(raw: Lines, carriers: Carriers) -> Look:
    score, still = _settle(raw, carriers)
    return Look(raw, still, score)


def stretched(region: Tensor, picture: Tensor) -> Tensor:
    """float[h, w] weights brought to the size of a picture."""
    return F.interpolate(region[None, None], size=picture.shape, mode="bilinear", align_corners=False)[0, 0]


def _settle(raw: Lines, carriers: Carriers) -> tuple[float, Lines]:
    """The best score over shifts down to a quarter of the grid, and the amplitudes without that shift."""
    _, coarse = best_shift(raw, carriers.theta, carriers.sync)
    lattice = frequencies()
    turned = raw[carriers.sync] * np.exp(-1j * carriers.theta[carriers.sync])
    fine = _NEAR + coarse
    totals = (np.exp(-2j * np.pi * (fine @ lattice[carriers.sync].T)) @ turned).real
    still = raw * np.exp(-2j * np.pi * (lattice @ fine[int(totals.argmax())]))
    return settled_score(still, carriers.theta, carriers.sync), still


def _peaks(turned: Lines, lattice: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
    """float32[N]: the highest real part of the sum of complex[N, K] amplitudes over all shifts.

    The inverse of a real transform needs half of the grid and counts every amplitude twice.
    """
    grids = np.zeros((len(turned), SHIFT_GRID, SHIFT_GRID // 2 + 1), dtype=np.complex64)
    grids[:, lattice[:, 0] % SHIFT_GRID, lattice[:, 1]] = turned.conj()
    sums = torch.fft.irfft2(torch.from_numpy(grids), s=(SHIFT_GRID, SHIFT_GRID), norm="forward")
    peaks: npt.NDArray[np.float32] = sums.amax(dim=(1, 2)).numpy() / 2
    return peaks


def align(sightings: Sequence[Sighting], carriers: Carriers) -> tuple[float, list[Sighting]]:
    """The windows with the shifts that the key's sequence of time slots gives them, and the score of their sum.

    The clip may have been cut out anywhere, so every beginning within the sequence is tried, to half a window.
    Windows far too weak to show the tile by themselves show it together, as long as time was not bent.
    """
    sync = carriers.sync
    middles = np.array([(s.window.from_s + s.window.to_s) / 2 for s in sightings])
    starts = np.arange(0, len(carriers.hops) * SLOT_S, _START_STEP_S)
    slots = ((middles[None, :] + starts[:, None]) // SLOT_S).astype(np.int64) % len(carriers.hops)
    slots = np.unique(slots, axis=0)
    back = np.exp(-2j * np.pi * (carriers.hops / SHIFT_GRID @ frequencies().T))
    raw = np.stack([s.raw for s in sightings])
    sums = np.stack([(raw[:, sync] * back[row][:, sync]).sum(axis=0) for row in slots])
    turned = sums * np.exp(-1j * carriers.theta[sync])
    row = slots[int((_peaks(turned, frequencies()[sync]) / (np.linalg.norm(turned, axis=1) + 1e-12)).argmax())]
    total = (raw * back[row]).sum(axis=0)
    score, still = _settle(total, carriers)
    shift = still / np.where(total == 0, 1, total)
    aligned = []
    for sighting, slot in zip(sightings, row, strict=True):
        settled = sighting.raw * back[slot] * shift
        weight = max(1.0, settled_score(settled, carriers.theta, sync))
        aligned.append(replace(sighting, still=settled, score=weight))
    return score, aligned
