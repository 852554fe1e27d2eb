"""What a delivery of comments is refused for."""

from __future__ import annotations

from compliance.errors import BadInput, Refused, VerificationFailed


class SignatureRefused(VerificationFailed):
    """Whoever sent this has not shown that they may. Codes: signature_missing, signature_stale, signature_wrong."""

    http_status = 401


class BodyRefused(BadInput):
    """A body that cannot be read. Codes: body_empty, body_not_utf8, body_not_json, body_not_comments."""


class BodyTypeUnknown(BadInput):
    """Code: body_type_unknown."""

    http_status = 415


class BodyTooLarge(BadInput):
    """Codes: body_too_large, too_many_comments."""

    http_status = 413


class TooFast(Refused):
    """Code: rate_limited; `details` has retry_after_s."""

    http_status = 429


class BridgeFailed(BadInput):
    """The bridge cannot go on. Codes: bridge_secret_missing, bridge_refused."""
