"""The event message box that carries a segment's signature (ISO/IEC 23009-1, 5.10.3.3; specification 2.4, 19.4.2).

Box layout, version 0, big-endian: size, ``emsg``, version and flags (4 bytes), scheme and value (each ended by a zero
byte), timescale, presentation time delta, event duration, id (4 bytes each), message data.
"""

from __future__ import annotations

import hashlib
import io
import struct
from collections.abc import Iterable
from dataclasses import dataclass

from django.utils.translation import gettext_lazy as _

from compliance.provenance import bmff
from compliance.provenance.errors import ContainerInvalid
from compliance.provenance.live.errors import LiveInvalid, LiveReason
from compliance.provenance.live.session_keys import Dialect

SCHEME = b"urn:c2pa:verifiable-segment-info"
SCHEME_OFFSET = 12
"""Where the scheme stands in the box: after size, kind, version and flags. The signed exclusion names it."""
VALUES = {Dialect.SPECIFICATION: b"fseg", Dialect.ENCYPHER_1_7: b"c2pa"}
MAX_SEGMENT_BYTES = 64 * 1024 * 1024
MAX_MESSAGE_BYTES = 64 * 1024
UNKNOWN_DURATION = 0xFFFFFFFF
_NUMBERS = ">IIII"


@dataclass(frozen=True, slots=True)
class EventTiming:
    """The segment's duration in units of ``timescale`` per second; outside of what is signed."""

    timescale: int
    duration: int


def build(message: bytes, timing: EventTiming, identifier: int, dialect: Dialect) -> bytes:
    """The box around ``message``; ``identifier`` is taken modulo 2^32."""
    numbers = struct.pack(_NUMBERS, timing.timescale, 0, timing.duration, identifier & 0xFFFFFFFF)
    payload = bytes(4) + SCHEME + b"\0" + VALUES[dialect] + b"\0" + numbers + message
    return struct.pack(">I4s", 8 + len(payload), b"emsg") + payload


def root_boxes(data: bytes) -> list[bmff.Box]:
    """The boxes that fill ``data``; raises ContainerInvalid."""
    if len(data) > MAX_SEGMENT_BYTES:
        raise ContainerInvalid("segment_too_large", _("The segment is larger than 64 MiB. Make shorter segments."))
    return list(bmff.boxes(io.BytesIO(data), 0, len(data)))


def is_signature(data: bytes, box: bmff.Box) -> bool:
    """Whether ``box`` is what a C2PA exclusion of ``/emsg`` with our scheme leaves out of the hash."""
    at = box.start + SCHEME_OFFSET
    return box.kind == b"emsg" and box.end >= at + len(SCHEME) and data[at : at + len(SCHEME)] == SCHEME


def message_of(data: bytes, box: bmff.Box) -> bytes:
    """The message of a signature box in the form the specification asks for; raises LiveInvalid.

    A 64-bit box length would move the scheme away from offset 12, so :func:`is_signature` finds none.
    """
    body = data[box.payload : box.end]
    head = bytes(4) + SCHEME + b"\0" + VALUES[Dialect.SPECIFICATION] + b"\0"
    start = len(head) + struct.calcsize(_NUMBERS)
    if not body.startswith(head) or not 0 < len(body) - start <= MAX_MESSAGE_BYTES:
        raise LiveInvalid(LiveReason.SIGNATURE_DAMAGED, why="not a version 0 event message of this scheme")
    delta = struct.unpack_from(">I", body, len(head) + 4)[0]
    if delta != 0:
        raise LiveInvalid(LiveReason.SIGNATURE_DAMAGED, why="a presentation time delta")
    return body[start:]


def content_hash(data: bytes, parts: Iterable[tuple[int, int, int]]) -> bytes:
    """SHA-256 over ``data[start:end]`` of every ``(offset, start, end)``, each after its 8-byte ``offset``.

    ``offset`` is where the box stands in the final segment (``c2pa.hash.bmff.v3``, section 18.6.2).
    """
    digest, view = hashlib.sha256(), memoryview(data)
    for offset, start, end in parts:
        digest.update(struct.pack(">Q", offset))
        digest.update(view[start:end])
    return digest.digest()
