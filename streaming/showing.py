"""Why the host is not on screen: in full for the control room, as one of a few kinds for those who watch.

Reasons are written by the gate long before anybody reads them, so they are kept in both languages of the site
(`compliance.release.reasons`): `{"code", "text", "text_zh", "kind"}`.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Any

from django.db import DatabaseError
from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from compliance.errors import AvowError
from compliance.release.reasons import reason, reason_from, reason_of
from streaming.clock import Effort, said

Json = dict[str, Any]


class Why(StrEnum):
    """What everybody may know of a reason. `NONE`: the host is on screen."""

    NONE = ""
    JOINING = "joining"
    AWAY = "away"
    PERSON = "person"
    BUSY = "busy"
    NOT_PERMITTED = "not_permitted"
    DARK = "dark"
    ENDED = "ended"
    CONSENT = "consent"


FOR_VIEWERS: dict[Why, str | Promise] = {
    Why.NONE: "",
    Why.JOINING: _("The host comes on in a moment."),
    Why.AWAY: _("The host is away for the moment."),
    Why.PERSON: _("A person has taken over from the host."),
    Why.BUSY: _("The machine is too slow for the host; it is tried again in a while."),
    Why.NOT_PERMITTED: _("The host may not be shown at the moment: its permit is not in force."),
    Why.DARK: _("Nothing can be shown at the moment."),
    Why.ENDED: _("This room has ended."),
    Why.CONSENT: _("The person whose likeness this was has ended the consent. The host is shown no more."),
}


def no_performer() -> Json:
    """Nobody performs the room."""
    return reason("no_performer", _("The host is not here at the moment.")) | {"kind": Why.AWAY}


def host_joins() -> Json:
    """A performer has its first picture ready for a moment to come."""
    return reason("host_joins", _("The host comes on in a moment.")) | {"kind": Why.JOINING}


def handed_over() -> Json:
    """A person speaks in the host's place."""
    return reason("handed_over", _("A person has taken over; the host is silent.")) | {"kind": Why.PERSON}


def machine_too_slow() -> Json:
    """The performer rests: see `streaming.clock.Effort`."""
    return reason_from("machine_too_slow", lambda: str(said(Effort.SLATE))) | {"kind": Why.BUSY}


def not_permitted(reasons: Sequence[Json]) -> Json:
    """Consent, reviews or rules say no; all their sentences, the code of the first."""
    joined = {name: " ".join(str(why.get(name) or why["text"]) for why in reasons) for name in ("text", "text_zh")}
    return {"code": reasons[0]["code"], **joined, "kind": Why.NOT_PERMITTED}


def consent_ended() -> Json:
    """The room has ended with the consent it rested on."""
    return reason("consent_ended", _("The person has withdrawn their consent.")) | {"kind": Why.CONSENT}


def ended(because: str) -> Json:
    """The room has ended; `because` in the words of whoever ended it."""
    return reason_from("ended", lambda: in_words(because) or gettext("This room has ended.")) | {"kind": Why.ENDED}


_PLAIN: dict[str, str | Promise] = {
    "disk_full": _("The disk that keeps live segments is full. Free space there; the room goes on by itself."),
    "store_failed": _("Live segments cannot be written; check the folder and its rights."),
    "wire_garbage": _("The performer has sent what cannot be read; it begins anew."),
}
"""What parts say that know no language but one."""


def refused(error: AvowError | DatabaseError) -> Json:
    """What went wrong with a segment, a performer or a place to keep things."""
    if isinstance(error, AvowError):
        plain = _PLAIN.get(error.code)
        why = reason_from(error.code, lambda: str(plain)) if plain else reason_of(error)
        return why | {"kind": Why.AWAY}
    return reason("database_away", _("The database does not answer.")) | {"kind": Why.AWAY}


def on_screen() -> Json:
    """The host itself."""
    return reason("", _("The AI host is on screen.")) | {"kind": Why.NONE}


def in_words(stored: str) -> str:
    """A sentence of ours that was stored in English, in the active language; a person's own words as they are."""
    return gettext(stored) if stored else ""
