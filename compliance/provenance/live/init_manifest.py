"""Signing an initialisation segment: the one place of a session where the claim key and the TSA take part."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

import cbor2
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from django.utils.translation import gettext_lazy as _

from compliance.provenance import bmff, finisher, manifest
from compliance.provenance.errors import ContainerInvalid
from compliance.provenance.live import emsg, writer
from compliance.provenance.live.session_keys import SESSION_KEYS_LABEL
from compliance.provenance.store import C2PA_UUID
from compliance.provenance.tsa import TimeStamp

_TOKEN_ROOM = 10 * 1024
_MEDIA = (b"mdat", b"moof", b"styp")


@dataclass(frozen=True, slots=True)
class InitOrder:
    """What the init manifest states and who signs it; ``session_keys`` is that assertion's CBOR."""

    given: manifest.ManifestInput
    session_keys: bytes
    chain: list[x509.Certificate]
    sign: Callable[[bytes], bytes]
    stamp: Callable[[bytes], TimeStamp]


@dataclass(frozen=True, slots=True)
class SignedInit:
    """The init segment with its manifest, the manifest's label and the time of its time-stamp (UTC)."""

    data: bytes
    manifest_id: str
    time: datetime


def sign_init(init: bytes, order: InitOrder) -> SignedInit:
    """``init`` with a signed, time-stamped manifest after ``ftyp``.

    Raises ContainerInvalid when ``init`` is no plain initialisation segment, and whatever ``order`` raises.
    """
    boxes = _check(init)
    stated = manifest.assertions(order.given)
    draft = writer.Draft(
        label=f"urn:c2pa:{uuid4()}",
        title=order.given.title,
        assertions={label: cbor2.dumps(data) for label, data in stated.items()}
        | {SESSION_KEYS_LABEL: order.session_keys},
        signature_room=_TOKEN_ROOM + sum(len(_der(one)) for one in order.chain),
    )
    added = len(writer.uuid_box(writer.write_store(draft, bytes(32))))
    parts = [(box.start + added, box.start, box.end) for box in boxes if box.kind not in writer.EXCLUDED_KINDS]
    store = bytearray(writer.write_store(draft, emsg.content_hash(init, parts)))
    plan = finisher.Plan(
        assertions=stated | {SESSION_KEYS_LABEL: cbor2.loads(order.session_keys)},
        byte_string=finisher.ByteString(manifest.SOFT_BINDING_LABEL, order.given.mark_placeholder, order.given.mark),
        chain=order.chain,
        sign=order.sign,
        stamp=order.stamp,
    )
    finished = finisher.finish_store(store, plan)
    head = boxes[0].end
    return SignedInit(init[:head] + writer.uuid_box(bytes(store)) + init[head:], finished.label, finished.time)


def _check(init: bytes) -> list[bmff.Box]:
    boxes = emsg.root_boxes(init)
    kinds = [box.kind for box in boxes]
    if kinds[:1] != [b"ftyp"] or kinds.count(b"ftyp") != 1 or kinds.count(b"moov") != 1:
        raise ContainerInvalid("init_not_plain", _("The start of the stream must be one ftyp and one moov box."))
    if any(kind in _MEDIA for kind in kinds):
        raise ContainerInvalid("init_has_media", _("The start of the stream must not carry pictures or sound."))
    if any(box.kind == b"uuid" and init[box.payload : box.payload + 16] == C2PA_UUID for box in boxes):
        raise ContainerInvalid("container_already_signed", _("The video already carries a C2PA manifest."))
    return boxes


def _der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.DER)
