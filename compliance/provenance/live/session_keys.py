"""Session keys: short-lived keys that sign segments, vouched for by the init manifest (specification 2.4, 18.25).

The private half lives in one object of one process. It is never written, copied or sent; a process that restarts
begins a new session with a new key.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import NoReturn

import cbor2
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from compliance.keys.material import PublicKey
from compliance.provenance.live import cose
from compliance.provenance.live.cbor import CborInvalid, Tag, decode
from compliance.provenance.live.cose import CoseInvalid, SessionAlgorithm, Sign1
from compliance.provenance.live.errors import LiveInvalid, LiveReason

SESSION_KEYS_LABEL = "c2pa.session-keys"
MAX_VALIDITY = timedelta(hours=24)
"""The longest a session key of ours may sign."""
MAX_FOREIGN_VALIDITY = timedelta(days=366)
MAX_KEYS = 16
_DATE_TAG = 0
_KID_BYTES = 16


class Dialect(StrEnum):
    """Who is to understand the stream. Everything published speaks the specification.

    encypher-c2pa 1.7 reads another ``value`` in the ``emsg`` box and wants the certificate inside
    ``signerBinding``; its dialect exists so that an independent verifier can be run in tests.
    """

    SPECIFICATION = "specification"
    ENCYPHER_1_7 = "encypher-1.7"


class SessionKey:
    """A private key in memory. It signs; nothing reads it out, and it cannot be pickled or copied."""

    __slots__ = ("_private", "algorithm", "kid")

    def __init__(self, algorithm: SessionAlgorithm) -> None:
        self.algorithm = algorithm
        self._private: ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey = (
            ed25519.Ed25519PrivateKey.generate()
            if algorithm is SessionAlgorithm.ED25519
            else ec.generate_private_key(ec.SECP256R1())
        )
        public = self.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        self.kid = hashlib.sha256(public).digest()[:_KID_BYTES]

    def public_key(self) -> PublicKey:
        return self._private.public_key()

    def sign(self, protected: bytes, payload: bytes) -> bytes:
        """64 bytes over the ``Sig_structure`` of ``protected`` and ``payload``."""
        data = cose.to_be_signed(protected, payload)
        if isinstance(self._private, ed25519.Ed25519PrivateKey):
            return self._private.sign(data)
        r, s = decode_dss_signature(self._private.sign(data, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    def __repr__(self) -> str:
        return f"<SessionKey {self.kid.hex()}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a session key stays in the memory of its process")

    def __copy__(self) -> NoReturn:
        self.__reduce__()

    def __deepcopy__(self, memo: dict[int, object]) -> NoReturn:
        self.__reduce__()


@dataclass(frozen=True, slots=True)
class KeyTerms:
    """From which segment and when a key may sign; ``created_at`` in UTC, whole seconds."""

    minimum_sequence: int
    created_at: datetime
    validity: timedelta

    @property
    def expires_at(self) -> datetime:
        return self.created_at + self.validity


@dataclass(frozen=True, slots=True)
class PublishedKey:
    """One entry of ``c2pa.session-keys``: the public half, its terms and its binding to the signer."""

    kid: bytes
    algorithm: SessionAlgorithm
    public: PublicKey
    terms: KeyTerms
    binding: Sign1

    def check_binding(self, certificate: bytes) -> None:
        """Raises LiveInvalid unless this key has signed the claim signer's ``certificate`` (DER)."""
        try:
            if self.binding.payload is not None:
                raise CoseInvalid("the payload is not detached")
            cose.verify(self.binding, cbor2.dumps(certificate), self.public)
        except CoseInvalid as error:
            raise LiveInvalid(LiveReason.SIGNER_BINDING_WRONG, why=str(error)) from error


def assertion_content(key: SessionKey, terms: KeyTerms, certificate: bytes, dialect: Dialect) -> bytes:
    """The assertion's CBOR for one key; ``certificate`` is the claim signer's, DER."""
    entry = {
        "key": cose.encode_key(key.public_key(), key.kid),
        "minSequenceNumber": terms.minimum_sequence,
        "createdAt": cbor2.CBORTag(_DATE_TAG, terms.created_at.strftime("%Y-%m-%dT%H:%M:%SZ")),
        "validityPeriod": int(terms.validity.total_seconds()),
        "signerBinding": _binding(key, certificate, dialect),
    }
    return cbor2.dumps({"keys": [entry]})


def _binding(key: SessionKey, certificate: bytes, dialect: Dialect) -> cbor2.CBORTag:
    protected = cbor2.dumps({cose.ALG: key.algorithm.value})
    if dialect is Dialect.ENCYPHER_1_7:
        return cbor2.CBORTag(cose.SIGN1_TAG, [protected, {}, certificate, key.sign(protected, certificate)])
    signature = key.sign(protected, cbor2.dumps(certificate))
    return cbor2.CBORTag(cose.SIGN1_TAG, [protected, {}, None, signature])


def read_assertion(content: bytes) -> tuple[PublishedKey, ...]:
    """The keys of a ``c2pa.session-keys`` assertion, bindings not yet checked; raises LiveInvalid."""
    try:
        match decode(content):
            case {"keys": [_, *_] as entries} if len(entries) <= MAX_KEYS:
                keys = tuple(_entry(entry) for entry in entries)
            case _:
                raise CborInvalid("no list of keys")
    except (CborInvalid, CoseInvalid) as error:
        raise LiveInvalid(LiveReason.SESSION_KEYS_DAMAGED, why=str(error)) from error
    if len({key.kid for key in keys}) != len(keys):
        raise LiveInvalid(LiveReason.SESSION_KEYS_DAMAGED, why="two keys with one kid")
    return keys


def _entry(entry: object) -> PublishedKey:
    match entry:
        case {
            "key": dict() as key,
            "createdAt": Tag(number=0, value=str() as at),
            "signerBinding": binding,
            "minSequenceNumber": int() as minimum,
            "validityPeriod": int() as seconds,
        }:
            kid, algorithm, public = cose.decode_key(key)
            terms = _terms(minimum, at, seconds)
            return PublishedKey(kid, algorithm, public, terms, cose.parse_sign1(binding))
    raise CborInvalid("an entry lacks a part")


def _terms(minimum: int, created_at: str, seconds: int) -> KeyTerms:
    try:
        moment = datetime.fromisoformat(created_at)
        validity = timedelta(seconds=seconds)
        if minimum < 0 or not timedelta() < validity <= MAX_FOREIGN_VALIDITY or moment.tzinfo is None:
            raise ValueError("out of range")
        terms = KeyTerms(minimum, moment.astimezone(UTC), validity)
        _ = terms.expires_at  # overflows here, not later
        return terms
    except (ValueError, OverflowError) as error:
        raise CborInvalid(f"terms of a key: {error}") from error
