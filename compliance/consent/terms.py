"""What a person has agreed to, as one frozen value with one canonical spelling (pure).

Field list: AB 2602 and the SAG-AFTRA digital replica rider (reasonably specific uses), PIPL 29 (modalities
and separate consent), ISO/IEC TS 27560 6.3.4 (purposes, geographic restrictions), CAWG training-mining
(training use).
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from enum import StrEnum
from typing import Any, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from compliance.errors import BadInput

SCHEMA = "avow.terms/1"
MAX_TERM = timedelta(days=3660)
MINUTES_A_DAY = 24 * 60


class Modality(StrEnum):
    """A trait of a person that a replica can copy."""

    FACE = "face"
    BODY = "body"
    VOICE = "voice"
    NAME = "name"
    SIGNATURE = "signature"
    PERFORMANCE = "performance_style"


# Traits by which a machine can recognise a person: sensitive under PIPL 28, special category under GDPR 9.
BIOMETRIC = frozenset({Modality.FACE, Modality.BODY, Modality.VOICE})


class Mode(StrEnum):
    """How viewers meet the replica."""

    LIVE = "live"
    RECORDED = "recorded"


class Approval(StrEnum):
    """An approval that must exist before a use; `PER_USE` is the person's own, for each single use."""

    SCRIPT = "script"
    AVATAR = "avatar"
    PER_USE = "per_use"


class TrainingUse(StrEnum):
    """CAWG training-mining `use` values."""

    NOT_ALLOWED = "notAllowed"
    CONSTRAINED = "constrained"
    ALLOWED = "allowed"


class TermsInvalid(BadInput):
    """Terms that no grant may carry; `details["field"]` names the field."""


def _invalid(field: str, text: str) -> TermsInvalid:
    return TermsInvalid(f"terms_{field}_invalid", text, field=field)


@dataclass(frozen=True, slots=True, order=True)
class Brand:
    """An organisation whose goods the replica may sell; `name` as the person read it."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class DailyWindow:
    """Minutes of the day [opens, closes) between which a live room may run; may cross midnight."""

    opens: int
    closes: int
    time_zone: str

    def __post_init__(self) -> None:
        if not (0 <= self.opens < MINUTES_A_DAY and 0 <= self.closes < MINUTES_A_DAY):
            raise _invalid("daily_window", "Daily hours lie between 00:00 and 23:59.")
        if self.opens == self.closes:
            raise _invalid("daily_window", "Daily hours must not open and close at the same minute.")
        try:
            ZoneInfo(self.time_zone)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise _invalid("daily_window", f"“{self.time_zone}” is not a time zone name.") from error

    def contains(self, start: datetime, duration_s: float) -> bool:
        """Whether what starts at the aware `start` and runs `duration_s` ends before the window closes."""
        local = start.astimezone(ZoneInfo(self.time_zone))
        open_s = ((self.closes - self.opens) % MINUTES_A_DAY) * 60
        since_opening_s = ((local.hour * 60 + local.minute - self.opens) % MINUTES_A_DAY) * 60 + local.second
        return since_opening_s < open_s and since_opening_s + duration_s <= open_s

    def __str__(self) -> str:
        def clock(minute: int) -> str:
            return f"{minute // 60:02d}:{minute % 60:02d}"

        return f"{clock(self.opens)}–{clock(self.closes)} {self.time_zone}"


# ISO 4217, with the number of digits after the point (0 where the currency has no smaller coin).
CURRENCIES = {"CNY": 2, "EUR": 2, "USD": 2, "GBP": 2, "INR": 2, "KRW": 0, "JPY": 0}
MAX_RATE = Decimal(1_000_000)


@dataclass(frozen=True, slots=True)
class Compensation:
    """What the person is paid: for each minute on air, and for each file released. Either may be zero, not both."""

    currency: str
    per_live_minute: Decimal
    per_clip: Decimal

    def __post_init__(self) -> None:
        if self.currency not in CURRENCIES:
            raise _invalid("compensation", "This currency is not known here.")
        rates = (self.per_live_minute, self.per_clip)
        # four digits: a minute may be worth less than the smallest coin
        if not all(rate.is_finite() and 0 <= rate <= MAX_RATE and rate == round(rate, 4) for rate in rates):
            raise _invalid(
                "compensation", "A rate lies between 0 and 1,000,000, with at most four digits after the point."
            )
        if not any(rates):
            raise _invalid("compensation", "Name at least one rate, or leave the compensation out.")

    def amount(self, minutes: Decimal, clips: int) -> Decimal:
        """Rounded once, half up, to the currency's smallest coin."""
        exact = self.per_live_minute * minutes + self.per_clip * clips
        return exact.quantize(Decimal(1).scaleb(-CURRENCIES[self.currency]), ROUND_HALF_UP)


