"""The live gate against a performer gone wild, a full disk, a database that is away and a clock that is set."""

from __future__ import annotations

import socket
import threading
import time
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.db import OperationalError, connection
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as st

from compliance.errors import BadInput
from compliance.keys.custody import open_custody
from streaming.air import checking
from streaming.air.broadcast import Broadcast
from streaming.air.folders import room_folder
from streaming.air.gate import Order, RoomThread
from streaming.air.orders import BeginOrder, SegmentOrder
from streaming.air.wire import Message, Wire
from streaming.leases import LEASE_S, take_lease
from streaming.models import Air, Room
from streaming.packager.check import check_playlist
from streaming.packager.spec import Rendition, StreamSpec
from streaming.showing import no_performer
from tests.road import World
from tests.streaming.rooms.planned import room_on_air

SPEC = StreamSpec((Rendition("high", 256, 144, 300_000), Rendition("low", 128, 72, 100_000)))
PARTS = {"high": b"h", "low": b"l"}
HEADER = {
    "op": "segment", "fence": 1, "permit": str(uuid4()), "first_frame": 0, "frames": 25, "start_ns": 10**18,
    "ticks": 90_000,
}  # fmt: skip
WRONG: list[dict[str, Any]] = [
    {"fence": None}, {"fence": "1"}, {"fence": True}, {"fence": -1}, {"fence": 1e99}, {"permit": None},
    {"permit": ["x"]}, {"permit": "1; drop table"}, {"frames": 0}, {"frames": 10**9}, {"ticks": 1},
    {"first_frame": {}}, {"start_ns": "soon"}, {"start_ns": 10**30}, {"parts": {}}, {"parts": {"high": b"h"}},
    {"parts": {**PARTS, "extra": b""}},
]  # fmt: skip


def message(changes: dict[str, Any]) -> Message:
    header = {name: value for name, value in {**HEADER, **changes}.items() if name != "parts" and value is not None}
    return Message(header, changes.get("parts", PARTS))


@pytest.mark.parametrize("changes", WRONG, ids=lambda changes: str(changes)[:30])
def test_a_message_with_wrong_fields_is_garbage(changes: dict[str, Any]) -> None:
    with pytest.raises(BadInput, match="wire_garbage"):
        SegmentOrder.read(message(changes), SPEC)


json_values = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9) | st.lists(st.integers())


@settings(max_examples=60)
@given(st.dictionaries(st.sampled_from(list(HEADER)), json_values), st.dictionaries(st.text("hilow"), st.binary()))
def test_any_message_is_read_or_garbage(header: dict[str, Any], parts: dict[str, bytes]) -> None:
    for order in (BeginOrder, SegmentOrder):
        try:
            order.read(Message(header, parts), SPEC)
        except BadInput as refusal:
            assert refusal.code == "wire_garbage"


class Held:
    """A room's thread with the broadcast it holds, one turn at a time."""

    def __init__(self, room: Room) -> None:
        lease = take_lease(room.pk, "publisher")
        assert lease is not None
        self.room, self.lease = room, lease
        self.broadcast = Broadcast.open(room, lease, open_custody(), lambda _name, _data: None)
        self.thread = RoomThread(room.pk, threading.Event(), lambda _name, _data: None)
        self.thread.stopping.set()  # nobody waits in a test
        self.here, there = (Wire(end) for end in socket.socketpair())
        self.there = there

    def turn(self, sent: Message) -> dict[str, Any]:
        self.thread.inbox.put(Order(sent, self.there))
        self.thread._turn(self.broadcast)
        answer = self.here.receive()
        assert answer is not None
        return answer.header

    @property
    def air(self) -> Air:
        return Air.objects.get(pk=self.room.pk)


@pytest.mark.django_db
def test_a_performer_gone_wild_ends_no_room(world: World) -> None:
    room = room_on_air(world)
    with world.as_role("gate"):
        held = Held(room)
        for changes in WRONG:
            assert held.turn(message(changes))["code"] == "wire_garbage"
        assert held.turn(message({"fence": 0}))["code"] == "room_lost", "nobody has begun"
        begin = Message({"op": "begin", "fence": held.air.performer_fence}, dict.fromkeys(("high", "low"), b"no init"))
        assert held.turn(begin)["ok"] is False
        held.broadcast.close()
    assert not list(room_folder(room.pk).rglob("*.m4s"))


@pytest.mark.usefixtures("emptied")  # what is away is reached anew, which no open transaction survives
def test_what_cannot_be_kept_is_said_and_the_room_recovers(
    world: World, settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.AVOW_LIVE_DIR = str(tmp_path / "live")
    monkeypatch.setattr(checking, "_ANSWER_S", 300.0)  # of a busy machine
    room = room_on_air(world)
    with world.as_role("gate"):
        held = Held(room)
        # --- no disk ---
        blocked = tmp_path / "live"
        blocked.write_text("a file where the folder should be")
        held.thread._slate(held.broadcast)
        assert (held.air.showing, held.air.slate_code) == ("nothing", "store_failed")
        blocked.unlink()
        held.thread._slate(held.broadcast)
        assert (held.air.showing, held.air.slate_code) == ("slate", "no_performer")

        # --- no database ---
        def away(*_args: Any) -> Any:
            raise OperationalError("the server closed the connection unexpectedly")

        published = held.air.playlist
        with connection.execute_wrapper(away):
            assert held.thread._goes_on(held.broadcast, held.lease, room), "it waits"
        assert held.air.playlist == published
        assert held.thread._goes_on(held.broadcast, held.lease, room)
        assert room.events.filter(code="database_back").count() == 1
        # --- the clock is set back by an hour ---
        now = time.time_ns()
        held.broadcast.now_ns = held.thread.now_ns = lambda: now - 3600 * 10**9
        assert held.broadcast.end_ns is None
        entry = held.broadcast.put_slate(no_performer())
        assert entry.discontinuity and entry.start_ns < now - 3000 * 10**9
        assert held.thread._slate_due_s(held.broadcast) > 0, "the slate goes on in its own time"
        late = message({"fence": 0, "start_ns": now})
        held.thread._performer_fence = 0
        assert held.turn(late)["code"] == "segment_early"
        held.broadcast.close()
    check_playlist((room_folder(room.pk) / "high" / "media.m3u8").read_text())


@pytest.mark.django_db
def test_a_lease_of_a_time_that_is_not_yet_does_not_hold_a_room(world: World) -> None:
    """The clock was set back after a process had taken the room; it may be dead."""
    room = room_on_air(world)
    Air.objects.filter(pk=room.pk).update(performer_until=timezone.now() + timedelta(hours=1))
    lease = take_lease(room.pk, "performer")
    assert lease is not None
    Air.objects.filter(pk=room.pk).update(performer_until=timezone.now() + timedelta(seconds=LEASE_S))
    assert take_lease(room.pk, "performer") is None
