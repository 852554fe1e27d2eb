"""The ``AIGC`` label in WAV: a RIFF chunk of that name (TC260-PG-202510A)."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from django.utils.translation import gettext_lazy as _

from compliance.provenance import bmff
from compliance.provenance.aigc.label import MAX_TEXT_CHARS
from compliance.provenance.errors import ContainerInvalid

_CHUNK = b"AIGC"
_MAX_CHUNKS = 10_000


def read_copies(path: Path) -> Iterator[tuple[str, bool]]:
    """Text of every copy; all lie where the practice guide wants them."""
    with path.open("rb") as file:
        for name, start, size in _chunks(file):
            if name == _CHUNK:
                file.seek(start)
                yield file.read(min(size, MAX_TEXT_CHARS + 1)).rstrip(b"\0").decode("utf-8", "replace"), True


def write_copy(source: Path, target: Path, text: str) -> None:
    """Write ``source`` with ``text`` as its only copy to ``target``; raises ContainerInvalid on damage."""
    with source.open("rb") as file, target.open("wb") as out:
        out.write(b"RIFF\0\0\0\0WAVE")
        for name, start, size in _chunks(file):
            if name != _CHUNK:
                _put_head(out, name, size)
                file.seek(start)
                _copy(file, out, size)
        data = text.encode()
        _put_head(out, _CHUNK, len(data))
        out.write(data + bytes(len(data) % 2))
        length = out.tell() - 8
        if length >= 1 << 32:
            raise ContainerInvalid("container_too_large", _("A WAV file cannot be larger than 4 GiB."))
        out.seek(4)
        out.write(struct.pack("<I", length))


def _chunks(file: BinaryIO) -> Iterator[tuple[bytes, int, int]]:
    """Name, payload offset and payload size of every chunk; raises ContainerInvalid on damage."""
    end = file.seek(0, os.SEEK_END)
    at = 12
    for _count in range(_MAX_CHUNKS):
        if at >= end:
            return
        file.seek(at)
        head = file.read(8)
        if len(head) < 8 or at + 8 + (size := struct.unpack("<I", head[4:])[0]) > end:
            raise ContainerInvalid("container_damaged", _("The WAV file is cut off or damaged."))
        yield head[:4], at + 8, size
        at += 8 + size + size % 2
    raise ContainerInvalid("container_too_many_boxes", _("The WAV file has more chunks than any honest file."))


def _put_head(out: BinaryIO, name: bytes, size: int) -> None:
    out.write(struct.pack("<4sI", name, size))


def _copy(source: BinaryIO, out: BinaryIO, size: int) -> None:
    left = size
    while left and (chunk := source.read(min(left, bmff.COPY_CHUNK))):
        out.write(chunk)
        left -= len(chunk)
    out.write(bytes(size % 2))
