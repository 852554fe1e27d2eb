"""One person, two brands: whoever approves in one must not make there what they approve, by producing for another."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from avatars import services
from avatars.models import Avatar, AvatarState, Script
from compliance.accounts.models import Membership, Organisation, OrganisationKind, Role
from compliance.errors import Refused
from compliance.jobs.models import Job, JobState
from compliance.release.models import TakeState
from tests.road import World

pytestmark = pytest.mark.django_db


@pytest.fixture
def two_hats(world: World) -> Client:
    """The brand's legal, who produces for another brand too."""
    other = Organisation.objects.create(name="Other", kind=OrganisationKind.BRAND)
    Membership.objects.create(user=world.legal, organisation=other, role=Role.PRODUCER)
    page = Client()
    page.force_login(world.legal)
    return page


@pytest.fixture
def script(world: World) -> Script:
    return services.write_script(
        organisation=world.brand, created_by=world.producer, title="Tea", language="zh", text="大家好。"
    )


def avatar_of(world: World, state: AvatarState = AvatarState.READY) -> Avatar:
    return Avatar.objects.create(
        organisation=world.brand, grant=world.grant, created_by=world.producer, name="Mei", footage_name="c.mp4",
        footage_sha256="a" * 64, engine="warp 5", digest="b" * 64, card={"engine": "warp"}, state=state,
        ready_at=timezone.now(),
    )  # fmt: skip


def test_legal_writes_no_next_version_of_what_it_approves(two_hats: Client, script: Script) -> None:
    path = reverse("studio:script-next", args=[script.pk])
    answer = two_hats.post(path, {"title": "Tea", "language": "zh", "text": "大家晚上好。"})
    assert answer.status_code == 404
    assert Script.objects.count() == 1


def test_legal_takes_no_script_to_the_desk(two_hats: Client, script: Script) -> None:
    assert two_hats.post(reverse("scripting:revise", args=[script.pk])).status_code == 404


def test_legal_hands_in_no_recording(two_hats: Client, script: Script) -> None:
    assert two_hats.get(reverse("studio:recording-new", args=[script.pk])).status_code == 404


def test_legal_neither_stops_nor_repeats_a_take(two_hats: Client, world: World) -> None:
    take = world.order()
    for verb in ("cancel", "retry"):
        assert two_hats.post(reverse(f"studio:take-{verb}", args=[take.pk])).status_code == 404
    take.refresh_from_db()
    assert take.state != TakeState.CANCELLED


def test_legal_neither_repeats_nor_refines_a_build(two_hats: Client, world: World) -> None:
    building, ready = avatar_of(world, AvatarState.BUILDING), avatar_of(world)
    job = Job.objects.create(
        kind="avatars.build", queue="render", args={}, subject_id=building.pk, state=JobState.FAILED
    )
    assert two_hats.post(reverse("studio:avatar-retry", args=[building.pk])).status_code == 404
    assert two_hats.post(reverse("studio:avatar-refine", args=[ready.pk])).status_code == 404
    job.refresh_from_db()
    assert job.state == JobState.FAILED
    assert Avatar.objects.count() == 2


def test_the_forms_of_another_brand_offer_nothing_of_this_one(
    two_hats: Client, world: World, script: Script
) -> None:
    avatar = avatar_of(world)
    form = {"avatar": avatar.pk, "script": script.pk, "picture": "landscape", "markets": ["CN"]}
    answer = two_hats.post(reverse("studio:take-new"), form)
    assert answer.status_code == 422
    assert answer.content.decode().count("not one of the available choices") >= 2
    answer = two_hats.post(reverse("rooms:new"), {"avatar": avatar.pk})
    assert "not one of the available choices" in answer.content.decode()


def test_a_script_of_one_brand_is_not_shown_to_the_legal_team_of_another(world: World, script: Script) -> None:
    other = Organisation.objects.create(name="Other", kind=OrganisationKind.BRAND)
    Script.objects.filter(pk=script.pk).update(organisation=other)
    script.refresh_from_db()
    with pytest.raises(Refused) as caught:
        services.order_performance(
            created_by=world.producer, avatar=avatar_of(world), script=script, campaign=None,  # type: ignore[arg-type]
            picture="landscape",
        )  # fmt: skip
    assert caught.value.code == "script_of_another_brand"
