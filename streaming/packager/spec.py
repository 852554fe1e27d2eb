"""What one room sends: picture sizes, rates, and the bandwidth that follows from them."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from fractions import Fraction

from streaming.packager.errors import MediaRefused

VIDEO_TIMESCALE = 90_000
"""Ticks per second of every picture track: 12.5, 25, 30, 50 and 60 frames/s are whole numbers of ticks."""
AAC_FRAME = 1024
"""Samples of one AAC-LC frame (ISO/IEC 14496-3, 4.5.1.1)."""

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,30}")
_AUDIO_PEAK = Fraction(5, 4)  # the AAC encoder keeps its rate on average; a single second may exceed it
_BOX_BYTES = 2_048  # styp, prft, the signature's emsg, moof without its tables
_ENTRY_BYTES = 12  # one frame's line in a trun


@dataclass(frozen=True)
class Rendition:
    """One picture size. `bitrate`: cap of the picture in bits/s; `name` becomes a folder and part of addresses."""

    name: str
    width: int
    height: int
    bitrate: int


@dataclass(frozen=True)
class StreamSpec:
    """Everything a `Packager` must know before the first frame.

    `fps`: 10..60, a divisor of `sample_rate` and of 90,000. `segment_s`: 1..6 whole seconds. `channels`: 1 or 2.
    `preset`: x264's speed. `crf`: constant quality 0..51, below the cap of each rendition.

    Raises:
        MediaRefused: stream_spec_invalid.
    """

    renditions: tuple[Rendition, ...]
    fps: int = 25
    segment_s: int = 1
    sample_rate: int = 48_000
    channels: int = 1
    audio_bitrate: int = 96_000
    codec: str = "libx264"
    preset: str = "veryfast"
    crf: int = 23

    def __post_init__(self) -> None:
        names = [rendition.name for rendition in self.renditions]
        problems = [
            (not names or len(set(names)) < len(names), "every rendition needs a name of its own"),
            (any(not _NAME.fullmatch(name) for name in names), "names consist of a-z, 0-9 and -"),
            (any(r.width % 2 or r.height % 2 or min(r.width, r.height) < 64 for r in self.renditions),
             "sides are even and at least 64 pixels"),
            (any(r.bitrate < 50_000 for r in self.renditions), "a picture needs at least 50,000 bits/s"),
            (not 10 <= self.fps <= 60 or self.sample_rate % self.fps != 0 or VIDEO_TIMESCALE % self.fps != 0,
             "frames per second must divide the sample rate and 90,000"),
            (not 1 <= self.segment_s <= 6, "a segment lasts 1 to 6 seconds"),
            (self.channels not in (1, 2), "sound has one or two channels"),
            (self.sample_rate not in (32_000, 44_100, 48_000), "sound is sampled at 32, 44.1 or 48 kHz"),
            (not 0 <= self.crf <= 51, "crf lies in 0..51"),
        ]  # fmt: skip
        for wrong, text in problems:
            if wrong:
                raise MediaRefused("stream_spec_invalid", f"The stream cannot be set up like this: {text}.")

    @property
    def segment_frames(self) -> int:
        return self.segment_s * self.fps

    @property
    def frame_ticks(self) -> int:
        return VIDEO_TIMESCALE // self.fps

    def rendition(self, name: str) -> Rendition:
        return next(rendition for rendition in self.renditions if rendition.name == name)

    def buffer_bits(self, rendition: Rendition) -> int:
        """The decoder's buffer that the encoder keeps to (VBV): half a segment at the cap."""
        return rendition.bitrate * self.segment_s // 2

    def peak_bandwidth(self, rendition: Rendition) -> int:
        """Bits/s that no segment exceeds: EXT-X-STREAM-INF BANDWIDTH (RFC 8216, 4.3.4.2).

        A buffer of B bits that fills at R bits/s lets through at most R + B/T bits/s in T seconds.
        """
        picture = rendition.bitrate + Fraction(self.buffer_bits(rendition), self.segment_s)
        return int(picture + self.audio_bitrate * _AUDIO_PEAK) + self._overhead()

    def average_bandwidth(self, rendition: Rendition) -> int:
        """Bits/s over a long time, at most."""
        return rendition.bitrate + self.audio_bitrate + self._overhead()

    def _overhead(self) -> int:
        entries = self.fps + self.sample_rate // AAC_FRAME + 1
        return 8 * (_BOX_BYTES // self.segment_s + entries * _ENTRY_BYTES)

    def reduced(self) -> StreamSpec:
        """The same renditions by name, every picture as small as the smallest: it is encoded once and sent as all."""
        smallest = min(self.renditions, key=lambda rendition: rendition.width * rendition.height)
        return replace(self, renditions=tuple(replace(smallest, name=rendition.name) for rendition in self.renditions))
