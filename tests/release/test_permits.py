"""A permit is a capability: what is not in it cannot be done, and it cannot be altered, reused or outlived."""

from __future__ import annotations

import copy
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from compliance.envelope import seal
from compliance.errors import AvowError, VerificationFailed
from compliance.release.permits import VERSION, PermitClaims, verify_permit

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
CLAIMS = PermitClaims(
    version=VERSION,
    permit_id="p",
    take_id="t",
    issued_at=NOW.isoformat(),
    expires_at=(NOW + timedelta(hours=1)).isoformat(),
    grant_id="g",
    grant_digest="a" * 64,
    avatar_id="v",
    avatar_digest="b" * 64,
    script_id="s",
    script_digest="c" * 64,
    language="zh",
    markets=["CN"],
    duties=[],
    label=None,
    mark="0123456789abcdef",
    watermark_key_id="k",
    width=1280,
    height=720,
    fps=25,
    outputs=["file"],
)
ENVELOPE = seal(CLAIMS.payload(), key_id="k1", sign=KEY.sign)


def check(envelope: dict[str, Any], now: datetime = NOW) -> PermitClaims:
    return verify_permit(envelope, now=now, key_for=lambda key_id: KEY.public_key())


def altered(change: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    envelope = copy.deepcopy(ENVELOPE)
    change(envelope)
    return envelope


def test_a_genuine_permit_says_what_was_signed() -> None:
    assert check(ENVELOPE) == CLAIMS


@pytest.mark.parametrize(
    ("attack", "change"),
    [
        ("another script", lambda e: e["payload"].update(script_digest="d" * 64)),
        ("one more market", lambda e: e["payload"]["markets"].append("EU")),
        ("label taken off", lambda e: e["payload"].update(label={"lines": []})),
        ("another mark", lambda e: e["payload"].update(mark="f" * 16)),
        ("a longer life", lambda e: e["payload"].update(expires_at="2099-01-01T00:00:00+00:00")),
        ("signature of nothing", lambda e: e["signature"].update(value="AAAA")),
        ("no algorithm", lambda e: e["signature"].update(alg="none")),
        ("no signature", lambda e: e.pop("signature")),
        ("payload is a list", lambda e: e.update(payload=[])),
    ],
)
def test_altered_permit_is_void(attack: str, change: Callable[[dict[str, Any]], None]) -> None:
    with pytest.raises(VerificationFailed):
        check(altered(change))


def test_permit_signed_by_somebody_else() -> None:
    stranger = Ed25519PrivateKey.generate()
    with pytest.raises(VerificationFailed, match="signature_invalid"):
        check(seal(CLAIMS.payload(), key_id="k1", sign=stranger.sign))


@pytest.mark.parametrize("payload", [{}, {**CLAIMS.payload(), "extra": 1}, {**CLAIMS.payload(), "version": 2}])
def test_signed_statement_of_another_kind_is_no_permit(payload: dict[str, Any]) -> None:
    with pytest.raises(VerificationFailed, match="permit_malformed"):
        check(seal(payload, key_id="k1", sign=KEY.sign))


@given(st.integers(min_value=-(10**6), max_value=10**6))
def test_it_holds_from_issue_to_expiry_and_never_after(seconds: int) -> None:
    moment = NOW + timedelta(seconds=seconds)
    if -30 <= seconds < 3600:
        assert check(ENVELOPE, moment) == CLAIMS
    else:
        with pytest.raises(AvowError, match=r"permit_expired|permit_not_yet_valid"):
            check(ENVELOPE, moment)
