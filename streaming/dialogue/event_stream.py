"""Server-sent events of `/v1/chat/completions`, read byte by byte with bounds (WHATWG HTML 9.2.6)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from streaming.dialogue.errors import ModelFailure

_MAX_EVENT = 65_536


@dataclass(frozen=True, slots=True)
class Piece:
    """One piece of a reply: text to append, whether the model says it is done, tokens used if told."""

    text: str = ""
    is_last: bool = False
    tokens: int | None = None


class EventReader:
    """Turns chunks of bytes into pieces; an event may be cut anywhere between chunks."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, chunk: bytes) -> Iterator[Piece]:
        """Pieces completed by `chunk`. Raises `ModelFailure` (model_garbage) for what is no such stream."""
        lines = (self._rest + chunk).replace(b"\r\n", b"\n").split(b"\n")
        self._rest = lines.pop()
        if len(self._rest) > _MAX_EVENT:
            raise garbage("an event is too long")
        for line in lines:
            if line.startswith(b"data:"):
                yield read_event(line[5:].strip())
            elif line.strip() and not line.startswith((b":", b"event:", b"id:", b"retry:")):
                raise garbage("a line is no server-sent event")


def read_event(data: bytes) -> Piece:
    """One event's data, or one whole reply of a server that does not stream. Raises `ModelFailure`."""
    if data == b"[DONE]":
        return Piece(is_last=True)
    try:
        event = json.loads(data)
        if "error" in event:
            raise ModelFailure("model_error", "The language model reports an error of its own.")
        tokens = (event.get("usage") or {}).get("total_tokens")
        choices = event.get("choices") or []
        choice: dict[str, Any] = choices[0] if choices else {}
        said = (choice.get("delta") or choice.get("message") or {}).get("content") or ""
        done = choice.get("finish_reason") is not None
    except (ValueError, AttributeError, TypeError, KeyError, IndexError, RecursionError) as error:
        raise garbage("an event is not the JSON of a chat completion") from error
    if not isinstance(said, str):
        raise garbage("the reply holds something other than text")
    return Piece(said, done, tokens if isinstance(tokens, int) and tokens >= 0 else None)


def garbage(what: str) -> ModelFailure:
    """The failure for a reply that cannot be read."""
    return ModelFailure("model_garbage", f"The language model's reply cannot be read: {what}.")
