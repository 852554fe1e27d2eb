"""A cascade/parallel formant synthesiser after Klatt (1980) and Klatt and Klatt (1990).

Voice and breath pass a cascade of second-order resonators whose coefficients change every control frame;
frication runs beside it (`noise`). The glottal wave is read from band-limited tables, so high voices do
not alias. Everything random comes from one seed: the same tracks give the same samples.
"""

from __future__ import annotations

import functools
from copy import deepcopy

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, sosfilt

from avatars.speech.model import FloatArray, Voice
from avatars.speech.noise import ShapedNoise
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
_BLOCK = 2000  # frames that are in memory at once
_DRAWN_AT_ONCE = 1 << 18
# Brings an open vowel at voicing 1 to an RMS of about 1 behind the cascade.
_VOICE_GAIN = 0.62
_TARGET_RMS = 10 ** (-18.0 / 20)
_KNEE, _CEILING = 0.55, 0.88


def render(tracks: Tracks, pitch: FloatArray, voice: Voice) -> NDArray[np.float32]:
    """Samples (float32 mono, `RATE` Hz, peak <= 0.9) of the tracks; `pitch`: semitones per frame.

    Made in blocks that carry their state over, so that besides the samples memory does not grow with the length; where
    one block ends and the next begins changes nothing.
    """
    random = np.random.default_rng(_SEED)
    hertz = np.clip(voice.pitch_hz * 2 ** (pitch / 12) * _flutter(len(pitch), random), 45.0, 600.0)
    throat = _Throat(tracks, hertz, voice, random)
    return _level([throat.speak(start, min(start + _BLOCK, len(hertz))) for start in range(0, len(hertz), _BLOCK)])


class _Throat:
    """Speaks block after block; what swings or has been drawn goes on in the next."""

    def __init__(self, tracks: Tracks, hertz: FloatArray, voice: Voice, random: np.random.Generator) -> None:
        self._tracks, self._hertz, self._voice = tracks, hertz, voice
        samples = len(hertz) * HOP
        # Three streams of one generator, each of which begins where the one before it ends.
        self._rough, self._smooth = random, _after(random, samples + 1)
        self._noise = ShapedNoise(HOP, RATE, voice.formant_scale, _after(self._smooth, samples))
        self._last_rough = self._rough.standard_normal(1)
        self._turns = 0.0
        self._tract = np.zeros((len(_BANDWIDTHS) + len(_UPPER_FORMANTS) + 1, 2))
        self._high_pass = butter(2, 70.0, "highpass", fs=RATE, output="sos")
        self._below = np.zeros((len(self._high_pass), 2))

    def speak(self, start: int, end: int) -> FloatArray:
        """float64[(end - start) HOP]: the frames from `start` to before `end`, not yet levelled."""
        tracks, breathiness = self._tracks, self._voice.breathiness
        source, open_phase = self._glottis(_per_sample(self._hertz, start, end))
        voicing = _per_sample(tracks.voicing, start, end)
        breath = _per_sample(tracks.breath, start, end) + voicing * (0.015 + 0.09 * breathiness) * open_phase
        excitation = source * voicing * _VOICE_GAIN + self._hiss(len(source)) * breath
        voiced, self._tract = _cascade(excitation, _sections(tracks.part(start, end), self._voice), self._tract)
        frication = self._noise.next(tracks.noise[start:end])
        spoken = voiced + frication * (1 - 0.45 * open_phase * np.minimum(voicing, 1.0))
        clean, self._below = sosfilt(self._high_pass, spoken, zi=self._below)
        return np.asarray(clean, np.float64)

    def _hiss(self, count: int) -> FloatArray:
        rough = np.concatenate([self._last_rough, self._rough.standard_normal(count)])
        self._last_rough = rough[-1:]
        return np.asarray(np.diff(rough) * 0.3 + self._smooth.standard_normal(count) * 0.5, np.float64)

    def _glottis(self, hertz: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Derivative of the glottal flow and the share of the folds' opening (0..1), per sample."""
        steps = hertz / RATE
        steps[0] += self._turns
        turns = np.cumsum(steps)
        self._turns = float(turns[-1])
        at = (turns % 1.0) * _TABLE_SIZE
        octave = np.log(hertz / 45.0) / np.log(_TABLE_STEP)
        tables = _pulse_tables(self._voice.breathiness)
        row = np.clip(np.ceil(octave).astype(int), 0, len(tables) - 1)
        low = at.astype(int) % _TABLE_SIZE
        share = at - np.floor(at)
        wave = tables[row, low] * (1 - share) + tables[row, (low + 1) % _TABLE_SIZE] * share
        opening = np.clip(np.sin(np.pi * np.minimum((turns % 1.0) / 0.65, 1.0)), 0.0, 1.0)
        return wave, opening


def _after(random: np.random.Generator, count: int) -> np.random.Generator:
    """A copy that has drawn so many normal numbers more."""
    later = deepcopy(random)
    for start in range(0, count, _DRAWN_AT_ONCE):
        later.standard_normal(min(_DRAWN_AT_ONCE, count - start))
    return later


def _flutter(frames: int, random: np.random.Generator) -> FloatArray:
    """Slow quasi-random drift of the pitch (Klatt and Klatt 1990, FL) and a little jitter."""
    time = np.arange(frames) * FRAME_S
    drift = sum(np.sin(2 * np.pi * hertz * time) for hertz in (12.7, 7.1, 4.7))
    return np.asarray(1 + 0.0035 * drift + 0.003 * random.standard_normal(frames), dtype=np.float64)


def _per_sample(track: FloatArray, start: int, end: int) -> FloatArray:
    """A control track as a straight line between frame centres, per sample of the frames `start` to before `end`."""
    centres = (np.arange(len(track)) + 0.5) * HOP
    return np.interp(np.arange(start * HOP, end * HOP), centres, track)


@functools.lru_cache(maxsize=8)
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


def _cascade(source: FloatArray, sections: FloatArray, state: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Filtered frame by frame, so that coefficients may change without a click; and the state to go on with."""
    out = np.empty_like(source)
    blocks = source.reshape(-1, HOP)
    for index, (block, sos) in enumerate(zip(blocks, sections, strict=True)):
        out[index * HOP : (index + 1) * HOP], state = sosfilt(sos, block, zi=state)
    return out, state


def _level(blocks: list[FloatArray]) -> NDArray[np.float32]:
    """Bring speech (not its pauses) to -18 dBFS RMS, bend peaks under 0.9. Takes the blocks out of the list."""
    power = np.concatenate([(block.reshape(-1, HOP) ** 2).mean(axis=1) for block in blocks])
    active = power[power > 0.01 * power.max()] if power.max() > 0 else np.ones(1)
    gain = _TARGET_RMS / np.sqrt(active.mean())
    levelled = np.empty(len(power) * HOP, np.float32)
    end = len(levelled)
    while blocks:
        scaled = blocks.pop() * gain
        levelled[end - len(scaled) : end] = _bent(scaled)
        end -= len(scaled)
    return levelled


def _bent(scaled: FloatArray) -> FloatArray:
    magnitude = np.abs(scaled)
    span = _CEILING - _KNEE
    bent = np.where(magnitude > _KNEE, _KNEE + span * np.tanh((magnitude - _KNEE) / span), magnitude)
    return np.asarray(np.sign(scaled) * bent, np.float64)
