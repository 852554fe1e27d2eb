"""The sealed key file: private material encrypted once, its data key wrapped for every role that may use it.

JSON with an authenticated header (purpose, key id, algorithm, creation time). The material is encrypted with
AES-256-GCM under a random data key; the data key is wrapped with AES-256-GCM under a key derived from each
holder's role secret by HKDF-SHA256 (RFC 5869). A role secret carries 256 random bits, so a password hash such
as scrypt would add delay and no strength. The header's canonical bytes are associated data of both layers, so
a file renamed to another purpose, or a header edited by hand, does not open.
"""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from compliance.keys.errors import KeyAccessDenied, KeyCorrupt
from compliance.keys.purposes import KeyAlgorithm, KeyPurpose, ProcessRole

FORMAT = "avow-sealed-key-1"
_NONCE_BYTES = 12
_SALT_BYTES = 16


@dataclass(frozen=True, slots=True)
class KeyHeader:
    """What a key file says about itself in clear, and what its encryption authenticates."""

    purpose: KeyPurpose
    key_id: str
    algorithm: KeyAlgorithm
    created: str
    """ISO 8601 UTC to the second, for example ``2026-11-22T14:03:15Z``."""

    def canonical(self) -> bytes:
        """Sorted, compact JSON: the associated data of both encryption layers."""
        fields = {
            "format": FORMAT,
            "purpose": self.purpose.value,
            "key_id": self.key_id,
            "algorithm": self.algorithm.value,
            "created": self.created,
        }
        return json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()


def seal(header: KeyHeader, material: bytes, secrets: Mapping[ProcessRole, bytes]) -> bytes:
    """The key file's bytes; ``secrets`` holds the role secret (32 bytes) of every role that may open it."""
    data_key = AESGCM.generate_key(256)
    document = {
        "header": json.loads(header.canonical()),
        "wrapped": {role.value: _wrap(header, role, secret, data_key) for role, secret in secrets.items()},
        "body": _encode(_encrypt(data_key, material, header.canonical())),
    }
    return json.dumps(document, indent=1).encode() + b"\n"


def read_header(sealed: bytes) -> KeyHeader:
    """The header in clear, not yet authenticated; raises KeyCorrupt when the file is not a key file."""
    fields = _document(sealed)["header"]
    try:
        if fields["format"] != FORMAT:
            raise ValueError("unknown format")
        return KeyHeader(
            KeyPurpose(fields["purpose"]),
            str(fields["key_id"]),
            KeyAlgorithm(fields["algorithm"]),
            str(fields["created"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise _corrupt("its header is not one of ours") from error


def unseal(sealed: bytes, role: ProcessRole, secret: bytes) -> tuple[KeyHeader, bytes]:
    """Header and private material, both authenticated.

    Raises KeyAccessDenied when the file holds nothing for ``role``; KeyCorrupt when it does not authenticate,
    which is also what a wrong role secret looks like.
    """
    document, header = _document(sealed), read_header(sealed)
    wrapped = document["wrapped"].get(role.value)
    if wrapped is None:
        raise KeyAccessDenied("key_not_for_role", f"The {header.purpose} key is not sealed for role “{role}”.")
    try:
        wrapping_key = _wrapping_key(secret, _decode(wrapped["salt"]), role)
        data_key = _decrypt(wrapping_key, _decode(wrapped["key"]), header.canonical())
        return header, _decrypt(data_key, _decode(document["body"]), header.canonical())
    except (InvalidTag, KeyError, TypeError, ValueError) as error:
        raise _corrupt(f"it does not open with the secret of role “{role}”") from error


def _wrap(header: KeyHeader, role: ProcessRole, secret: bytes, data_key: bytes) -> dict[str, str]:
    salt = os.urandom(_SALT_BYTES)
    wrapping_key = _wrapping_key(secret, salt, role)
    return {"salt": _encode(salt), "key": _encode(_encrypt(wrapping_key, data_key, header.canonical()))}


def _wrapping_key(secret: bytes, salt: bytes, role: ProcessRole) -> bytes:
    info = f"{FORMAT} wrap {role.value}".encode()
    return HKDF(algorithm=hashes.SHA256(), length=32, salt=salt, info=info).derive(secret)


def _encrypt(key: bytes, plain: bytes, associated: bytes) -> bytes:
    nonce = os.urandom(_NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, plain, associated)


def _decrypt(key: bytes, data: bytes, associated: bytes) -> bytes:
    return AESGCM(key).decrypt(data[:_NONCE_BYTES], data[_NONCE_BYTES:], associated)


def _document(sealed: bytes) -> dict[str, Any]:
    try:
        document = json.loads(sealed)
    except (ValueError, RecursionError) as error:
        raise _corrupt("it is not readable JSON") from error
    match document:
        case {"header": dict(), "wrapped": dict(), "body": str()}:
            return dict(document)
    raise _corrupt("parts of it are missing")


def _corrupt(why: str) -> KeyCorrupt:
    return KeyCorrupt("key_corrupt", f"The key file cannot be used: {why}. Restore it from a backup.")


def _encode(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _decode(text: str) -> bytes:
    return base64.b64decode(text, validate=True)
