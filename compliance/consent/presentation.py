"""Grants in words, for pages: the scope as rows, an event as a sentence, what a withdrawal will do."""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings
from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from compliance.consent import vocab
from compliance.consent.models import ConsentEvent, Grant, State
from compliance.consent.rules import ConsentState
from compliance.consent.terms import BIOMETRIC, GrantTerms, Mode

Text = str | Promise


@dataclass(frozen=True)
class Standing:
    """A grant and the state it is in now."""

    grant: Grant
    state: ConsentState

    @property
    def label(self) -> str:
        return str(State(self.state).label)


@dataclass(frozen=True)
class Row:
    """One line of the scope; `values` are shown as chips, `text` as it is."""

    label: str
    values: tuple[str, ...] = ()
    text: str = ""


def scope_rows(terms: GrantTerms) -> list[Row]:
    """The whole scope in the active language, in the order of the form."""
    rows = [
        Row(_("Brands"), tuple(brand.name for brand in sorted(terms.brands, key=lambda b: b.name))),
        Row(_("Of the person"), _labels(vocab.MODALITIES, terms.modalities)),
        Row(_("Products"), _labels(vocab.PRODUCT_CATEGORIES, terms.product_categories)),
        Row(_("Purposes"), _labels(vocab.PURPOSES, terms.purposes)),
        Row(_("Intended uses"), text=terms.intended_uses),
        Row(_("Never about"), _labels(vocab.TOPICS, terms.forbidden_topics)),
        Row(_("Shown as"), _labels(vocab.MODES, terms.modes)),
        Row(_("Platforms"), _labels(vocab.PLATFORMS, terms.platforms)),
        Row(_("Markets"), tuple(vocab.territory_name(code) for code in sorted(terms.territories))),
        Row(_("Languages"), tuple(vocab.language_name(code) for code in sorted(terms.languages))),
        Row(_("Term"), text=term_text(terms)),
        Row(_("Hours in all"), text=str(terms.max_hours or _("no limit"))),
        Row(_("Live rooms"), text=_live_hours(terms)),
        Row(_("Approvals needed"), _labels(vocab.APPROVALS, terms.approvals_needed)),
        Row(_("Training of other models"), text=str(vocab.TRAINING[terms.training_use])),
        Row(_("Compensation"), text=compensation_text(terms)),
    ]
    return [row for row in rows if row.values or row.text]


def _labels(labels: vocab.Labels, codes: frozenset[str]) -> tuple[str, ...]:
    return tuple(str(label) for code, label in labels.items() if code in codes)


def _live_hours(terms: GrantTerms) -> str:
    """Nothing to say where live rooms are not granted at all."""
    return str(terms.daily_window or _("at any hour")) if Mode.LIVE in terms.modes else ""


def compensation_text(terms: GrantTerms) -> str:
    """What was agreed, in words; empty where nothing was."""
    agreed = terms.compensation
    if agreed is None:
        return ""
    rates = (
        (agreed.per_live_minute, _("%(rate)s %(currency)s for each minute on air")),
        (agreed.per_clip, _("%(rate)s %(currency)s for each released file")),
    )
    return "\n".join(text % {"rate": f"{rate:f}", "currency": agreed.currency} for rate, text in rates if rate)


def sensitive_traits(terms: GrantTerms) -> str:
    """The traits that need the separate consent, in the active language; empty if there are none."""
    return " · ".join(_labels(vocab.MODALITIES, frozenset(terms.modalities & BIOMETRIC)))


def term_text(terms: GrantTerms) -> str:
    """ "From … until …", in the active language and time zone."""
    start, end = (date_format(localtime(moment), "DATETIME_FORMAT") for moment in (terms.starts_at, terms.ends_at))
    return _("%(start)s until %(end)s") % {"start": start, "end": end}


_EVENTS: dict[str, Text] = {
    State.REQUESTED: gettext_lazy("Asked for"),
    State.GIVEN: gettext_lazy("Consent given"),
    State.REFUSED: gettext_lazy("Refused"),
    State.RECONFIRMED: gettext_lazy("Confirmed again"),
    State.WITHDRAWN: gettext_lazy("Withdrawn"),
    State.EXPIRED: gettext_lazy("The term ran out"),
    State.TERMINATED: gettext_lazy("Replaced by a newer consent"),
    State.INVALIDATED: gettext_lazy("Declared invalid by an authority"),
}
_MARKS = {State.GIVEN: "ok", State.RECONFIRMED: "ok", State.REQUESTED: "info", State.TERMINATED: "info"}


@dataclass(frozen=True)
class TimelineEntry:
    """One event of a grant, ready to be drawn; `mark` is a timeline state of the stylesheet."""

    event: ConsentEvent
    text: Text
    mark: str


def timeline(events: list[ConsentEvent]) -> list[TimelineEntry]:
    """The life of a grant, oldest first."""
    return [TimelineEntry(event, _EVENTS[event.state], _MARKS.get(State(event.state), "warn")) for event in events]


STEP_NAMES: dict[str, Text] = {
    "jobs": gettext_lazy("Waiting and running work is stopped"),
    "permits": gettext_lazy("Permits are revoked"),
    "takes": gettext_lazy("Unfinished recordings are cancelled and deleted"),
    "releases": gettext_lazy("Published videos are withdrawn here and listed for takedown"),
    "keys": gettext_lazy("The key to what is stored of the person's face and voice is destroyed"),
    "avatars": gettext_lazy("Models and footage of the person are destroyed"),
}


def step_name(name: str) -> str:
    """A cascade step in words; its own name if an operator has added one."""
    return str(STEP_NAMES.get(name, name))


def effects_of_withdrawal() -> list[str]:
    """What a withdrawal will do here, in order, as settings say."""
    kept = _("The record of this consent and of what was shown is kept as evidence.")
    return [*(step_name(name) for name, _function in settings.AVOW_WITHDRAWAL_STEPS), kept]
