"""How far each cell may be changed before the change shows above the masking threshold of the sound itself.

Excitation and mask follow the ear model of ITU-R BS.1387-2 (annex 2), with one slope for all levels and without
forward masking, which leaves some reserve. Whether a narrow tone or a noise fills a cell shows in the excitation.
"""

from __future__ import annotations

import numpy as np

from watermark.sound.grid import BANDS, Floats, Singles, band_edges

_BARK = 0.25
_LOWER_DB, _UPPER_DB, _UPPER_HZ_DB = 27.0, 10.0, 230.0  # fall of the excitation per Bark, at about 70 dB SPL
_ADDITION = 0.4  # exponent at which excitations add
_NOISE_TO_MASK = 0.5


class Mask:
    """The most that cells may be changed; frequencies: float64[F], centres of the FFT bins in Hz."""

    def __init__(self, frequencies: Floats) -> None:
        edges = band_edges()
        low, high = (7 * np.arcsinh(f / 650) for f in (edges[0] / 2, edges[-1] * 1.2))
        barks = np.arange(low, high, _BARK)
        borders, self._centres = 650 * np.sinh(barks / 7), 650 * np.sinh((barks[:-1] + _BARK / 2) / 7)
        half = (frequencies[1] - frequencies[0]) / 2
        top = np.minimum(frequencies[:, None] + half, borders[1:])
        bottom = np.maximum(frequencies[:, None] - half, borders[:-1])
        self._group = (np.clip(top - bottom, 0, None) / (2 * half)).astype(np.float32)
        self._spread = _spreading(self._centres)
        bark = barks[:-1]
        self._share = (10 ** (-np.where(bark <= 12, 3.0, 0.25 * bark) / 10)).astype(np.float32)
        inside = np.searchsorted(edges, self._centres) - 1
        self._first = np.array([np.flatnonzero(inside == band)[0] for band in range(BANDS)])
        self._end = int(np.flatnonzero(inside == BANDS - 1)[-1]) + 1

    def most_db(self, power: Singles) -> Singles:
        """float32[BANDS] in dB for float32[F], the mean power of a row."""
        fine = power @ self._group + np.float32(1e-12)
        excited = np.power(np.power(fine, _ADDITION, dtype=np.float32) @ self._spread, 1 / _ADDITION)
        ratio = fine / (excited * self._share)
        worst = np.maximum.reduceat(ratio[: self._end], self._first)
        most: Singles = np.asarray(20 * np.log10(1 + np.sqrt(_NOISE_TO_MASK / worst)), dtype=np.float32)
        return most


def _spreading(centres: Floats) -> Singles:
    """float32[from, to]: each fine band's share in the excitation of the others; noise excites as it is."""
    index = np.arange(len(centres))
    steps = (index[None, :] - index[:, None]) * _BARK
    upper = _UPPER_DB + _UPPER_HZ_DB / centres[:, None]
    fall = np.where(steps >= 0, -upper * steps, _LOWER_DB * steps)
    total = (10 ** (fall / 10)).sum(axis=1, keepdims=True)
    spread = (10 ** (fall / 10) / total) ** _ADDITION
    even = spread.sum(axis=0) ** (1 / _ADDITION)
    scaled: Singles = (spread / even[None, :] ** _ADDITION).astype(np.float32)
    return scaled
