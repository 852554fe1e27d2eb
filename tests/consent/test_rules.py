"""The decision table of `permits`, and the laws it must keep for every input."""

from __future__ import annotations

import hashlib
import itertools
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compliance.consent.rules import (
    AgeBand,
    Allow,
    ConsentState,
    Deny,
    EffectiveGrant,
    GrantStanding,
    Use,
    permits,
    permits_build,
)
from compliance.consent.terms import (
    Approval,
    Brand,
    Compensation,
    DailyWindow,
    GrantTerms,
    Modality,
    Mode,
    TermsInvalid,
)
from compliance.envelope import canonical_bytes

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
LUMEN, OTHER = "0b6d8c1e-0000-4000-8000-000000000001", "0b6d8c1e-0000-4000-8000-000000000002"

TERMS = GrantTerms(
    modalities=frozenset({Modality.FACE, Modality.VOICE}),
    brands=frozenset({Brand(LUMEN, "Lumen")}),
    product_categories=frozenset({"cosmetics"}),
    purposes=frozenset({"product_presentation"}),
    platforms=frozenset({"douyin", "own_site"}),
    territories=frozenset({"CN", "EU"}),
    languages=frozenset({"zh", "en"}),
    modes=frozenset({Mode.LIVE, Mode.RECORDED}),
    starts_at=datetime(2026, 11, 1, tzinfo=UTC),
    ends_at=datetime(2027, 11, 1, tzinfo=UTC),
    intended_uses="Presenting skin care in short clips.",
    max_hours=2,
)
GIVEN = GrantStanding(ConsentState.GIVEN, separate_consent=True, age_band=AgeBand.ADULT)
GRANT = EffectiveGrant("8f1e6c5a-0000-4000-8000-000000000000", "00" * 32, TERMS, GIVEN)
USE = Use(
    brand=LUMEN,
    category="cosmetics",
    purpose="product_presentation",
    platform="douyin",
    territories=frozenset({"CN"}),
    language="zh",
    mode=Mode.RECORDED,
    modalities=frozenset({Modality.FACE, Modality.VOICE}),
    at=NOW,
    duration_s=60.0,
    approvals=frozenset({Approval.SCRIPT, Approval.AVATAR}),
)


def codes(grant: EffectiveGrant = GRANT, use: Use = USE, now: datetime = NOW) -> list[str]:
    return [reason.code for reason in permits(grant, use, now).reasons]


def with_terms(**changes: object) -> EffectiveGrant:
    return replace(GRANT, terms=replace(TERMS, **changes))


def with_standing(**changes: object) -> EffectiveGrant:
    return replace(GRANT, standing=replace(GIVEN, **changes))


def test_a_use_inside_the_grant_is_allowed():
    assert permits(GRANT, USE, NOW) == Allow()
    assert permits(GRANT, USE, NOW)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"brand": OTHER}, "brand_not_granted"),
        ({"brand": None}, "brand_unknown"),
        ({"category": "electronics"}, "category_not_granted"),
        ({"category": ""}, "category_unknown"),
        ({"purpose": "political"}, "purpose_not_granted"),
        ({"purpose": None}, "purpose_unknown"),
        ({"platform": "tiktok"}, "platform_not_granted"),
        ({"platform": None}, "platform_unknown"),
        ({"territories": frozenset({"CN", "US"})}, "territory_not_granted"),
        ({"territories": frozenset()}, "territory_unknown"),
        ({"territories": None}, "territory_unknown"),
        ({"language": "ja"}, "language_not_granted"),
        ({"language": "zhx"}, "language_not_granted"),
        ({"language": None}, "language_unknown"),
        ({"mode": "hologram"}, "mode_not_granted"),
        ({"mode": None}, "mode_unknown"),
        ({"modalities": frozenset({"face", "signature"})}, "modality_not_granted"),
        ({"modalities": frozenset()}, "modality_unknown"),
        ({"at": None}, "time_unknown"),
        ({"at": NOW.replace(tzinfo=None)}, "time_unknown"),
        ({"at": TERMS.starts_at - timedelta(seconds=1)}, "outside_term"),
        ({"at": TERMS.ends_at}, "outside_term"),
        ({"at": TERMS.ends_at - timedelta(seconds=59)}, "outside_term"),
        ({"duration_s": None}, "duration_unknown"),
        ({"duration_s": 0}, "duration_unknown"),
        ({"duration_s": float("nan")}, "duration_unknown"),
        ({"duration_s": float("inf")}, "duration_unknown"),
        ({"duration_s": 7201.0}, "hours_exhausted"),
        ({"approvals": frozenset({Approval.SCRIPT})}, "avatar_approval_missing"),
        ({"approvals": frozenset()}, "script_approval_missing"),
    ],
)
def test_one_fact_outside_the_grant_is_denied_and_named(change: dict[str, object], code: str):
    assert code in codes(use=replace(USE, **change))


