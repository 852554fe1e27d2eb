"""Sounds that tests and the bench mark: the built-in voice, invented music, and what codecs leave of them."""

from __future__ import annotations

import functools
import io
from fractions import Fraction

import av
import numpy as np
import numpy.typing as npt
from scipy.signal import resample_poly

from avatars.speech import Voice, speak

Sound = npt.NDArray[np.float32]

_CHINESE = (
    "大家好，欢迎来到我们的直播间。今天给大家带来一款非常好用的保温杯，现在下单只要九十九元。它的容量是五百毫升，"
    "可以保温十二个小时，里面是不锈钢的。想要的朋友请点击下面的链接，我们今天还有小礼物送给大家。"
)
_ENGLISH = (
    "Hello everyone, and welcome to our show. Today we have a very handy bottle for you. It keeps tea warm for twelve "
    "hours. The price is nineteen dollars, and there is a small gift with every order. If you have a question, just "
    "write it in the chat, and I will answer it now. Thank you all for coming, and see you again tomorrow."
)


@functools.cache
def _spoken(language: str) -> Sound:
    if language == "zh":
        return speak(_CHINESE, "zh").samples
    return speak(_ENGLISH, "en", Voice(pitch_hz=200.0, formant_scale=1.15)).samples


def speech(language: str, seconds: float, sample_rate: int = 48_000) -> Sound:
    """float32[1, n]: a man in "zh", a woman in "en", up to 17 s, with the pauses between sentences."""
    spoken = _spoken(language)[: round(seconds * 24_000)]
    return resampled(spoken[None], 24_000, sample_rate)


def resampled(samples: Sound, from_hz: int, to_hz: int) -> Sound:
    """float32[channels, n * to_hz / from_hz]."""
    common = int(np.gcd(from_hz, to_hz))
    if from_hz == to_hz:
        return samples
    return np.asarray(resample_poly(samples, to_hz // common, from_hz // common, axis=1), dtype=np.float32)


def music(seconds: float, sample_rate: int = 48_000, seed: int = 0) -> Sound:
    """float32[1, n]: four chords, a melody, bass drum, snare and hi-hat at 120 beats a minute."""
    rng = np.random.default_rng(seed)
    out = np.zeros(round(seconds * sample_rate))
    half_beats = int(seconds / 0.25)
    for i in range(half_beats):
        at = round(i * 0.25 * sample_rate)
        if i % 8 == 0:
            root = 220 * 2 ** ((0, 5, 7, 3)[i // 8 % 4] / 12)
            for interval in (0, 4, 7, 12):
                _add(out, at, _tone(root * 2 ** (interval / 12), 2.0, sample_rate, 8, 0.6, rng) * 0.06)
        if i % 2 == 0:
            pitch = 440 * 2 ** (rng.choice([0, 2, 4, 7, 9, 12]) / 12)
            _add(out, at, _tone(pitch, 0.4, sample_rate, 5, 3.0, rng) * 0.12)
        _add(out, at, _drum(i, sample_rate, rng))
    return (0.7 * out / np.abs(out).max()).astype(np.float32)[None]


def _add(out: npt.NDArray[np.float64], at: int, sound: npt.NDArray[np.float64]) -> None:
    part = out[at : at + len(sound)]
    part += sound[: len(part)]


def _tone(
    pitch: float, seconds: float, rate: int, harmonics: int, decay: float, rng: np.random.Generator
) -> npt.NDArray[np.float64]:
    t = np.arange(round(seconds * rate)) / rate
    order = np.arange(1, harmonics + 1)[:, None]
    waves = np.sin(2 * np.pi * pitch * order * t + rng.uniform(0, 2 * np.pi, (harmonics, 1))) / order
    return np.asarray(waves.sum(axis=0) * np.exp(-decay * t) * np.minimum(1, 150 * t))


def _drum(i: int, rate: int, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    t = np.arange(round(0.2 * rate)) / rate
    noise = rng.standard_normal(len(t))
    out = 0.08 * np.diff(noise, prepend=0) * np.exp(-60 * t)
    if i % 4 == 0:
        out += 0.6 * np.sin(2 * np.pi * (50 + 80 * np.exp(-30 * t)) * t) * np.exp(-18 * t)
    if i % 4 == 2:
        out += 0.3 * noise * np.exp(-25 * t)
    return np.asarray(out)


def recoded(samples: Sound, sample_rate: int, codec: str, bit_rate: int) -> tuple[Sound, int]:
    """What is left of float32[1 or 2, n] after one of the codecs aac, libmp3lame and libopus, and its rate."""
    layout = "mono" if len(samples) == 1 else "stereo"
    file = io.BytesIO()
    with av.open(file, "w", format={"aac": "adts", "libmp3lame": "mp3", "libopus": "ogg"}[codec]) as out:
        stream = out.add_stream(codec, rate=48_000 if codec == "libopus" else sample_rate)
        stream.bit_rate, stream.layout = bit_rate, layout
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples), format="fltp", layout=layout)
        frame.sample_rate, frame.pts, frame.time_base = sample_rate, 0, Fraction(1, sample_rate)
        context = stream.codec_context
        resampler = av.AudioResampler(
            context.format.name, layout, context.sample_rate, frame_size=context.frame_size or 1024
        )
        for part in [*resampler.resample(frame), *resampler.resample(None)]:
            out.mux(stream.encode(part))
        out.mux(stream.encode(None))
    file.seek(0)
    return decoded(file)


def decoded(source: io.BytesIO | str) -> tuple[Sound, int]:
    """The first sound stream of a file, float32[channels, n], and its rate."""
    with av.open(source) as container:
        rate = container.streams.audio[0].sample_rate
        resampler = av.AudioResampler("fltp")
        parts = [part.to_ndarray() for frame in container.decode(audio=0) for part in resampler.resample(frame)]
    return np.concatenate(parts, axis=1), rate
