"""Where the C2PA manifest store lies in an MP4 (C2PA specification 2.4, A.5.1): one ``uuid`` box."""

from __future__ import annotations

from dataclasses import dataclass
from typing import BinaryIO

from django.utils.translation import gettext_lazy as _

from compliance.provenance import bmff
from compliance.provenance.errors import ContainerInvalid

C2PA_UUID = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")
MAX_STORE_BYTES = 16 * 1024 * 1024
_VERSION_FLAGS, _MERKLE_OFFSET = 4, 8
_PURPOSE = b"manifest\0"


@dataclass(frozen=True, slots=True)
class StoreLocation:
    """The store's bytes, and their offset in the file."""

    offset: int
    data: bytes


def is_c2pa(file: BinaryIO, box: bmff.Box) -> bool:
    """Whether ``box`` is a C2PA ``uuid`` box, whatever its purpose."""
    if box.kind != b"uuid" or box.end - box.payload < len(C2PA_UUID):
        return False
    return bmff.read(file, box.payload, box.payload + len(C2PA_UUID), len(C2PA_UUID)) == C2PA_UUID


def locate_store(file: BinaryIO) -> StoreLocation | None:
    """The file's one manifest store, or None; raises ContainerInvalid on several or on damage."""
    found = [box for box in bmff.top_level(file) if is_c2pa(file, box)]
    if not found:
        return None
    if len(found) > 1:
        raise ContainerInvalid("several_manifest_stores", _("The file carries more than one C2PA manifest store."))
    (box,) = found
    payload = bmff.read(file, box.payload, box.end, MAX_STORE_BYTES)
    purpose_at = len(C2PA_UUID) + _VERSION_FLAGS
    data_at = purpose_at + len(_PURPOSE) + _MERKLE_OFFSET
    if payload[purpose_at : purpose_at + len(_PURPOSE)] != _PURPOSE or len(payload) < data_at:
        raise ContainerInvalid("manifest_store_damaged", _("The file's C2PA box does not hold a manifest store."))
    return StoreLocation(box.payload + data_at, payload[data_at:])
