"""The director in a room: what it decides is logged, shown, taken back by people, and survives whoever performed it."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import OperationalError, connection
from django.utils import timezone

from avatars.speech import Voice, speak
from compliance.accounts.models import Membership, Organisation, OrganisationKind, Role, User
from streaming import directing
from streaming.air.director_desk import DirectorDesk
from streaming.air.host import host_of
from streaming.air.manner import voiced
from streaming.director.expression import Expression
from streaming.director.freedom import Freedom
from streaming.errors import OwnershipLost, RoomRefused
from streaming.leases import Lease, take_lease
from streaming.models import Air, DirectorRecord, Room, Source, SpokenLine
from streaming.rundown import Rundown
from streaming.selectors import dashboard
from streaming.services import receive_comments
from tests.road import World
from tests.streaming.rooms.planned import room_on_air

pytestmark = pytest.mark.django_db


@pytest.fixture
def room(world: World) -> Room:
    return room_on_air(world)


def held(room: Room) -> Lease:
    lease = take_lease(room.pk, "performer")
    assert lease is not None
    return lease


def desk_of(room: Room, lease: Lease) -> DirectorDesk:
    freedom = Freedom.from_json(room.plan["freedom"])
    return DirectorDesk(room, lease, Rundown.from_json(room.plan["rundown"]), freedom)


def say(room: Room, kind: str, value: float = 0, text: str = "", user: str = "u") -> None:
    message = {
        "platform": "douyin", "room": str(room.pk), "id": uuid4().hex, "user_ref": user, "text": text,
        "ts": time.time(), "kind": kind, "value": value,
    }  # fmt: skip
    assert receive_comments(room=room, messages=[message]) == {"kept": 1}


def whole_item(desk: DirectorDesk, now: float) -> str:
    """Say the next item to its end."""
    first = desk.script_line(now)
    for _line in range({"hello": 1, "cream": 1, "use": 0}[first.item_id]):
        assert desk.script_line(now + 1).item_id == first.item_id
    return first.item_id


def test_every_decision_is_logged_with_its_reason_and_what_it_brought(room: Room, world: World) -> None:
    desk, now = desk_of(room, held(room)), time.time()
    say(room, "viewers", 100)
    desk.look(now)
    first = whole_item(desk, now)
    for _n in range(3):
        say(room, "order")
    say(room, "returned_order")
    say(room, "leave", 20)
    say(room, "chat", text="怎么用？")
    desk.look(now + 2)
    whole_item(desk, now + 3)
    desk.look(now + 6)
    decision = DirectorRecord.objects.get(room=room, kind="decision", decision_id="d1")
    assert decision.item_id == first
    assert decision.data["reason"]["en"] and decision.data["reason"]["zh"]
    learned = DirectorRecord.objects.get(room=room, kind="learned", decision_id="d1")
    assert learned.data["outcome"]["viewers"] == 100 and learned.data["outcome"]["stayed"] == 80
    assert learned.orders == 2 and learned.data["outcome"]["questions"] == 1
    assert learned.reward is not None and 0 < learned.reward <= 1
    room = Room.objects.select_related("air").get(pk=room.pk)
    seen = dashboard(room)
    assert seen.audience_known and seen.audience["viewers"] == 80
    assert {item.id: item.plays for item in seen.items}[first] == 1
    assert {item.id: item.orders for item in seen.items}[first] == 2
    assert [line.id for line in seen.decisions] == ["d2", "d1"]


def test_whoever_takes_the_room_over_directs_on_and_finishes_the_item(room: Room) -> None:
    fallen, now = desk_of(room, held(room)), time.time()
    whole_item(fallen, now)
    begun = fallen.script_line(now + 5)
    fallen.look(now + 5)
    SpokenLine.objects.create(
        room=room,
        at=timezone.now() + timedelta(seconds=5),
        source=Source.RUNDOWN,
        item_id=begun.item_id,
        text=begun.text,
    )
    Air.objects.filter(pk=room.pk).update(performer_until=None)
    successor = desk_of(room, held(room))
    lines = Rundown.from_json(room.plan["rundown"]).item(begun.item_id).lines
    following = successor.script_line(now + 6)
    if len(lines) > 1:
        assert (following.item_id, following.text) == (begun.item_id, lines[1])
    successor.look(now + 7)
    fallen.script_line(now + 8)
    fallen.script_line(now + 8)
    with pytest.raises(OwnershipLost):
        fallen.look(now + 8)
    log = list(DirectorRecord.objects.filter(room=room).order_by("ordinal").values_list("ordinal", flat=True))
    assert log == list(range(1, len(log) + 1))


def test_people_take_decisions_back(room: Room, world: World, client: Any) -> None:
    desk, now = desk_of(room, held(room)), time.time()
    whole_item(desk, now)
    started = desk.script_line(now + 5)
    desk.look(now + 5)
    client.force_login(world.legal)
    client.post(f"/studio/rooms/{room.pk}/revert/", {"decision": "d2"})
    assert DirectorRecord.objects.get(room=room, kind="reverted").by == world.legal
    with pytest.raises(RoomRefused, match="decision_taken_back"):
        directing.take_decision_back(room=room, by=world.producer, decision_id="d2")
    desk.look(now + 6)
    following = desk.script_line(now + 7)
    assert following.text != "" and (following.item_id, following.text) != (started.item_id, "每瓶五十毫升。")
    desk.look(now + 8)
    assert DirectorRecord.objects.get(room=room, decision_id="d3", kind="decision").data["rule"] in (
        "after_revert",
        "duty",
    )
    assert not DirectorRecord.objects.filter(room=room, kind="learned", decision_id="d2").exists()
    again = desk_of(room, Lease(room.pk, "performer", Air.objects.get(pk=room.pk).performer_fence))
    assert [record.to_json() for record in again._director.log] == [record.to_json() for record in desk._director.log]


def test_strangers_direct_nothing(room: Room, world: World) -> None:
    eve = User.objects.create_user("eve@example.org", None, display_name="Eve")
    rival = Organisation.objects.create(name="Rival", kind=OrganisationKind.BRAND)
    Membership.objects.create(user=eve, organisation=rival, role=Role.LEGAL)
    for by in (eve, world.streamer):
        with pytest.raises(RoomRefused, match="room_not_yours"):
            directing.take_decision_back(room=room, by=by, decision_id="d1")
        with pytest.raises(RoomRefused, match="room_not_yours"):
            directing.fix_order(room=room, by=by, fixed=True)
        with pytest.raises(RoomRefused, match="room_not_yours"):
            directing.bar_item(room=room, by=by, item_id="cream", barred=True)


def test_what_legal_leaves_out_ends_after_its_line_and_comes_no_more(room: Room, world: World) -> None:
    desk, now = desk_of(room, held(room)), time.time()
    directing.fix_order(room=room, by=world.producer, fixed=True)
    desk.look(now)
    assert [whole_item(desk, now), desk.script_line(now + 3).item_id] == ["hello", "cream"]
    directing.bar_item(room=room, by=world.legal, item_id="cream", barred=True)
    desk.look(now + 4)
    assert [whole_item(desk, now + 5 * n) for n in range(1, 4)] == ["use", "use", "hello"], "as planned, without it"
    for item_id in ("hello", "use"):
        directing.bar_item(room=room, by=world.legal, item_id=item_id, barred=True)
    desk.look(now + 30)
    assert desk.script_line(now + 31).text == "", "nothing may come: silence"
    directing.bar_item(room=room, by=world.legal, item_id="use", barred=False)
    desk.look(now + 40)
    assert desk.script_line(now + 41).item_id == "use"
    with pytest.raises(RoomRefused, match="item_unknown"):
        directing.bar_item(room=room, by=world.legal, item_id="none", barred=True)


def test_a_room_without_freedom_plays_as_planned_and_speaks_as_recorded(world: World) -> None:
    room = room_on_air(world, freedom=None)
    desk, now = desk_of(room, held(room)), time.time()
    say(room, "chat", text="气死我了，太差了")
    desk.look(now)
    assert [whole_item(desk, now + 5 * n) for n in range(4)] == ["hello", "cream", "use", "cream"]
    assert (desk.manner.expression, desk.manner.pace) == (Expression.NEUTRAL, 1.0)


def test_a_database_that_is_away_stops_no_line_and_loses_no_decision(room: Room) -> None:
    desk, now = desk_of(room, held(room)), time.time()

    def away(*_args: Any) -> Any:
        raise OperationalError("the server closed the connection unexpectedly")

    with connection.execute_wrapper(away):
        said = [whole_item(desk, now + 10 * n) for n in range(3)]
        with pytest.raises(OperationalError):
            desk.look(now + 30)
    desk.look(now + 31)
    rows = DirectorRecord.objects.filter(room=room, kind="decision").order_by("ordinal")
    assert list(rows.values_list("item_id", flat=True)) == said


def test_a_signal_from_the_future_does_not_freeze_the_picture(room: Room) -> None:
    desk, now = desk_of(room, held(room)), time.time()
    message = {
        "platform": "x", "room": str(room.pk), "id": "1", "user_ref": "u", "text": "", "ts": 4e9, "kind": "like",
        "value": 500,
    }  # fmt: skip
    receive_comments(room=room, messages=[message])
    desk.look(now)
    desk.look(now + 600)
    assert Air.objects.get(pk=room.pk).direction["picture"]["likes"] < 1


def test_distress_slows_the_host_down_and_is_heard(room: Room) -> None:
    lease = held(room)
    host, now = host_of(room, lease), time.time()
    for number in range(6):
        say(room, "chat", text="我很绝望，活不下去了", user=f"u{number}")
    for step in range(4):
        host._director.look(now + 6 * step)
    manner = host.next_line().manner
    assert manner.expression is Expression.CONCERNED and 0.9 <= manner.pace < 0.95
    slow = speak("今天为大家介绍润肤霜。", "zh", voiced(Voice(), manner))
    assert slow.duration_s > 1.04 * speak("今天为大家介绍润肤霜。", "zh", Voice()).duration_s
    assert room.events.filter(code="manner_concerned").exists()


def test_the_control_room_shows_it_in_both_languages(room: Room, world: World, client: Any) -> None:
    desk, now = desk_of(room, held(room)), time.time()
    whole_item(desk, now)
    desk.script_line(now + 5)
    desk.look(now + 5)
    client.force_login(world.producer)
    english = client.get(f"/studio/rooms/{room.pk}/").content.decode()
    reason = DirectorRecord.objects.get(room=room, decision_id="d1", kind="decision").data["reason"]
    assert reason["en"].replace("'", "&#x27;") in english and "Take back" in english
    chinese = client.get(f"/studio/rooms/{room.pk}/", headers={"Accept-Language": "zh-hans"})
    assert chinese.status_code == 200
