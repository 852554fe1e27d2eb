"""Whether signing added a manifest and changed nothing else, checked box by box.

The sandboxed child that assembles the file has parsed foreign bytes, so its word is not taken for what it
wrote: a claim must never be signed over other pictures than the gate has looked at.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from django.utils.translation import gettext_lazy as _

from compliance.provenance import bmff
from compliance.provenance.errors import ContainerInvalid, SigningFailed
from compliance.provenance.store import is_c2pa

_CONTAINERS = {b"trak", b"mdia", b"minf", b"stbl"}
_MAX_DEPTH = len(_CONTAINERS)
_OFFSET_TABLES = {b"stco": ">I", b"co64": ">Q"}
MAX_MOOV_BYTES = 64 * 1024 * 1024


def check_signable(source: Path) -> None:
    """Raises ContainerInvalid unless ``source`` is a whole, unfragmented MP4 without a manifest."""
    with source.open("rb") as file:
        found = bmff.top_level(file)
        if any(is_c2pa(file, box) for box in found):
            raise ContainerInvalid("container_already_signed", _("The video already carries a C2PA manifest."))
        kinds = [box.kind for box in found]
    if b"moof" in kinds or kinds.count(b"moov") != 1 or b"mdat" not in kinds:
        raise ContainerInvalid("container_not_plain_mp4", _("The video is not a plain, complete MP4 file."))


def check_only_manifest_added(source: Path, signed: Path) -> None:
    """Raises SigningFailed unless ``signed`` is ``source`` plus one C2PA box, with chunk offsets moved."""
    with source.open("rb") as before, signed.open("rb") as after:
        old, new = bmff.top_level(before), bmff.top_level(after)
        manifests = [box for box in new if is_c2pa(after, box)]
        rest = [box for box in new if box not in manifests]
        if len(manifests) != 1 or [(b.kind, b.size) for b in old] != [(b.kind, b.size) for b in rest]:
            raise _changed("its structure")
        added = manifests[0]
        for one, other in zip(old, rest, strict=True):
            if one.kind == b"moov":
                expected = shift_chunk_offsets(_moov(before, one), beyond=added.start - 1, shift=added.size)
                same = expected == _moov(after, other)
            else:
                same = _same_bytes(before, one, after, other)
            if not same:
                raise _changed(one.kind.decode("latin-1"))


def shift_chunk_offsets(moov: bytes, *, beyond: int, shift: int) -> bytes:
    """The movie box (whole, with its head) with every chunk offset above ``beyond`` moved by ``shift``.

    Raises ContainerInvalid when a moved offset no longer fits its table (32 bits in ``stco``).
    """
    data, view = bytearray(moov), io.BytesIO(moov)
    for table in _offset_tables(view, next(bmff.boxes(view, 0, len(moov)))):
        form = _OFFSET_TABLES[table.kind]
        width = struct.calcsize(form)
        start = table.payload + 8  # version, flags, entry count
        for at in range(start, table.end - width + 1, width):
            (offset,) = struct.unpack_from(form, data, at)
            moved = offset + shift if offset > beyond else offset
            if not 0 <= moved < 1 << (8 * width):
                raise ContainerInvalid("container_too_large", _("The video's index cannot hold the metadata."))
            struct.pack_into(form, data, at, moved)
    return bytes(data)


def _offset_tables(file: BinaryIO, parent: bmff.Box, depth: int = 0) -> Iterator[bmff.Box]:
    if depth > _MAX_DEPTH:
        raise ContainerInvalid("container_damaged", _("The file is cut off or damaged. Please export it again."))
    for box in bmff.boxes(file, parent.payload, parent.end):
        if box.kind in _CONTAINERS:
            yield from _offset_tables(file, box, depth + 1)
        elif box.kind in _OFFSET_TABLES:
            yield box


def _moov(file: BinaryIO, box: bmff.Box) -> bytes:
    return bmff.read(file, box.start, box.end, MAX_MOOV_BYTES)


def _same_bytes(before: BinaryIO, one: bmff.Box, after: BinaryIO, other: bmff.Box) -> bool:
    """Whether two boxes of equal size hold the same bytes."""
    before.seek(one.start)
    after.seek(other.start)
    for at in range(0, one.size, bmff.COPY_CHUNK):
        size = min(one.size - at, bmff.COPY_CHUNK)
        if before.read(size) != after.read(size):
            return False
    return True


def _changed(what: str) -> SigningFailed:
    return SigningFailed(
        "assembled_file_changed",
        _("Adding the manifest changed more than the manifest. It was not signed."),
        part=what,
    )
