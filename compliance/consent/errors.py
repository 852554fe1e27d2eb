"""Refusals of this room. Codes are stable; texts say what to do."""

from __future__ import annotations

from compliance.errors import BadInput, Refused, VerificationFailed


class ConsentNotGiven(BadInput):
    """What was sent does not amount to consent: a part that the law asks for is missing."""


class NotYours(Refused):
    """Only the person copied, a registered guardian or an authority may do this."""


class NotInForce(Refused):
    """The grant is in a state in which this cannot be done."""


class UsageExceeded(Refused):
    """The release would use more hours than the person has granted."""


class GrantTampered(VerificationFailed):
    """The stored grant differs from what was signed."""


class ReceiptInvalid(VerificationFailed):
    """The receipt is damaged, altered, or belongs to another grant."""
