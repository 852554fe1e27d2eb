"""May this use of a person's likeness happen? One pure, total function: `permits`. No Django, clock or I/O.

What is not granted is denied, and what is not known is denied: a missing fact never lets a use through.
Every reason is returned, so that one look tells a producer all that stands in the way.

Sources: PIPL 28, 29, 31 and Deep Synthesis Provisions 14 (separate consent, guardians), AB 2602 and NY GOL
5-302 (described uses), ISO/IEC TS 27560 6.3.7 (event states; only given and re-confirmed let processing run).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from compliance.consent import territories
from compliance.consent.terms import BIOMETRIC, Approval, GrantTerms, Modality, Mode


class ConsentState(StrEnum):
    """Event states of ISO/IEC TS 27560."""

    REQUESTED = "requested"
    GIVEN = "given"
    REFUSED = "refused"
    RECONFIRMED = "re-confirmed"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"
    TERMINATED = "terminated"
    INVALIDATED = "invalidated"


IN_FORCE = frozenset({ConsentState.GIVEN, ConsentState.RECONFIRMED})


def state_at(recorded: ConsentState | None, ends_at: datetime, now: datetime) -> ConsentState:
    """State of a grant whose last event says `recorded`; a term that has run out counts at once.

    A grant without any event is invalid: nobody has ever given it.
    """
    if recorded is None:
        return ConsentState.INVALIDATED
    run_out = recorded in IN_FORCE and now >= ends_at
    return ConsentState.EXPIRED if run_out else recorded


class AgeBand(StrEnum):
    """Age of the person copied; the borders are those of laws in force or drafted: 14 (CN), 16 (ES), 18."""

    UNDER_14 = "under_14"
    FROM_14 = "14_to_15"
    FROM_16 = "16_to_17"
    ADULT = "adult"


@dataclass(frozen=True, slots=True)
class GrantStanding:
    """What has become of a grant by now.

    `approvals` are the person's own for the use in question; `used_seconds` is the playing time (>= 0)
    recorded under the grant; `has_guardian` says that a registered guardian has given it.
    """

    state: ConsentState
    separate_consent: bool
    age_band: AgeBand
    has_guardian: bool = False
    used_seconds: float = 0.0
    approvals: frozenset[Approval] = frozenset()


@dataclass(frozen=True, slots=True)
class EffectiveGrant:
    """Terms and standing together: all that `permits` needs. Ids and digest travel along as evidence."""

    grant_id: str
    digest: str
    terms: GrantTerms
    standing: GrantStanding


@dataclass(frozen=True, slots=True)
class Use:
    """One intended use. None, or an empty set, means unknown and is denied.

    `brand` is an organisation id; `at` is the aware start of the showing, `duration_s` its time (> 0);
    `approvals` are those the grantee's reviewers gave; `topics` are what the script review found.
    """

    brand: str | None = None
    category: str | None = None
    purpose: str | None = None
    platform: str | None = None
    territories: frozenset[str] | None = None
    language: str | None = None
    mode: Mode | str | None = None
    modalities: frozenset[Modality] | frozenset[str] | None = None
    at: datetime | None = None
    duration_s: float | None = None
    approvals: frozenset[Approval] | frozenset[str] = frozenset()
    topics: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Reason:
    """Why not: a stable `code`, an English `text` for logs, the values from which pages word their own."""

    code: str
    text: str
    asked: str = ""
    allowed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Allow:
    """The use is inside the grant. True in a condition."""

    reasons: tuple[Reason, ...] = field(default=(), init=False)

    def __bool__(self) -> bool:
        return True


@dataclass(frozen=True, slots=True)
class Deny:
    """The use must not happen; at least one reason. False in a condition."""

    reasons: tuple[Reason, ...]

    def __bool__(self) -> bool:
        return False


Decision = Allow | Deny


def permits(grant: EffectiveGrant, use: Use, now: datetime) -> Decision:
    """Decide one use under one grant at `now` (aware). Total: any values give an answer, none raises."""
    reasons = [*_standing_reasons(grant, now)]
    for check in _USE_CHECKS:
        reasons.extend(check(grant, use))
    return Deny(tuple(reasons)) if reasons else Allow()


def permits_build(grant: EffectiveGrant, modalities: Iterable[str], now: datetime) -> Decision:
    """Decide whether a model of the person may be made from footage that carries `modalities`. Total."""
    reasons = [*_standing_reasons(grant, now), *_modality_reasons(grant.terms, frozenset(modalities))]
    return Deny(tuple(reasons)) if reasons else Allow()


def _standing_reasons(grant: EffectiveGrant, now: datetime) -> Iterator[Reason]:
    standing, terms = grant.standing, grant.terms
    if standing.state not in IN_FORCE:
        code = f"grant_{standing.state.replace('-', '_')}"
        yield Reason(code, f"The consent is {standing.state}; only a given or re-confirmed one counts.")
    if terms.modalities & BIOMETRIC and not standing.separate_consent:
        yield Reason("separate_consent_missing", "Face, body or voice need a separate consent (PIPL 29).")
    if standing.age_band != AgeBand.ADULT and not standing.has_guardian:
        yield Reason("guardian_missing", "The person is a minor and no guardian has given this consent.")
    if not _within_term(terms, now):
        yield _outside_term(terms, now)


def _within_term(terms: GrantTerms, moment: datetime | None) -> bool:
    return _is_aware(moment) and terms.starts_at <= moment < terms.ends_at  # type: ignore[operator]


def _is_aware(moment: datetime | None) -> bool:
    return moment is not None and moment.utcoffset() is not None


def _outside_term(terms: GrantTerms, moment: datetime | None) -> Reason:
    term = (terms.starts_at.isoformat(), terms.ends_at.isoformat())
    asked = moment.isoformat() if moment is not None else ""
    return Reason("outside_term", f"{asked} is not within {term[0]} to {term[1]} (exclusive).", asked, term)


def _unknown(aspect: str, allowed: Iterable[str] = ()) -> Reason:
    values = tuple(sorted(allowed))
    hint = f" Allowed: {', '.join(values)}." if values else ""
    return Reason(f"{aspect}_unknown", f"The {aspect} of this use is not stated.{hint}", "", values)


def _outside(aspect: str, asked: str, allowed: Iterable[str]) -> Reason:
    values = tuple(sorted(allowed))
    text = f"The {aspect} “{asked}” is not granted. Allowed: {', '.join(values)}."
    return Reason(f"{aspect}_not_granted", text, asked, values)


def _scope(aspect: str, asked: str | None, allowed: Iterable[str]) -> Iterator[Reason]:
    allowed = frozenset(allowed)
    if not asked:
        yield _unknown(aspect, allowed)
    elif asked not in allowed:
        yield _outside(aspect, asked, allowed)


def _brand(grant: EffectiveGrant, use: Use) -> Iterator[Reason]:
    brands = grant.terms.brands
    if use.brand not in {brand.id for brand in brands}:
        names = [brand.name for brand in brands]
        yield _outside("brand", use.brand, names) if use.brand else _unknown("brand", names)


def _category(grant: EffectiveGrant, use: Use) -> Iterator[Reason]:
    return _scope("category", use.category, grant.terms.product_categories)


def _purpose(grant: EffectiveGrant, use: Use) -> Iterator[Reason]:
    return _scope("purpose", use.purpose, grant.terms.purposes)


def _platform(grant: EffectiveGrant, use: Use) -> Iterator[Reason]:
    return _scope("platform", use.platform, grant.terms.platforms)


def _mode(grant: EffectiveGrant, use: Use) -> Iterator[Reason]:
    return _scope("mode", use.mode, grant.terms.modes)


def _territories(grant: EffectiveGrant, use: Use) -> Iterator[Reason]:
    granted = grant.terms.territories
    if not use.territories:
        yield _unknown("territory", granted)
        return
    for asked in sorted(use.territories):
        if not territories.covers(granted, asked):
            yield _outside("territory", asked, granted)


def _language(grant: EffectiveGrant, use: Use) -> Iterator[Reason]:
    """A granted tag covers its refinements (RFC 4647 3.3.1): zh covers zh-Hant-HK, never the reverse."""
    granted = grant.terms.languages
    if not use.language:
        yield _unknown("language", granted)
        return
    asked = use.language.lower()
    if not any(asked == tag.lower() or asked.startswith(f"{tag.lower()}-") for tag in granted):
        yield _outside("language", use.language, granted)


def _modalities(grant: EffectiveGrant, use: Use) -> Iterator[Reason]:
    return _modality_reasons(grant.terms, use.modalities)


def _modality_reasons(terms: GrantTerms, asked: frozenset[str] | None) -> Iterator[Reason]:
    if not asked:
        yield _unknown("modality", terms.modalities)
        return
    for modality in sorted(asked - terms.modalities):
        yield _outside("modality", modality, terms.modalities)


def _time(grant: EffectiveGrant, use: Use) -> Iterator[Reason]:
    """The whole showing must lie in the term and, for a live room, in the daily hours."""
    terms, at, duration_s = grant.terms, use.at, use.duration_s
    if duration_s is None or not math.isfinite(duration_s) or duration_s <= 0:
        yield _unknown("duration")
        return
    if not _is_aware(at):
        yield _unknown("time")
        return
    assert at is not None
    if not _within_term(terms, at) or (terms.ends_at - at).total_seconds() < duration_s:
        yield _outside_term(terms, at)
    elif terms.daily_window and use.mode == Mode.LIVE and not terms.daily_window.contains(at, duration_s):
        yield _outside("hour", at.isoformat(), [str(terms.daily_window)])


def _hours(grant: EffectiveGrant, use: Use) -> Iterator[Reason]:
    used, limit_h = grant.standing.used_seconds, grant.terms.max_hours
    if not (math.isfinite(used) and used >= 0):
        yield Reason("usage_unknown", "How much of this grant has been used is not known.")
    elif limit_h is not None and used + (use.duration_s or 0) > limit_h * 3600:
        text = f"{used / 3600:.2f} of {limit_h} hours are used; this use would exceed them."
        yield Reason("hours_exhausted", text, f"{used / 3600:.2f}", (str(limit_h),))


def _approvals(grant: EffectiveGrant, use: Use) -> Iterator[Reason]:
    """Reviewers may approve scripts and avatars; a per-use approval counts only from the person."""
    needed = grant.terms.approvals_needed
    if grant.terms.forbidden_topics:
        needed |= {Approval.SCRIPT}  # only a reader of the script can tell that no forbidden topic is in it
    present = grant.standing.approvals | (use.approvals - {Approval.PER_USE})
    for missing in sorted(needed - present):
        yield Reason(f"{missing}_approval_missing", f"The {missing} approval this grant asks for is missing.")


def _topics(grant: EffectiveGrant, use: Use) -> Iterator[Reason]:
    for topic in sorted(use.topics & grant.terms.forbidden_topics):
        yield Reason("topic_forbidden", f"The person has excluded the topic “{topic}”.", topic)


_USE_CHECKS: tuple[Callable[[EffectiveGrant, Use], Iterable[Reason]], ...] = (
    _brand,
    _category,
    _purpose,
    _platform,
    _territories,
    _language,
    _mode,
    _modalities,
    _time,
    _hours,
    _approvals,
    _topics,
)
