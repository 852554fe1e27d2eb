"""What parent and child of an output say to each other.

To the child, on its standard input: one kind byte, four bytes of length, payload. From the child, on its standard
output: one JSON object per line. Nothing else reaches it: no argument, no variable, no file.
"""

from __future__ import annotations

import json
import struct
from enum import IntEnum
from typing import Any, BinaryIO

_HEAD = struct.Struct(">BI")
LARGEST = 64 * 1024 * 1024


class Kind(IntEnum):
    """`TARGET` first; then `INIT` whenever it changes, and each `SEGMENT` answered by one line."""

    TARGET = 1
    INIT = 2
    SEGMENT = 3


def message(kind: Kind, payload: bytes) -> bytes:
    return _HEAD.pack(kind, len(payload)) + payload


def read_message(stream: BinaryIO) -> tuple[Kind, bytes] | None:
    """The next message; None when the parent closed its end.

    Raises:
        EOFError, ValueError: the parent died within a message, or the stream is not ours.
    """
    head = stream.read(_HEAD.size)
    if not head:
        return None
    if len(head) < _HEAD.size:
        raise EOFError("cut off within a message")
    kind, size = _HEAD.unpack(head)
    if size > LARGEST:
        raise ValueError("a message larger than any segment")
    payload = stream.read(size)
    if len(payload) < size:
        raise EOFError("cut off within a message")
    return Kind(kind), payload


def answer(**fields: Any) -> bytes:
    return json.dumps(fields, separators=(",", ":")).encode() + b"\n"
