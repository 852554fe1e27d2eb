"""A strict reader of CBOR from strangers (RFC 8949): definite lengths, no repeated keys, nothing left over.

Tags are handed on as they are: no date, number or pattern is built from foreign bytes unless asked for. What
we write ourselves is written by cbor2.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any

MAX_BYTES = 1 << 20
MAX_DEPTH = 16
_SIMPLE = {20: False, 21: True, 22: None}
_LENGTHS = {24: ">B", 25: ">H", 26: ">I", 27: ">Q"}
_HALF_TO_DOUBLE = {25: ">e", 26: ">f", 27: ">d"}


class CborInvalid(ValueError):
    """Not the CBOR we take."""


@dataclass(frozen=True, slots=True)
class Tag:
    """A tagged value, not interpreted."""

    number: int
    value: Any


def decode(data: bytes) -> Any:
    """The one item that fills ``data``: int, float, bytes, str, list, dict, bool, None or :class:`Tag`.

    Raises CborInvalid for everything else: more than 1 MiB, nesting deeper than 16, indefinite lengths,
    repeated or container keys, undefined, bytes after the end.
    """
    if len(data) > MAX_BYTES:
        raise CborInvalid("too long")
    value, end = _item(data, 0, 0)
    if end != len(data):
        raise CborInvalid("bytes after the end")
    return value


def _item(data: bytes, at: int, depth: int) -> tuple[Any, int]:
    if depth > MAX_DEPTH:
        raise CborInvalid("nested too deeply")
    if at >= len(data):
        raise CborInvalid("cut off")
    major, short = data[at] >> 5, data[at] & 0x1F
    if major == 7:
        return _simple(data, at, short)
    argument, at = _argument(data, at + 1, short)
    if major == 0:
        return argument, at
    if major == 1:
        return -1 - argument, at
    if major == 2:
        return _bytes(data, at, argument)
    if major == 3:
        return _text(data, at, argument)
    if major == 6:
        value, at = _item(data, at, depth + 1)
        return Tag(argument, value), at
    if argument > len(data) - at:
        raise CborInvalid("more items than bytes")
    return _array(data, at, argument, depth) if major == 4 else _map(data, at, argument, depth)


def _argument(data: bytes, at: int, short: int) -> tuple[int, int]:
    if short < 24:
        return short, at
    form = _LENGTHS.get(short)
    if form is None:
        raise CborInvalid("an indefinite or reserved length")
    size = struct.calcsize(form)
    if at + size > len(data):
        raise CborInvalid("cut off")
    return struct.unpack_from(form, data, at)[0], at + size


def _simple(data: bytes, at: int, short: int) -> tuple[Any, int]:
    if short in _SIMPLE:
        return _SIMPLE[short], at + 1
    form = _HALF_TO_DOUBLE.get(short)
    if form is None or at + 1 + struct.calcsize(form) > len(data):
        raise CborInvalid("an unknown simple value")
    return struct.unpack_from(form, data, at + 1)[0], at + 1 + struct.calcsize(form)


def _bytes(data: bytes, at: int, size: int) -> tuple[bytes, int]:
    if size > len(data) - at:
        raise CborInvalid("cut off")
    return bytes(data[at : at + size]), at + size


def _text(data: bytes, at: int, size: int) -> tuple[str, int]:
    raw, at = _bytes(data, at, size)
    try:
        return raw.decode("utf-8"), at
    except UnicodeDecodeError as error:
        raise CborInvalid("text that is not UTF-8") from error


def _array(data: bytes, at: int, size: int, depth: int) -> tuple[list[Any], int]:
    items = []
    for _index in range(size):
        value, at = _item(data, at, depth + 1)
        items.append(value)
    return items, at


def _map(data: bytes, at: int, size: int, depth: int) -> tuple[dict[Any, Any], int]:
    found: dict[Any, Any] = {}
    for _index in range(size):
        key, at = _item(data, at, depth + 1)
        if isinstance(key, bool) or not isinstance(key, int | str | bytes) or key in found:
            raise CborInvalid("a repeated key, or one that is no number, text or bytes")
        found[key], at = _item(data, at, depth + 1)
    return found, at
