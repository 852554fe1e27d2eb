"""Files in and out, with PyAV: which stream is marked, what is kept, and what a broken file leads to."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import av.error
import torch
from av.container import InputContainer, OutputContainer

from watermark.detection import Detection, detect_frames
from watermark.embedding import embed_frames
from watermark.errors import BadMedia
from watermark.keys import Key
from watermark.pattern import MarkPattern

OUTPUT_SUFFIXES = (".mp4", ".m4v", ".mov", ".mkv")
_VISUALLY_LOSSLESS = {"preset": "medium", "crf": "17"}
_LOSSLESS = {"preset": "medium", "qp": "0"}


@dataclass(frozen=True)
class EmbedReport:
    """What `embed_file` wrote: frames, size of the stored picture in pixels, length in seconds, its pixel
    format and that of the source, and how many sound streams were copied.
    """

    frames: int
    width: int
    height: int
    seconds: float
    pixel_format: str
    source_pixel_format: str
    sound_streams: int


def embed_file(
    source: Path | str,
    target: Path | str,
    pattern: MarkPattern,
    *,
    lossless: bool = False,
    device: torch.device | str = "cpu",
) -> EmbedReport:
    """Writes `target` (H.264 in MP4, MOV or Matroska): the marked first video stream of `source` and all its
    sound.

    Size, frame count, times, rotation and colour tags are kept, sound packets are copied unchanged; subtitles
    and data streams are left out. Pictures of more than 8 bits become 8-bit 4:2:0 with the same tags.
    `target` appears only when it is complete. Raises `BadMedia`.
    """
    target = Path(target)
    if target.suffix.lower() not in OUTPUT_SUFFIXES:
        raise BadMedia("output_type", f"Choose an output name ending in one of {', '.join(OUTPUT_SUFFIXES)}.")
    try:
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=".marking-", suffix=target.suffix)
    except OSError as error:
        raise BadMedia("output_not_written", f"{target} cannot be written: {error.strerror}.") from None
    os.close(handle)
    unfinished = Path(name)
    try:
        with _opened(source) as container:
            report = _Copy(container, unfinished, pattern, lossless, device).run()
        unfinished.chmod(0o666 & ~_umask())
        unfinished.replace(target)
    finally:
        unfinished.unlink(missing_ok=True)
    return report


def detect_file(
    source: Path | str, key: Key, *, search: bool = True, device: torch.device | str = "cpu"
) -> list[Detection]:
    """All marks of `key` in the first video stream of `source`; see `detect_frames`.

    What cannot be decoded is passed over, so that a damaged file still tells what is left. Raises `BadMedia`
    when nothing can be decoded.
    """
    with _opened(source) as container:
        return detect_frames(_decodable_frames(container), key, search=search, device=device)


def decoded_frames(source: Path | str) -> Iterator[av.VideoFrame]:
    """The frames of the first video stream; raises `BadMedia` where the file is broken."""
    with _opened(source) as container:
        stream = _picture(container)
        with _decoding():
            yield from container.decode(stream)


@contextmanager
def _opened(source: Path | str) -> Iterator[InputContainer]:
    if not Path(source).is_file():
        raise BadMedia("file_not_found", f"There is no file {source}.")
    try:
        container = av.open(str(source))
    except (av.error.FFmpegError, OSError):
        raise BadMedia("not_media", f"{source} is not a media file that can be opened; it may be cut off.") from None
    with container:
        yield container


@contextmanager
def _decoding() -> Iterator[None]:
    try:
        yield
    except av.error.FFmpegError as error:
        raise BadMedia("decode_failed", f"The file is damaged and cannot be decoded: {error.strerror}.") from error


def _picture(container: InputContainer) -> av.VideoStream:
    streams = [s for s in container.streams.video if not int(s.disposition) & int(av.stream.Disposition.attached_pic)]
    if not streams:
        raise BadMedia("no_picture", "The file has no video stream.")
    streams[0].thread_type = "AUTO"
    return streams[0]


def _decodable_frames(container: InputContainer) -> Iterator[av.VideoFrame]:
    stream = _picture(container)
    read = 0
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets, None)
        except av.error.FFmpegError:
            break
        if packet is None:
            break
        try:
            for frame in packet.decode():
                read += 1
                yield frame
        except av.error.InvalidDataError:
            continue
    if not read:
        raise BadMedia("decode_failed", "No frame of the video stream can be decoded.")


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


class _Copy:
    """One run from an open source to an unfinished target."""

    def __init__(
        self,
        source: InputContainer,
        target: Path,
        pattern: MarkPattern,
        lossless: bool,
        device: torch.device | str,
    ) -> None:
        self._source = source
        self._target = target
        self._pattern = pattern
        self._options = _LOSSLESS if lossless else _VISUALLY_LOSSLESS
        self._device = device
        self._video = _picture(source)
        self._rotation = 0
        self._frames = 0
        self._last_s = 0.0

    def run(self) -> EmbedReport:
        with _decoding(), av.open(str(self._target), "w") as out:
            self._out = out
            self._sound = {s.index: self._sound_copy(out, s) for s in self._source.streams.audio}
            self._encoder: av.VideoStream | None = None
            for frame in embed_frames(self._decoded(), self._pattern, device=self._device):
                self._encode(frame)
            if self._encoder is None:
                raise BadMedia("no_picture", "No frame of the video stream can be decoded.")
            out.mux(self._encoder.encode(None))
        return self._report()

    def _decoded(self) -> Iterator[av.VideoFrame]:
        """The frames to be marked; sound packets that come between them are held until the header can be
        written.
        """
        held: list[av.Packet[Any]] = []
        for packet in self._source.demux([self._video, *self._source.streams.audio]):
            if packet.stream.index != self._video.index:  # flush markers lie in `stream_index`
                held.append(packet)
            else:
                for frame in self._video.decode(packet):
                    self._rotation = frame.rotation
                    yield frame
            if self._encoder is not None:
                self._copy_sound(held)
                held = []
        if self._encoder is not None:
            self._copy_sound(held)

    def _copy_sound(self, packets: list[av.Packet[Any]]) -> None:
        for packet in packets:
            if packet.dts is None:
                continue  # the demuxer's flush marker, which carries no data
            packet.stream = self._sound[packet.stream.index]
            self._out.mux(packet)

    @staticmethod
    def _sound_copy(out: OutputContainer, stream: av.AudioStream) -> av.AudioStream:
        try:
            return out.add_stream_from_template(stream)
        except (ValueError, av.error.FFmpegError):
            raise BadMedia(
                "sound_not_copied",
                f"Sound of type {stream.codec_context.name} does not fit the output; use .mkv.",
            ) from None

    def _encode(self, frame: av.VideoFrame) -> None:
        if self._encoder is None:
            self._encoder = self._start(frame)
        elif (frame.width, frame.height) != (self._encoder.width, self._encoder.height):
            raise BadMedia("size_changes", "The picture changes its size within the file; split it there.")
        self._frames += 1
        self._last_s = max(self._last_s, frame.time or 0.0)
        self._out.mux(self._encoder.encode(frame))

    def _start(self, frame: av.VideoFrame) -> av.VideoStream:
        encoder = self._out.add_stream("libx264", rate=self._video.average_rate or 25, options=self._options)
        encoder.width, encoder.height = frame.width, frame.height
        # H.264 in 4:2:0 has even sides only.
        even = frame.width % 2 == 0 and frame.height % 2 == 0
        encoder.pix_fmt = frame.format.name if even else "yuv444p"
        context, given = encoder.codec_context, self._video.codec_context
        context.time_base = self._video.time_base or Fraction(1, 90_000)
        if given.sample_aspect_ratio:
            context.sample_aspect_ratio = given.sample_aspect_ratio
        context.color_range, context.colorspace = given.color_range, given.colorspace
        context.color_primaries, context.color_trc = given.color_primaries, given.color_trc
        if self._rotation:
            encoder.set_display_rotation(self._rotation)
        return encoder

    def _report(self) -> EmbedReport:
        assert self._encoder is not None
        return EmbedReport(
            frames=self._frames,
            width=self._encoder.width,
            height=self._encoder.height,
            seconds=self._last_s,
            pixel_format=str(self._encoder.pix_fmt),
            source_pixel_format=str(self._video.codec_context.pix_fmt),
            sound_streams=len(self._sound),
        )
