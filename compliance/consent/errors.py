"""Refusals of this room. Codes are stable; texts say what to do."""

from __future__ import annotations

from django.utils.translation import gettext

from compliance.errors import AvowError, BadInput, Refused, VerificationFailed


class ConsentError(AvowError):
    """Pure modules raise with an English sentence; it is translated here, when somebody reads it."""

    @property
    def text(self) -> str:
        return gettext(str(self._text))


class ConsentNotGiven(ConsentError, BadInput):
    """What was sent does not amount to consent: a part that the law asks for is missing."""


class NotYours(ConsentError, Refused):
    """Only the person copied, a registered guardian or an authority may do this."""


class NotInForce(ConsentError, Refused):
    """The grant is in a state in which this cannot be done."""


class UsageExceeded(ConsentError, Refused):
    """The release would use more hours than the person has granted."""


class GrantTampered(ConsentError, VerificationFailed):
    """The stored grant differs from what was signed."""


class ReceiptInvalid(ConsentError, VerificationFailed):
    """The receipt is damaged, altered, or belongs to another grant."""
