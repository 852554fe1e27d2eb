"""Messages between Avow and an outside engine: a four-letter kind, a length, the bytes. See docs/avatar-adapters.md.

offset 0  4 bytes  kind, ASCII: JOB_ PCM_ FRM_ END_ (to the engine), FRM_ END_ ERR_ (from it)
offset 4  4 bytes  length of what follows, big-endian
offset 8           JSON (JOB_, ERR_), 16-bit little-endian samples (PCM_), one yuv420p picture (FRM_), nothing (END_)
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Iterable, Iterator
from typing import Any

PROTOCOL = "avow-engine-1"
JOB, SOUND, FRAME, END, ERROR = b"JOB_", b"PCM_", b"FRM_", b"END_", b"ERR_"
_HEAD = struct.Struct(">4sI")
LARGEST_TEXT = 4096


def packed(kind: bytes, payload: bytes = b"") -> bytes:
    """One message."""
    return _HEAD.pack(kind, len(payload)) + payload


def job_messages(header: dict[str, Any], sound: bytes, frames: Iterable[bytes]) -> Iterator[bytes]:
    """A whole job as the engine reads it."""
    yield packed(JOB, json.dumps(header).encode())
    yield packed(SOUND, sound)
    for frame in frames:
        yield packed(FRAME, frame)
    yield packed(END)


class WireGarbage(ValueError):
    """What came is no message, or not one that is due."""


class EngineSaidNo(Exception):
    """The engine has refused the job; its own words, cut to a line."""


def read_frames(read: Callable[[int], bytes], size: int, count: int) -> Iterator[bytes]:
    """Exactly `count` pictures of `size` bytes, then END_.

    Args:
        read: gives exactly as many bytes as asked for, or raises EOFError.

    Raises:
        WireGarbage: another kind, another length, too few or too many pictures; nothing is read beyond a wrong length.
        EngineSaidNo: the engine sent ERR_.
        EOFError: the engine hung up.
    """
    for number in range(count + 1):
        kind, length = _HEAD.unpack(read(_HEAD.size))
        if kind == ERROR and length <= LARGEST_TEXT:
            raise EngineSaidNo(_one_line(read(length)))
        due = (FRAME, size) if number < count else (END, 0)
        if (kind, length) != due:
            raise WireGarbage(f"message {number}: {kind!r} of {length} bytes, due {due[0]!r} of {due[1]}")
        if kind == FRAME:
            yield read(length)


def _one_line(payload: bytes) -> str:
    try:
        text = str(json.loads(payload)["text"])
    except (ValueError, KeyError, TypeError):
        text = "no reason given"
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())[:300]
