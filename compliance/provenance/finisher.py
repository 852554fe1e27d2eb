"""Finish an assembled manifest in place, without moving a byte.

The assembled store (compliance.provenance.assemble) is made by a library whose JSON cannot say "byte string",
and in a process that holds no key. Here the byte strings are placed, the assertion's hash in the claim is
renewed, the claim is signed through custody and the signature is time-stamped: ``COSE_Sign1`` with
``sigTst2`` (C2PA specification 2.4, 13.2 and 10.3.2.5; RFC 9052 section 4.4). Before signing, everything the
claim states is compared with what was asked.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import cbor2
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from django.utils.translation import gettext_lazy as _

from compliance.provenance import jumbf
from compliance.provenance.errors import SigningFailed
from compliance.provenance.manifest import INGREDIENT_IDS
from compliance.provenance.store import locate_store
from compliance.provenance.tsa import TimeStamp

HARD_BINDING = "c2pa.hash.bmff.v3"
INGREDIENT = "c2pa.ingredient.v3"
_ES256, _ALG, _X5CHAIN = -7, 1, 33
_SIGN1_TAG = 18


@dataclass(frozen=True, slots=True)
class ByteString:
    """A text of ``assertion`` that must become the byte string ``value`` of equal length (below 24 bytes)."""

    assertion: str
    placeholder: str
    value: bytes


@dataclass(frozen=True, slots=True)
class Origin:
    """Something signed from which the file was made: ``id`` names it in actions, ``store`` is its manifest store."""

    id: str
    relationship: str
    store: bytes


@dataclass(frozen=True, slots=True)
class Plan:
    """What the claim must state, and who signs and stamps it.

    ``sign`` gives the raw 64-byte ES256 signature of its argument, ``stamp`` a verified time-stamp of its
    argument.
    """

    assertions: Mapping[str, Mapping[str, Any]]
    byte_string: ByteString
    chain: list[x509.Certificate]
    sign: Callable[[bytes], bytes]
    stamp: Callable[[bytes], TimeStamp]
    origins: tuple[Origin, ...] = ()


@dataclass(frozen=True, slots=True)
class Finished:
    """The manifest's label (``urn:c2pa:…``) and the time its time-stamp states."""

    label: str
    time: datetime


def finish(path: Path, plan: Plan) -> Finished:
    """Finish the assembled manifest in ``path``; raises SigningFailed when it is not what was asked for."""
    with path.open("r+b") as file:
        location = locate_store(file)
        if location is None:
            raise _not_as_asked("no manifest store")
        store = bytearray(location.data)
        finished = finish_store(store, plan)
        file.seek(location.offset)
        file.write(store)
        file.flush()
        os.fsync(file.fileno())
    return finished


def finish_store(store: bytearray, plan: Plan) -> Finished:
    """The same for the store's bytes, changed in place and never in length."""
    *earlier, manifest = jumbf.read_store(bytes(store)).children(bytes(store))
    if sorted(_bodies(bytes(store), earlier)) != sorted(_manifests_of(plan.origins)):
        raise _not_as_asked(f"{len(earlier)} earlier manifests")
    _check_claim(bytes(store), manifest, plan)
    _place(store, manifest, plan.byte_string)
    claim_start, claim_end = manifest.child(bytes(store), "c2pa.claim.v2").content_box(bytes(store), b"cbor")
    time = _sign(store, manifest, bytes(store[claim_start:claim_end]), plan)
    return Finished(manifest.label, time)


def _check_claim(store: bytes, manifest: jumbf.Superbox, plan: Plan) -> None:
    """The claim lists the asked assertions and the hard binding, no more, each word for word as asked."""
    claim = _content(store, manifest.child(store, "c2pa.claim.v2"))
    created, gathered = claim["created_assertions"], claim.get("gathered_assertions", [])
    names = _ingredient_labels(plan.origins)
    if _labels(created) != [*plan.assertions, HARD_BINDING] or _labels(gathered) != names or claim["alg"] != "sha256":
        raise _not_as_asked("the claim lists other assertions")
    boxes = manifest.child(store, "c2pa.assertions")
    references = dict(zip((one.id for one in plan.origins), gathered, strict=True))
    for reference, label in zip([*created, *gathered], [*_labels(created), *names], strict=True):
        box = boxes.child(store, label)
        if reference["hash"] != hashlib.sha256(store[slice(*box.body)]).digest():
            raise _not_as_asked(f"the hash of {label}")
        if label in plan.assertions and _content(store, box) != _resolved(plan.assertions[label], references):
            raise _not_as_asked(f"the content of {label}")
    for origin, label in zip(plan.origins, names, strict=True):
        _check_ingredient(_content(store, boxes.child(store, label)), origin)


