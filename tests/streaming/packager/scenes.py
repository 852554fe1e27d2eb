"""Small moving pictures with exact sound, and sessions made of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import av
import numpy as np
from numpy.typing import NDArray

from avatars.media import frame_of
from streaming.packager.packager import Packager, Segment
from streaming.packager.spec import Rendition, StreamSpec

START_NS = 1_790_000_000_000_000_000
SPEC = StreamSpec(
    (Rendition("high", 360, 640, 800_000), Rendition("low", 180, 320, 300_000)), preset="ultrafast"
)
SMALL = StreamSpec((Rendition("low", 180, 320, 300_000),), preset="ultrafast")


def pictures(count: int, *, width: int = 180, height: int = 320, first: int = 0) -> Iterator[av.VideoFrame]:
    """A grey ramp that moves; frame 25 of every 50 is white, so that a click can be held against it."""
    ramp = np.tile((np.arange(width) * 160 // width + 40).astype(np.uint8), (height, 1))
    chroma = np.full((height // 2, width // 2), 128, np.uint8)
    for index in range(first, first + count):
        luma = np.full_like(ramp, 235) if index % 50 == 25 else np.roll(ramp, 3 * index, axis=1)
        yield frame_of((luma, chroma, chroma))


def sound(count: int, *, fps: int = 25, rate: int = 48_000, first: int = 0) -> NDArray[np.float32]:
    """A quiet tone with a click of 5 ms where the white frame begins: float32 [count * rate / fps]."""
    step = rate // fps
    places = np.arange(first * step, (first + count) * step)
    tone = 0.02 * np.sin(2 * np.pi * 220 * places / rate)
    click = (places % (50 * step) - 25 * step >= 0) & (places % (50 * step) - 25 * step < rate // 200)
    return np.where(click, 0.8, tone).astype(np.float32)


@dataclass
class Session:
    """What one packager made."""

    packager: Packager
    segments: list[Segment]

    def of(self, rendition: str) -> list[Segment]:
        return [segment for segment in self.segments if segment.rendition == rendition]

    def file(self, rendition: str) -> bytes:
        """Init and segments one after the other: a file any player opens."""
        return self.packager.init(rendition) + b"".join(segment.data for segment in self.of(rendition))


def session(spec: StreamSpec, frames: int, *, start_ns: int = START_NS, first_sequence: int = 0) -> Session:
    """Package `frames` frames with their sound, to the end."""
    packager = Packager(spec, start_ns=start_ns, first_sequence=first_sequence)
    size = spec.renditions[0]
    step = packager.clock.samples_for()
    whole = sound(frames, fps=spec.fps, rate=spec.sample_rate)
    segments: list[Segment] = []
    for index, picture in enumerate(pictures(frames, width=size.width, height=size.height)):
        segments += packager.push(picture, np.tile(whole[index * step : (index + 1) * step], (spec.channels, 1)))
    return Session(packager, segments + packager.finish())
