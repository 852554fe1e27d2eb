"""The ``AIGC`` label in PNG: an XMP packet in an ``iTXt`` chunk (TC260-PG-20259A; PNG third edition)."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

from django.utils.translation import gettext_lazy as _

from compliance.provenance.aigc import xmp
from compliance.provenance.errors import ContainerInvalid

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_KEYWORD = b"XML:com.adobe.xmp"
_PLAIN = _KEYWORD + b"\0\0\0\0\0"
"""Keyword, not compressed, no language, no translated keyword."""
_MAX_FILE_BYTES = 256 * 1024 * 1024


def read_copies(path: Path) -> Iterator[tuple[str, bool]]:
    """Text of every label in the file's XMP, and whether the packet is stored as the practice guide wants."""
    for kind, data in _chunks(path):
        if kind == b"iTXt" and data.startswith(_KEYWORD + b"\0"):
            packet = _packet(data)
            yield from ((text, data.startswith(_PLAIN)) for text in xmp.read_labels(packet))


def write_copy(source: Path, target: Path, text: str) -> None:
    """Write ``source`` with ``text`` merged into its XMP to ``target``; raises ContainerInvalid on damage."""
    chunks = list(_chunks(source))
    packets = [data for kind, data in chunks if kind == b"iTXt" and data.startswith(_KEYWORD + b"\0")]
    packet = xmp.merge_label(_packet(packets[0]) if packets else None, text)
    kept = [(kind, data) for kind, data in chunks if data not in packets or kind != b"iTXt"]
    kept.insert(1, (b"iTXt", _PLAIN + packet))
    target.write_bytes(_SIGNATURE + b"".join(_chunk(kind, data) for kind, data in kept))


def _packet(data: bytes) -> bytes:
    """The packet of an ``iTXt`` chunk; a compressed one is unpacked up to a limit."""
    compressed = data[len(_KEYWORD) + 1 : len(_KEYWORD) + 2] == b"\1"
    body = data[len(_KEYWORD) + 3 :].split(b"\0", 2)[-1]
    if not compressed:
        return body
    try:
        return zlib.decompressobj().decompress(body, xmp.MAX_PACKET_BYTES)
    except zlib.error as error:
        raise ContainerInvalid("xmp_damaged", _("The file's XMP packet does not unpack.")) from error


def _chunks(path: Path) -> Iterator[tuple[bytes, bytes]]:
    if path.stat().st_size > _MAX_FILE_BYTES:
        raise ContainerInvalid("container_too_large", _("The picture is larger than 256 MiB."))
    data = path.read_bytes()
    at = len(_SIGNATURE)
    while at < len(data):
        if len(data) - at < 12 or at + 12 + (size := struct.unpack_from(">I", data, at)[0]) > len(data):
            raise ContainerInvalid("container_damaged", _("The PNG file is cut off or damaged."))
        yield data[at + 4 : at + 8], data[at + 8 : at + 8 + size]
        at += 12 + size


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
