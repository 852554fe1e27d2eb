"""Sign a receipt (gate only) and verify one (anybody)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from django.utils.translation import gettext_lazy as _

from compliance.consent import record
from compliance.consent.errors import GrantTampered, ReceiptInvalid
from compliance.consent.models import Grant
from compliance.envelope import Envelope, seal, unseal
from compliance.errors import AvowError
from compliance.keys.custody import Custody, public_key
from compliance.keys.purposes import KeyPurpose

_ENVELOPE_ERRORS = {
    "signature_invalid": (
        "receipt_signature_invalid",
        _("This receipt was altered after it was signed. Ask the person for their copy."),
    ),
    "envelope_malformed": ("receipt_malformed", _("This is not a receipt, or it is damaged.")),
}


def make_receipt(grant: Grant, *, custody: Custody, issued_at: datetime) -> Envelope:
    """The signed receipt of `grant`; KeyAccessDenied outside the gate, GrantTampered for edited terms."""
    verify_digest(grant)
    return seal(
        record.receipt_payload(grant, issued_at=issued_at),
        key_id=custody.key_id(KeyPurpose.RECEIPT),
        sign=lambda data: custody.sign(KeyPurpose.RECEIPT, data),
    )


def verify_receipt(receipt: Envelope) -> dict[str, Any]:
    """The payload of a receipt that this Avow has signed.

    Raises:
        ReceiptInvalid: receipt_malformed, receipt_key_unknown, receipt_signature_invalid or
            receipt_digest_differs.
    """
    try:
        payload = unseal(receipt, key_for=_receipt_key)
    except AvowError as error:
        if error.code in _ENVELOPE_ERRORS:
            raise ReceiptInvalid(*_ENVELOPE_ERRORS[error.code]) from error
        raise
    if payload.get("type") != record.RECEIPT or not isinstance(payload.get("instrument"), dict):
        raise ReceiptInvalid("receipt_malformed", _("This is a signed statement, but not a consent receipt."))
    if record.digest_of(payload["instrument"]) != payload.get("grant_digest"):
        raise ReceiptInvalid("receipt_digest_differs", _("The receipt's digest is not that of its terms."))
    return payload


def _receipt_key(key_id: str) -> Ed25519PublicKey:
    try:
        key = public_key(KeyPurpose.RECEIPT, key_id)
    except AvowError as error:
        raise ReceiptInvalid("receipt_key_unknown", _("The receipt names a key that is not ours.")) from error
    assert isinstance(key, Ed25519PublicKey)
    return key


def verify_digest(grant: Grant) -> None:
    """Raises GrantTampered (grant_terms_altered) if the stored row is not what its digest says."""
    if record.digest_of(record.instrument(grant)) != grant.digest:
        raise GrantTampered(
            "grant_terms_altered",
            _("The stored consent differs from what was agreed. Nothing is made under it; call the operator."),
        )


def verify_grant(grant: Grant) -> None:
    """The row matches its digest, and its receipt, once issued, is ours and says the same.

    Raises:
        GrantTampered: grant_terms_altered or grant_receipt_differs.
        ReceiptInvalid: as `verify_receipt`.
    """
    verify_digest(grant)
    if grant.receipt is None:
        return
    if verify_receipt(grant.receipt)["grant_digest"] != grant.digest:
        raise GrantTampered("grant_receipt_differs", _("The receipt kept with this consent belongs to another."))
