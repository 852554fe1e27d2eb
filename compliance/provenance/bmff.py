"""ISO base media file format boxes (ISO/IEC 14496-12 section 4.2): a bounded reader of our own.

Independent of FFmpeg and c2pa-rs, so that what those wrote is checked by other code.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from django.utils.translation import gettext_lazy as _

from compliance.provenance.errors import ContainerInvalid

COPY_CHUNK = 1 << 20
"""Bytes held at a time when film data is copied or hashed."""
MAX_BOXES = 100_000
"""More boxes than any honest file has on one level; a bomb of tiny boxes ends here."""


@dataclass(frozen=True, slots=True)
class Box:
    """One box: its four-character kind and byte offsets in the file."""

    kind: bytes
    start: int
    payload: int
    end: int

    @property
    def size(self) -> int:
        return self.end - self.start


def boxes(file: BinaryIO, start: int, end: int) -> Iterator[Box]:
    """The boxes that fill ``[start, end)``; raises ContainerInvalid when they do not fill it exactly."""
    for _count in range(MAX_BOXES):
        if start == end:
            return
        box = _read_box(file, start, end)
        yield box
        start = box.end
    raise ContainerInvalid("container_too_many_boxes", _("The file has more boxes than any honest file."))


def top_level(file: BinaryIO) -> list[Box]:
    """All boxes of the file; raises ContainerInvalid on damage or when it is no MP4 or MOV."""
    end = file.seek(0, 2)
    found = list(boxes(file, 0, end))
    if not found or found[0].kind not in (b"ftyp", b"wide", b"moov", b"free", b"skip", b"mdat", b"styp"):
        raise ContainerInvalid("container_not_mp4", _("The file is not an MP4 or MOV container."))
    return found


def read(file: BinaryIO, start: int, end: int, limit: int) -> bytes:
    """The bytes ``[start, end)``, at most ``limit`` of them, else ContainerInvalid."""
    if end - start > limit:
        raise ContainerInvalid("container_box_too_large", _("A metadata box of the file is implausibly large."))
    file.seek(start)
    data = file.read(end - start)
    if len(data) != end - start:
        raise _truncated()
    return data


def _read_box(file: BinaryIO, start: int, end: int) -> Box:
    file.seek(start)
    head = file.read(min(16, end - start))
    if len(head) < 8:
        raise _truncated()
    size, kind = struct.unpack(">I4s", head[:8])
    payload = start + 8
    if size == 1:
        if len(head) < 16:
            raise _truncated()
        (size,) = struct.unpack(">Q", head[8:16])
        payload = start + 16
    elif size == 0:
        size = end - start
    if start + size > end or start + size < payload:
        raise _truncated()
    return Box(kind, start, payload, start + size)


def _truncated() -> ContainerInvalid:
    return ContainerInvalid("container_damaged", _("The file is cut off or damaged. Please export it again."))
