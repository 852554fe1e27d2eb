"""Signatures of deliveries, by the rules of Standard Webhooks 1.0 (pure).

Signed are `id.timestamp.body`, with HMAC-SHA256 under the bytes behind `whsec_`; headers `webhook-id`,
`webhook-timestamp` (epoch seconds) and `webhook-signature`, a list of `v1,<base64>` separated by spaces.

A secret is not kept anywhere: it is derived by HKDF-SHA256 (RFC 5869) from the webhook key of the custody, which the
web role alone holds, and the id of the room's `WebhookKey`. A copy of the database tells none, and deleting the row
ends it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterable, Mapping
from uuid import UUID

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.utils.translation import gettext as _

from streaming.webhooks.errors import SignatureRefused

PREFIX = "whsec_"
TOLERANCE_S = 300
"""So far a sender's clock may differ, and so long a delivery can be repeated; repeating one changes nothing."""
_INFO = b"avow room webhook 1"
_MAX_ID = 256


def secret_of(master: bytes, webhook_key: UUID) -> bytes:
    """32 bytes, the secret of one `WebhookKey`."""
    return HKDF(algorithm=hashes.SHA256(), length=32, salt=webhook_key.bytes, info=_INFO).derive(master)


def as_text(secret: bytes) -> str:
    """As people and adapters carry it."""
    return PREFIX + base64.b64encode(secret).decode()


def from_text(text: str) -> bytes:
    """Raises ValueError when it is no secret."""
    if not text.startswith(PREFIX):
        raise ValueError(f"a secret begins with {PREFIX}")
    return base64.b64decode(text.removeprefix(PREFIX), validate=True)


def sign(secret: bytes, message_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The three headers of a delivery."""
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": f"v1,{_mac(secret, message_id, timestamp, body)}",
    }


def verify(headers: Mapping[str, str], body: bytes, secrets: Iterable[tuple[UUID, bytes]], *, now_s: float) -> UUID:
    """Id of the secret that signed. Every secret is tried, in constant time.

    Raises:
        SignatureRefused: signature_missing, signature_stale, signature_wrong.
    """
    message_id, timestamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    given = [part.partition(",")[2] for part in headers.get("webhook-signature", "").split() if part.startswith("v1,")]
    if not message_id or len(message_id) > _MAX_ID or not _is_epoch(timestamp) or not given:
        text = _("Sign the delivery: webhook-id, webhook-timestamp and webhook-signature (Standard Webhooks, v1).")
        raise SignatureRefused("signature_missing", text)
    if abs(now_s - int(timestamp)) > TOLERANCE_S:
        text = _("The delivery was signed more than %(limit)d s ago, or the sender's clock is wrong.")
        raise SignatureRefused("signature_stale", text % {"limit": TOLERANCE_S})
    found: UUID | None = None
    for key, secret in secrets:
        expected = _mac(secret, message_id, int(timestamp), body).encode()
        if sum(hmac.compare_digest(expected, one.encode()) for one in given):
            found = key
    if found is None:
        raise SignatureRefused(
            "signature_wrong", _("No secret of this room has signed this. Check it, or make a new one.")
        )
    return found


def _is_epoch(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 12


def _mac(secret: bytes, message_id: str, timestamp: int, body: bytes) -> str:
    signed = f"{message_id}.{timestamp}.".encode() + body
    return base64.b64encode(hmac.new(secret, signed, hashlib.sha256).digest()).decode()