def _check_ingredient(stated: Mapping[str, Any], origin: Origin) -> None:
    """The ingredient assertion points at the origin's manifest, as it is (C2PA specification 2.4, 18.17)."""
    manifest = list(jumbf.read_store(origin.store).children(origin.store))[-1]
    digest = hashlib.sha256(origin.store[slice(*manifest.body)]).digest()
    wanted = {"url": f"self#jumbf=/c2pa/{manifest.label}", "alg": "sha256", "hash": digest}
    if stated["relationship"] != origin.relationship or stated["activeManifest"] != wanted:
        raise _not_as_asked(f"the ingredient {origin.id}")


def _labels(references: Sequence[Mapping[str, Any]]) -> list[str]:
    return [str(one["url"]).removeprefix("self#jumbf=c2pa.assertions/") for one in references]


def _ingredient_labels(origins: Sequence[Origin]) -> list[str]:
    """Several assertions of one kind are told apart by a number (C2PA specification 2.4, 6.4)."""
    return [f"{INGREDIENT}__{number}" if number else INGREDIENT for number in range(len(origins))]


def _resolved(asked: Mapping[str, Any], references: Mapping[str, Any]) -> dict[str, Any]:
    """An assertion as it has to stand: where an action named ingredients by id, their references."""

    def resolve(action: Mapping[str, Any]) -> dict[str, Any]:
        named = action.get("parameters", {}).get(INGREDIENT_IDS)
        if named is None:
            return dict(action)
        return {**action, "parameters": {"ingredients": [references[one] for one in named]}}

    if "actions" not in asked:
        return dict(asked)
    return {**asked, "actions": [resolve(action) for action in asked["actions"]]}


def _bodies(store: bytes, manifests: Sequence[jumbf.Superbox]) -> list[bytes]:
    return [store[slice(*one.body)] for one in manifests]


def _manifests_of(origins: Sequence[Origin]) -> list[bytes]:
    return [
        body
        for origin in origins
        for body in _bodies(origin.store, list(jumbf.read_store(origin.store).children(origin.store)))
    ]


def _place(store: bytearray, manifest: jumbf.Superbox, given: ByteString) -> None:
    """Text to bytes: major type 3 becomes 2 in the CBOR head, and the claim gets the assertion's new hash."""
    box = manifest.child(bytes(store), "c2pa.assertions").child(bytes(store), given.assertion)
    before = hashlib.sha256(store[slice(*box.body)]).digest()
    text = given.placeholder.encode()
    if len(text) != len(given.value) or len(text) >= 24:
        raise ValueError("placeholder and value must have the same length below 24 bytes")
    at = _find_once(store, bytes([0x60 | len(text)]) + text, box.body)
    store[at : at + 1 + len(text)] = bytes([0x40 | len(text)]) + given.value
    claim = manifest.child(bytes(store), "c2pa.claim.v2")
    at = _find_once(store, before, claim.body)
    store[at : at + len(before)] = hashlib.sha256(store[slice(*box.body)]).digest()


def _sign(store: bytearray, manifest: jumbf.Superbox, claim: bytes, plan: Plan) -> datetime:
    """Write the COSE_Sign1 structure, padded to fill the reserved box exactly; returns the stamped time."""
    certificates = [one.public_bytes(serialization.Encoding.DER) for one in plan.chain]
    protected = cbor2.dumps({_ALG: _ES256, _X5CHAIN: certificates})
    signature = plan.sign(cbor2.dumps(["Signature1", protected, b"", claim]))
    stamp = plan.stamp(cbor2.dumps(["CounterSignature", protected, b"", cbor2.dumps(signature)]))
    start, end = manifest.child(bytes(store), "c2pa.signature").content_box(bytes(store), b"cbor")
    store[start:end] = _cose_sign1(protected, signature, stamp.token, size=end - start)
    return stamp.time


def _cose_sign1(protected: bytes, signature: bytes, token: bytes, *, size: int) -> bytes:
    def encode(padding: int) -> bytes:
        unprotected = {"sigTst2": {"tstTokens": [{"val": token}]}, "pad": bytes(padding)}
        return cbor2.dumps(cbor2.CBORTag(_SIGN1_TAG, [protected, unprotected, None, signature]))

    room = size - len(encode(0))
    for head in (0, 1, 2):  # a longer byte string needs a longer CBOR head
        if room - head >= 0 and len(encoded := encode(room - head)) == size:
            return encoded
    raise SigningFailed(
        "signature_box_too_small", _("The time-stamp token is too large for the manifest. Use another TSA.")
    )


def _content(store: bytes, box: jumbf.Superbox) -> Any:
    try:
        return cbor2.loads(store[slice(*box.content_box(store, b"cbor"))])
    except cbor2.CBORDecodeError as error:
        raise _not_as_asked(f"{box.label} is not CBOR") from error


def _find_once(store: bytearray, wanted: bytes, span: tuple[int, int]) -> int:
    at = store.find(wanted, *span)
    if at < 0 or store.find(wanted, at + 1, span[1]) >= 0:
        raise _not_as_asked("a value to replace is not there exactly once")
    return at


def _not_as_asked(what: str) -> SigningFailed:
    return SigningFailed(
        "manifest_not_as_asked",
        _("The assembled manifest is not what was asked for. It was not signed."),
        found=what,
    )
