"""How much each cell is changed: as much as the sound around it hides, and where it helps the reader.

The reader compares a cell with its neighbours and judges the difference by how much the sound itself varies there.
So does the embedder: where the sound already leans the wanted way little is changed; where it leans far the other
way a change would be lost. This is informed embedding (Cox, Miller and McKellips 1999, doi:10.1109/5.771068).
"""

from __future__ import annotations

import numpy as np

from watermark.sound.grid import BANDS, Singles, band_edges

MOST_DB = 4.0
"""No cell is changed by more, however much the sound hides."""

_FLOOR = 1e-9  # mean square of a sample, -90 dB of full scale: softer sound counts as constant
_BESIDE, _BEFORE, _ASLANT = 0.30, 0.30, -0.08  # what neighbours in band, time and both tell about a cell
_TREND_MEMORY, _MEMORY = 0.9, 0.8  # of the mean and of the deviation, from row to row
_FIRST_DEVIATION = 3.75
_DEVIATION_OF_MEAN = 1.25  # of a normal distribution: standard deviation by mean absolute deviation
_LEAST, _MOST, _AIM, _LOST = 0.15, 1.5, 1.5, 0.45  # in units of the local deviation; _AIM of the lean
_SWEEPS = 3
_LOW_SHARE, _LOW_FROM_HZ, _LOW_TO_HZ = 0.5, 300.0, 1200.0  # frames of 20 ms cannot tell low tones from noise


class RowStrength:
    """Turns the levels of successive rows into gains; holds what it needs of the rows before.

    hop: half the length of the frames in samples.
    """

    def __init__(self, hop: int) -> None:
        self._floor = np.float32(_FLOOR * hop * hop)
        self._previous: Singles | None = None
        self._previous_gains = np.zeros(BANDS, dtype=np.float32)
        self._trend = np.zeros(BANDS, dtype=np.float32)
        self._deviation = np.full(BANDS, _FIRST_DEVIATION, dtype=np.float32)
        edges = band_edges()
        rise = ((edges[:-1] + edges[1:]) / 2 - _LOW_FROM_HZ) / (_LOW_TO_HZ - _LOW_FROM_HZ)
        self._share = (_LOW_SHARE + (1 - _LOW_SHARE) * np.clip(rise, 0, 1)).astype(np.float32)

    def level(self, power: Singles) -> Singles:
        """float32[BANDS] in dB of float32[frames, BANDS] power."""
        mean: Singles = 10 * np.log10(power + self._floor).mean(axis=0, dtype=np.float32)
        return mean

    def gains(self, level: Singles, following: Singles, most: Singles, signs: Singles) -> Singles:
        """float32[BANDS] in dB, for rows in order: their level, that of the row after, the most that the mask allows,
        and the wanted signs.
        """
        most = np.minimum(most * self._share, MOST_DB)
        first = self._previous is None
        previous = level if self._previous is None else self._previous
        around = previous + following
        host = level - _BEFORE * around - _BESIDE * _beside(level) - _ASLANT * _beside(around)
        self._trend = host if first else _TREND_MEMORY * self._trend + (1 - _TREND_MEMORY) * host
        host = host - self._trend
        spread = _DEVIATION_OF_MEAN * _smooth(np.abs(host))
        self._deviation = _MEMORY * self._deviation + (1 - _MEMORY) * spread
        marked = host - _BEFORE * self._previous_gains - _ASLANT * _beside(self._previous_gains)
        gains = np.zeros(BANDS, dtype=np.float32)
        for _ in range(_SWEEPS):
            lean = signs * (marked - _BESIDE * _beside(gains)) / self._deviation
            wish = np.where(lean < -_AIM, _LOST, np.clip(_AIM - lean, _LEAST, _MOST))
            gains = signs * np.minimum(wish * self._deviation, most)
        self._previous, self._previous_gains = level, gains
        return gains


def _beside(values: Singles) -> Singles:
    """The sum of both neighbours in frequency; the outermost bands are their own neighbours."""
    padded = np.concatenate([values[:1], values, values[-1:]])
    total: Singles = padded[:-2] + padded[2:]
    return total


def _smooth(values: Singles) -> Singles:
    """The mean over five bands."""
    padded = np.concatenate([values[:1], values[:1], values, values[-1:], values[-1:]])
    total: Singles = padded[:-4] + padded[1:-3] + padded[2:-2] + padded[3:-1] + padded[4:]
    return total / np.float32(5)
