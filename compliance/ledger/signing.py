"""The log's own key: who may verify, and the one process that may sign."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from django.conf import settings

from compliance.keys.custody import open_custody
from compliance.keys.purposes import KeyPurpose
from compliance.ledger.errors import SignatureInvalid
from compliance.ledger.note import VerifierKey


@dataclass(frozen=True, slots=True)
class LogSigner:
    """The log's current key; ``sign`` gives the 64-byte Ed25519 signature over its argument."""

    key: VerifierKey
    sign: Callable[[bytes], bytes]


def log_signer() -> LogSigner:
    """The signer of this process. Signing raises KeyAccessDenied in every role but ``sequencer``."""
    custody = open_custody()
    return LogSigner(log_key(), lambda data: custody.sign(KeyPurpose.CHECKPOINT, data))


def log_key() -> VerifierKey:
    """The current public key of the log, named after ``AVOW_LOG_ORIGIN``: what outsiders pin."""
    return _verifier(open_custody().key_id(KeyPurpose.CHECKPOINT))


def log_keys() -> tuple[VerifierKey, ...]:
    """Current and earlier public keys, so that old checkpoints verify after a key was replaced."""
    return tuple(map(_verifier, open_custody().key_ids(KeyPurpose.CHECKPOINT)))


def _verifier(key_id: str) -> VerifierKey:
    key = open_custody().public_key(KeyPurpose.CHECKPOINT, key_id)
    if not isinstance(key, Ed25519PublicKey):
        raise SignatureInvalid("log_key_wrong_kind", "The log's key is not an Ed25519 key. Restore the key store.")
    return VerifierKey(settings.AVOW_LOG_ORIGIN, key.public_bytes_raw())
