"""A manifest store written by us, byte for byte (JUMBF, ISO 19566-5; C2PA specification 2.4, 11.1 and A.5.1).

c2pa-python's JSON can say neither byte strings nor tags nor integer keys, and session keys need all three. The
signature's place is left open and filled by the finisher, as for files.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Mapping
from dataclasses import dataclass

import cbor2

from compliance.provenance.finisher import HARD_BINDING
from compliance.provenance.manifest import GENERATOR_VERSION, SPEC_VERSION
from compliance.provenance.store import C2PA_UUID

UUID_HEAD = C2PA_UUID + bytes(4) + b"manifest\0" + bytes(8)
"""After size and kind of the ``uuid`` box: id, version and flags, purpose, no Merkle box."""
_KIND_TAIL = bytes.fromhex("00110010800000aa00389b71")
_LABELLED = b"\x03"
_EXCLUSIONS = [
    {"xpath": "/uuid", "data": [{"offset": 8, "value": C2PA_UUID}]},
    {"xpath": "/ftyp"},
    {"xpath": "/mfra"},
]
"""What the standard makes mandatory; ``free`` and ``skip`` boxes are bound, unlike in files made by c2pa-rs."""
EXCLUDED_KINDS = (b"ftyp", b"mfra")


@dataclass(frozen=True, slots=True)
class Draft:
    """An unsigned manifest: label, title, assertions as CBOR by label (in order), bytes kept for the signature."""

    label: str
    title: str
    assertions: Mapping[str, bytes]
    signature_room: int


def uuid_box(store: bytes) -> bytes:
    """The box that carries ``store`` in a file."""
    return _box(b"uuid", UUID_HEAD + store)


def write_store(draft: Draft, content_hash: bytes) -> bytes:
    """The store of ``draft`` with the hard binding to ``content_hash`` (32 bytes) as its last assertion.

    Its length does not depend on the hash, so the file's layout is known before there is one.
    """
    binding = {"exclusions": _EXCLUSIONS, "alg": "sha256", "hash": content_hash, "name": "jumbf manifest"}
    contents = {**draft.assertions, HARD_BINDING: cbor2.dumps(binding)}
    boxes = {label: _cbor_superbox(b"cbor", label, content) for label, content in contents.items()}
    room = _box(b"cbor", bytes(draft.signature_room))
    manifest = (
        _superbox(b"c2as", "c2pa.assertions", b"".join(boxes.values()))
        + _cbor_superbox(b"c2cl", "c2pa.claim.v2", _claim(draft, boxes))
        + _superbox(b"c2cs", "c2pa.signature", room)
    )
    return _superbox(b"c2pa", "c2pa", _superbox(b"c2ma", draft.label, manifest))


def _claim(draft: Draft, boxes: Mapping[str, bytes]) -> bytes:
    """The claim names its own manifest as the instance: segments refer to the one, some verifiers read the other."""
    return cbor2.dumps(
        {
            "instanceID": draft.label,
            "claim_generator_info": {"name": "Avow", "version": GENERATOR_VERSION, "specVersion": SPEC_VERSION},
            "signature": f"self#jumbf=/c2pa/{draft.label}/c2pa.signature",
            "created_assertions": [
                {"url": f"self#jumbf=c2pa.assertions/{label}", "hash": hashlib.sha256(box[8:]).digest()}
                for label, box in boxes.items()
            ],
            "dc:title": draft.title,
            "alg": "sha256",
        }
    )


def _cbor_superbox(kind: bytes, label: str, content: bytes) -> bytes:
    return _superbox(kind, label, _box(b"cbor", content))


def _superbox(kind: bytes, label: str, content: bytes) -> bytes:
    description = _box(b"jumd", kind + _KIND_TAIL + _LABELLED + label.encode() + b"\0")
    return _box(b"jumb", description + content)


def _box(kind: bytes, payload: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(payload), kind) + payload
