"""Permits (pure): a signed, short-lived statement of what one worker may perform.

A permit names the grant, the avatar, the script, the markets, the duties and the mark. Whoever holds it can
perform exactly that and nothing else; whoever does not, nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from datetime import datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from compliance.envelope import Envelope, unseal
from compliance.errors import Refused, VerificationFailed

VERSION = 1
# Clocks of gate and workers may differ by so much.
CLOCK_SKEW = timedelta(seconds=30)


@dataclass(frozen=True)
class PermitClaims:
    """What a permit says. Times are ISO 8601 with offset, digests lower-case hex SHA-256, `mark` 16 hex digits."""

    version: int
    permit_id: str
    take_id: str
    issued_at: str
    expires_at: str
    grant_id: str
    grant_digest: str
    avatar_id: str
    avatar_digest: str
    script_id: str
    script_digest: str
    language: str
    markets: list[str]
    duties: list[dict[str, Any]]
    label: dict[str, Any] | None
    mark: str
    watermark_key_id: str
    width: int
    height: int
    fps: int
    outputs: list[str]

    def payload(self) -> dict[str, Any]:
        """JSON-safe form, as signed."""
        return asdict(self)


def read_claims(payload: dict[str, Any]) -> PermitClaims:
    """Parse a verified payload strictly: every field, no other.

    Raises:
        VerificationFailed: permit_malformed.
    """
    names = {field.name for field in fields(PermitClaims)}
    if set(payload) != names or payload["version"] != VERSION:
        raise VerificationFailed("permit_malformed", "The permit is not of a form this version understands.")
    return PermitClaims(**payload)


def verify_permit(
    envelope: Envelope, *, now: datetime, key_for: Callable[[str], Ed25519PublicKey]
) -> PermitClaims:
    """The claims of a permit that is genuine and in force at `now`.

    Raises:
        VerificationFailed: altered, malformed or not signed by a permit key of ours.
        Refused: permit_expired or permit_not_yet_valid.
    """
    claims = read_claims(unseal(envelope, key_for=key_for))
    if now >= datetime.fromisoformat(claims.expires_at):
        raise Refused("permit_expired", "The permit for this take has expired. Order the take again.")
    if now < datetime.fromisoformat(claims.issued_at) - CLOCK_SKEW:
        raise Refused("permit_not_yet_valid", "The permit lies in the future: check the clocks of this machine.")
    return claims
