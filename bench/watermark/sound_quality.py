"""How far below the threshold of hearing the change of a marked sound lies.

The measures of the ear model of ITU-R BS.1387-2 (PEAQ, basic version, annex 2): total noise-to-mask ratio, share of
disturbed frames, and average difference of modulation. They are model outputs, not opinions of listeners.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.signal import resample_poly

RATE = 48_000
_FRAME, _HOP = 2048, 1024
_LOUDEST_DB_SPL = 92.0  # a full-scale sine, as the standard has it
_LOW_HZ, _HIGH_HZ = 80.0, 18_000.0
_BARK = 0.25
_DISTURBED_DB = 1.5

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Quality:
    """snr_db: of the difference; nmr_db: total noise-to-mask ratio, inaudible to most below about -10 dB;
    disturbed: share of frames in which some band's noise exceeds the mask by 1.5 dB; modulation: average difference
    of the modulation of the bands in per cent.
    """

    snr_db: float
    nmr_db: float
    disturbed: float
    modulation: float


def quality(original: Floats, marked: Floats, sample_rate: int) -> Quality:
    """Of one channel float[n] in -1 .. 1 against the original, at 16 bits as they would be heard."""
    difference = np.square(marked - original).sum()
    snr = 10 * np.log10(np.square(original).sum() / max(difference, 1e-20))
    reference, test = (_spectra(_at_48_khz(x, sample_rate)) for x in (original, marked))
    heard = reference.sum(axis=1) > 1e4
    noise = _grouped(np.square(np.sqrt(reference) - np.sqrt(test)))
    excited = [_spread(_grouped(x) + _inner_noise()) for x in (reference, test)]
    ratio = noise / (_smeared(excited[0]) * _mask_share())
    loud = ratio[heard]
    return Quality(
        snr_db=float(snr),
        nmr_db=float(10 * np.log10(loud.mean())),
        disturbed=float((loud.max(axis=1) > 10 ** (_DISTURBED_DB / 10)).mean()),
        modulation=_modulation_difference(*excited),
    )


def _at_48_khz(samples: Floats, rate: int) -> Floats:
    common = np.gcd(rate, RATE)
    out = samples if rate == RATE else resample_poly(samples, RATE // common, rate // common)
    return np.asarray(np.round(out * 32768), dtype=np.float64)


def _spectra(samples: Floats) -> Floats:
    """float64[frames, bins]: power at the eardrum, weighted by the outer and middle ear."""
    padded = np.pad(samples, (0, _FRAME))
    frames = np.lib.stride_tricks.sliding_window_view(padded, _FRAME)[::_HOP]
    window = np.hanning(_FRAME)
    power = np.square(np.abs(np.fft.rfft(frames * window, axis=1)))
    scale = 10 ** (_LOUDEST_DB_SPL / 10) / np.square(32768 * window.sum() / 2)
    khz = np.maximum(np.fft.rfftfreq(_FRAME, 1 / RATE), 1.0) / 1000
    ear = -2.184 * khz**-0.8 + 6.5 * np.exp(-0.6 * np.square(khz - 3.3)) - 0.001 * khz**3.6
    return np.asarray(power * scale * 10 ** (ear / 10))


@functools.cache
def _bands() -> tuple[Floats, Floats]:
    """Edges float64[109 + 1] and centres float64[109] in Hz, a quarter of a Bark wide (Schroeder's scale)."""
    low, high = (7 * np.arcsinh(f / 650) for f in (_LOW_HZ, _HIGH_HZ))
    edges = np.append(np.arange(low, high, _BARK), high)
    centres = (edges[:-1] + edges[1:]) / 2
    return 650 * np.sinh(edges / 7), 650 * np.sinh(centres / 7)


def _grouped(power: Floats) -> Floats:
    bins = np.fft.rfftfreq(_FRAME, 1 / RATE)[:, None]
    edges, half = _bands()[0], RATE / _FRAME / 2
    share = np.clip(np.minimum(bins + half, edges[1:]) - np.maximum(bins - half, edges[:-1]), 0, None) / (2 * half)
    return np.maximum(power @ share, 1e-12)


def _inner_noise() -> Floats:
    return np.asarray(10 ** (0.1456 * (_bands()[1] / 1000) ** -0.8))


def _spread(power: Floats) -> Floats:
    """float64[frames, 109]: excitation along the basilar membrane, its upper slope falling with the level."""
    return _spread_raw(power) / _spread_raw(np.ones((1, power.shape[1])))


def _spread_raw(power: Floats) -> Floats:
    centres, count = _bands()[1], power.shape[1]
    upper = 10 ** ((-2.4 - 23 / centres) * _BARK) * power ** (0.2 * _BARK)
    lower = 10 ** (-2.7 * _BARK)
    index = np.arange(count)
    total = (1 - lower ** (index + 1)) / (1 - lower) + (1 - upper ** (count - index)) / (1 - upper) - 1
    source = power / total
    out = np.zeros_like(power)
    for band in range(count):
        below = lower ** (band - index[:band])
        above = upper[:, band : band + 1] ** (index[band:] - band)
        out[:, :band] += (source[:, band : band + 1] * below) ** 0.4
        out[:, band:] += (source[:, band : band + 1] * above) ** 0.4
    return np.asarray(out**2.5)


def _decay(slow_s: float) -> Floats:
    fast_s = 0.008
    seconds = fast_s + 100 / _bands()[1] * (slow_s - fast_s)
    return np.asarray(np.exp(-_HOP / RATE / seconds))


def _smeared(excitation: Floats) -> Floats:
    """Forward masking: what was just heard fades."""
    keep, held = _decay(0.030), np.zeros(excitation.shape[1])
    out = np.empty_like(excitation)
    for i, now in enumerate(excitation):
        held = keep * held + (1 - keep) * now
        out[i] = np.maximum(held, now)
    return out


def _mask_share() -> Floats:
    """How far below the excitation the mask lies: 3 dB up to 12 Bark, then a quarter of the Bark number."""
    bark = np.arange(len(_bands()[1])) * _BARK
    return np.asarray(10 ** (-np.where(bark <= 12, 3.0, 0.25 * bark) / 10))


def _modulation_difference(reference: Floats, test: Floats) -> float:
    patterns = [_modulation(x) for x in (reference, test)]
    difference = 100 * np.mean(np.abs(patterns[1][0] - patterns[0][0]) / (1 + patterns[0][0]), axis=1)
    loudness = patterns[0][1]
    weight = (loudness / (loudness + 100 * _inner_noise() ** 0.3)).sum(axis=1)
    settled = round(0.5 * RATE / _HOP)
    return float((difference * weight)[settled:].sum() / weight[settled:].sum())


def _modulation(excitation: Floats) -> tuple[Floats, Floats]:
    """Modulation and mean of the compressed excitation over time."""
    keep, loud = _decay(0.050), excitation**0.3
    change = np.abs(np.diff(loud, axis=0, prepend=loud[:1])) * RATE / _HOP
    swing, mean = np.zeros(loud.shape[1]), np.zeros(loud.shape[1])
    modulation, means = np.empty_like(loud), np.empty_like(loud)
    for i in range(len(loud)):
        swing = keep * swing + (1 - keep) * change[i]
        mean = keep * mean + (1 - keep) * loud[i]
        modulation[i], means[i] = swing / (1 + mean / 0.3), mean
    return modulation, means
