"""Which speed and pitch the sound was given, told by the synchronisation cells alone."""

from __future__ import annotations

import itertools

import numpy as np

from watermark.sound.grid import Floats
from watermark.sound.spectrogram import Spectrogram
from watermark.sound.synchronisation import Alignment, Synchroniser
from watermark.sound.whitening import whitened

NEAR_TEMPOS = 1 + np.arange(-10, 11) * 0.005
NEAR_PITCHES = 1 + np.arange(-3, 4) * 0.02
"""Around the ordinary: a band may be off by a tenth of its width, and a cell by a third of its length at the ends of
ten seconds."""

FAR_TEMPOS = np.concatenate([np.arange(0.75, 0.95, 0.005), np.arange(1.055, 1.305, 0.005)])
"""Faster and slower with the pitch kept, as players do it; with the pitch changed alike, as tape does it."""

_MIN_SYNC = 5.2
_CANDIDATES = 4
_REFINE_TEMPO = (-0.0025, -0.00125, 0.0, 0.00125, 0.0025)
_REFINE_PITCH = (-0.01, 0.0, 0.01)


def search(sound: Spectrogram, synchroniser: Synchroniser, doubt: float) -> list[Alignment]:
    """Refined alignments that stand out, best first: around the ordinary speed, else farther away.

    doubt: see `whitened`.
    """
    near = _standing_out(sound, synchroniser, doubt, list(itertools.product(NEAR_TEMPOS, NEAR_PITCHES)))
    if near:
        return near
    far = [(t, 1.0) for t in FAR_TEMPOS] + [(t, t) for t in FAR_TEMPOS]
    return _standing_out(sound, synchroniser, doubt, far)


def _standing_out(
    sound: Spectrogram, synchroniser: Synchroniser, doubt: float, speeds: list[tuple[float, float]]
) -> list[Alignment]:
    tried = _peaks(sound, synchroniser, doubt, speeds)
    best = sorted((a for a in tried if a.score >= _MIN_SYNC), reverse=True)[:_CANDIDATES]
    return sorted((_refined(sound, synchroniser, doubt, one) for one in best), reverse=True)


def _refined(sound: Spectrogram, synchroniser: Synchroniser, doubt: float, found: Alignment) -> Alignment:
    around = [(found.tempo + t, found.pitch + p) for t in _REFINE_TEMPO for p in _REFINE_PITCH]
    return max(_peaks(sound, synchroniser, doubt, around))


def _peaks(
    sound: Spectrogram, synchroniser: Synchroniser, doubt: float, speeds: list[tuple[float, float]]
) -> list[Alignment]:
    out: list[Alignment] = []
    for pitch in sorted({p for _, p in speeds}):
        tempos: Floats = np.array(sorted(t for t, p in speeds if p == pitch))
        # The bands move with the pitch; the length of a cell changes too little with the tempo to whiten again.
        white = whitened(sound, float(np.median(tempos)), pitch, doubt)
        for tempo in tempos:
            out += synchroniser.peaks(white, sound.frames_per_s, float(tempo), pitch, 1)
    return out