@pytest.mark.parametrize("state", [s for s in ConsentState if s not in ("given", "re-confirmed")])
def test_no_state_but_given_and_reconfirmed_allows(state: ConsentState):
    assert codes(with_standing(state=state)) == [f"grant_{state}"]


def test_reconfirmed_allows():
    assert permits(with_standing(state=ConsentState.RECONFIRMED), USE, NOW)


def test_tv42_clone_without_separate_consent_is_denied():
    assert codes(with_standing(separate_consent=False)) == ["separate_consent_missing"]


def test_separate_consent_is_not_asked_for_a_mere_name():
    grant = replace(with_terms(modalities=frozenset({Modality.NAME})), standing=replace(GIVEN, separate_consent=False))
    assert permits(grant, replace(USE, modalities=frozenset({"name"})), NOW)


@pytest.mark.parametrize("age", [AgeBand.UNDER_14, AgeBand.FROM_14, AgeBand.FROM_16])
def test_tv43_a_minor_without_guardian_is_denied(age: AgeBand):
    assert codes(with_standing(age_band=age)) == ["guardian_missing"]
    assert permits(with_standing(age_band=age, has_guardian=True), USE, NOW)


def test_tv48_electronics_after_the_term_meets_two_reasons():
    grant = with_terms(
        territories=frozenset({"CN"}),
        languages=frozenset({"zh"}),
        ends_at=datetime(2026, 11, 1, 1, tzinfo=UTC),
    )
    found = codes(grant, replace(USE, category="electronics"))
    assert "category_not_granted" in found
    assert "outside_term" in found


def test_tv49_voice_licence_does_not_cover_the_face():
    grant = with_terms(modalities=frozenset({Modality.VOICE}))
    assert codes(grant) == ["modality_not_granted"]
    assert permits_build(grant, {"voice"}, NOW)
    assert not permits_build(grant, {"voice", "face"}, NOW)
    assert not permits_build(grant, set(), NOW)


def test_all_reasons_come_at_once_and_name_what_is_allowed():
    decision = permits(GRANT, replace(USE, platform="tiktok", language="ja", territories=frozenset({"US"})), NOW)
    assert [r.code for r in decision.reasons] == [
        "platform_not_granted",
        "territory_not_granted",
        "language_not_granted",
    ]
    assert decision.reasons[0].allowed == ("douyin", "own_site")
    assert "douyin, own_site" in decision.reasons[0].text


def test_the_union_covers_its_members_and_no_others():
    assert permits(GRANT, replace(USE, territories=frozenset({"DE", "FR"})), NOW)
    assert codes(use=replace(USE, territories=frozenset({"GB"}))) == ["territory_not_granted"]
    germany = with_terms(territories=frozenset({"DE"}))
    assert codes(germany, replace(USE, territories=frozenset({"EU"}))) == ["territory_not_granted"]


