"""Opening files: what kind they are, and what a broken one leads to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from typing import Any

import av
import av.error
import numpy as np
import numpy.typing as npt
from av.container import InputContainer
from PIL import Image, UnidentifiedImageError

from watermark.errors import BadMedia

_STILLS = ("PNG", "JPEG", "WEBP", "TIFF", "BMP", "AVIF", "GIF")
_SHORT_BY_S = 1.0
"""A file that ends so much before the length it states is taken for cut off; containers round by less."""


class Kind(Enum):
    """What a file is, which decides on how it is marked and read."""

    VIDEO = "video"
    IMAGE = "image"
    SOUND = "sound"


def kind_of(source: Path) -> Kind:
    """Looks into the file, not at its name. Raises `BadMedia`: file_not_found, not_media, no_picture."""
    if not source.is_file():
        raise BadMedia("file_not_found", f"There is no file {source}.")
    if _is_image(source):
        return Kind.IMAGE
    with opened(source) as container:
        if pictures_of(container):
            return Kind.VIDEO
        if container.streams.audio:
            return Kind.SOUND
    raise BadMedia("no_tracks", f"{source} holds neither picture nor sound.")


def _is_image(source: Path) -> bool:
    try:
        with Image.open(source, formats=_STILLS):
            return True
    except UnidentifiedImageError:
        return False
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return True  # it is one; the reader of images says what is wrong with it


@contextmanager
def opened(source: Path | str) -> Iterator[InputContainer]:
    """An open container. Raises `BadMedia`: file_not_found, not_media."""
    if not Path(source).is_file():
        raise BadMedia("file_not_found", f"There is no file {source}.")
    try:
        container = av.open(str(source), "r", metadata_errors="ignore")
    except (av.error.FFmpegError, OSError, ValueError):
        raise BadMedia("not_media", f"{source} is not a media file that can be opened; it may be cut off.") from None
    with container:
        yield container


def pictures_of(container: InputContainer) -> list[av.VideoStream]:
    """The streams that move; the cover of a record is none."""
    return [s for s in container.streams.video if not int(s.disposition) & int(av.stream.Disposition.attached_pic)]


def picture_of(container: InputContainer) -> av.VideoStream:
    """The first of them. Raises `BadMedia`: no_picture."""
    streams = pictures_of(container)
    if not streams:
        raise BadMedia("no_picture", "The file has no video stream.")
    streams[0].thread_type = "AUTO"
    return streams[0]


@contextmanager
def decoding() -> Iterator[None]:
    """Turns errors of the decoder into `BadMedia`: decode_failed."""
    try:
        yield
    except av.error.FFmpegError as error:
        raise BadMedia("decode_failed", f"The file is damaged and cannot be decoded: {error.strerror}.") from error


def decoded_frames(source: Path | str) -> Iterator[av.VideoFrame]:
    """The frames of the first video stream; raises `BadMedia` where the file is broken."""
    with opened(source) as container:
        stream = picture_of(container)
        with decoding():
            yield from container.decode(stream)


def decodable_frames(container: InputContainer) -> Iterator[av.VideoFrame]:
    """Whatever frames the first video stream still gives. Raises `BadMedia` (decode_failed) if there is none."""
    yield from _decodable(container, picture_of(container), "No frame of the video stream can be decoded.")


def decodable_sound(container: InputContainer) -> Iterator[av.AudioFrame]:
    """Whatever sound the first audio stream still gives. Raises `BadMedia`: no_sound, decode_failed."""
    if not container.streams.audio:
        raise BadMedia("no_sound", "The file has no audio stream.")
    yield from _decodable(container, container.streams.audio[0], "No sound of the audio stream can be decoded.")


def _decodable(container: InputContainer, stream: Any, lack: str) -> Iterator[Any]:
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
        raise BadMedia("decode_failed", lack)


def length_s(container: InputContainer) -> float | None:
    """The length in seconds that the container states, if it does."""
    return container.duration / av.time_base if container.duration else None


class EndWatch:
    """Notices a file that ends before its time: a Matroska or a TS that was cut off decodes without an error."""

    def __init__(self, container: InputContainer) -> None:
        self._file = Path(container.name)
        self._stated_s = length_s(container)
        self._start_s = (container.start_time or 0) / av.time_base
        self._reached_s = 0.0

    def see(self, packet: av.Packet[Any]) -> None:
        """To be called with every packet."""
        if packet.pts is not None and packet.time_base:
            end = float((packet.pts + (packet.duration or 0)) * packet.time_base) - self._start_s
            self._reached_s = max(self._reached_s, end)

    def check(self) -> None:
        """Raises `BadMedia` (cut_off) if much is missing at the end."""
        if _is_short_riff(self._file):
            raise BadMedia("cut_off", "The file is shorter than it says: it was cut off; fetch it anew.")
        if self._stated_s and self._stated_s - self._reached_s > max(_SHORT_BY_S, 0.02 * self._stated_s):
            raise BadMedia(
                "cut_off",
                f"The file ends after {self._reached_s:.1f} s of {self._stated_s:.1f} s: cut off; fetch it anew.",
            )


def _is_short_riff(file: Path) -> bool:
    """A WAV or AVI whose first chunk is longer than the file; their length in seconds is taken from the file's."""
    with file.open("rb") as stream:
        head = stream.read(8)
    stated = int.from_bytes(head[4:], "little")
    return head.startswith(b"RIFF") and stated != 0xFFFFFFFF and stated + 8 > file.stat().st_size + 1


def samples_of(frame: av.AudioFrame) -> npt.NDArray[np.float32]:
    """float32[channels, n] of a planar float frame."""
    return np.asarray(frame.to_ndarray(), np.float32)
