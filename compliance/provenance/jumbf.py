"""JUMBF superboxes (ISO 19566-5) of a C2PA manifest store, as offsets into one byte string (pure)."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from compliance.provenance.errors import ContainerInvalid

MAX_BOXES = 4096


@dataclass(frozen=True, slots=True)
class Superbox:
    """A labelled superbox: ``body`` is the payload (what C2PA hashes), ``content`` what follows the head."""

    label: str
    body: tuple[int, int]
    content: int

    def children(self, store: bytes) -> Iterator[Superbox]:
        """Superboxes directly inside."""
        for kind, start, end in _boxes(store, self.content, self.body[1]):
            if kind == b"jumb":
                yield read_superbox(store, start, end)

    def child(self, store: bytes, label: str) -> Superbox:
        """The one child with ``label``; raises ContainerInvalid when there is none, or more than one."""
        found = [one for one in self.children(store) if one.label == label]
        if len(found) != 1:
            raise damaged(f"{len(found)} boxes named {label}")
        return found[0]

    def content_box(self, store: bytes, kind: bytes) -> tuple[int, int]:
        """Offsets of the payload of the one content box of ``kind`` (for example ``b"cbor"``)."""
        found = [(start + 8, end) for one, start, end in _boxes(store, self.content, self.body[1]) if one == kind]
        if len(found) != 1:
            raise damaged(f"{self.label} has {len(found)} content boxes of kind {kind!r}")
        return found[0]


def read_superbox(store: bytes, start: int, end: int) -> Superbox:
    """The superbox at ``[start, end)``; raises ContainerInvalid when it has no readable label."""
    body = (start + 8, end)
    kind, description, description_end = next(_boxes(store, *body), (b"", 0, 0))
    toggles_at = description + 8 + 16
    if kind != b"jumd" or toggles_at >= description_end or not store[toggles_at] & 0x02:
        raise damaged("a superbox without a label")
    label = store[toggles_at + 1 : description_end].split(b"\0", 1)[0]
    return Superbox(label.decode("utf-8", "replace"), body, description_end)


def read_store(store: bytes) -> Superbox:
    """The manifest store's superbox (label ``c2pa``), which must be all there is."""
    outer = list(_boxes(store, 0, len(store)))
    if len(outer) != 1 or outer[0][0] != b"jumb":
        raise damaged("not one manifest store")
    return read_superbox(store, outer[0][1], outer[0][2])


def _boxes(store: bytes, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    for _ in range(MAX_BOXES):
        if start == end:
            return
        if end - start < 8:
            raise damaged("cut off")
        size, kind = struct.unpack_from(">I4s", store, start)
        if size < 8 or start + size > end:
            raise damaged("a box that does not fit")
        yield kind, start, start + size
        start += size
    raise damaged("too many boxes")


def damaged(why: str) -> ContainerInvalid:
    return ContainerInvalid("manifest_store_damaged", f"The C2PA manifest store is damaged: {why}.")
