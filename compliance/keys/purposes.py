"""What keys exist, of which kind, and which process role holds which (pure)."""

from __future__ import annotations

from enum import StrEnum


class ProcessRole(StrEnum):
    """The kinds of process Avow runs as; a process says which one it is in ``AVOW_ROLE``."""

    WEB = "web"
    WORKER = "worker"
    GATE = "gate"
    INSPECTOR = "inspector"
    SEQUENCER = "sequencer"
    SCHEDULER = "scheduler"
    OUTPUTS = "outputs"
    TSA = "tsa"
    SETUP = "setup"


class KeyPurpose(StrEnum):
    """One purpose, one key: no key is ever used for two kinds of statement."""

    CLAIM = "claim"
    PERMIT = "permit"
    RECEIPT = "receipt"
    CHECKPOINT = "checkpoint"
    WATERMARK = "watermark"
    TSA = "tsa"
    CA_ROOT = "ca_root"
    CA_ISSUING = "ca_issuing"
    WEBHOOK = "webhook"
    OUTPUT = "output"
    LIKENESS = "likeness"


class KeyAlgorithm(StrEnum):
    """Kind of key material. ``SECRET_256``: 32 random bytes, no public half. ``HPKE_P256``: opens, never signs."""

    P256 = "P-256"
    P384 = "P-384"
    ED25519 = "Ed25519"
    HPKE_P256 = "HPKE-P-256"
    SECRET_256 = "secret-256"  # noqa: S105 - the name of a kind, not a secret


ALGORITHMS: dict[KeyPurpose, KeyAlgorithm] = {
    KeyPurpose.CLAIM: KeyAlgorithm.P256,
    KeyPurpose.PERMIT: KeyAlgorithm.ED25519,
    KeyPurpose.RECEIPT: KeyAlgorithm.ED25519,
    KeyPurpose.CHECKPOINT: KeyAlgorithm.ED25519,
    KeyPurpose.WATERMARK: KeyAlgorithm.SECRET_256,
    KeyPurpose.TSA: KeyAlgorithm.P256,
    KeyPurpose.CA_ROOT: KeyAlgorithm.P384,
    KeyPurpose.CA_ISSUING: KeyAlgorithm.P384,
    KeyPurpose.WEBHOOK: KeyAlgorithm.SECRET_256,
    KeyPurpose.OUTPUT: KeyAlgorithm.HPKE_P256,
    KeyPurpose.LIKENESS: KeyAlgorithm.SECRET_256,
}

HOLDERS: dict[KeyPurpose, frozenset[ProcessRole]] = {
    KeyPurpose.CLAIM: frozenset({ProcessRole.GATE}),
    KeyPurpose.PERMIT: frozenset({ProcessRole.GATE}),
    KeyPurpose.RECEIPT: frozenset({ProcessRole.GATE}),
    KeyPurpose.CHECKPOINT: frozenset({ProcessRole.SEQUENCER}),
    KeyPurpose.WATERMARK: frozenset({ProcessRole.GATE, ProcessRole.INSPECTOR}),
    KeyPurpose.TSA: frozenset({ProcessRole.TSA}),
    KeyPurpose.CA_ROOT: frozenset({ProcessRole.SETUP}),
    KeyPurpose.CA_ISSUING: frozenset({ProcessRole.SETUP}),
    KeyPurpose.WEBHOOK: frozenset({ProcessRole.WEB}),
    KeyPurpose.OUTPUT: frozenset({ProcessRole.OUTPUTS}),
    KeyPurpose.LIKENESS: frozenset({ProcessRole.WEB, ProcessRole.WORKER, ProcessRole.INSPECTOR}),
}

ROLES_WITH_SECRET: tuple[ProcessRole, ...] = tuple(
    role for role in ProcessRole if any(role in holders for holders in HOLDERS.values())
)


def may_use(role: ProcessRole, purpose: KeyPurpose) -> bool:
    """Whether a process of ``role`` may use the private half of ``purpose``'s key."""
    return role in HOLDERS[purpose]
