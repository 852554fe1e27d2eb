"""A cascade/parallel formant synthesiser after Klatt (1980) and Klatt and Klatt (1990).

Voice and breath pass a cascade of second-order resonators whose coefficients change every control frame;
frication runs beside it (`noise`). The glottal wave is read from band-limited tables, so high voices do
not alias. Everything random comes from one seed: the same tracks give the same samples.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, sosfilt

from avatars.speech.model import FloatArray, Voice
from avatars.speech.noise import shaped_noise
from avatars.speech.prosody import FRAME_S
from avatars.speech.tracks import Tracks

RATE = 24000
HOP = round(RATE * FRAME_S)

_BANDWIDTHS = (75.0, 95.0, 140.0)
_UPPER_FORMANTS = ((3500.0, 210.0), (4500.0, 280.0), (5700.0, 420.0), (7200.0, 650.0), (9000.0, 1000.0))
_NASAL_POLE_HZ, _NASAL_ZERO_SHIFT_HZ, _NASAL_BANDWIDTH = 270.0, 260.0, 110.0
_TABLE_SIZE = 2048
_TABLE_STEP = 1.26
_SEED = 20260701
# Brings an open vowel at voicing 1 to an RMS of about 1 behind the cascade.
_VOICE_GAIN = 0.62
_TARGET_RMS = 10 ** (-18.0 / 20)
_KNEE, _CEILING = 0.55, 0.88


def render(tracks: Tracks, pitch: FloatArray, voice: Voice) -> NDArray[np.float32]:
    """Samples (float32 mono, `RATE` Hz, peak <= 0.9) of the tracks; `pitch`: semitones per frame."""
    random = np.random.default_rng(_SEED)
    hertz = voice.pitch_hz * 2 ** (pitch / 12) * _flutter(len(pitch), random)
    source, open_phase = _glottis(np.clip(hertz, 45.0, 600.0), voice.breathiness)
    voicing = _per_sample(tracks.voicing)
    breath = _per_sample(tracks.breath) + voicing * (0.015 + 0.09 * voice.breathiness) * open_phase
    hiss = np.diff(random.standard_normal(len(source) + 1)) * 0.3 + random.standard_normal(len(source)) * 0.5
    voiced = _cascade(source * voicing * _VOICE_GAIN + hiss * breath, _sections(tracks, voice))
    frication = shaped_noise(tracks.noise, HOP, RATE, voice.formant_scale, random)
    return _level(voiced + frication * (1 - 0.45 * open_phase * np.minimum(voicing, 1.0)))


def _flutter(frames: int, random: np.random.Generator) -> FloatArray:
    """Slow quasi-random drift of the pitch (Klatt and Klatt 1990, FL) and a little jitter."""
    time = np.arange(frames) * FRAME_S
    drift = sum(np.sin(2 * np.pi * hertz * time) for hertz in (12.7, 7.1, 4.7))
    return np.asarray(1 + 0.0035 * drift + 0.003 * random.standard_normal(frames), dtype=np.float64)


def _per_sample(track: FloatArray) -> FloatArray:
    """A control track as a straight line between frame centres, per sample."""
    centres = (np.arange(len(track)) + 0.5) * HOP
    return np.interp(np.arange(len(track) * HOP), centres, track)


def _glottis(hertz: FloatArray, breathiness: float) -> tuple[FloatArray, FloatArray]:
    """Derivative of the glottal flow and the share of the folds' opening (0..1), per sample."""
    per_sample = _per_sample(hertz)
    turns = np.cumsum(per_sample / RATE)
    at = (turns % 1.0) * _TABLE_SIZE
    octave = np.log(per_sample / 45.0) / np.log(_TABLE_STEP)
    tables = _pulse_tables(breathiness)
    row = np.clip(np.ceil(octave).astype(int), 0, len(tables) - 1)
    low = at.astype(int) % _TABLE_SIZE
    share = at - np.floor(at)
    wave = tables[row, low] * (1 - share) + tables[row, (low + 1) % _TABLE_SIZE] * share
    opening = np.clip(np.sin(np.pi * np.minimum((turns % 1.0) / 0.65, 1.0)), 0.0, 1.0)
    return wave, opening


