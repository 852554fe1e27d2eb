"""A comment as every platform adapter hands it in, read strictly (pure).

One JSON object per comment, by webhook or WebSocket; idempotent by (`platform`, `id`). The sender's real
name has no place here: `user_ref` is the adapter's pseudonym.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Self

from streaming.dialogue.errors import CommentRefused
from streaming.dialogue.folding import display_copy, fold

MAX_BYTES = 8192
MAX_TEXT = 500
MAX_NAME = 128
MAX_VALUE = 1_000_000.0
_REFERENCE = re.compile(r"[A-Za-z0-9._:@+=/\-]{1,128}\Z")
_LANGUAGE = re.compile(r"(?:[a-z]{2,3}(?:-[A-Za-z0-9]{2,8}){0,3})?\Z")


class Kind(StrEnum):
    """What the platform calls the message: words, or a signal of the audience that has none.

    `value` of a signal is how many of it came at once; of VIEWERS it is the platform's own count of who watches.
    """

    CHAT = "chat"
    PAID = "paid"
    GIFT = "gift"
    JOIN = "join"
    LEAVE = "leave"
    LIKE = "like"
    CLICK = "click"
    ORDER = "order"
    RETURNED = "returned_order"
    VIEWERS = "viewers"


SIGNALS = frozenset({Kind.JOIN, Kind.LEAVE, Kind.LIKE, Kind.CLICK, Kind.ORDER, Kind.RETURNED, Kind.VIEWERS})


@dataclass(frozen=True, slots=True)
class Comment:
    """One message. `ts` epoch seconds (UTC) at the platform; `value` money or points given with it, 0..10^6.

    `text` is already the sanitised copy: one line, NFC, no control, format or bidirectional characters.
    """

    platform: str
    room: str
    id: str
    user_ref: str
    text: str
    ts: float
    kind: Kind = Kind.CHAT
    value: float = 0.0
    language: str = ""

    @property
    def is_signal(self) -> bool:
        """Whether it is counted and never answered."""
        return self.kind in SIGNALS

    @property
    def key(self) -> tuple[str, str]:
        """By which a comment delivered twice is the same."""
        return self.platform, self.id

    def to_json(self) -> str:
        """Canonical JSON, as kept in the room's archive."""
        return json.dumps(asdict(self), ensure_ascii=False, sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Read one JSON object. Raises `CommentRefused`; see `read_comment` for the codes."""
        if len(text) > MAX_BYTES:
            raise CommentRefused("comment_too_large", f"A comment may have {MAX_BYTES} bytes.")
        try:
            data = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise CommentRefused("comment_not_json", "The message is no JSON object in UTF-8.") from error
        return cls(**_fields(data))


def read_comment(data: Mapping[str, Any]) -> Comment:
    """A comment from decoded JSON; keys that are not fields are refused.

    Raises:
        CommentRefused: comment_not_json, comment_too_large, comment_fields, comment_reference, comment_text,
            comment_time, comment_kind, comment_value, comment_language.
    """
    return Comment(**_fields(data))


def _fields(data: Any) -> dict[str, Any]:
    names = set(Comment.__slots__)
    if not isinstance(data, Mapping) or not {"platform", "room", "id", "user_ref", "text", "ts"} <= set(data) <= names:
        raise CommentRefused("comment_fields", f"A comment is an object with the fields {', '.join(sorted(names))}.")
    kind = _kind(data.get("kind", Kind.CHAT))
    return {
        **{name: _reference(data[name], name) for name in ("platform", "room", "id", "user_ref")},
        "text": "" if kind in SIGNALS and data["text"] == "" else _text(data["text"]),
        "ts": _number(data["ts"], "comment_time", 0.0, 4e9),
        "kind": kind,
        "value": _number(data.get("value", 0.0), "comment_value", 0.0, MAX_VALUE),
        "language": _language(data.get("language", "")),
    }


def _reference(value: Any, name: str) -> str:
    if not isinstance(value, str) or not _REFERENCE.match(value):
        raise CommentRefused("comment_reference", f"{name} must be 1 to {MAX_NAME} letters, digits and ._:@+=/-.")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str) or len(value) > 8 * MAX_TEXT:
        raise CommentRefused("comment_text", f"text must be a string of at most {MAX_TEXT} characters.")
    shown = display_copy(value, max_chars=MAX_TEXT)
    if not shown or not fold(shown).spaced.text.strip():
        raise CommentRefused("comment_text", "text holds nothing that can be read.")
    return shown


def _number(value: Any, code: str, low: float, high: float) -> float:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not math.isfinite(value) or not low <= value <= high:
        raise CommentRefused(code, f"The number must lie between {low:g} and {high:g}.")
    return float(value)


def _kind(value: Any) -> Kind:
    if not isinstance(value, str) or value not in list(Kind):
        raise CommentRefused("comment_kind", f"kind must be one of {', '.join(Kind)}.")
    return Kind(value)


def _language(value: Any) -> str:
    if not isinstance(value, str) or not _LANGUAGE.match(value):
        raise CommentRefused("comment_language", "language must be a BCP 47 tag such as zh or en, or empty.")
    return value
