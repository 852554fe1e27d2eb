"""How much each cell is changed: as much as the sound around it hides, and where it helps the reader.

The reader compares a cell with its neighbours and judges the difference by how much the sound itself varies there.
So does the embedder: where the sound already leans the wanted way little is changed; where it leans far the other
way a change would be lost. Both follow from looking at the host (Cox, Miller and McKellips 1999, informed embedding).
"""

from __future__ import annotations

import numpy as np

from watermark.sound.grid import BANDS, Singles

MOST_DB = 3.5
"""No cell is changed by more, however much the sound varies."""

_FLOOR = 1e-9  # mean square of a sample, -90 dB of full scale: softer sound counts as constant
_BESIDE, _BEFORE, _ASLANT = 0.30, 0.30, -0.08  # what neighbours in band, time and both tell about a cell
_MEMORY = 0.8  # of the variance, from row to row
_FIRST_VARIANCE = 9.0
_SCALE = 1.2
_LEAST, _MOST, _AIM, _LOST = 0.1, 0.8, 1.0, 0.3  # in units of the local deviation
_SWEEPS = 3


class RowStrength:
    """Turns the levels of successive rows into gains; holds what it needs of the rows before.

    hop: half the length of the frames in samples.
    """

    def __init__(self, hop: int) -> None:
        self._floor = np.float32(_FLOOR * hop * hop)
        self._previous: Singles | None = None
        self._previous_gains = np.zeros(BANDS, dtype=np.float32)
        self._variance = np.full(BANDS, _FIRST_VARIANCE, dtype=np.float32)

    def level(self, power: Singles) -> Singles:
        """float32[BANDS] in dB of float32[frames, BANDS] power."""
        mean: Singles = 10 * np.log10(power + self._floor).mean(axis=0, dtype=np.float32)
        return mean

    def gains(self, level: Singles, following: Singles, signs: Singles) -> Singles:
        """float32[BANDS] in dB, for rows in order: their level, that of the row after, and the wanted signs."""
        previous = level if self._previous is None else self._previous
        around = previous + following
        host = level - _BEFORE * around - _BESIDE * _beside(level) - _ASLANT * _beside(around)
        self._variance = _MEMORY * self._variance + (1 - _MEMORY) * _smooth(host * host)
        deviation = np.sqrt(self._variance)
        marked = host - _BEFORE * self._previous_gains - _ASLANT * _beside(self._previous_gains)
        gains = np.zeros(BANDS, dtype=np.float32)
        for _ in range(_SWEEPS):
            lean = signs * (marked - _BESIDE * _beside(gains)) / deviation
            wish = np.where(lean < -_AIM, _LOST, np.clip(_AIM - lean, _LEAST, _MOST))
            gains = signs * np.minimum(_SCALE * wish * deviation, MOST_DB)
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
