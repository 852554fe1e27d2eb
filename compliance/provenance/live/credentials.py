"""What the init segment's manifest says about segment keys, read by code independent of the engine that trusts it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import Any

from compliance.provenance import jumbf
from compliance.provenance.errors import ContainerInvalid
from compliance.provenance.live import cose, emsg
from compliance.provenance.live.cbor import CborInvalid, decode
from compliance.provenance.live.cose import CoseInvalid
from compliance.provenance.live.errors import LiveInvalid, LiveReason
from compliance.provenance.live.session_keys import SESSION_KEYS_LABEL, PublishedKey, read_assertion
from compliance.provenance.live.writer import UUID_HEAD
from compliance.provenance.store import locate_store

_X5CHAIN = 33
_ASSERTIONS = "self#jumbf=c2pa.assertions/"


@dataclass(frozen=True, slots=True)
class Manifest:
    """One manifest of a store, as offsets."""

    store: bytes
    box: jumbf.Superbox

    def content(self, *path: str) -> bytes:
        """The CBOR of the box at ``path``; raises ContainerInvalid."""
        box = self.box
        for label in path:
            box = box.child(self.store, label)
        return self.store[slice(*box.content_box(self.store, b"cbor"))]


def check_init(data: bytes) -> bytes:
    """The manifest store of an init segment; raises LiveInvalid when it is none, or carries none."""
    try:
        kinds = [box.kind for box in emsg.root_boxes(data)]
    except ContainerInvalid as error:
        raise LiveInvalid(LiveReason.INIT_DAMAGED, why=error.code) from error
    if kinds[:1] != [b"ftyp"] or b"moov" not in kinds:
        raise LiveInvalid(LiveReason.INIT_DAMAGED, why="not an ftyp and a moov box")
    if b"mdat" in kinds or b"moof" in kinds:
        raise LiveInvalid(LiveReason.INIT_HAS_MEDIA)
    try:
        location = locate_store(BytesIO(data))
    except ContainerInvalid as error:
        raise LiveInvalid(LiveReason.MANIFEST_NOT_TRUSTED, why=error.code) from error
    if location is None:
        raise LiveInvalid(LiveReason.MANIFEST_ABSENT)
    if data[location.offset - len(UUID_HEAD) : location.offset] != UUID_HEAD:
        raise LiveInvalid(LiveReason.MANIFEST_NOT_TRUSTED, why="a store with a Merkle tree, or of another version")
    return location.data


def session_keys(store: bytes, label: str) -> tuple[PublishedKey, ...]:
    """The session keys of the manifest ``label``, each bound to its signer; raises LiveInvalid."""
    try:
        (box,) = (one for one in jumbf.read_store(store).children(store) if one.label == label)
        manifest = Manifest(store, box)
        assertions = box.child(store, "c2pa.assertions")
        found = [one for one in assertions.children(store) if one.label == SESSION_KEYS_LABEL]
        if len(found) != 1:
            raise LiveInvalid(LiveReason.SESSION_KEYS_ABSENT, found=len(found))
        _check_listed(manifest, hashlib.sha256(store[slice(*found[0].body)]).digest())
        keys = read_assertion(manifest.content("c2pa.assertions", SESSION_KEYS_LABEL))
        certificate = _certificate(manifest)
    except ContainerInvalid as error:
        raise LiveInvalid(LiveReason.SESSION_KEYS_DAMAGED, why=error.code) from error
    except ValueError as error:  # CborInvalid and CoseInvalid among them
        raise LiveInvalid(LiveReason.SESSION_KEYS_DAMAGED, why=str(error)) from error
    for key in keys:
        key.check_binding(certificate)
    return keys


def _check_listed(manifest: Manifest, digest: bytes) -> None:
    claim = decode(manifest.content("c2pa.claim.v2"))
    if digest not in list(_hashes(claim)):
        raise CborInvalid("the claim does not list the session keys")


def _hashes(claim: Any) -> Iterator[object]:
    if not isinstance(claim, dict) or not isinstance(claim.get("created_assertions"), list):
        raise CborInvalid("a claim that lists nothing")
    for reference in claim["created_assertions"]:
        match reference:
            case {"url": str() as url, "hash": bytes() as digest} if url == _ASSERTIONS + SESSION_KEYS_LABEL:
                yield digest


def _certificate(manifest: Manifest) -> bytes:
    """The claim signer's certificate, DER."""
    signature = cose.parse_sign1(decode(manifest.content("c2pa.signature")))
    match signature.headers.get(_X5CHAIN, signature.unprotected.get(_X5CHAIN)):
        case [bytes() as leaf, *_] | (bytes() as leaf):
            return leaf
    raise CoseInvalid("no certificate")