def test_a_language_covers_its_variants_only_downwards():
    assert permits(GRANT, replace(USE, language="zh-Hant-HK"), NOW)
    assert codes(with_terms(languages=frozenset({"zh-HK"}))) == ["language_not_granted"]


def test_hours_already_used_count():
    assert permits(with_standing(used_seconds=7140.0), USE, NOW)
    assert codes(with_standing(used_seconds=7141.0)) == ["hours_exhausted"]
    assert codes(with_standing(used_seconds=float("nan"))) == ["usage_unknown"]


def test_attack_producer_claims_the_persons_own_per_use_approval():
    grant = with_terms(approvals_needed=frozenset({Approval.PER_USE}))
    claimed = replace(USE, approvals=frozenset(Approval))
    assert codes(grant, claimed) == ["per_use_approval_missing"]
    approved = replace(grant, standing=replace(GIVEN, approvals=frozenset({Approval.PER_USE})))
    assert permits(approved, claimed, NOW)


def test_forbidden_topics_need_a_reader_and_bind():
    grant = with_terms(approvals_needed=frozenset(), forbidden_topics=frozenset({"alcohol"}))
    assert codes(grant, replace(USE, approvals=frozenset())) == ["script_approval_missing"]
    assert codes(grant, replace(USE, topics=frozenset({"alcohol"}))) == ["topic_forbidden"]


def test_daily_hours_bind_live_rooms_to_their_last_second():
    evening = DailyWindow(opens=19 * 60, closes=2 * 60, time_zone="Asia/Shanghai")
    grant = with_terms(daily_window=evening)
    at_nine = datetime(2026, 11, 22, 13, 0, tzinfo=UTC)  # 21:00 in Shanghai
    live = replace(USE, mode=Mode.LIVE, at=at_nine, duration_s=3600.0)
    assert permits(grant, live, NOW)
    assert permits(grant, replace(live, at=at_nine + timedelta(hours=4)), NOW)  # 01:00 to 02:00
    assert codes(grant, replace(live, at=at_nine + timedelta(hours=4, seconds=1))) == ["hour_not_granted"]
    assert codes(grant, replace(live, at=at_nine - timedelta(hours=3))) == ["hour_not_granted"]
    assert permits(grant, replace(live, mode=Mode.RECORDED, at=at_nine - timedelta(hours=3)), NOW)


def test_attack_backdated_use_of_an_ended_grant():
    assert codes(use=replace(USE, at=NOW), now=TERMS.ends_at) == ["outside_term"]


@pytest.mark.parametrize(
    "change",
    [
        {"modalities": frozenset()},
        {"territories": frozenset()},
        {"starts_at": datetime(2026, 11, 1)},
        {"ends_at": TERMS.starts_at},
        {"ends_at": TERMS.starts_at + timedelta(days=4000)},
        {"max_hours": 0},
        {"intended_uses": " "},
    ],
)
def test_terms_that_mean_nothing_cannot_be_built(change: dict[str, object]):
    with pytest.raises(TermsInvalid):
        replace(TERMS, **change)


def test_terms_survive_json():
    terms = replace(TERMS, daily_window=DailyWindow(480, 1200, "Europe/Berlin"))
    assert GrantTerms.from_json(terms.to_json()) == terms


def test_compensation_survives_json_and_its_absence_leaves_no_trace():
    paid = replace(TERMS, compensation=Compensation("EUR", Decimal("1.50"), Decimal(20)))
    assert paid.to_json()["compensation"] == {"currency": "EUR", "per_clip": "20", "per_live_minute": "1.5"}
    assert GrantTerms.from_json(paid.to_json()) == paid
    assert "compensation" not in TERMS.to_json() and GrantTerms.from_json(TERMS.to_json()).compensation is None


def test_receipts_from_before_there_was_compensation_still_hold():
    digest = "27794a9fd7b211a545da1b11637227c3b70b04488f2e40c03b5a0d06a38f5e74"
    assert hashlib.sha256(canonical_bytes(TERMS.to_json())).hexdigest() == digest


