"""Video files in and out: constant-rate upright frames, mono sound, and a plain MP4 writer.

Everything here reads one local file through a Python file object with the demuxer named beforehand, so a file
can neither pretend to be a playlist that points elsewhere nor reach a network protocol.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import numpy as np
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.video.reformatter import (
    ColorPrimaries,
    ColorRange,
    Colorspace,
    ColorTrc,
    Interpolation,
    VideoReformatter,
)
from av.video.stream import VideoStream
from numpy.typing import NDArray

from compliance.errors import BadInput

Plane = NDArray[np.uint8]
Samples = NDArray[np.float32]
Planes = tuple[Plane, Plane, Plane]

_PROBE = {"probesize": "8000000", "analyzeduration": "4000000"}


class MediaError(BadInput):
    """A file that cannot be opened as video. Codes: file_missing, file_empty, not_a_video, truncated."""


def container_format(head: bytes) -> str | None:
    """Name the demuxer from the first 16 bytes; None when they belong to neither ISO BMFF nor Matroska.

    Source: ISO/IEC 14496-12 clause 4.2 (box header), RFC 8794 section 4 (EBML header).
    """
    if head[:4] == b"\x1a\x45\xdf\xa3":
        return "matroska"
    return "mov" if head[4:8] in {b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot"} else None


@contextmanager
def open_media(path: Path) -> Iterator[InputContainer]:
    """Open one local MP4, MOV or WebM file for reading.

    Raises:
        MediaError: the file is missing, empty, of another kind, or cut off before its index.
    """
    try:
        stream = path.open("rb")
    except OSError as error:
        raise MediaError("file_missing", "The file could not be found. Please upload it again.") from error
    with stream:
        head = stream.read(16)
        if not head:
            raise MediaError("file_empty", "The file is empty. Please upload it again.")
        name = container_format(head)
        if name is None:
            raise MediaError(
                "not_a_video", "This is not a video file. Please upload an MP4, MOV or WebM recording."
            )
        stream.seek(0)
        try:
            container = av.open(stream, "r", format=name, options=_PROBE, metadata_errors="ignore")
        except (av.FFmpegError, ValueError) as error:
            raise MediaError(
                "truncated",
                "The file is incomplete or damaged: its index cannot be read. "
                "Please copy it from the camera again and upload it once more.",
            ) from error
        with container:
            yield container


def target_rate(rate: Fraction | float) -> int:
    """The constant rate, 25 or 30 frames/s, that footage recorded at `rate` is brought to.

    50 halves exactly to 25 and 24 is nearest to it; every other rate above 27.5 goes to 30.
    """
    rate = float(rate)
    return 25 if rate < 27.5 or abs(rate - 50) < 0.5 else 30


class Upright:
    """Turn decoded frames upright: yuv420p, BT.709 limited range, square pixels, even sides."""

    def __init__(self, max_side: int) -> None:
        """`max_side`: longest side of the result in pixels; larger frames are scaled down."""
        self.max_side = max_side
        self._reformatter = VideoReformatter()

    def __call__(self, frame: av.VideoFrame, aspect: Fraction | None = None) -> av.VideoFrame:
        """`aspect`: width over height of one pixel as the stream declares it; None means square."""
        stretch = float(aspect) if aspect else 1.0
        width, height = frame.width * stretch, float(frame.height)
        scale = min(1.0, self.max_side / max(width, height))
        upright = self._reformatter.reformat(
            frame,
            width=max(2, 2 * round(width * scale / 2)),
            height=max(2, 2 * round(height * scale / 2)),
            format="yuv420p",
            src_colorspace=_matrix(frame),
            dst_colorspace=Colorspace.ITU709,
            src_color_range=ColorRange.JPEG if frame.color_range == ColorRange.JPEG else ColorRange.MPEG,
            dst_color_range=ColorRange.MPEG,
            interpolation=Interpolation.AREA if scale < 1 else Interpolation.BICUBIC,
            threads=1,
        )
        turns = round(frame.rotation / 90) % 4
        if turns:
            y, u, v = (np.rot90(plane, turns) for plane in planes_of(upright))
            upright = frame_of((y, u, v))
        return tagged(upright)


def _matrix(frame: av.VideoFrame) -> int:
    """The matrix a frame was coded with; by height where the file does not say (ITU-R BT.601, BT.709)."""
    known = {Colorspace.ITU709, Colorspace.ITU601, Colorspace.SMPTE170M, Colorspace.FCC, Colorspace.SMPTE240M}
    if frame.colorspace in {int(space) for space in known} or frame.colorspace == 9:
        return int(frame.colorspace)
    return int(Colorspace.ITU601 if max(frame.width, frame.height) < 1024 else Colorspace.ITU709)


def tagged(frame: av.VideoFrame) -> av.VideoFrame:
    """Mark a frame as BT.709, limited range (Rec. ITU-T H.273 code points 1)."""
    frame.colorspace = Colorspace.ITU709
    frame.color_range = ColorRange.MPEG
    frame.color_primaries = ColorPrimaries.BT709
    frame.color_trc = ColorTrc.BT709
    return frame


def planes_of(frame: av.VideoFrame) -> Planes:
    """Copy the planes of a yuv420p frame: uint8 [H, W], [H/2, W/2], [H/2, W/2]."""
    whole = cast(Plane, frame.to_ndarray())
    height, width = frame.height, frame.width
    chroma = whole[height:].reshape(2, height // 2, width // 2)
    return whole[:height], chroma[0], chroma[1]


def rgb_of(frame: av.VideoFrame) -> Plane:
    """The picture as RGB uint8 [H, W, 3]."""
    return cast(Plane, frame.to_ndarray(format="rgb24"))


def seconds_of(frame: av.VideoFrame) -> float | None:
    """Presentation time in seconds; None when the file gives none."""
    return None if frame.pts is None or frame.time_base is None else float(frame.pts * frame.time_base)


def frame_of(planes: Planes) -> av.VideoFrame:
    """A yuv420p frame, tagged BT.709 limited, from planes as `planes_of` gives them."""
    y, u, v = planes
    chroma = np.concatenate([u.reshape(-1), v.reshape(-1)]).reshape(-1, y.shape[1])
    return tagged(
        av.VideoFrame.from_ndarray(np.ascontiguousarray(np.concatenate([y, chroma])), format="yuv420p")
    )


def constant_rate_frames(path: Path, *, fps: int, max_side: int) -> Iterator[av.VideoFrame]:
    """Decode `path` as upright frames at a constant rate, nearest in time; frame k shows the moment k / fps.

    A frame may be the same object as the one before it where the source holds still.

    Raises:
        MediaError: the file cannot be opened.
        av.FFmpegError: a frame cannot be decoded.
    """
    with open_media(path) as container:
        stream = container.streams.video[0]
        upright = Upright(max_side)
        start: float | None = None
        held: tuple[float, av.VideoFrame] | None = None
        count = 0
        for frame in container.decode(stream):
            seconds = seconds_of(frame)
            if seconds is None:
                continue
            start = seconds if start is None else start
            now = seconds - start
            if held is not None:
                while count / fps < (held[0] + now) / 2:
                    yield held[1]
                    count += 1
                if (now + 0.5 / fps) * fps < count:
                    continue  # a source faster than `fps`: this one will never be shown
            held = (now, upright(frame, stream.sample_aspect_ratio))
        if held is not None and count / fps <= held[0]:
            yield held[1]


def mono_sound(path: Path, rate: int) -> NDArray[np.float32]:
    """The whole sound of a clip as float32 [n] in -1..1 at `rate` Hz; empty when there is none.

    Raises:
        MediaError: the file cannot be opened.
    """
    with open_media(path) as container:
        if not container.streams.audio:
            return np.zeros(0, np.float32)
        resampler = av.AudioResampler(format="flt", layout="mono", rate=rate)
        parts = [
            piece.to_ndarray()[0]
            for frame in container.decode(container.streams.audio[0])
            for piece in resampler.resample(frame)
        ]
    return np.concatenate(parts).astype(np.float32) if parts else np.zeros(0, np.float32)


KEY_FRAME_S = 2
# What each encoder calls constant quality; the number means about the same to all of them.
_QUALITY_OPTION = {
    "libx264": "crf", "libx265": "crf", "libsvtav1": "crf", "h264_nvenc": "cq", "hevc_nvenc": "cq",
    "h264_qsv": "global_quality",
}  # fmt: skip


@dataclass(frozen=True)
class Encoding:
    """How to encode H.264: `codec` as FFmpeg names it, its `preset`, `crf` 0..51 (lower is better).

    `intra_only` makes every frame a key frame, for random access.
    """

    codec: str = "libx264"
    preset: str = "veryfast"
    crf: int = 18
    intra_only: bool = False

    def options(self, fps: int) -> dict[str, str]:
        """Encoder options. One thread: two are slower on a busy machine, and the bytes stay the same.

        A key frame every two seconds: a mark that changes its place is carried on by predicted frames until then,
        and a player can seek.

        Raises:
            MediaError: encoder_unsupported.
        """
        if self.codec not in _QUALITY_OPTION:
            known = ", ".join(_QUALITY_OPTION)
            raise MediaError("encoder_unsupported", f"The encoder {self.codec!r} is not one of {known}.")
        options = {_QUALITY_OPTION[self.codec]: str(self.crf), "preset": self.preset, "threads": "1"}
        return options | ({"g": "1", "bf": "0"} if self.intra_only else {"g": str(KEY_FRAME_S * fps)})


def write_mp4(
    path: Path,
    frames: Iterable[av.VideoFrame],
    *,
    fps: int,
    sound: Iterable[Samples] | None = None,
    rate: int = 48000,
    encoding: Encoding | None = None,
) -> int:
    """Encode frames (and sound, blocks of float32 mono [n] of any lengths) as H.264/AAC MP4; returns how many frames.

    Sound is fetched and interleaved as the picture advances, and ends with it: memory does not grow with length.
    """
    encoding = encoding or Encoding()
    count = 0
    reserve = None if sound is None else _Reserve(sound)
    with av.open(str(path), "w", format="mp4", options={"movflags": "faststart"}) as container:
        video: VideoStream | None = None
        audio: AudioStream | None = None
        spoken = 0
        for count, frame in enumerate(frames, start=1):
            if video is None:
                stream = container.add_stream(encoding.codec, rate=fps, options=encoding.options(fps))
                video = cast(VideoStream, stream)
                video.width, video.height, video.pix_fmt = frame.width, frame.height, "yuv420p"
                for name, value in (
                    ("colorspace", 1),
                    ("color_range", 1),
                    ("color_primaries", 1),
                    ("color_trc", 1),
                ):
                    setattr(video.codec_context, name, value)
                if reserve is not None:
                    audio = container.add_stream("aac", rate=rate, options={"b": "128000"}, layout="mono")
            # both: a decoded frame keeps its own time base, and its picture type would force key frames
            frame.time_base, frame.pts, frame.pict_type = Fraction(1, fps), count - 1, 0
            container.mux(video.encode(frame))
            if audio is not None and reserve is not None:
                piece = reserve.take(count * rate // fps - spoken)
                for audio_frame in _audio_frames(piece, spoken, rate):
                    container.mux(audio.encode(audio_frame))
                spoken += len(piece)
        if video is not None:
            container.mux(video.encode(None))
        if audio is not None:
            container.mux(audio.encode(None))
    return count


class _Reserve:
    """Blocks of sound that come in lengths of their own, taken in lengths of ours."""

    def __init__(self, blocks: Iterable[Samples]) -> None:
        self._blocks = iter(blocks)
        self._held = np.zeros(0, np.float32)

    def take(self, count: int) -> Samples:
        """The next `count` samples; fewer when the sound ends."""
        parts, have = [self._held], len(self._held)
        while have < count and (block := next(self._blocks, None)) is not None:
            parts.append(block)
            have += len(block)
        whole = np.concatenate(parts)
        self._held = whole[count:]
        return whole[:count]


def _audio_frames(samples: Samples, offset: int, rate: int) -> Iterator[av.AudioFrame]:
    if len(samples) == 0:
        return
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples[None]), format="fltp", layout="mono")
    frame.sample_rate, frame.pts, frame.time_base = rate, offset, Fraction(1, rate)
    yield frame
