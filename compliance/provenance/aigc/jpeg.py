"""The ``AIGC`` label in JPEG: an XMP packet in an APP1 segment (TC260-PG-20259A; XMP part 3)."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

from django.utils.translation import gettext_lazy as _

from compliance.provenance.aigc import xmp
from compliance.provenance.errors import ContainerInvalid

_APP1, _START_OF_SCAN = 0xE1, 0xDA
_XMP = b"http://ns.adobe.com/xap/1.0/\0"
_MAX_SEGMENT = 65_533
_MAX_FILE_BYTES = 256 * 1024 * 1024


def read_copies(path: Path) -> Iterator[tuple[str, bool]]:
    """Text of every label in the file's XMP packets."""
    for marker, body, _start in _segments(_load(path)):
        if marker == _APP1 and body.startswith(_XMP):
            yield from ((text, True) for text in xmp.read_labels(body[len(_XMP) :]))


def write_copy(source: Path, target: Path, text: str) -> None:
    """Write ``source`` with ``text`` merged into its XMP to ``target``; raises ContainerInvalid on damage."""
    data = _load(source)
    packet: bytes | None = None
    kept: list[tuple[int, bytes]] = []
    scan = len(data)
    for marker, body, start in _segments(data):
        if marker == _START_OF_SCAN:
            scan = start
        elif marker == _APP1 and body.startswith(_XMP):
            packet = packet or body[len(_XMP) :]
        else:
            kept.append((marker, body))
    merged = _XMP + xmp.merge_label(packet, text)
    if len(merged) > _MAX_SEGMENT:
        raise ContainerInvalid("xmp_too_large", _("The picture's XMP packet leaves no room for the label."))
    first = 1 if kept and kept[0][0] == 0xE0 else 0  # JFIF wants its own segment first
    kept.insert(first, (_APP1, merged))
    target.write_bytes(b"\xff\xd8" + b"".join(_segment(*one) for one in kept) + data[scan:])


def _load(path: Path) -> bytes:
    if path.stat().st_size > _MAX_FILE_BYTES:
        raise ContainerInvalid("container_too_large", _("The picture is larger than 256 MiB."))
    return path.read_bytes()


def _segments(data: bytes) -> Iterator[tuple[int, bytes, int]]:
    """Marker, body and offset of every segment up to and including start of scan."""
    at = 2
    while True:
        if at + 4 > len(data) or data[at] != 0xFF:
            raise ContainerInvalid("container_damaged", _("The JPEG file is cut off or damaged."))
        marker = data[at + 1]
        if marker == 0xFF:  # fill byte
            at += 1
            continue
        (size,) = struct.unpack_from(">H", data, at + 2)
        if size < 2 or at + 2 + size > len(data):
            raise ContainerInvalid("container_damaged", _("The JPEG file is cut off or damaged."))
        yield marker, data[at + 4 : at + 2 + size], at
        if marker == _START_OF_SCAN:
            return
        at += 2 + size


def _segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body
