"""Video files with a mark: which stream is marked, and all that is kept of the rest."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import av.error
from av.container import InputContainer, OutputContainer

from watermark.containers import PictureEncoding, format_name, picture_encoding
from watermark.errors import BadMedia
from watermark.pattern import MarkPattern
from watermark.picture_marking import FrameMarker
from watermark.sound import SoundPattern
from watermark.sound_media import MarkedSound
from watermark.sources import EndWatch, decoding, length_s, picture_of, pictures_of

Progress = Callable[[float], None]
_WITH_COVER = (".mp3", ".flac", ".m4a", ".mka")
_HELD_PACKETS = 5000
"""Sound that may come before the first picture; the header cannot be written before that is known."""


@dataclass(frozen=True)
class Marking:
    """What is to be done: the patterns of the tracks to be marked (None: copied), and how."""

    picture: MarkPattern | None
    sound: SoundPattern | None
    lossless: bool = False
    progress: Progress | None = None


@dataclass(frozen=True)
class EmbedReport:
    """What was written.

    kind: "video", "image" or "sound"; marked: the tracks that carry the mark; frames, width, height: of the stored
    picture; seconds: length; pixel_format and source_pixel_format: of the picture ("" for sound alone);
    sound_streams: how many were copied or marked; notes: what could not be kept, for a person; read_back: the tracks
    from which the mark was read again, None if that was not asked for.
    """

    kind: str
    marked: tuple[str, ...]
    frames: int
    width: int
    height: int
    seconds: float
    pixel_format: str
    source_pixel_format: str
    sound_streams: int
    notes: tuple[str, ...] = ()
    read_back: tuple[str, ...] | None = None


class Copy:
    """One run from an open source to an unfinished target: the first video stream and all sound, or sound alone.

    Subtitles and data streams are left out. Raises `BadMedia`.
    """

    def __init__(self, source: InputContainer, target: Path, marking: Marking) -> None:
        self._source = source
        self._target = target
        self._suffix = target.suffix.lower()
        self._marking = marking
        self._video = picture_of(source) if marking.picture is not None else None
        self._encoder: Any = None
        self._encoding: PictureEncoding | None = None
        self._marker: FrameMarker | None = None
        self._end = EndWatch(source)
        self._frames = 0
        self._last_s = 0.0
        self._held: list[av.Packet[Any]] = []

    def run(self) -> EmbedReport:
        """Everything, from the first packet to the trailer."""
        try:
            with av.open(str(self._target), "w", format=format_name(self._target)) as out:
                self._out = out
                self._marked_sound: dict[int, MarkedSound] = {}
                self._copied: dict[int, Any] = {}
                for stream in self._source.streams.audio:
                    self._add_sound(stream)
                if self._video is None:
                    self._add_pictures()
                self._carry_over()
                self._finish()
        except (av.error.FFmpegError, OSError) as error:
            raise BadMedia("output_not_written", f"The output cannot be written: {error.strerror}.") from error
        return self._report()

    def _add_sound(self, stream: av.AudioStream) -> None:
        if self._marking.sound is not None:
            self._marked_sound[stream.index] = MarkedSound(
                stream, self._out, self._suffix, self._marking.sound, lossless=self._marking.lossless
            )
        else:
            self._copied[stream.index] = _copy(self._out, stream)

    def _add_pictures(self) -> None:
        """Where only the sound is marked: the film, or the cover of a record if the output has room for one."""
        for stream in self._source.streams.video:
            if stream in pictures_of(self._source):
                self._copied[stream.index] = _copy(self._out, stream)
            elif self._suffix in _WITH_COVER:
                self._copied[stream.index] = _copy(self._out, stream)
                self._copied[stream.index].disposition = av.stream.Disposition.attached_pic

    def _carry_over(self) -> None:
        streams = [s for s in self._source.streams if s == self._video or s.index in self._wanted()]
        for packet in self._packets(streams):
            self._end.see(packet)
            self._tell_progress(packet)
            if self._video is not None and packet.stream.index == self._video.index:
                self._take_picture(packet)
            else:
                self._held.append(packet)
                if len(self._held) > _HELD_PACKETS:
                    raise BadMedia("no_picture", "No frame of the video stream can be decoded.")
            if self._encoder is not None or self._video is None:
                self._take_sound()
        self._end.check()

    def _wanted(self) -> set[int]:
        return self._copied.keys() | self._marked_sound.keys()

    def _packets(self, streams: list[Any]) -> Iterator[av.Packet[Any]]:
        packets = self._source.demux(streams)
        while True:
            with decoding():
                packet = next(packets, None)
            if packet is None:
                return
            yield packet

    def _take_picture(self, packet: av.Packet[Any]) -> None:
        assert self._video is not None
        with decoding():
            frames = self._video.decode(packet)
        for frame in frames:
            if frame.is_corrupt:
                raise BadMedia("decode_failed", f"The file is damaged at {frame.time or 0:.1f} s; fetch it again.")
            if self._encoder is None:
                self._start(frame)
            elif (frame.width, frame.height) != (self._encoder.width, self._encoder.height):
                raise BadMedia("size_changes", "The picture changes its size within the file; split it there.")
            self._encode(frame)

    def _start(self, frame: av.VideoFrame) -> None:
        assert self._video is not None
        given = self._video.codec_context
        if self._video.metadata.get("alpha_mode") == "1" and not self._suffix == ".webm":
            raise BadMedia("transparency", "The picture is transparent; write a .webm to keep that.")
        lossless = self._marking.lossless
        encoding = picture_encoding(self._suffix, frame.format, frame.width, frame.height, lossless=lossless)
        encoder: Any = self._out.add_stream(
            encoding.codec, rate=self._video.average_rate or 25, options=dict(encoding.options)
        )
        encoder.width, encoder.height, encoder.pix_fmt = frame.width, frame.height, encoding.pixel_format
        context = encoder.codec_context
        context.time_base = self._time_base()
        if encoding.codec == "libx265" and self._suffix in (".mp4", ".m4v", ".mov"):
            context.codec_tag = "hvc1"  # what Apple's players insist on
        if given.sample_aspect_ratio:
            context.sample_aspect_ratio = given.sample_aspect_ratio
        self._encoder, self._encoding = encoder, encoding
        self._marker = FrameMarker(self._pattern, encoding.pixel_format)
        if frame.rotation:
            encoder.set_display_rotation(frame.rotation)

    @property
    def _pattern(self) -> MarkPattern:
        assert self._marking.picture is not None
        return self._marking.picture

    def _time_base(self) -> Fraction:
        assert self._video is not None
        if self._suffix == ".avi" and self._video.average_rate:
            return 1 / self._video.average_rate
        return self._video.time_base or Fraction(1, 90_000)

    def _encode(self, frame: av.VideoFrame) -> None:
        assert self._marker is not None
        marked = self._marker.mark(frame)
        if self._frames == 0:
            context = self._encoder.codec_context
            context.color_range, context.colorspace = marked.color_range, marked.colorspace
            context.color_primaries, context.color_trc = marked.color_primaries, marked.color_trc
        if self._suffix == ".avi":
            self._insist_on_a_steady_rate(frame)
        self._frames += 1
        self._last_s = max(self._last_s, frame.time or 0.0)
        self._out.mux(self._encoder.encode(marked))

    def _insist_on_a_steady_rate(self, frame: av.VideoFrame) -> None:
        assert self._video is not None
        rate = self._video.average_rate
        start = (self._video.start_time or 0) * (self._video.time_base or Fraction(0))
        due = float(start) + (self._frames / float(rate) if rate else 0.0)
        if rate and frame.time is not None and abs(frame.time - due) > 0.6 / float(rate):
            raise BadMedia("variable_rate", "AVI holds no variable frame rate; write an .mp4 or .mkv.")

    def _take_sound(self) -> None:
        for packet in self._held:
            index = packet.stream.index
            if index in self._marked_sound:
                with decoding():
                    ready = list(self._marked_sound[index].take(packet))
                self._out.mux(ready)
            elif packet.size:  # without: the demuxer's flush marker, which carries no data
                packet.stream = self._copied[index]
                self._out.mux(packet)
        self._held = []

    def _finish(self) -> None:
        if self._video is not None and self._encoder is None:
            raise BadMedia("decode_failed", "No frame of the video stream can be decoded.")
        for track in self._marked_sound.values():
            self._out.mux(list(track.end()))
        if self._encoder is not None:
            self._out.mux(self._encoder.encode(None))

    def _tell_progress(self, packet: av.Packet[Any]) -> None:
        whole = length_s(self._source)
        if self._marking.progress is not None and whole and packet.pts is not None and packet.time_base:
            start = (self._source.start_time or 0) / av.time_base
            self._marking.progress(min(1.0, max(0.0, (float(packet.pts * packet.time_base) - start) / whole)))

    def _report(self) -> EmbedReport:
        tracks = (("picture", self._encoder is not None), ("sound", bool(self._marked_sound)))
        given = self._video.codec_context if self._video is not None else None
        sound_s = max((track.seconds for track in self._marked_sound.values()), default=0.0)
        return EmbedReport(
            kind="video" if pictures_of(self._source) else "sound",
            marked=tuple(name for name, is_marked in tracks if is_marked),
            frames=self._frames,
            width=self._encoder.width if self._encoder is not None else 0,
            height=self._encoder.height if self._encoder is not None else 0,
            seconds=self._last_s if self._video is not None else sound_s,
            pixel_format=self._encoding.pixel_format if self._encoding else "",
            source_pixel_format=str(given.pix_fmt) if given is not None else "",
            sound_streams=len(self._source.streams.audio),
            notes=self._encoding.notes if self._encoding else (),
        )


def _copy(out: OutputContainer, stream: Any) -> Any:
    try:
        return out.add_stream_from_template(stream)
    except (ValueError, av.error.FFmpegError):
        raise BadMedia(
            f"{'sound' if stream.type == 'audio' else 'picture'}_not_copied",
            f"A stream of type {stream.codec_context.name} does not fit the output; use .mkv.",
        ) from None
