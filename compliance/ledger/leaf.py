"""The bytes of one entry (pure): RFC 8785 canonical JSON, personal values only as salted commitments."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import rfc8785

from compliance.ledger.errors import EntryNotLoggable, NoteMalformed
from compliance.ledger.events import Event

VERSION = 1
SALT_BYTES = 32
MAX_LEAF_BYTES = 64 * 1024
MAX_DEPTH = 16
MAX_NUMBER = 2.0**53


@dataclass(frozen=True, slots=True)
class Leaf:
    """What an entry says. ``id`` makes every leaf unique, so that an entry taken twice is visible in the log.

    ``time`` is the recording process's clock (UTC); order in the log is by index, never by time.
    ``commitments`` maps a name to 64 hex digits of ``SHA-256(salt || UTF-8 value)``.
    """

    id: UUID
    event: Event
    subject: UUID
    organisation: UUID | None
    time: datetime
    data: Mapping[str, Any]
    commitments: Mapping[str, str]

    def to_bytes(self) -> bytes:
        """Canonical bytes; raises EntryNotLoggable (``ledger_data_not_json``, ``ledger_data_too_large``)."""
        _require_json(self.data, MAX_DEPTH)
        try:
            encoded = rfc8785.dumps(self._payload())
        except (rfc8785.CanonicalizationError, UnicodeEncodeError) as error:
            raise _not_json(str(error)) from error
        if len(encoded) > MAX_LEAF_BYTES:
            raise EntryNotLoggable(
                "ledger_data_too_large", "The event's data is too large for the log: log its digest instead."
            )
        return encoded

    def _payload(self) -> dict[str, Any]:
        return {
            "v": VERSION,
            "id": str(self.id),
            "event": self.event.value,
            "subject": str(self.subject),
            "organisation": None if self.organisation is None else str(self.organisation),
            "time": self.time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "data": dict(self.data),
            "commitments": dict(self.commitments),
        }


def parse(leaf: bytes) -> dict[str, Any]:
    """The JSON object in a leaf; raises NoteMalformed (``leaf_malformed``) when it is not one."""
    try:
        content = json.loads(leaf)
    except (ValueError, RecursionError) as error:
        raise NoteMalformed("leaf_malformed", "The entry's bytes are not JSON.") from error
    if not isinstance(content, dict):
        raise NoteMalformed("leaf_malformed", "The entry's bytes are not a JSON object.")
    return content


def commit(salt: bytes, value: str) -> str:
    """``SHA-256(salt || UTF-8 value)`` in hex: nothing without the salt, one value only with it."""
    return hashlib.sha256(salt + value.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Opening:
    """Lets a third party check one value: ``commit(salt, value)`` is commitment ``name`` of entry ``index``.

    This is personal data; it is given out by order only.
    """

    index: int
    name: str
    salt: bytes
    value: str

    def to_json(self) -> dict[str, Any]:
        return {"index": self.index, "name": self.name, "salt": self.salt.hex(), "value": self.value}


def _require_json(value: object, depth: int) -> None:
    """Exactly JSON's types: nothing is converted silently, reading back gives what was recorded."""
    if depth == 0:
        raise _not_json("nested too deeply")
    if isinstance(value, Mapping):
        for key, item in value.items():
            if type(key) is not str:
                raise _not_json("a key is not text")
            _require_json(item, depth - 1)
    elif isinstance(value, list | tuple):
        for item in value:
            _require_json(item, depth - 1)
    elif isinstance(value, float) and not abs(value) < MAX_NUMBER:
        raise _not_json("a number that JSON readers would round")
    elif value is not None and not isinstance(value, str | int | float):
        raise _not_json(f"{type(value).__name__} is no JSON type")


def _not_json(why: str) -> EntryNotLoggable:
    return EntryNotLoggable(
        "ledger_data_not_json",
        "The event's data is not plain JSON: use text, numbers and lists of them.",
        why=why,
    )
