"""From frames and samples to finished segments: each is `bytes` before anybody can fetch it.

Picture and sound of a rendition share one segment (docs/live-media.md says why): one sequence to sign per rendition,
and sound never travels without the labelled picture.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace
from fractions import Fraction

import av
import numpy as np
from numpy.typing import NDArray

from streaming.clock import MediaClock, frames_to_ns
from streaming.packager.boxes import Sample, init_segment, media_segment, with_number
from streaming.packager.encoders import AudioEncoder, VideoEncoder
from streaming.packager.errors import MediaRefused
from streaming.packager.spec import AAC_FRAME, VIDEO_TIMESCALE, Rendition, StreamSpec

_ASPECT_TOLERANCE = Fraction(1, 100)


@dataclass(frozen=True)
class Segment:
    """One segment of one rendition.

    `sequence`: number in the playlist. `first_frame`, `frames`: its place in the session, in frame intervals.
    `start_ns`: wall time (UTC, ns since 1970) of its first picture. `ticks`: duration in 1/90,000 s.
    """

    rendition: str
    sequence: int
    first_frame: int
    frames: int
    start_ns: int
    ticks: int
    data: bytes

    @property
    def duration(self) -> Fraction:
        """Seconds."""
        return Fraction(self.ticks, VIDEO_TIMESCALE)

    def numbered(self, sequence: int, *, fragment: int) -> Segment:
        """The same segment at another place in the list, before it is signed.

        `fragment`: mfhd's number inside the bytes, which has to be the signed number (C2PA 2.4, 19.4.2).
        """
        return replace(self, sequence=sequence, data=with_number(self.data, fragment))


@dataclass
class _Lane:
    """One encoder and the coded frames that wait for their segment; several renditions may share it."""

    encoder: VideoEncoder
    waiting: deque[Sample] = field(default_factory=deque)


class Packager:
    """One session: from its first frame to `finish`, one init segment per rendition, media time from 0.

    The same frames and samples give the same bytes. Segments hold whole groups of pictures, begin with an IDR frame
    and close by count; a segment comes out once its sound is encoded, two AAC frames after its last picture.
    """

    def __init__(self, spec: StreamSpec, *, start_ns: int, first_sequence: int = 0) -> None:
        """`start_ns`: wall time of the first frame. `first_sequence`: number of the first segment.

        Raises:
            MediaRefused: encoder_unavailable.
        """
        self.spec, self.start_ns, self._sequence = spec, start_ns, first_sequence
        self.clock = MediaClock(spec.fps, spec.sample_rate)
        self._audio = AudioEncoder(spec)
        pictures = {_picture(rendition): rendition for rendition in spec.renditions}
        lanes = {picture: _Lane(VideoEncoder(spec, rendition)) for picture, rendition in pictures.items()}
        self._lanes = {rendition.name: lanes[_picture(rendition)] for rendition in spec.renditions}
        self._distinct = list(lanes.values())
        self._sound: deque[Sample] = deque()
        self._sound_end = 0
        self._bounds: deque[int] = deque()
        self._opened = self._cut_at = 0
        self._finished = False

    def init(self, rendition: str) -> bytes:
        """The init segment; known before the first frame, so that it can be signed ahead."""
        return init_segment(self._lanes[rendition].encoder.track, self._audio.track)

    def codecs(self, rendition: str) -> str:
        """CODECS of RFC 6381 for playlists and Media Source."""
        return f"{self._lanes[rendition].encoder.codec_string},{self._audio.codec_string}"

    @property
    def next_sequence(self) -> int:
        """Number that the next segment will bear."""
        return self._sequence

    def wall_ns(self, frame: int) -> int:
        """Wall time of a frame of this session, from counters."""
        return self.start_ns + frames_to_ns(frame, self.spec.fps)

    def push(self, frame: av.VideoFrame, samples: NDArray[np.float32], *, frames: int = 1) -> list[Segment]:
        """Take one picture, shown for `frames` frame intervals, and exactly its sound.

        `frame`: yuv420p of any size with the renditions' shape. `samples`: float32 in -1..1, [n] or [channels, n]
        with n = `clock.samples_for(frames)`. Returns the segments that are complete, one per rendition each time.

        Raises:
            MediaRefused: picture_shape, samples_mismatch, package_finished.
        """
        if self._finished:
            raise MediaRefused("package_finished", "This session has ended; begin a new one.")
        sound = self._checked(frame, samples, frames)
        slot = self.clock.advance(frames)
        key = slot.first == 0 or slot.first - self._opened >= self.spec.segment_frames
        if key and slot.first:
            self._bounds.append(slot.first)
            self._opened = slot.first
        ticks = self.spec.frame_ticks
        for lane in self._distinct:
            coded = lane.encoder.encode(frame, time=slot.first * ticks, duration=frames * ticks, key=key)
            lane.waiting.append(coded)
        self._hear(self._audio.encode(sound))
        return self._cut()

    def finish(self) -> list[Segment]:
        """Close the last segment, however short, and end the session."""
        if self._finished:
            return []
        self._finished = True
        self._hear(self._audio.finish())
        if self.clock.frames > self._opened:
            self._bounds.append(self.clock.frames)
        return self._cut()

    def _checked(self, frame: av.VideoFrame, samples: NDArray[np.float32], frames: int) -> NDArray[np.float32]:
        first = self.spec.renditions[0]
        wanted = Fraction(first.width, first.height)
        if frame.format.name != "yuv420p" or abs(Fraction(frame.width, frame.height) / wanted - 1) > _ASPECT_TOLERANCE:
            text = f"Pictures must be yuv420p in the shape {first.width}x{first.height}."
            raise MediaRefused("picture_shape", text, width=frame.width, height=frame.height, format=frame.format.name)
        sound = np.atleast_2d(np.asarray(samples, np.float32))
        expected = (self.spec.channels, self.clock.samples_for(frames))
        if frames < 1 or sound.shape != expected:
            text = "A picture must come with exactly the sound of its time."
            raise MediaRefused("samples_mismatch", text, expected=expected, got=sound.shape)
        return sound

    def _hear(self, coded: list[Sample]) -> None:
        self._sound += coded
        if coded:
            self._sound_end = coded[-1].time + AAC_FRAME

    def _cut(self) -> list[Segment]:
        segments: list[Segment] = []
        while self._bounds and (self._finished or self._sound_end >= self.clock.samples_for(self._bounds[0])):
            segments += self._close(self._bounds.popleft())
        return segments

    def _close(self, bound: int) -> list[Segment]:
        """One segment of every rendition that ends where frame `bound` begins."""
        sound = _take(self._sound, self.clock.samples_for(bound))
        first, self._cut_at = self._cut_at, bound
        sequence, self._sequence = self._sequence, self._sequence + 1
        wall_ns, ticks = self.wall_ns(first), self.spec.frame_ticks
        bodies = {
            id(lane): media_segment(sequence + 1, _take(lane.waiting, bound * ticks), sound, wall_ns=wall_ns)
            for lane in self._distinct
        }
        return [
            Segment(name, sequence, first, bound - first, wall_ns, (bound - first) * ticks, bodies[id(lane)])
            for name, lane in self._lanes.items()
        ]


def _picture(rendition: Rendition) -> tuple[int, int, int]:
    """What two renditions must share to share an encoder."""
    return rendition.width, rendition.height, rendition.bitrate


def _take(samples: deque[Sample], end: int) -> list[Sample]:
    """Remove and return the samples that begin before `end`."""
    taken: list[Sample] = []
    while samples and samples[0].time < end:
        taken.append(samples.popleft())
    return taken