@dataclass(frozen=True, slots=True)
class GrantTerms:
    """The scope of one grant. What is not named is not granted.

    `starts_at` and `ends_at` are aware; the term is [starts_at, ends_at). `max_hours` bounds the playing time
    of everything made under the grant. Building a `GrantTerms` checks it; raises `TermsInvalid`.
    """

    modalities: frozenset[Modality]
    brands: frozenset[Brand]
    product_categories: frozenset[str]
    purposes: frozenset[str]
    platforms: frozenset[str]
    territories: frozenset[str]
    languages: frozenset[str]
    modes: frozenset[Mode]
    starts_at: datetime
    ends_at: datetime
    intended_uses: str
    max_hours: int | None = None
    daily_window: DailyWindow | None = None
    approvals_needed: frozenset[Approval] = frozenset({Approval.SCRIPT, Approval.AVATAR})
    training_use: TrainingUse = TrainingUse.NOT_ALLOWED
    forbidden_topics: frozenset[str] = frozenset()
    compensation: Compensation | None = None

    def __post_init__(self) -> None:
        for field in _NON_EMPTY:
            if not getattr(self, field):
                raise _invalid(field, "With nothing named here nothing is allowed. Choose at least one.")
        if any(moment.utcoffset() is None for moment in (self.starts_at, self.ends_at)):
            raise _invalid("ends_at", "Start and end need a time zone.")
        if not timedelta(0) < self.ends_at - self.starts_at <= MAX_TERM:
            raise _invalid("ends_at", "The end must come after the start, at most ten years later.")
        if self.max_hours is not None and not 1 <= self.max_hours <= 100_000:
            raise _invalid("max_hours", "Hours are a whole number from 1 to 100,000, or left open.")
        if not self.intended_uses.strip():
            raise _invalid("intended_uses", "Describe the intended uses in your own words.")

    def to_json(self) -> dict[str, Any]:
        """Plain JSON with sorted lists and UTC seconds: equal terms give equal RFC 8785 bytes."""
        return {
            "schema": SCHEMA,
            **{field: sorted(getattr(self, field)) for field in _CODE_SETS},
            "brands": [{"id": brand.id, "name": brand.name} for brand in sorted(self.brands)],
            "starts_at": _to_utc_text(self.starts_at),
            "ends_at": _to_utc_text(self.ends_at),
            "max_hours": self.max_hours,
            "daily_window": _window_to_json(self.daily_window),
            "training_use": self.training_use.value,
            "intended_uses": self.intended_uses,
            **_compensation_to_json(self.compensation),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read what `to_json` wrote; raises `TermsInvalid` for a missing, unknown or wrongly typed field."""
        if not isinstance(data, Mapping) or set(data) - {"compensation"} != _FIELDS:
            raise TermsInvalid("terms_malformed", "These terms lack a field or carry one that is not known.")
        if data["schema"] != SCHEMA:
            raise TermsInvalid("terms_schema_unknown", "This version cannot read the format of these terms.")
        try:
            return cls(**_read_fields(data))
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise TermsInvalid("terms_malformed", "A value in these terms is of the wrong kind.") from error


_NON_EMPTY = (
    "modalities",
    "brands",
    "product_categories",
    "purposes",
    "platforms",
    "territories",
    "languages",
    "modes",
)
_PLAIN_SETS = ("product_categories", "purposes", "platforms", "territories", "languages", "forbidden_topics")
_ENUM_SETS: dict[str, type[StrEnum]] = {
    "modalities": Modality,
    "modes": Mode,
    "approvals_needed": Approval,
}
_CODE_SETS = (*_PLAIN_SETS, *_ENUM_SETS)
_FIELDS = {
    "schema",
    "brands",
    "starts_at",
    "ends_at",
    "max_hours",
    "daily_window",
    "training_use",
    "intended_uses",
    *_CODE_SETS,
}


def _read_fields(data: Mapping[str, Any]) -> dict[str, Any]:
    fields: dict[str, Any] = {name: _texts(data[name]) for name in _PLAIN_SETS}
    for name, kind in _ENUM_SETS.items():
        fields[name] = frozenset(kind(value) for value in _texts(data[name]))
    hours = data["max_hours"]
    if hours is not None and type(hours) is not int:
        raise TypeError("max_hours")
    return fields | {
        "brands": frozenset(Brand(id=_text(b["id"]), name=_text(b["name"])) for b in data["brands"]),
        "starts_at": _from_utc_text(data["starts_at"]),
        "ends_at": _from_utc_text(data["ends_at"]),
        "max_hours": hours,
        "daily_window": _window_from_json(data["daily_window"]),
        "training_use": TrainingUse(data["training_use"]),
        "intended_uses": _text(data["intended_uses"]),
        "compensation": _compensation_from_json(data),
    }


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("text")
    return value


def _texts(values: object) -> Set[str]:
    if not isinstance(values, list):
        raise TypeError("list")
    return frozenset(_text(value) for value in values)


def _to_utc_text(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _from_utc_text(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)


def _window_to_json(window: DailyWindow | None) -> dict[str, Any] | None:
    if window is None:
        return None
    return {"opens": window.opens, "closes": window.closes, "time_zone": window.time_zone}


def _window_from_json(data: Mapping[str, Any] | None) -> DailyWindow | None:
    if data is None:
        return None
    if type(data["opens"]) is not int or type(data["closes"]) is not int:
        raise TypeError("daily_window")
    return DailyWindow(opens=data["opens"], closes=data["closes"], time_zone=_text(data["time_zone"]))


def _compensation_to_json(agreed: Compensation | None) -> dict[str, Any]:
    """Left out where there is none: terms from before there was this field keep their bytes, and so their digests."""
    if agreed is None:
        return {}
    rates = {"per_clip": _rate_text(agreed.per_clip), "per_live_minute": _rate_text(agreed.per_live_minute)}
    return {"compensation": {"currency": agreed.currency, **rates}}


def _compensation_from_json(data: Mapping[str, Any]) -> Compensation | None:
    if "compensation" not in data:
        return None
    given = data["compensation"]
    if set(given) != {"currency", "per_clip", "per_live_minute"}:
        raise KeyError("compensation")
    return Compensation(_text(given["currency"]), _rate(given["per_live_minute"]), _rate(given["per_clip"]))


def _rate_text(rate: Decimal) -> str:
    """One spelling for one number: 1.50 and 1.5 are the same rate."""
    return f"{rate.normalize():f}"


def _rate(value: object) -> Decimal:
    text = _text(value)
    try:
        rate = Decimal(text)
    except InvalidOperation as error:
        raise ValueError("rate") from error
    if not rate.is_finite() or _rate_text(rate) != text:
        raise ValueError("rate")
    return rate
