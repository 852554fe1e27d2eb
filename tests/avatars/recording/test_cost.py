"""What making something took, and beside it what the person is paid."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client

from avatars.models import Avatar
from compliance.consent.terms import Compensation, GrantTerms
from compliance.jobs.models import Job
from tests.road import World

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("agreed", "shown"),
    [
        (None, "The consent names no payment."),
        (Compensation("EUR", Decimal("1.5"), Decimal(20)), "1.5 EUR for each minute on air<br>20 EUR for each"),
    ],
)
def test_the_person_s_pay_stands_beside_the_price(
    world: World, monkeypatch: pytest.MonkeyPatch, settings: Any, agreed: Compensation | None, shown: str
) -> None:
    settings.AVOW_CPU_HOUR_PRICE = 0.1
    avatar = Avatar.objects.create(
        organisation=world.brand, grant=world.grant, created_by=world.producer, name="M", footage_name="c",
        footage_sha256="a" * 64,
    )  # fmt: skip
    Job.objects.create(kind="avatars.build", queue="render", args={}, subject_id=avatar.pk, cpu_s=36.0)
    terms = replace(GrantTerms.from_json(world.grant.terms), compensation=agreed)
    monkeypatch.setattr("avatars.views.GrantTerms.from_json", lambda _terms: terms)  # signed terms cannot be changed
    page = Client()
    page.force_login(world.producer)
    content = page.get(f"/studio/avatars/{avatar.pk}/").content.decode()
    assert "36.0 s" in content and "0.0010" in content and shown in content
