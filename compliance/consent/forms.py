"""The form by which a person sets the limits of a grant."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from compliance.accounts.models import User
from compliance.accounts.selectors import brands
from compliance.consent import selectors, vocab
from compliance.consent.models import AGE_BANDS
from compliance.consent.rules import AgeBand
from compliance.consent.terms import (
    BIOMETRIC,
    CURRENCIES,
    MAX_RATE,
    MINUTES_A_DAY,
    Approval,
    Brand,
    Compensation,
    DailyWindow,
    GrantTerms,
    Modality,
    Mode,
    TermsInvalid,
    TrainingUse,
)


def _several(labels: Any, label: Any, **options: Any) -> forms.MultipleChoiceField:
    choices = list(labels.items()) if hasattr(labels, "items") else labels
    return forms.MultipleChoiceField(label=label, choices=choices, widget=forms.CheckboxSelectMultiple, **options)


def _date(label: Any, **options: Any) -> forms.DateField:
    return forms.DateField(label=label, widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"), **options)


def _time(label: Any) -> forms.TimeField:
    return forms.TimeField(label=label, required=False, widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M"))


def _rate(label: Any) -> forms.DecimalField:
    return forms.DecimalField(label=label, required=False, min_value=Decimal(0), max_value=MAX_RATE, decimal_places=4)


class TermsForm(forms.Form):
    """The scope, in the groups in which a person thinks of it: who, what, where, when, how far."""

    grantee = forms.ModelChoiceField(label=_("Who may use your likeness?"), queryset=brands())
    brands = forms.ModelMultipleChoiceField(
        label=_("For which brands?"), queryset=brands(), widget=forms.CheckboxSelectMultiple
    )
    modalities = _several(vocab.MODALITIES, _("Which traits may be copied?"))
    product_categories = _several(vocab.PRODUCT_CATEGORIES, _("Which products?"))
    purposes = _several(vocab.PURPOSES, _("What for?"))
    intended_uses = forms.CharField(
        label=_("In your own words: what will be made?"),
        help_text=_("For example: clips of at most two minutes that present skin care for the autumn sale."),
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 3}),
    )
    forbidden_topics = _several(vocab.TOPICS, _("What must your double never talk about?"), required=False)
    modes = _several(vocab.MODES, _("How may people meet your double?"))
    platforms = _several(vocab.PLATFORMS, _("On which platforms?"))
    territories = _several([], _("In which markets?"))
    other_territories = forms.MultipleChoiceField(
        label=_("Other countries and regions"),
        required=False,
        help_text=_("Hold Ctrl or ⌘ to choose several."),
        widget=forms.SelectMultiple(attrs={"size": 6}),
    )
    languages = _several([], _("In which languages?"))
    starts_on = _date(_("From"))
    ends_on = _date(_("To and including"))
    max_hours = forms.IntegerField(
        label=_("Hours in all"),
        required=False,
        min_value=1,
        max_value=100_000,
    )
    hours_from = _time(_("Live rooms from"))
    hours_to = _time(_("Live rooms until"))
    time_zone = forms.ChoiceField(label=_("Time zone"), required=False)
    currency = forms.ChoiceField(label=_("Currency"), required=False, choices=[(code, code) for code in CURRENCIES])
    per_live_minute = _rate(_("For each minute on air"))
    per_clip = _rate(_("For each released file"))
    approvals_needed = _several(vocab.APPROVALS, _("What must be approved before anything is shown?"), required=False)
    training_use = forms.ChoiceField(
        label=_("May your data train other models?"),
        choices=list(vocab.TRAINING.items()),
        widget=forms.RadioSelect,
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._choices("territories", vocab.main_territories())
        self.fields["territories"].required = not self.data.get(self.add_prefix("other_territories"))
        self._choices("other_territories", vocab.other_territories())
        self._choices("languages", vocab.languages())
        self._choices("time_zone", [(name, name) for name in _time_zones(self.initial.get("time_zone"))])

    def _choices(self, name: str, choices: list[tuple[str, str]]) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)
        field.choices = choices

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        self._clean_term(data)
        if bool(data.get("hours_from")) != bool(data.get("hours_to")):
            self.add_error("hours_to", gettext("Give both times, or neither."))
        if not self.errors:
            try:
                data["terms"] = self._terms(data)
            except TermsInvalid as error:
                self.add_error(None, gettext(error.text))
        return data

    def _clean_term(self, data: dict[str, Any]) -> None:
        today = timezone.localdate()
        starts_on, ends_on = data.get("starts_on"), data.get("ends_on")
        if starts_on and starts_on < today:
            self.add_error("starts_on", gettext("A consent cannot begin in the past."))
        if starts_on and ends_on and ends_on < starts_on:
            self.add_error("ends_on", gettext("The end comes before the start."))

    @property
    def starts_now(self) -> bool:
        """Whether the start is today, which means the moment of confirming."""
        return bool(self.cleaned_data["starts_on"] == timezone.localdate())

    def _terms(self, data: dict[str, Any]) -> GrantTerms:
        now = timezone.now().astimezone(UTC).replace(microsecond=0)
        starts_on: date = data["starts_on"]
        return GrantTerms(
            modalities=frozenset(Modality(value) for value in data["modalities"]),
            brands=frozenset(Brand(str(brand.pk), brand.name) for brand in data["brands"]),
            product_categories=frozenset(data["product_categories"]),
            purposes=frozenset(data["purposes"]),
            platforms=frozenset(data["platforms"]),
            territories=frozenset(data["territories"]) | frozenset(data["other_territories"]),
            languages=frozenset(data["languages"]),
            modes=frozenset(Mode(value) for value in data["modes"]),
            starts_at=now if self.starts_now else _midnight(starts_on),
            ends_at=_midnight(data["ends_on"] + timedelta(days=1)),
            intended_uses=data["intended_uses"].strip(),
            max_hours=data["max_hours"],
            daily_window=_window(data),
            approvals_needed=frozenset(Approval(value) for value in data["approvals_needed"]),
            training_use=TrainingUse(data["training_use"]),
            forbidden_topics=frozenset(data["forbidden_topics"]),
            compensation=_compensation(data),
        )


class GrantForm(TermsForm):
    """The scope, and the two separate yeses: to the grant, and to the use of face, body and voice data."""

    principal = forms.ModelChoiceField(label=_("Whose likeness is it?"), queryset=User.objects.none())
    age_band = forms.ChoiceField(label=_("Age of the person"), choices=AGE_BANDS, widget=forms.RadioSelect)
    separate_consent = forms.BooleanField(required=False)
    agreed = forms.BooleanField(label=_("I have read the notice and grant the use set out above."))
    notice = forms.CharField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, user: User, notice_sha256: str, separate_text: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user, self.notice_sha256 = user, notice_sha256
        principal = self.fields["principal"]
        assert isinstance(principal, forms.ModelChoiceField)
        principal.queryset = selectors.acts_as(user)
        principal.initial = user.pk
        if not selectors.wards_of(user).exists():
            principal.widget = forms.HiddenInput()
        self.fields["notice"].initial = notice_sha256
        self.fields["separate_consent"].label = separate_text

    def clean(self) -> dict[str, Any]:
        data = super().clean()
        if data.get("notice") != self.notice_sha256:
            self.add_error(None, gettext("The notice or its language has changed. Please read it again."))
        if BIOMETRIC & set(data.get("modalities", [])) and not data.get("separate_consent"):
            self.add_error(
                "separate_consent",
                gettext("Face, body and voice need this separate consent; without it, leave them out above."),
            )
        minor = data.get("age_band") not in (None, AgeBand.ADULT.value)
        if minor and data.get("principal") == self.user:
            self.add_error(
                "age_band",
                gettext("Under 18, a parent or guardian has to consent from an account of their own."),
            )
        return data


def initial_terms() -> dict[str, Any]:
    """What an empty form proposes: narrow, a year long, with every safeguard on."""
    today = timezone.localdate()
    return {
        "modes": [Mode.RECORDED.value],
        "starts_on": today,
        "ends_on": today + timedelta(days=365),
        "approvals_needed": [Approval.SCRIPT.value, Approval.AVATAR.value],
        "training_use": TrainingUse.NOT_ALLOWED.value,
        "time_zone": timezone.get_current_timezone_name(),
    }


def initial_from(terms: GrantTerms, grantee_id: object) -> dict[str, Any]:
    """The form as it would have been filled in for `terms`; a start in the past becomes today."""
    zone = ZoneInfo(timezone.get_current_timezone_name())
    data = terms.to_json()
    main = set(vocab.MAIN_TERRITORIES)
    window = terms.daily_window
    return initial_terms() | {
        **{name: data[name] for name in _SAME},
        "grantee": grantee_id,
        "brands": [brand.id for brand in terms.brands],
        "territories": sorted(terms.territories & main),
        "other_territories": sorted(terms.territories - main),
        "starts_on": max(terms.starts_at.astimezone(zone).date(), timezone.localdate()),
        "ends_on": (terms.ends_at - timedelta(seconds=1)).astimezone(zone).date(),
        "hours_from": _clock(window.opens) if window else None,
        "hours_to": _clock(window.closes) if window else None,
        "time_zone": window.time_zone if window else zone.key,
        **data.get("compensation", {}),
    }


_SAME = (
    "modalities",
    "product_categories",
    "purposes",
    "platforms",
    "languages",
    "modes",
    "approvals_needed",
    "forbidden_topics",
    "intended_uses",
    "max_hours",
    "training_use",
)


def _time_zones(current: str | None) -> list[str]:
    """The usual ones, and the one a grant to be changed already has."""
    return sorted({*vocab.TIME_ZONES, *([current] if current else [])})


def _midnight(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min)).astimezone(UTC)


def _clock(minute: int) -> time:
    return time(minute // 60 % 24, minute % 60)


def _compensation(data: dict[str, Any]) -> Compensation | None:
    """None when no rate is named: what is owed then is between the two, and not counted here."""
    per_live_minute, per_clip = data.get("per_live_minute") or Decimal(0), data.get("per_clip") or Decimal(0)
    if not per_live_minute and not per_clip:
        return None
    return Compensation(data["currency"] or next(iter(CURRENCIES)), per_live_minute, per_clip)


def _window(data: dict[str, Any]) -> DailyWindow | None:
    opens, closes = data.get("hours_from"), data.get("hours_to")
    if opens is None or closes is None:
        return None
    return DailyWindow(
        opens=(opens.hour * 60 + opens.minute) % MINUTES_A_DAY,
        closes=(closes.hour * 60 + closes.minute) % MINUTES_A_DAY,
        time_zone=data["time_zone"],
    )
