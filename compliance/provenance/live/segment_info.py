"""The signed statement about one segment: ``segment-info-map`` in a COSE_Sign1 (specification 2.4, 19.4.1)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import cbor2

from compliance.provenance.live import cose, emsg
from compliance.provenance.live.cbor import CborInvalid, decode
from compliance.provenance.live.cose import CoseInvalid, Sign1
from compliance.provenance.live.errors import LiveInvalid, LiveReason
from compliance.provenance.live.session_keys import SessionKey

EXCLUSIONS = [{"xpath": "/emsg", "data": [{"offset": emsg.SCHEME_OFFSET, "value": emsg.SCHEME}]}]
"""The one thing a segment's hash leaves out. A longer list would leave room for bytes that nobody signs."""
_HASH_BYTES = 32
_MAX_SEQUENCE = 1 << 63


@dataclass(frozen=True, slots=True)
class SegmentInfo:
    """What the session key states: number, manifest, hash of the content and time of signing (UTC, seconds)."""

    sequence: int
    manifest_id: str
    content_hash: bytes
    signed_at: datetime | None


@dataclass(frozen=True, slots=True)
class SignedInfo:
    """A statement as it was read, and the signature still to be checked."""

    info: SegmentInfo
    kid: bytes
    sign1: Sign1


def encode(info: SegmentInfo, key: SessionKey) -> bytes:
    """The signed message; its length depends on ``sequence`` and ``manifest_id`` alone."""
    payload = cbor2.dumps(
        {
            "sequenceNumber": info.sequence,
            "bmffHash": {
                "exclusions": EXCLUSIONS,
                "alg": "sha256",
                "hash": info.content_hash,
                "name": "jumbf manifest",
            },
            "manifestId": info.manifest_id,
        }
    )
    assert info.signed_at is not None
    protected = cbor2.dumps({cose.ALG: key.algorithm.value, cose.IAT: int(info.signed_at.timestamp())})
    signature = key.sign(protected, payload)
    return cbor2.dumps(cbor2.CBORTag(cose.SIGN1_TAG, [protected, {cose.KID: key.kid}, payload, signature]))


def read(message: bytes) -> SignedInfo:
    """The statement in ``message``, signature not yet checked; raises LiveInvalid when it is malformed."""
    try:
        sign1 = cose.parse_sign1(decode(message))
        kid = sign1.unprotected.get(cose.KID, sign1.headers.get(cose.KID))
        if sign1.payload is None or not isinstance(kid, bytes):
            raise CoseInvalid("no payload, or no kid")
        sequence, manifest_id, content_hash = _map(decode(sign1.payload))
        return SignedInfo(SegmentInfo(sequence, manifest_id, content_hash, _iat(sign1.headers)), kid, sign1)
    except (CborInvalid, CoseInvalid) as error:
        raise LiveInvalid(LiveReason.SIGNATURE_DAMAGED, why=str(error)) from error


def _map(found: Any) -> tuple[int, str, bytes]:
    match found:
        case {
            "sequenceNumber": int() as sequence,
            "manifestId": str() as manifest_id,
            "bmffHash": {"alg": "sha256", "hash": bytes() as content, "exclusions": exclusions} as bound,
        }:
            if "merkle" in bound or exclusions != EXCLUSIONS:
                raise CborInvalid("the hash leaves out more, or less, than the signature's own box")
            if isinstance(sequence, bool) or not 0 <= sequence < _MAX_SEQUENCE or len(content) != _HASH_BYTES:
                raise CborInvalid("a number or hash out of range")
            return sequence, manifest_id, content
    raise CborInvalid("a part of the statement is missing")


def _iat(headers: dict[Any, Any]) -> datetime | None:
    """RFC 8392 ``iat``; the standard lets it be absent."""
    if (value := headers.get(cose.IAT)) is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise CborInvalid("an iat that is no number")
    try:
        return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise CborInvalid("an iat out of range") from error
