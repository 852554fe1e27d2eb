"""Finding where in the key's cycle of slots a stretch of sound lies, by the synchronisation cells alone."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import scipy.fft

from watermark.sound.carriers import SoundCarriers
from watermark.sound.grid import BANDS, CELL_S, CELLS, CYCLE_ROWS, CYCLE_S, SLOTS, Singles

_CACHED_TEMPLATES = 32
_APART_FRAMES = 4


class Alignment(NamedTuple):
    """score: of the synchronisation cells, about standard normal where there is no mark; start: a frame at which
    the cycle of slots begins; tempo, pitch: factors of speed and frequency.
    """

    score: float
    start: int
    tempo: float
    pitch: float


@dataclass(frozen=True)
class Cells:
    """The cells a stretch shows under one alignment.

    rows: int64[R], position of each row in the cycle; frames: int64[R], its centre; values: float32[R, BANDS].
    """

    rows: npt.NDArray[np.int64]
    frames: npt.NDArray[np.int64]
    values: Singles


class Synchroniser:
    """Aligns whitened sound with the cycle of one key."""

    def __init__(self, carriers: SoundCarriers) -> None:
        self._cells = carriers.sync_cells().astype(np.float32)
        self._share = carriers.sync.size / (SLOTS * CELLS)
        # Long templates of many speeds are a megabyte each.
        self._spectrum = functools.lru_cache(_CACHED_TEMPLATES)(self._template_spectrum)

    def peaks(self, white: Singles, frames_per_s: float, tempo: float, pitch: float, count: int) -> list[Alignment]:
        """The `count` best alignments of float32[T, BANDS], best first, at least a cell apart."""
        per_row = CELL_S * frames_per_s / tempo
        energy = float(np.square(white).sum()) * self._share / per_row
        if energy < 1e-6:
            return []
        cycle = math.ceil(CYCLE_S * frames_per_s / tempo)
        size = scipy.fft.next_fast_len(cycle + len(white), real=True)
        spectrum = scipy.fft.rfft(white, size, axis=0)
        product = np.einsum("fb,fb->f", np.conj(spectrum), self._spectrum(per_row, len(white), size))
        scores = scipy.fft.irfft(product, size)[:cycle] / math.sqrt(energy)
        found = []
        for _ in range(count):
            best = int(np.argmax(scores))
            found.append(Alignment(float(scores[best]), -best, tempo, pitch))
            scores[max(0, best - _APART_FRAMES) : best + _APART_FRAMES + 1] = -np.inf
        return found

    def _template_spectrum(self, per_row: float, frames: int, size: int) -> npt.NDArray[np.complex64]:
        """complex64[size // 2 + 1, BANDS] of a cycle and as much of the next as the sound is long."""
        rows = np.arange(math.ceil((CYCLE_ROWS * per_row + frames) / per_row))
        centres = _centres(rows, per_row)
        rows, centres = rows[centres < size], centres[centres < size]
        template = np.zeros((size, BANDS), dtype=np.float32)
        template[centres] = self._cells[rows % CYCLE_ROWS]
        spectrum: npt.NDArray[np.complex64] = scipy.fft.rfft(template, axis=0)
        return spectrum


def cells_at(white: Singles, frames_per_s: float, alignment: Alignment) -> Cells:
    """The cells of float32[T, BANDS] whose centres lie within it."""
    per_row = CELL_S * frames_per_s / alignment.tempo
    first = math.floor(-alignment.start / per_row) - 1
    rows = np.arange(first, first + math.ceil(len(white) / per_row) + 3)
    centres = _centres(rows, per_row) + alignment.start
    inside = (centres >= 0) & (centres < len(white))
    rows, centres = rows[inside], centres[inside]
    return Cells(rows % CYCLE_ROWS, centres, white[centres])


def _centres(rows: npt.NDArray[np.int64], per_row: float) -> npt.NDArray[np.int64]:
    centres: npt.NDArray[np.int64] = np.floor((rows + 0.5) * per_row + 0.5).astype(np.int64)
    return centres
