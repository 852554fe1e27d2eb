"""Rooms as people use them: plan, approve, go on air, hand over, stop; and what a withdrawal reaches."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from avatars.models import Avatar, AvatarState
from compliance.accounts.models import Membership, Organisation, OrganisationKind, Role, User
from compliance.consent.services import withdraw_grant
from compliance.consent.terms import Mode
from compliance.release.issuing import permit_slice
from compliance.release.models import Mark, TakeState
from compliance.release.services import Campaign
from compliance.release.withdrawing import revoke
from streaming.air.checking import NotPermitted, permit_in_force
from streaming.errors import OwnershipLost, RoomRefused, RundownInvalid
from streaming.forms import rundown_from_text
from streaming.leases import LEASE_S, Part, process_name, take_lease
from streaming.models import Air, Room, RoomState
from streaming.rundown import Rundown, RundownItem
from streaming.services import go_on_air, hand_over, plan_room, stop_room, stop_rooms_of_grant
from tests.road import World

pytestmark = pytest.mark.django_db
RUNDOWN = Rundown((RundownItem("a", "开场", ("大家好。",)), RundownItem("b", "产品", ("这是润肤霜。",), repeats=2)))


@pytest.fixture
def room(world: World) -> Room:
    """Planned, read and approved by legal, permitted by the gate."""
    world._grant = world.give_grant(modes=frozenset({Mode.RECORDED, Mode.LIVE}))
    world.run_jobs()
    avatar = Avatar.objects.create(
        organisation=world.brand, grant=world.grant, created_by=world.producer, name="Mei", footage_name="c",
        footage_sha256="a" * 64, state=AvatarState.READY, digest="d" * 64,
    )  # fmt: skip
    made = plan_room(
        created_by=world.producer, avatar=avatar, title="Cream", rundown=RUNDOWN, products=(),
        campaign=campaign(world), picture="landscape",
    )  # fmt: skip
    world.run_jobs()
    world.approve_all()
    world.run_jobs()
    made.take.refresh_from_db()
    assert made.take.state == TakeState.PERMITTED, made.take.reasons
    return made


def campaign(world: World, **changes: Any) -> Campaign:
    given: dict[str, Any] = {
        "brand_id": str(world.brand.id), "brand_name": world.brand.name, "product_category": "cosmetics",
        "purpose": "product_presentation", "platform": "douyin", "markets": ("CN", "EU"), "language": "zh",
        "channel": "live_commerce", "mode": "live",
    }  # fmt: skip
    return Campaign(**{**given, **changes})


def test_consent_for_recorded_video_is_none_for_live(world: World) -> None:
    avatar = Avatar.objects.create(
        organisation=world.brand, grant=world.grant, created_by=world.producer, name="Mei", footage_name="c",
        footage_sha256="a" * 64, state=AvatarState.READY, digest="d" * 64,
    )  # fmt: skip
    room = plan_room(
        created_by=world.producer, avatar=avatar, title="Cream", rundown=RUNDOWN, products=(),
        campaign=campaign(world), picture="landscape",
    )  # fmt: skip
    world.run_jobs()
    world.approve_all()
    world.run_jobs()
    room.take.refresh_from_db()
    assert "mode_not_granted" in [reason["code"] for reason in room.take.reasons]
    with pytest.raises(RoomRefused, match="room_not_permitted"):
        go_on_air(room=room, by=world.producer)


def test_a_room_goes_on_air_once_and_ends_for_good(room: Room, world: World) -> None:
    assert go_on_air(room=room, by=world.producer).wanted_on_air
    with pytest.raises(RoomRefused, match="room_on_air"):
        go_on_air(room=room, by=world.producer)
    stopped = stop_room(room=room, by=world.legal, because="wrong price")
    assert (stopped.state, stopped.wanted_on_air, stopped.ended_because) == (RoomState.ENDED, False, "wrong price")
    stopped.take.refresh_from_db()
    assert stopped.take.state == TakeState.CANCELLED
    with pytest.raises(RoomRefused, match="room_ended"):
        go_on_air(room=room, by=world.producer)


def test_who_may_stop_a_room(room: Room, world: World) -> None:
    authority = Organisation.objects.create(name="Authority", kind=OrganisationKind.AUTHORITY)
    rival = Organisation.objects.create(name="Rival", kind=OrganisationKind.BRAND)
    people = {}
    for name, organisation, role in (
        ("rita", authority, Role.REGULATOR), ("eve", rival, Role.REGULATOR), ("max", rival, Role.LEGAL),
    ):  # fmt: skip
        people[name] = User.objects.create_user(f"{name}@example.org", None, display_name=name)
        Membership.objects.create(user=people[name], organisation=organisation, role=role)
    go_on_air(room=room, by=world.producer)
    for stranger in ("eve", "max"):
        with pytest.raises(RoomRefused, match="room_not_yours"):
            stop_room(room=room, by=people[stranger], because="")
    assert stop_room(room=room, by=people["rita"], because="order 7").state == RoomState.ENDED


def test_every_slice_has_a_mark_of_its_own_and_is_decided_anew(room: Room, world: World) -> None:
    with world.as_role("gate"):
        first = permit_slice(take_id=room.take_id, part=1, now=timezone.now())
        again = permit_slice(take_id=room.take_id, part=1, now=timezone.now())
        second = permit_slice(take_id=room.take_id, part=2, now=timezone.now())
    assert first is not None and second is not None and again == first
    assert len(set(Mark.objects.filter(take=room.take).values_list("value", flat=True))) == 3
    withdraw_grant(grant=world.grant, by=world.streamer)
    with world.as_role("gate"):
        assert permit_slice(take_id=room.take_id, part=3, now=timezone.now()) is None
    first.refresh_from_db()
    assert first.revoked_at is not None


@pytest.mark.parametrize("meanwhile", ["withdrawn", "revoked", "expired"])
def test_what_ends_a_permit_while_a_segment_is_measured_is_seen(room: Room, world: World, meanwhile: str) -> None:
    with world.as_role("gate"):
        permit = permit_slice(take_id=room.take_id, part=1, now=timezone.now())
    assert permit is not None
    looked = permit_in_force(str(permit.pk), timezone.now())
    looked.confirm(timezone.now())
    if meanwhile == "withdrawn":
        withdraw_grant(grant=world.grant, by=world.streamer)
    elif meanwhile == "revoked":
        revoke([permit], "the operator says so")
    with pytest.raises(NotPermitted):
        looked.confirm(permit.expires_at if meanwhile == "expired" else timezone.now())


def test_a_withdrawal_ends_the_room(room: Room, world: World) -> None:
    go_on_air(room=room, by=world.producer)
    assert stop_rooms_of_grant(world.grant.id, "withdrawn") == 1
    room.refresh_from_db()
    assert (room.state, room.wanted_on_air) == (RoomState.ENDED, False)
    assert stop_rooms_of_grant(world.grant.id, "withdrawn") == 0


def test_handing_over_and_back(room: Room, world: World) -> None:
    with pytest.raises(RoomRefused, match="room_off_air"):
        hand_over(room=room, by=world.producer, to_person=True)
    go_on_air(room=room, by=world.producer)
    assert hand_over(room=room, by=world.legal, to_person=True).handed_over_at is not None
    assert hand_over(room=room, by=world.producer, to_person=False).handed_over_at is None
    with pytest.raises(RoomRefused, match="room_not_yours"):
        hand_over(room=room, by=world.streamer, to_person=True)


def test_a_process_that_slept_through_its_lease_can_write_nothing(room: Room) -> None:
    first = take_lease(room.pk, "performer")
    assert first is not None and take_lease(room.pk, "performer") is None
    Air.objects.filter(pk=room.pk).update(performer_until=timezone.now())
    second = take_lease(room.pk, "performer")
    assert second is not None and second.fence == first.fence + 1
    with pytest.raises(OwnershipLost):
        first.write(effort=3)
    first.give_up()
    second.write(effort=1)
    assert Air.objects.get(pk=room.pk).effort == 1


@pytest.mark.parametrize("part", ["performer", "publisher"])
def test_the_room_of_a_process_that_was_killed_on_this_machine_is_free_at_once(room: Room, part: Part) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        place = process_name().rpartition(":")[0]
        held = {part: f"{place}:{other.pid}", f"{part}_until": timezone.now() + timedelta(seconds=LEASE_S)}
        Air.objects.filter(pk=room.pk).update(**held)
        assert take_lease(room.pk, part) is None, "it lives"
        other.kill()
        os.waitid(os.P_PID, other.pid, os.WEXITED | os.WNOWAIT)  # dead, and nobody has asked for it yet
        taken = take_lease(room.pk, part)
        assert taken is not None and taken.fence == 1
    Air.objects.filter(pk=room.pk).update(**{part: f"elsewhere/0.1:{other.pid}"})
    assert take_lease(room.pk, part) is None, "of a process on another machine nothing is known"


@given(st.lists(st.tuples(st.integers(1, 20), st.integers(1, 4)), min_size=1, max_size=8))
def test_one_round_holds_every_item_as_often_as_it_says(shape: list[tuple[int, int]]) -> None:
    items = tuple(
        RundownItem(str(number), "t", tuple("x" * lines), repeats=repeats)
        for number, (repeats, lines) in enumerate(shape)
    )
    seen = [item.id for item in Rundown(items).round()]
    assert {name: seen.count(name) for name in seen} == {item.id: item.repeats for item in items}
    assert Rundown.from_json(Rundown(items).to_json()) == Rundown(items)


def test_a_rundown_as_people_write_it() -> None:
    found = rundown_from_text("# 开场\n大家好。\n\n# 产品 x2\n这是润肤霜。\n每瓶五十毫升。\n")
    assert [(item.title, item.repeats, len(item.lines)) for item in found.items] == [("开场", 1, 1), ("产品", 2, 2)]


@pytest.mark.parametrize("text", ["", "大家好。", "# 空\n", "# a x99\n好", "# a\n" + "长" * 401])
def test_a_rundown_that_cannot_be_performed_is_refused(text: str) -> None:
    with pytest.raises(RundownInvalid):
        rundown_from_text(text)


def test_a_stranger_does_not_see_the_room(room: Room, client: Any) -> None:
    eve = User.objects.create_user("eve@example.org", None, display_name="Eve")
    rival = Organisation.objects.create(name="Rival", kind=OrganisationKind.BRAND)
    Membership.objects.create(user=eve, organisation=rival, role=Role.PRODUCER)
    client.force_login(eve)
    assert client.get(f"/studio/rooms/{room.pk}/").status_code == 404
    assert client.post(f"/studio/rooms/{room.pk}/stop/").status_code == 404
    assert client.get(f"/live/{room.pk}/").status_code == 404, "not on air yet"


@pytest.mark.parametrize(
    "path", ["../../../secrets/django.secret", "high/.hidden.m4s", "high/media.txt", "high/none.m4s"]
)
def test_media_serves_nothing_but_published_files(room: Room, world: World, client: Any, path: str) -> None:
    go_on_air(room=room, by=world.producer)
    assert client.get(f"/live/{room.pk}/media/{path}").status_code == 404
    assert client.get(f"/live/{uuid4()}/media/high/media.m3u8").status_code == 404