@pytest.mark.parametrize(
    "rates",
    [
        ("XXX", "1", "1"),
        ("EUR", "-1", "0"),
        ("EUR", "0", "0"),
        ("EUR", "NaN", "1"),
        ("EUR", "1.00001", "0"),
        ("EUR", "1e9", "0"),
    ],
)
def test_compensation_that_cannot_be_paid_is_refused(rates: tuple[str, str, str]):
    with pytest.raises(TermsInvalid):
        Compensation(rates[0], Decimal(rates[1]), Decimal(rates[2]))


@given(st.decimals("0.0001", 1_000_000, places=4), st.integers(0, 10_000_000), st.integers(0, 1000))
def test_an_amount_is_off_by_half_a_coin_at_most(rate: Decimal, ticks: int, clips: int):
    minutes = Decimal(ticks) / 5_400_000
    for currency, coin in (("EUR", Decimal("0.01")), ("JPY", Decimal(1))):
        amount = Compensation(currency, rate, rate).amount(minutes, clips)
        assert abs(amount - rate * (minutes + clips)) <= coin / 2
        assert amount == amount.quantize(coin)


@pytest.mark.parametrize(
    "damage",
    [
        {"surplus": 1},
        {"modalities": "face"},
        {"max_hours": True},
        {"max_hours": 2.0},
        {"modes": ["telepathy"]},
        {"brands": [{"id": "x"}]},
        {"starts_at": "yesterday"},
        {"daily_window": {"opens": "8", "closes": 9, "time_zone": "UTC"}},
        {"schema": "avow.terms/2"},
        {"compensation": None},
        {"compensation": {"currency": "EUR", "per_clip": 1, "per_live_minute": "1"}},
        {"compensation": {"currency": "EUR", "per_clip": "1.0", "per_live_minute": "1"}},
        {"compensation": {"currency": "EUR", "per_clip": "one", "per_live_minute": "1"}},
        {"compensation": {"currency": "EUR", "per_clip": "1"}},
    ],
)
def test_damaged_terms_are_refused(damage: dict[str, object]):
    with pytest.raises(TermsInvalid):
        GrantTerms.from_json(TERMS.to_json() | damage)


# --- Laws ---

word = st.sampled_from(["cosmetics", "electronics", "douyin", "tiktok", "own_site", "product_presentation", ""])
moments = st.one_of(
    st.none(),
    st.datetimes(),
    st.datetimes(timezones=st.just(UTC)),
    st.datetimes(min_value=datetime(2026, 10, 1), max_value=datetime(2027, 12, 1), timezones=st.timezones()),
)
uses = st.builds(
    Use,
    brand=st.sampled_from([None, "", LUMEN, OTHER]),
    category=st.one_of(st.none(), word),
    purpose=st.one_of(st.none(), word),
    platform=st.one_of(st.none(), word),
    territories=st.one_of(st.none(), st.frozensets(st.sampled_from(["CN", "EU", "DE", "US", "??"]))),
    language=st.sampled_from([None, "", "zh", "ZH-hans", "en", "ja"]),
    mode=st.sampled_from([None, "", "live", "recorded", "hologram"]),
    modalities=st.one_of(st.none(), st.frozensets(st.sampled_from([*Modality, "gait"]))),
    at=moments,
    duration_s=st.one_of(st.none(), st.floats(), st.integers(-10, 10**18)),
    approvals=st.frozensets(st.sampled_from([*Approval, "rubber stamp"])),
    topics=st.frozensets(st.sampled_from(["alcohol", "politics"])),
)
standings = st.builds(
    GrantStanding,
    state=st.sampled_from(ConsentState),
    separate_consent=st.booleans(),
    age_band=st.sampled_from(AgeBand),
    has_guardian=st.booleans(),
    used_seconds=st.floats(),
    approvals=st.frozensets(st.sampled_from(Approval)),
)
windows = st.one_of(
    st.none(),
    st.builds(
        DailyWindow,
        opens=st.integers(0, 700),
        closes=st.integers(701, 1439),
        time_zone=st.sampled_from(["UTC", "Asia/Shanghai", "Pacific/Apia"]),
    ),
)
grants = st.builds(
    lambda standing, window, hours, needed, topics: replace(
        GRANT,
        standing=standing,
        terms=replace(TERMS, daily_window=window, max_hours=hours, approvals_needed=needed, forbidden_topics=topics),
    ),
    standings,
    windows,
    st.one_of(st.none(), st.integers(1, 100)),
    st.frozensets(st.sampled_from(Approval)),
    st.frozensets(st.sampled_from(["alcohol", "medical"])),
)


