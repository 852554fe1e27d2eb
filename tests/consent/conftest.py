"""The cast: Ming whose face it is, colleagues at the brand, and a stranger."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from compliance.accounts.models import Membership, Organisation, OrganisationKind, Role, User
from compliance.consent import services
from compliance.consent.models import Grant
from compliance.consent.rules import AgeBand, Use
from compliance.consent.terms import Approval, Brand, GrantTerms, Modality, Mode

EFFECTS: list[tuple[str, str, str]] = []


def note_effect(name: str) -> Callable[[object, str], int]:
    def effect(grant_id: object, reason: str) -> int:
        EFFECTS.append((name, str(grant_id), reason))
        return 1

    return effect


destroy_models = note_effect("avatars")
take_down = note_effect("releases")
STEPS = [
    ("jobs", "compliance.jobs.services.cancel_jobs_of_grant"),
    ("releases", f"{__name__}.take_down"),
    ("avatars", f"{__name__}.destroy_models"),
]


def person(name: str, organisation: Organisation | None = None, *roles: Role) -> User:
    user = User.objects.create(email=f"{name}@example.org", display_name=name.title())
    for role in roles:
        assert organisation is not None
        Membership.objects.create(user=user, organisation=organisation, role=role)
    return user


@pytest.fixture
def lumen(db: None) -> Organisation:
    return Organisation.objects.create(name="Lumen", kind=OrganisationKind.BRAND)


@pytest.fixture
def rival(db: None) -> Organisation:
    return Organisation.objects.create(name="Rival", kind=OrganisationKind.BRAND)


@pytest.fixture
def ming(db: None) -> User:
    home = Organisation.objects.create(name="Ming", kind=OrganisationKind.PERSONAL)
    return person("ming", home, Role.STREAMER)


@pytest.fixture
def producer(lumen: Organisation) -> User:
    return person("producer", lumen, Role.PRODUCER)


@pytest.fixture
def legal(lumen: Organisation) -> User:
    return person("legal", lumen, Role.LEGAL)


@pytest.fixture
def stranger(rival: Organisation) -> User:
    return person("stranger", rival, Role.PRODUCER, Role.LEGAL, Role.ADMINISTRATOR)


@pytest.fixture
def regulator(db: None) -> User:
    authority = Organisation.objects.create(name="Office", kind=OrganisationKind.AUTHORITY)
    return person("regulator", authority, Role.REGULATOR)


def terms_for(brand: Organisation, **changes: object) -> GrantTerms:
    now = timezone.now().astimezone(UTC).replace(microsecond=0)
    fields: dict[str, object] = {
        "modalities": frozenset({Modality.FACE, Modality.VOICE}),
        "brands": frozenset({Brand(str(brand.pk), brand.name)}),
        "product_categories": frozenset({"cosmetics"}),
        "purposes": frozenset({"product_presentation"}),
        "platforms": frozenset({"douyin"}),
        "territories": frozenset({"CN"}),
        "languages": frozenset({"zh"}),
        "modes": frozenset({Mode.RECORDED}),
        "starts_at": now,
        "ends_at": now + timedelta(days=90),
        "intended_uses": "Clips on skin care.",
        "max_hours": 1,
    }
    return GrantTerms(**{**fields, **changes})  # type: ignore[arg-type]


def use_of(brand: Organisation, **changes: object) -> Use:
    fields: dict[str, object] = {
        "brand": str(brand.pk),
        "category": "cosmetics",
        "purpose": "product_presentation",
        "platform": "douyin",
        "territories": frozenset({"CN"}),
        "language": "zh",
        "mode": "recorded",
        "modalities": frozenset({"face", "voice"}),
        "at": timezone.now(),
        "duration_s": 30.0,
        "approvals": frozenset({Approval.SCRIPT, Approval.AVATAR}),
    }
    return Use(**{**fields, **changes})  # type: ignore[arg-type]


@pytest.fixture
def give(ming: User, lumen: Organisation, keystore: object) -> Callable[..., Grant]:
    """Ming grants Lumen the use of face and voice; any part can be replaced."""

    def give_grant(**changes: object) -> Grant:
        terms = {name: changes.pop(name) for name in list(changes) if name in GrantTerms.__slots__}
        fields: dict[str, object] = {
            "principal": ming,
            "by": ming,
            "grantee": lumen,
            "terms": terms_for(lumen, **terms),
            "notice": services.current_notice(language="en"),
            "separate_consent": True,
            "age_band": AgeBand.ADULT,
        }
        return services.give_grant(**{**fields, **changes})  # type: ignore[arg-type]

    return give_grant


@pytest.fixture
def effects(settings: object) -> list[tuple[str, str, str]]:
    """What the cascade has reached: (step, grant id, cause)."""
    settings.AVOW_WITHDRAWAL_STEPS = STEPS  # type: ignore[attr-defined]
    EFFECTS.clear()
    return EFFECTS


LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