def _pulse_tables(breathiness: float) -> FloatArray:
    """One cycle of the pulse per third of an octave, each without harmonics above half the sample rate."""
    quotient, recovery = 0.56 + 0.18 * breathiness, 0.012 + 0.03 * breathiness
    phase = (np.arange(_TABLE_SIZE) + 0.5) / _TABLE_SIZE
    opening = phase / quotient
    pulse = np.where(opening < 1, 2 * opening - 3 * opening**2, -np.exp(-(phase - quotient) / recovery))
    spectrum = np.fft.rfft(pulse - pulse.mean())
    tables = []
    for step in range(13):
        harmonics = int(0.5 * RATE / (45.0 * _TABLE_STEP**step))
        limited = spectrum.copy()
        limited[harmonics + 1 :] = 0
        tables.append(np.fft.irfft(limited, _TABLE_SIZE))
    return np.array(tables)


def _sections(tracks: Tracks, voice: Voice) -> FloatArray:
    """Second-order sections (frames, sections, 6) of the vocal tract."""
    frames, scale = len(tracks.voicing), voice.formant_scale
    nasal = tracks.nasality
    # An open glottis and the nose both drain the first formant.
    damping = 1 + 1.6 * nasal + 3.0 * np.minimum(tracks.breath * 3, 1.0)
    sections = [_nasal_section(nasal)]
    for column, width in enumerate(_BANDWIDTHS):
        extra = damping if column == 0 else 1 + 1.2 * nasal + 0.6 * np.minimum(tracks.breath * 3, 1.0)
        sections.append(_resonator(tracks.formants[:, column] * scale, width * extra))
    for centre, width in _UPPER_FORMANTS:
        hertz = min(centre * scale, 0.47 * RATE)
        sections.append(_resonator(np.full(frames, hertz), np.full(frames, width)))
    return np.stack(sections, axis=1)


def _resonator(centre: FloatArray, width: FloatArray) -> FloatArray:
    """Klatt's digital resonator, unit gain at 0 Hz: (frames, 6)."""
    radius = np.exp(-np.pi * width / RATE)
    first = -2 * radius * np.cos(2 * np.pi * centre / RATE)
    second = radius**2
    zeros, ones = np.zeros_like(first), np.ones_like(first)
    return np.stack([1 + first + second, zeros, zeros, ones, first, second], axis=1)


def _nasal_section(nasality: FloatArray) -> FloatArray:
    """Pole and zero of the nose; they cancel while the velum is closed."""
    pole = _resonator(np.full(len(nasality), _NASAL_POLE_HZ), np.full(len(nasality), _NASAL_BANDWIDTH))
    zero = _resonator(
        _NASAL_POLE_HZ + _NASAL_ZERO_SHIFT_HZ * nasality, np.full(len(nasality), _NASAL_BANDWIDTH)
    )
    numerator = zero[:, 3:] / zero[:, :1] * pole[:, :1]
    return np.concatenate([numerator, pole[:, 3:]], axis=1)


def _cascade(source: FloatArray, sections: FloatArray) -> FloatArray:
    """Filter block by block, carrying the state over, so that coefficients may change without a click."""
    out = np.empty_like(source)
    state = np.zeros((sections.shape[1], 2))
    blocks = source.reshape(-1, HOP)
    for index, (block, sos) in enumerate(zip(blocks, sections, strict=True)):
        out[index * HOP : (index + 1) * HOP], state = sosfilt(sos, block, zi=state)
    return out


def _level(samples: FloatArray) -> NDArray[np.float32]:
    """High-pass at 70 Hz, bring speech (not its pauses) to -18 dBFS RMS, bend peaks under 0.9."""
    clean = sosfilt(butter(2, 70.0, "highpass", fs=RATE, output="sos"), samples)
    loud = clean.reshape(-1, HOP)
    power = (loud**2).mean(axis=1)
    active = power[power > 0.01 * power.max()] if power.max() > 0 else np.ones(1)
    scaled = clean * (_TARGET_RMS / np.sqrt(active.mean()))
    magnitude = np.abs(scaled)
    span = _CEILING - _KNEE
    bent = np.where(magnitude > _KNEE, _KNEE + span * np.tanh((magnitude - _KNEE) / span), magnitude)
    return np.asarray(np.sign(scaled) * bent, dtype=np.float32)
