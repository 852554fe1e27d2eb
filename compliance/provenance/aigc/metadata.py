"""The ``meta`` box with ``keys`` and ``ilst`` (QuickTime File Format, "Metadata"), as entries (pure).

The older form that FFmpeg writes by default (handler ``mdir``, items named by four characters) is read too,
and turned into keys when the box is written, so that nothing an editor put there is lost.
"""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass, field, replace

from django.utils.translation import gettext_lazy as _

from compliance.provenance import bmff
from compliance.provenance.errors import ContainerInvalid

MDTA, UDTA = b"mdta", b"udta"
_UTF8 = 1
_FREEFORM = b"----"
_NAMES = {
    b"\xa9nam": b"title",
    b"\xa9ART": b"artist",
    b"\xa9alb": b"album",
    b"\xa9cmt": b"comment",
    b"\xa9day": b"date",
    b"\xa9gen": b"genre",
    b"\xa9too": b"encoder",
    b"cprt": b"copyright",
    b"desc": b"description",
}
"""Names FFmpeg gives these items when it writes them as keys."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One item: key namespace and name, and the boxes of its ``ilst`` item (usually one ``data`` box)."""

    namespace: bytes
    name: bytes
    item: bytes
    freeform: bool = False

    def texts(self) -> list[str]:
        """The item's ``data`` values as texts (an item may have several); undecodable bytes become U+FFFD."""
        values = [payload for kind, payload in split(self.item) if kind == b"data" and len(payload) >= 8]
        return [value[8:].decode("utf-8", "replace") for value in values]


@dataclass(frozen=True, slots=True)
class Meta:
    """A ``meta`` box: entries, and boxes we carry along untouched."""

    entries: list[Entry] = field(default_factory=list)
    others: list[tuple[bytes, bytes]] = field(default_factory=list)

    def without(self, name: bytes) -> Meta:
        """A copy without entries of that name, in whatever namespace or case."""
        return replace(self, entries=[one for one in self.entries if one.name.lower() != name.lower()])

    def with_text(self, name: bytes, text: str) -> Meta:
        """A copy with one more ``mdta`` entry that holds ``text`` as UTF-8."""
        item = join(b"data", struct.pack(">II", _UTF8, 0) + text.encode())
        return replace(self, entries=[*self.entries, Entry(MDTA, name, item)])

    def payload(self) -> bytes:
        """The box's payload: full-box head, ``mdta`` handler, ``keys``, ``ilst``, and the rest."""
        handler = join(b"hdlr", bytes(8) + MDTA + bytes(12) + b"\0")
        keys = b"".join(join(one.namespace, one.name) for one in self.entries)
        items = b"".join(join(struct.pack(">I", number), one.item) for number, one in enumerate(self.entries, start=1))
        head = struct.pack(">II", 0, len(self.entries))
        rest = b"".join(join(kind, payload) for kind, payload in self.others)
        return bytes(4) + handler + join(b"keys", head + keys) + join(b"ilst", items) + rest


def parse(payload: bytes) -> Meta:
    """The ``meta`` box with this payload, in MP4 (full box) or QuickTime form; raises ContainerInvalid."""
    children = split(payload if payload[4:8] == b"hdlr" else payload[4:])
    others = [one for one in children if one[0] not in (b"hdlr", b"keys", b"ilst", b"free")]
    tables = [_keys(content) for kind, content in children if kind == b"keys"]
    if len(tables) > 1:
        raise ContainerInvalid("container_damaged", _("The file's metadata has more than one table of keys."))
    keys = tables[0] if tables else None
    items = [item for kind, content in children if kind == b"ilst" for item in split(content)]
    entries = [_entry(kind, item, keys) for kind, item in items]
    return Meta([one for one in entries if one is not None], others)


def split(data: bytes) -> list[tuple[bytes, bytes]]:
    """Kind and payload of the boxes that fill ``data``; raises ContainerInvalid when they do not."""
    return [(box.kind, data[box.payload : box.end]) for box in bmff.boxes(io.BytesIO(data), 0, len(data))]


def join(kind: bytes, payload: bytes) -> bytes:
    """A box with a 32-bit size."""
    return struct.pack(">I4s", len(payload) + 8, kind) + payload


def _keys(payload: bytes) -> list[tuple[bytes, bytes]]:
    if len(payload) < 8:
        raise ContainerInvalid("container_damaged", _("The file's metadata keys are cut off."))
    return split(payload[8:])


def _entry(kind: bytes, item: bytes, keys: list[tuple[bytes, bytes]] | None) -> Entry | None:
    if keys is not None:
        number = int.from_bytes(kind, "big")
        return Entry(*keys[number - 1], item) if 0 < number <= len(keys) else None
    if kind == _FREEFORM:
        parts = dict(split(item))
        kept = b"".join(join(name, value) for name, value in split(item) if name == b"data")
        return Entry(MDTA, parts.get(b"name", b"")[4:], kept, freeform=True)
    return Entry(MDTA, _NAMES[kind], item) if kind in _NAMES else Entry(UDTA, kind, item)
