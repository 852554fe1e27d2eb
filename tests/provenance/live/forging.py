"""What an attacker can do to a stream: without any key, and with a session key that was stolen."""

from __future__ import annotations

import struct
from collections.abc import Callable
from datetime import datetime

from compliance.provenance.live import LiveSession, emsg
from tests.provenance.live.media import boxes


def flip(data: bytes, at: int, bit: int = 0) -> bytes:
    """``data`` with one bit changed."""
    changed = bytearray(data)
    changed[at] ^= 1 << bit
    return bytes(changed)


def flip_in(data: bytes, kind: bytes, *, from_end: int = 1) -> bytes:
    """One bit changed near the end of the first box of ``kind``."""
    end = next(end for one, _start, end in boxes(data) if one == kind)
    return flip(data, end - from_end)


def signature_of(segment: bytes) -> bytes:
    """The signature box of a signed segment."""
    return next(segment[start:end] for kind, start, end in boxes(segment) if kind == b"emsg")


def without_signature(segment: bytes) -> bytes:
    return segment.replace(signature_of(segment), b"")


def with_signature_of(segment: bytes, signed: bytes) -> bytes:
    """The media of ``segment`` under the signature of ``signed``."""
    bare = without_signature(segment)
    start = boxes(bare)[0][2]
    return bare[:start] + signature_of(signed) + bare[start:]


def rewrite_message(segment: bytes, change: Callable[[bytes], bytes]) -> bytes:
    """``segment`` with another message in its signature box, lengths set right."""
    old = signature_of(segment)
    head = len(old) - len(message_in(old))
    message = change(old[head:])
    return segment.replace(old, struct.pack(">I", head + len(message)) + old[4:head] + message)


def message_in(box: bytes) -> bytes:
    value = box.index(b"\0", emsg.SCHEME_OFFSET) + 1
    return box[box.index(b"\0", value) + 1 + 16 :]


def sign_with_stolen_key(
    session: LiveSession, segment: bytes, sequence: int, moment: datetime, manifest_id: str = ""
) -> bytes:
    """What the holder of ``session``'s key in memory could sign; the session itself would refuse."""
    assert session.init
    return session._sign(segment, sequence, manifest_id or session.init.manifest_id, moment)
