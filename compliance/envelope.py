"""A signed JSON statement: `{"payload": {...}, "signature": {"alg": "Ed25519", "key_id": ..., "value": ...}}`.

What is signed are the RFC 8785 canonical bytes of the payload, so that any JSON library can carry it.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from typing import Any

import rfc8785
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from compliance.errors import VerificationFailed

Envelope = dict[str, Any]


def canonical_bytes(payload: Any) -> bytes:
    """RFC 8785 bytes of JSON-safe data."""
    return rfc8785.dumps(payload)


def seal(payload: dict[str, Any], *, key_id: str, sign: Callable[[bytes], bytes]) -> Envelope:
    """Sign `payload`; `sign` returns the 64 bytes of an Ed25519 signature (RFC 8032)."""
    value = base64.b64encode(sign(canonical_bytes(payload))).decode()
    return {"payload": payload, "signature": {"alg": "Ed25519", "key_id": key_id, "value": value}}


def unseal(envelope: Envelope, *, key_for: Callable[[str], Ed25519PublicKey]) -> dict[str, Any]:
    """The payload, after its signature was verified with the key `key_for(key_id)` gives.

    Raises:
        VerificationFailed: envelope_malformed or signature_invalid.
    """
    try:
        payload, signature = envelope["payload"], envelope["signature"]
        key_id, value = signature["key_id"], base64.b64decode(signature["value"], validate=True)
        if signature["alg"] != "Ed25519" or not isinstance(payload, dict):
            raise ValueError
        message = canonical_bytes(payload)
    except (KeyError, TypeError, ValueError, binascii.Error) as error:
        raise VerificationFailed("envelope_malformed", "The signed statement is damaged.") from error
    try:
        key_for(key_id).verify(value, message)
    except InvalidSignature as error:
        raise VerificationFailed("signature_invalid", "The statement was altered after it was signed.") from error
    return payload
