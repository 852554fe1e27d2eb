"""What performer and gate say to each other over a local socket: a JSON header and named parts of bytes.

One message is `>I` header length, header, parts in the order of the header's `parts`, {name: length}. The gate believes
nothing of it; sizes are limited so that a performer gone wild cannot fill its memory.
"""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from compliance.errors import BadInput

MAX_HEADER, MAX_PART = 1 << 20, 32 << 20
_LENGTH = struct.Struct(">I")


@dataclass(frozen=True)
class Message:
    """One message; `header["op"]` says which."""

    header: dict[str, Any]
    parts: dict[str, bytes] = field(default_factory=dict)


class Wire:
    """One end of a connection. `send` and `receive` may be used by one thread each."""

    def __init__(self, end: socket.socket) -> None:
        self._socket = end

    def send(self, header: Mapping[str, Any], parts: Mapping[str, bytes] | None = None) -> None:
        """Raises OSError when the other end is gone."""
        parts = parts or {}
        head = json.dumps({**header, "parts": {name: len(part) for name, part in parts.items()}}).encode()
        self._socket.sendall(b"".join((_LENGTH.pack(len(head)), head, *parts.values())))

    def receive(self) -> Message | None:
        """The next message; None when the other end has hung up.

        Raises:
            BadInput: wire_garbage.
            OSError: the connection broke.
        """
        if (length := self._exactly(_LENGTH.size)) is None:
            return None
        if (size := _LENGTH.unpack(length)[0]) > MAX_HEADER:
            raise BadInput("wire_garbage", "A header is larger than anything a room sends.")
        if (head := self._exactly(size)) is None:
            return None
        try:
            header = json.loads(head)
            sizes = {str(name): int(part) for name, part in header.pop("parts").items()}
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise BadInput("wire_garbage", "What came over the room's connection is no message.") from error
        if any(not 0 <= part <= MAX_PART for part in sizes.values()):
            raise BadInput("wire_garbage", "A part of the message is larger than anything a room sends.")
        parts = {name: self._exactly(part) for name, part in sizes.items()}
        if any(part is None for part in parts.values()):
            return None
        return Message(header, {name: part for name, part in parts.items() if part is not None})

    def close(self) -> None:
        self._socket.close()

    def _exactly(self, count: int) -> bytes | None:
        chunks: list[bytes] = []
        while count:
            chunk = self._socket.recv(min(count, 1 << 20), socket.MSG_WAITALL)
            if not chunk:
                return None
            chunks.append(chunk)
            count -= len(chunk)
        return b"".join(chunks)
