"""What a person has filled in, sealed on its way from the form over the review page to the button.

The seal binds it to the person and to one grant id: it cannot be used by somebody else, for longer than an
hour, or twice.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Self
from uuid import UUID

from django.core import signing
from django.utils.translation import gettext_lazy as _

from compliance.consent.errors import ConsentNotGiven
from compliance.consent.terms import GrantTerms

_SALT = "avow.consent.ceremony"
VALID_S = 3600


@dataclass(frozen=True, slots=True)
class Ceremony:
    """The filled form; ids as text. `starts_now` says that the start is the moment of the button."""

    grant_id: str
    by: str
    principal: str
    grantee: str
    notice: str
    terms: dict[str, Any]
    separate_consent: bool
    age_band: str
    starts_now: bool
    replaces: str | None = None
    request: str | None = None

    def seal(self) -> str:
        """Text for a hidden field; signed with the site's key, so it can be read but not changed."""
        return signing.dumps(asdict(self), salt=_SALT, compress=True)

    @classmethod
    def unseal(cls, text: str, *, by: UUID) -> Self:
        """Read back what `seal` wrote for this person.

        Raises:
            ConsentNotGiven: form_expired or form_altered.
        """
        try:
            ceremony = cls(**signing.loads(text, salt=_SALT, max_age=VALID_S))
        except signing.SignatureExpired as error:
            raise ConsentNotGiven(
                "form_expired", _("This form was filled in over an hour ago. Please start again.")
            ) from error
        except signing.BadSignature as error:
            raise ConsentNotGiven("form_altered", _("This form was altered. Please start again.")) from error
        if ceremony.by != str(by):
            raise ConsentNotGiven("form_altered", _("Somebody else filled in this form. Please start again."))
        return ceremony

    def terms_at(self, now: datetime) -> GrantTerms:
        """The terms; a start "at once" becomes `now`, which can only be later than what was reviewed."""
        terms = GrantTerms.from_json(self.terms)
        if not self.starts_now:
            return terms
        return GrantTerms.from_json(terms.to_json() | {"starts_at": f"{now:%Y-%m-%dT%H:%M:%SZ}"})
