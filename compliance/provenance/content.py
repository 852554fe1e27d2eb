"""What a file is by its first bytes, whatever its name says (pure)."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

_HEAD_BYTES = 32


class MediaType(StrEnum):
    """Containers we can read marks from, as media types."""

    MP4 = "video/mp4"
    MOV = "video/quicktime"
    JPEG = "image/jpeg"
    PNG = "image/png"
    WAV = "audio/wav"


def sniff(path: Path) -> MediaType | None:
    """The container of the file at ``path``, or None when it is none of ours."""
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    if head.startswith(b"\xff\xd8\xff"):
        return MediaType.JPEG
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return MediaType.PNG
    if head[:4] == b"RIFF" and head[8:12] == b"WAVE":
        return MediaType.WAV
    if head[4:8] == b"ftyp":
        return MediaType.MOV if head[8:12] == b"qt  " else MediaType.MP4
    if head[4:8] in (b"moov", b"wide", b"mdat"):
        return MediaType.MOV
    return None