@given(grants, uses, moments)
def test_law_permits_is_total(grant: EffectiveGrant, use: Use, now: datetime):
    decision = permits(grant, use, now)
    assert isinstance(decision, Allow | Deny)
    assert bool(decision) == (decision.reasons == ())
    assert all(reason.code and reason.text for reason in decision.reasons)


@given(uses, st.sampled_from([s for s in ConsentState if s not in ("given", "re-confirmed")]))
def test_law_a_grant_not_in_force_always_denies(use: Use, state: ConsentState):
    assert not permits(with_standing(state=state), use, NOW)


@given(grants, uses, st.datetimes(timezones=st.just(UTC)))
def test_law_outside_the_term_always_denies(grant: EffectiveGrant, use: Use, moment: datetime):
    inside = TERMS.starts_at <= moment < TERMS.ends_at
    assert inside or not permits(grant, use, moment)
    assert inside or not permits(grant, replace(use, at=moment), NOW)


widenings = st.lists(
    st.sampled_from(
        [
            lambda use: replace(use, territories=use.territories | {"US"}),
            lambda use: replace(use, territories=use.territories | {"CN"}),
            lambda use: replace(use, modalities=use.modalities | {Modality.BODY}),
            lambda use: replace(use, modalities=use.modalities | {Modality.VOICE}),
            lambda use: replace(use, duration_s=use.duration_s * 3),
            lambda use: replace(use, approvals=frozenset()),
            lambda use: replace(use, topics=use.topics | {"alcohol"}),
        ]
    ),
    min_size=1,
)


@given(
    grants,
    st.sampled_from([frozenset({"CN"}), frozenset({"DE"}), frozenset({"US"})]),
    st.sampled_from([frozenset({Modality.FACE}), frozenset({Modality.VOICE}), frozenset({Modality.NAME})]),
    st.floats(1, 10_000),
    widenings,
)
def test_law_widening_a_use_never_turns_deny_into_allow(grant, territories, modalities, duration_s, steps):
    use = replace(USE, territories=territories, modalities=modalities, duration_s=duration_s)
    before = permits(grant, use, NOW)
    for widen in steps:
        use = widen(use)
    assert before or not permits(grant, use, NOW)


@given(uses)
def test_law_an_unknown_fact_never_lets_a_use_through(use: Use):
    for name in ("brand", "category", "purpose", "platform", "territories", "language", "mode", "at"):
        assert not permits(GRANT, replace(use, **{name: None}), NOW)


def test_law_every_single_fact_matters():
    """Over the whole product of right and wrong values, only the all-right use passes."""
    axes = {
        "brand": (LUMEN, OTHER),
        "category": ("cosmetics", "electronics"),
        "platform": ("douyin", "tiktok"),
        "territories": (frozenset({"CN"}), frozenset({"US"})),
        "language": ("zh", "ja"),
        "mode": ("live", "hologram"),
    }
    allowed = [
        values
        for values in itertools.product(*axes.values())
        if permits(GRANT, replace(USE, **dict(zip(axes, values, strict=True))), NOW)
    ]
    assert allowed == [tuple(right for right, _wrong in axes.values())]
