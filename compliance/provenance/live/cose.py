"""COSE_Sign1 and COSE_Key for the two algorithms of session keys (RFC 9052, RFC 9053; pure).

Ed25519 is the default; ES256 (P-256, SHA-256) is for viewers whose browsers have no Ed25519.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any

import cbor2
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from compliance.keys.material import PublicKey
from compliance.provenance.live.cbor import CborInvalid, Tag, decode

SIGN1_TAG = 18
ALG, KID, IAT = 1, 4, 6
SIGNATURE_BYTES = 64
_KTY, _KEY_ID, _KEY_ALG, _CURVE, _X, _Y = 1, 2, 3, -1, -2, -3
_OKP, _EC2, _CURVE_ED25519, _CURVE_P256 = 1, 2, 6, 1
_COORDINATE = 32
_UNSTATED = object()


class SessionAlgorithm(Enum):
    """How a session key signs; the value is the COSE algorithm number."""

    ED25519 = -8
    ES256 = -7


class CoseInvalid(ValueError):
    """A COSE structure or signature does not hold."""


@dataclass(frozen=True, slots=True)
class Sign1:
    """A COSE_Sign1 in parts; ``payload`` is None when it is detached."""

    protected: bytes
    headers: dict[Any, Any]
    unprotected: dict[Any, Any]
    payload: bytes | None
    signature: bytes


def parse_sign1(value: object) -> Sign1:
    """The COSE_Sign1 in a decoded ``Tag(18, [...])``; raises CoseInvalid when it is none."""
    match value:
        case Tag(
            number=18,
            value=[bytes() as protected, dict() as unprotected, bytes() | None as payload, bytes() as signature],
        ):
            pass
        case _:
            raise CoseInvalid("not a tagged COSE_Sign1")
    try:
        headers = decode(protected)
    except CborInvalid as error:
        raise CoseInvalid(f"protected header: {error}") from error
    if not isinstance(headers, dict) or set(headers) & set(unprotected):
        raise CoseInvalid("the protected header is no map, or a header is stated twice")
    return Sign1(protected, headers, unprotected, payload, signature)


def to_be_signed(protected: bytes, payload: bytes) -> bytes:
    """``Sig_structure`` with context ``Signature1`` and no external data (RFC 9052 section 4.4)."""
    return cbor2.dumps(["Signature1", protected, b"", payload])


def encode_key(public: PublicKey, kid: bytes) -> dict[int, Any]:
    """The COSE_Key map of a session key with its ``kid``."""
    if isinstance(public, ed25519.Ed25519PublicKey):
        return {_KTY: _OKP, _KEY_ID: kid, _KEY_ALG: -8, _CURVE: _CURVE_ED25519, _X: public.public_bytes_raw()}
    numbers = public.public_numbers()
    x, y = (value.to_bytes(_COORDINATE, "big") for value in (numbers.x, numbers.y))
    return {_KTY: _EC2, _KEY_ID: kid, _KEY_ALG: -7, _CURVE: _CURVE_P256, _X: x, _Y: y}


def decode_key(found: dict[Any, Any]) -> tuple[bytes, SessionAlgorithm, PublicKey]:
    """``kid``, algorithm and public key of a COSE_Key map; raises CoseInvalid."""
    match found:
        case {1: 1, 2: bytes() as kid, -1: 6, -2: bytes() as x} if len(x) == _COORDINATE:
            algorithm = SessionAlgorithm.ED25519
            public: PublicKey = ed25519.Ed25519PublicKey.from_public_bytes(x)
        case {1: 2, 2: bytes() as kid, -1: 1, -2: bytes() as x, -3: bytes() as y}:
            algorithm, public = SessionAlgorithm.ES256, _point(x, y)
        case _:
            raise CoseInvalid("not an Ed25519 or P-256 COSE_Key with a kid")
    if found.get(_KEY_ALG, algorithm.value) != algorithm.value or not kid:
        raise CoseInvalid("the key names another algorithm, or an empty kid")
    return kid, algorithm, public


def verify(sign1: Sign1, payload: bytes, public: PublicKey) -> None:
    """Check the signature over ``payload`` with exactly this key's algorithm; raises CoseInvalid."""
    data = to_be_signed(sign1.protected, payload)
    ours = SessionAlgorithm.ED25519 if isinstance(public, ed25519.Ed25519PublicKey) else SessionAlgorithm.ES256
    if sign1.headers.get(ALG, _UNSTATED) != ours.value or len(sign1.signature) != SIGNATURE_BYTES:
        raise CoseInvalid("signed with another algorithm than the key's")
    try:
        if isinstance(public, ed25519.Ed25519PublicKey):
            public.verify(sign1.signature, data)
        else:
            half = SIGNATURE_BYTES // 2
            r, s = (int.from_bytes(part, "big") for part in (sign1.signature[:half], sign1.signature[half:]))
            public.verify(encode_dss_signature(r, s), data, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature as error:
        raise CoseInvalid("the signature does not verify") from error


def _point(x: bytes, y: bytes) -> ec.EllipticCurvePublicKey:
    if len(x) != _COORDINATE or len(y) != _COORDINATE:
        raise CoseInvalid("a coordinate of the wrong length")
    numbers = ec.EllipticCurvePublicNumbers(int.from_bytes(x, "big"), int.from_bytes(y, "big"), ec.SECP256R1())
    try:
        return numbers.public_key()
    except ValueError as error:
        raise CoseInvalid("the point is not on the curve") from error
