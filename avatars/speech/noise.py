"""Frication and burst noise: white noise under a spectrum that changes every control frame.

The shaping is done for many frames at once in the short-time Fourier domain (overlap-add, Allen and Rabiner
1977), so it costs a few milliseconds per minute of speech.
"""

from __future__ import annotations

import numpy as np

from avatars.speech.model import FloatArray

# shape -> resonances (centre Hz, bandwidth Hz, level dB) of an adult man's vocal tract in front of the noise.
SHAPES: dict[str, tuple[tuple[float, float, float], ...]] = {
    "s": ((6200, 1800, 0), (8500, 2600, -2), (4600, 900, -9)),
    "sh": ((2700, 700, 0), (4300, 1300, -3), (6300, 2200, -8)),
    "shr": ((2350, 550, 0), (3500, 900, -3), (5200, 1800, -9)),
    "xx": ((3500, 900, -1), (5400, 1600, 0), (7600, 2200, -5)),
    "f": ((1400, 2200, -4), (4500, 4000, -2), (8500, 4500, 0)),
    "th": ((5200, 3500, 0), (8200, 3500, 0), (1500, 1800, -8)),
    "x": ((1300, 450, 0), (2600, 700, -6), (3900, 1100, -12)),
    "p": ((700, 900, 0), (1500, 1300, -5), (3500, 3000, -14)),
    "t": ((4200, 1700, 0), (6500, 2600, -3), (2800, 900, -8)),
    "k": ((1750, 450, 0), (3900, 1400, -9), (2600, 600, -7)),
    "kf": ((2700, 600, 0), (4300, 1400, -6), (6000, 2000, -12)),
}
NAMES: tuple[str, ...] = tuple(SHAPES)


def shape_matrix(bins: FloatArray, scale: float) -> FloatArray:
    """Magnitudes of shape (len(SHAPES), len(bins)); each row has unit power over the bins.

    `bins`: frequencies in Hz; `scale`: the voice's formant scale.
    """
    rows = []
    for peaks in SHAPES.values():
        power = np.full_like(bins, 1e-5)
        for centre, width, level in peaks:
            power += 10 ** (level / 10) / (1 + ((bins - centre * scale) / (width * scale / 2)) ** 2) ** 2
        rows.append(np.sqrt(power / power.mean()))
    return np.array(rows)


class ShapedNoise:
    """Noise in blocks that follow each other: what a block's last window leaves goes into the next.

    hop: samples per frame; rate: Hz; scale: the voice's formant scale.
    """

    def __init__(self, hop: int, rate: int, scale: float, random: np.random.Generator) -> None:
        self._hop, self._random = hop, random
        self._window = np.sqrt(np.hanning(2 * hop + 1)[:-1])
        self._size = 1 << (2 * hop - 1).bit_length()
        self._matrix = shape_matrix(np.fft.rfftfreq(self._size, 1 / rate).astype(np.float64), scale)
        self._white = random.standard_normal(hop)
        self._left = np.zeros(hop)

    def next(self, gains: FloatArray) -> FloatArray:
        """Noise of `len(gains) * hop` samples; `gains`: (frames, len(SHAPES)) RMS amplitudes."""
        frames, hop = len(gains), self._hop
        white = np.concatenate([self._white, self._random.standard_normal(frames * hop)])
        self._white = white[-hop:]
        active = np.flatnonzero(gains.any(axis=1))
        blocks = np.zeros((frames + 1, hop))
        if len(active):
            grains = np.lib.stride_tricks.sliding_window_view(white, 2 * hop)[::hop][active] * self._window
            spectra = np.fft.rfft(grains, self._size) * (gains[active] @ self._matrix)
            shaped = np.fft.irfft(spectra, self._size)[:, : 2 * hop] * self._window
            blocks[active] += shaped[:, :hop]
            blocks[active + 1] += shaped[:, hop:]
        blocks[0] += self._left
        self._left = blocks[frames]
        return blocks[:frames].ravel()
