"""The cells of time and frequency that carry the mark, the same at every sample rate.

A cell is 40 ms long and one of 32 bands wide. Twenty rows of cells are a slot, which carries the whole code word
once; 64 slots follow each other with different secret signs, and then the sequence begins again.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

CELL_S = 0.04
BANDS = 32
LOW_HZ, HIGH_HZ = 250.0, 7000.0
ROWS = 20
SLOTS = 64
CELLS = ROWS * BANDS
SLOT_S = ROWS * CELL_S
CYCLE_ROWS = SLOTS * ROWS
CYCLE_S = SLOTS * SLOT_S
FRAME_S = 0.01

Floats = npt.NDArray[np.float64]
Singles = npt.NDArray[np.float32]


def band_edges() -> Floats:
    """float64[BANDS + 1] in Hz, evenly spaced on the ERB-rate scale (Glasberg and Moore 1990)."""
    low, high = (21.4 * np.log10(1 + 0.00437 * f) for f in (LOW_HZ, HIGH_HZ))
    edges: Floats = (10 ** (np.linspace(low, high, BANDS + 1) / 21.4) - 1) / 0.00437
    return edges


def hop_samples(sample_rate: int) -> int:
    """Samples between two frames: 10 ms, rounded."""
    return round(sample_rate * FRAME_S)


def band_weights(frequencies: Floats, pitch: float = 1.0) -> Singles:
    """float32[len(frequencies), BANDS]: the share of each FFT bin that lies in each band.

    frequencies: evenly spaced centres of the bins in Hz; pitch: factor by which all bands have been moved.
    """
    half = (frequencies[1] - frequencies[0]) / 2
    edges = band_edges() * pitch
    top = np.minimum(frequencies[:, None] + half, edges[None, 1:])
    bottom = np.maximum(frequencies[:, None] - half, edges[None, :-1])
    return np.asarray(np.clip(top - bottom, 0, None) / (2 * half), dtype=np.float32)
