"""The ``AIGC`` label in MP4 and MOV: key ``AIGC`` of ``moov.udta.meta`` (TC260-PG-20257A), by editing boxes.

No packet is touched: the movie box is rewritten, the film data copied, and chunk offsets moved by the
difference.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from compliance.provenance import bmff
from compliance.provenance.aigc import metadata, xmp
from compliance.provenance.aigc.metadata import Entry, Meta, join, split
from compliance.provenance.errors import ContainerInvalid
from compliance.provenance.unchanged import MAX_MOOV_BYTES, check_signable, shift_chunk_offsets

KEY = b"AIGC"
_PLACE = (metadata.MDTA, KEY, False)
_XMP_UUID = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")


def read_copies(path: Path) -> Iterator[tuple[str, bool]]:
    """Text of every copy in the file, and whether it lies where the practice guide wants it."""
    with path.open("rb") as file:
        for box in bmff.top_level(file):
            if box.kind == b"moov":
                yield from _copies_in_moov(bmff.read(file, box.payload, box.end, MAX_MOOV_BYTES))
            elif box.kind == b"uuid" and box.size < xmp.MAX_PACKET_BYTES:
                payload = bmff.read(file, box.payload, box.end, xmp.MAX_PACKET_BYTES)
                if payload.startswith(_XMP_UUID):
                    yield from ((text, False) for text in xmp.read_labels(payload[len(_XMP_UUID) :]))


def write_copy(source: Path, target: Path, text: str) -> None:
    """Write ``source`` with ``text`` as its only key-and-value copy to ``target``.

    Raises ContainerInvalid when the file is damaged, fragmented or already signed (a signature would break).
    """
    check_signable(source)
    with source.open("rb") as file, target.open("wb") as out:
        moov = next(box for box in bmff.top_level(file) if box.kind == b"moov")
        before = bmff.read(file, moov.payload, moov.end, MAX_MOOV_BYTES)
        after = _with_label(before, text)
        shift = len(after) + 8 - moov.size
        edited = shift_chunk_offsets(join(b"moov", after), beyond=moov.start, shift=shift)
        _copy(file, out, 0, moov.start)
        out.write(edited)
        _copy(file, out, moov.end, file.seek(0, 2))


def _copies_in_moov(moov: bytes) -> Iterator[tuple[str, bool]]:
    for kind, payload in split(moov):
        if kind == b"meta":
            yield from _copies_in_meta(payload, outside=True)
        elif kind == b"udta":
            yield from _copies_in_user_data(payload, outside=False)
        elif kind == b"trak":
            for _, content in filter(lambda box: box[0] == b"udta", split(payload)):
                yield from _copies_in_user_data(content, outside=True)


def _copies_in_user_data(payload: bytes, *, outside: bool) -> Iterator[tuple[str, bool]]:
    for kind, content in _user_data(payload):
        if kind == b"meta":
            yield from _copies_in_meta(content, outside=outside)
        elif kind == KEY:
            yield content.decode("utf-8", "replace"), False


def _copies_in_meta(payload: bytes, *, outside: bool) -> Iterator[tuple[str, bool]]:
    for one in _labels(metadata.parse(payload)):
        well_placed = not outside and (one.namespace, one.name, one.freeform) == _PLACE
        yield from ((text, well_placed) for text in one.texts())


def _labels(meta: Meta) -> Iterator[Entry]:
    return (one for one in meta.entries if one.name.lower() == KEY.lower())


def _with_label(moov: bytes, text: str) -> bytes:
    """The movie box's payload with exactly one label; user data is made when there is none."""
    children: list[tuple[bytes, bytes]] = []
    user_data: list[tuple[bytes, bytes]] = []
    for kind, payload in split(moov):
        if kind == b"udta":
            user_data += _user_data(payload)
        elif kind == b"meta" and any(_labels(metadata.parse(payload))):
            children.append((kind, metadata.parse(payload).without(KEY).payload()))
        else:
            children.append((kind, payload))
    metas = [metadata.parse(payload) for kind, payload in user_data if kind == b"meta"]
    merged = Meta([e for meta in metas for e in meta.entries], [o for meta in metas for o in meta.others])
    rest = [(kind, payload) for kind, payload in user_data if kind not in (b"meta", KEY)]
    labelled = (b"meta", merged.without(KEY).with_text(KEY, text).payload())
    children.append((b"udta", b"".join(join(*one) for one in [*rest, labelled])))
    return b"".join(join(*one) for one in children)


def _user_data(payload: bytes) -> list[tuple[bytes, bytes]]:
    """Children of ``udta``; QuickTime may end it with four zero bytes."""
    if len(payload) >= 4 and struct.unpack(">I", payload[-4:])[0] == 0:
        try:
            return split(payload)
        except ContainerInvalid:
            return split(payload[:-4])
    return split(payload)


def _copy(source: BinaryIO, target: BinaryIO, start: int, end: int) -> None:
    source.seek(start)
    left = end - start
    while left and (chunk := source.read(min(left, bmff.COPY_CHUNK))):
        target.write(chunk)
        left -= len(chunk)
