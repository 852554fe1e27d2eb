"""What a cell holds beyond what its neighbours let one expect: there the mark stands out most from the host."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.ndimage import uniform_filter, uniform_filter1d

from watermark.sound.grid import CELL_S, Floats, Singles, band_weights
from watermark.sound.spectrogram import Spectrogram

_FLOOR = 1e-11
_TINY = 1e-13
_STEADY_S = 2.0
_FLOOR_SHARE = 10**-3.5  # of a band's mean power: softer moments count as constant
_QUIET_PERCENTILE = 10
_AUDIBLE_SHARE = 1e-6
_TREND_CELLS = 8
_ITERATIONS = 3
_RIDGE = 1e-3
_ROBUST = 1.5
_LOCAL_CELLS, _LOCAL_BANDS = 8, 5


def evened(sound: Spectrogram, exponent: float) -> Spectrogram:
    """The sound with each frequency divided by a power of its median over about two seconds around.

    0.5 makes up for what the room and the voice do to the spectrum; 1 and more take away steady music, so that speech
    above it counts.
    """
    step = round(_STEADY_S / 4 * sound.frames_per_s)
    frames = len(sound.power)
    middles = np.arange(0, frames + step, step)
    medians = [np.median(sound.power[max(0, m - 2 * step) : m + 2 * step + 1], axis=0) for m in middles]
    place = np.arange(frames) / step
    before = place.astype(np.int64)
    share = (place - before)[:, None].astype(np.float32)
    steady = np.stack(medians)[before] * (1 - share) + np.stack(medians)[before + 1] * share + _TINY
    factor = (steady.mean() / steady) ** exponent
    return replace(sound, power=np.asarray(sound.power * factor, dtype=np.float32))


def whitened(sound: Spectrogram, tempo: float, pitch: float, doubt: float = 1.0) -> Singles:
    """float32[T, BANDS], within -1 .. 1: at frame t, how a cell centred there differs from its neighbours.

    tempo, pitch: the factors by which the sound was made faster and higher; doubt: how many times the level
    of its quiet moments a band must exceed to count for more than half. Values depend on the sound alone, not
    on any key.
    """
    power = sound.power @ band_weights(sound.frequencies, pitch)
    cell = max(2, round(CELL_S * sound.frames_per_s / tempo))
    heard = power.sum(axis=1)
    heard = heard > heard.mean() * _AUDIBLE_SHARE
    quiet = np.percentile(power[heard], _QUIET_PERCENTILE, axis=0) if heard.any() else power[:1].sum(axis=0)
    level = 10 * np.log10(power + power.mean(axis=0) * _FLOOR_SHARE + _FLOOR)
    cells = uniform_filter1d(level, cell, axis=0)
    difference = _unexpected(cells - uniform_filter1d(cells, _TREND_CELLS * cell + 1, axis=0), cell)
    local = uniform_filter(np.square(difference), (_LOCAL_CELLS * cell + 1, _LOCAL_BANDS))
    loud = uniform_filter1d(power, cell, axis=0)
    certainty = loud / (loud + doubt * quiet + _FLOOR)  # stationary noise below the sound carries no mark
    return np.asarray(np.tanh(difference / np.sqrt(local + 1e-6)) * certainty, dtype=np.float32)


def _unexpected(levels: Singles, cell: int) -> Floats:
    """float64[T, BANDS]: each level less its prediction from the eight cells around it.

    One linear prediction for all cells, fitted by iteratively reweighted least squares (Cauchy weights).
    """
    frames, bands = levels.shape
    padded = np.pad(levels.astype(np.float64), ((cell, cell), (1, 1)))
    around = [(i, j) for i in (0, cell, 2 * cell) for j in (0, 1, 2) if (i, j) != (cell, 1)]
    known = np.stack([padded[i : i + frames, j : j + bands].reshape(-1) for i, j in around])
    wanted = padded[cell:-cell, 1:-1].reshape(-1)
    weights = np.ones(len(wanted))
    left = wanted
    for _ in range(_ITERATIONS):
        weighted = known * weights
        gram = weighted @ known.T
        gram[np.diag_indices_from(gram)] += _RIDGE * np.trace(gram) / len(gram) + 1e-9
        left = wanted - np.linalg.solve(gram, weighted @ wanted) @ known
        scale = _ROBUST * float(np.median(np.abs(left))) + 1e-9
        weights = 1 / (1 + np.square(left / scale))
    return left.reshape(frames, bands)
