"""What happens to sound on its way: codecs, speed, rooms, noise, music above it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from scipy.signal import butter, fftconvolve, resample_poly, sosfilt

from tests.watermark.sound import sounds

Sound = sounds.Sound
Apply = Callable[[Sound, int], tuple[Sound, int]]


@dataclass(frozen=True)
class Attack:
    """apply: float32[1, n] and its rate to what arrives and its rate; required: whether 10 s must give the mark."""

    name: str
    apply: Apply
    required: bool = True


def attacks() -> list[Attack]:
    """In the order of the table."""
    return [
        Attack("none", lambda x, rate: (x, rate)),
        *(Attack(f"AAC {k} kb/s", _codec("aac", k)) for k in (128, 96, 64)),
        *(Attack(f"MP3 {k} kb/s", _codec("libmp3lame", k)) for k in (128, 64)),
        *(Attack(f"Opus {k} kb/s", _codec("libopus", k), k >= 32) for k in (64, 32, 16)),
        Attack("three generations: AAC 96, Opus 32, MP3 64", _generations),
        Attack("resampled to 16 kHz", lambda x, rate: (sounds.resampled(x, rate, 16_000), 16_000)),
        Attack("resampled to 8 kHz", lambda x, rate: (sounds.resampled(x, rate, 8_000), 8_000), False),
        Attack("low pass 4 kHz", _same_rate(_low_pass)),
        Attack("volume -20 dB", _same_rate(lambda x, rate: 0.1 * x)),
        Attack("upside down, bass +6 dB, treble -6 dB", _same_rate(_tilted)),
        Attack("clipped at the 97th percentile", _same_rate(_clipped)),
        Attack("compressed 4:1", _same_rate(_compressed)),
        *(Attack(f"speed and pitch {f:+.0%}", _same_rate(_resampling(1 + f))) for f in (-0.05, -0.03, 0.03, 0.05)),
        *(Attack(f"tempo {f:+.0%}, pitch kept", _same_rate(_stretching(1 + f))) for f in (-0.03, 0.03)),
        *(Attack(f"pitch {f:+.0%}, tempo kept", _same_rate(_shifting(1 + f))) for f in (-0.03, 0.03)),
        *(Attack(f"tempo {f:g}, pitch kept", _same_rate(_stretching(f)), False) for f in (0.8, 1.25)),
        Attack("white noise at 20 dB", _same_rate(lambda x, rate: _with_noise(x, 20))),
        *(Attack(f"room, RT60 {rt} s", _same_rate(_room(rt))) for rt in (0.4, 0.5, 0.6)),
        Attack("under music at +6 dB", _same_rate(_under_music(6)), False),
        Attack("under music at 0 dB", _same_rate(_under_music(0))),
        Attack("room 0.4 s, noise 25 dB, AAC 64 kb/s", _recorded_by_phone, False),
    ]


def _same_rate(change: Callable[[Sound, int], Sound]) -> Apply:
    return lambda x, rate: (np.asarray(change(x, rate), dtype=np.float32), rate)


def _codec(name: str, kilobits: int) -> Apply:
    return lambda x, rate: sounds.recoded(x, rate, name, 1000 * kilobits)


def _generations(x: Sound, rate: int) -> tuple[Sound, int]:
    for codec, bits in (("aac", 96_000), ("libopus", 32_000), ("libmp3lame", 64_000)):
        x, rate = sounds.recoded(x, rate, codec, bits)
    return x, rate


def _low_pass(x: Sound, rate: int) -> Sound:
    return np.asarray(sosfilt(butter(8, 4000, fs=rate, output="sos"), x))


def _tilted(x: Sound, rate: int) -> Sound:
    low = sosfilt(butter(1, 1000, fs=rate, output="sos"), x)
    return np.asarray(-0.5 * (4 * low + x - low))


def _clipped(x: Sound, rate: int) -> Sound:
    top = np.percentile(np.abs(x), 97)
    return np.clip(x, -top, top)


def _compressed(x: Sound, rate: int) -> Sound:
    """Levels above -30 dB of the peak rise at a quarter of the slope; 5 ms attack and release."""
    level = np.sqrt(sosfilt(butter(1, 30, fs=rate, output="sos"), np.square(x)).clip(1e-12))
    threshold = level.max() * 10**-1.5
    return x * np.minimum(1, (level / threshold) ** -0.75)


def _resampling(factor: float) -> Callable[[Sound, int], Sound]:
    ratio = Fraction(factor).limit_denominator(200)
    return lambda x, rate: resample_poly(x, ratio.denominator, ratio.numerator, axis=1)


def _stretching(tempo: float) -> Callable[[Sound, int], Sound]:
    """Overlap-add of the most similar waveforms (WSOLA, Verhelst and Roelands 1993), as players do it."""

    def apply(x: Sound, rate: int) -> Sound:
        half, reach = round(0.02 * rate), round(0.012 * rate)
        window = np.hanning(2 * half + 1)[:-1]
        out = np.zeros((len(x), int(x.shape[1] / tempo) + 2 * half))
        mono, at, last = x.mean(axis=0), 0, 0
        for k in range(int(x.shape[1] / tempo) // half):
            at = int(k * half * tempo)
            if k:
                at = _most_similar(mono, last + half, at, half, reach)
            if at < 0 or at + 2 * half > x.shape[1]:
                break
            out[:, k * half : (k + 2) * half] += x[:, at : at + 2 * half] * window
            last = at
        return out[:, : int(x.shape[1] / tempo)]

    return apply


def _most_similar(mono: Sound, wanted: int, near: int, length: int, reach: int) -> int:
    """Where, within reach of `near`, the sound goes on most like at `wanted`; -1 at the end."""
    begin = max(0, near - reach)
    target, around = mono[wanted : wanted + length], mono[begin : near + reach + length]
    if len(target) < length or len(around) < length:
        return -1
    energy = np.convolve(np.square(around), np.ones(length), "valid")
    return begin + int(np.argmax(np.correlate(around, target, "valid") / np.sqrt(energy + 1e-9)))


def _shifting(pitch: float) -> Callable[[Sound, int], Sound]:
    return lambda x, rate: _resampling(pitch)(_stretching(1 / pitch)(x, rate), rate)


def _with_noise(x: Sound, snr_db: float) -> Sound:
    noise = np.random.default_rng(0).standard_normal(x.shape) * np.sqrt(np.square(x).mean())
    return x + noise * 10 ** (-snr_db / 20)


def _room(rt60_s: float) -> Callable[[Sound, int], Sound]:
    """Direct sound and, of equal energy, noise that decays by 60 dB in `rt60_s`, beginning 3 ms later."""

    def apply(x: Sound, rate: int) -> Sound:
        t = np.arange(round(1.2 * rt60_s * rate)) / rate
        echo = np.random.default_rng(0).standard_normal(len(t)) * 10 ** (-3 * t / rt60_s) * (t > 0.003)
        response = echo / np.sqrt(np.square(echo).sum())
        response[0] = 1
        return np.asarray(fftconvolve(x, response[None], axes=1)[:, : x.shape[1]])

    return apply


def _under_music(snr_db: float) -> Callable[[Sound, int], Sound]:
    def apply(x: Sound, rate: int) -> Sound:
        above = sounds.music(x.shape[1] / rate + 0.1, rate, seed=5)[:, : x.shape[1]]
        level = np.sqrt(np.square(x).mean() / np.square(above).mean())
        return x + above * level * 10 ** (-snr_db / 20)

    return apply


def _recorded_by_phone(x: Sound, rate: int) -> tuple[Sound, int]:
    heard = _with_noise(_room(0.4)(x, rate), 25).astype(np.float32)
    return sounds.recoded(heard, rate, "aac", 64_000)
