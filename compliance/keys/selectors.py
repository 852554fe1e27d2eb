"""What may be told about keys to anybody: ids, kinds, holders, public halves."""

from __future__ import annotations

from dataclasses import dataclass

from cryptography.hazmat.primitives import serialization

from compliance.keys import sealing
from compliance.keys.keystore import KeyStore
from compliance.keys.purposes import ALGORITHMS, HOLDERS, KeyAlgorithm, KeyPurpose


@dataclass(frozen=True, slots=True)
class KeySummary:
    """One version of one key, without anything secret."""

    purpose: KeyPurpose
    key_id: str
    algorithm: KeyAlgorithm
    created: str
    current: bool
    holders: tuple[str, ...]
    public_pem: str
    """Empty for a plain secret."""


def list_keys(store: KeyStore) -> list[KeySummary]:
    """Every version of every key; raises KeyMissing before ``keys init`` and KeyCorrupt on damage."""
    current = {purpose: store.current_id(purpose) for purpose in KeyPurpose}
    return [
        _summary(store, purpose, key_id, current[purpose]) for purpose in KeyPurpose for key_id in store.ids(purpose)
    ]


def _summary(store: KeyStore, purpose: KeyPurpose, key_id: str, current_id: str) -> KeySummary:
    header = sealing.read_header(store.sealed(purpose, key_id))
    pem = ""
    if ALGORITHMS[purpose] is not KeyAlgorithm.SECRET_256:
        pem = (
            store.public_key(purpose, key_id)
            .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
            .decode()
        )
    return KeySummary(
        purpose=purpose,
        key_id=key_id,
        algorithm=header.algorithm,
        created=header.created,
        current=key_id == current_id,
        public_pem=pem,
        holders=tuple(sorted(HOLDERS[purpose])),
    )
