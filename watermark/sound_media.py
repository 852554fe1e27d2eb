"""Sound tracks in and out: decoded to blocks of samples, marked, encoded in step with the picture."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import av.error
import numpy as np
import numpy.typing as npt
from av.container import OutputContainer

from watermark.containers import sound_encoding
from watermark.errors import BadMedia
from watermark.sound import SoundEmbedder, SoundPattern
from watermark.sources import decodable_sound, opened, samples_of

Samples = npt.NDArray[np.float32]
_GAP_S = 0.1
"""Sound that arrives so much later than the sound before it ended left a gap; less is rounding of times."""

_LONGEST_GAP_S = 60.0


def decoded_samples(source: Path | str) -> tuple[int, Iterator[Samples]]:
    """The sample rate of the first audio stream and its sound in blocks float32[channels, n] of full scale 1.

    What cannot be decoded is passed over. Raises `BadMedia`: file_not_found, not_media, no_sound.
    """
    with opened(source) as container:
        if not container.streams.audio:
            raise BadMedia("no_sound", "The file has no audio stream.")
        rate = container.streams.audio[0].rate
    return rate, _blocks(source)


def _blocks(source: Path | str) -> Iterator[Samples]:
    with opened(source) as container:
        stream = container.streams.audio[0] if container.streams.audio else None
        planar = _Planar(stream.rate, stream.codec_context.layout.name) if stream else None
        for frame in decodable_sound(container):
            assert planar is not None
            for samples, _ in planar.of(frame):
                yield samples
        if planar is not None:
            for samples, _ in planar.of(None):
                yield samples


class _Planar:
    """Frames of any sample format as planes of float; rate and channels stay as they are."""

    def __init__(self, rate: int, layout: str) -> None:
        self._resampler = av.AudioResampler(format="fltp", layout=layout, rate=rate)

    def of(self, frame: av.AudioFrame | None) -> Iterator[tuple[Samples, float | None]]:
        """Blocks with the times at which they begin."""
        for out in self._resampler.resample(frame):
            yield samples_of(out), out.time


class MarkedSound:
    """One audio stream on its way from a source to an output: decoded, marked, encoded.

    Times are kept: the first sample stays where it was, and a gap in the source is filled with silence.
    """

    def __init__(
        self, source: av.AudioStream, out: OutputContainer, suffix: str, pattern: SoundPattern, *, lossless: bool
    ) -> None:
        self._source = source
        given = source.codec_context
        encoding = sound_encoding(suffix, source, lossless=lossless)
        rates = av.Codec(encoding.codec, "w").audio_rates
        rate = given.sample_rate if not rates or given.sample_rate in rates else _nearest(given.sample_rate, rates)
        encoder = out.add_stream(encoding.codec, rate=rate, layout=given.layout.name)
        assert isinstance(encoder, av.AudioStream)
        encoder.metadata.update(_kept_tags(source))
        if encoding.bit_rate:
            encoder.bit_rate = encoding.bit_rate
        _keep_depth(encoder, given)
        self._encoder = encoder
        self._pattern = pattern
        self._planar = _Planar(given.sample_rate, given.layout.name)
        self._layout = given.layout.name
        self._embedder: SoundEmbedder | None = None
        self._start = 0
        self._taken = self._given = 0

    @property
    def seconds(self) -> float:
        """Length of the sound that was written."""
        return self._given / self._source.rate

    def take(self, packet: av.Packet[Any]) -> Iterator[av.Packet[Any]]:
        """The packets of the output that became ready with a packet of the source (or its flush marker)."""
        for frame in self._source.decode(packet):
            for samples, time in self._planar.of(frame):
                yield from self._marked(samples, time)

    def end(self) -> Iterator[av.Packet[Any]]:
        """The rest."""
        for samples, time in self._planar.of(None):
            yield from self._marked(samples, time)
        if self._embedder is None:
            raise BadMedia("decode_failed", "No sound of the audio stream can be decoded.")
        yield from self._encoded(self._embedder.flush())
        yield from self._encoder.encode(None)

    def _marked(self, samples: Samples, time: float | None) -> Iterator[av.Packet[Any]]:
        rate = self._source.rate
        if self._embedder is None:
            self._start = round((time or 0.0) * rate)
            self._embedder = SoundEmbedder(self._pattern, rate, len(samples), self._start / rate)
        gap = round((time or 0.0) * rate) - self._start - self._taken if time is not None else 0
        if gap > _LONGEST_GAP_S * rate:
            raise BadMedia("sound_gap", "The sound pauses for more than a minute; split the file there.")
        if gap > _GAP_S * rate:
            samples = np.concatenate([np.zeros((len(samples), gap), np.float32), samples], axis=1)
        self._taken += samples.shape[1]
        yield from self._encoded(self._embedder.process(samples))

    def _encoded(self, samples: Samples) -> Iterator[av.Packet[Any]]:
        if not samples.shape[1]:
            return
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples), format="fltp", layout=self._layout)
        frame.sample_rate, frame.time_base = self._source.rate, Fraction(1, self._source.rate)
        frame.pts = self._start + self._given
        self._given += samples.shape[1]
        yield from self._encoder.encode(frame)


def _keep_depth(encoder: av.AudioStream, given: av.AudioCodecContext) -> None:
    """24-bit sound stays so in FLAC and ALAC, which otherwise would take 16 bits."""
    formats = {f.name for f in encoder.codec_context.codec.audio_formats or ()}
    deep = (given.format.bits if given.format else 16) > 16
    for name in ("s32", "s32p") if deep else ("s16", "s16p"):
        if name in formats and encoder.codec_context.name in ("flac", "alac"):
            encoder.codec_context.format = name


def _nearest(rate: int, rates: list[int]) -> int:
    """The next higher rate, so that nothing is cut off, else the highest."""
    return min((r for r in rates if r >= rate), default=max(rates))


def _kept_tags(source: av.AudioStream) -> dict[str, str]:
    return {name: value for name, value in source.metadata.items() if name in ("language", "title")}
