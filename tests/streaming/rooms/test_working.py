"""The performer's process and a room whose host cannot be made: told, given back, tried again."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from streaming.air import working
from streaming.air.working import work
from streaming.management.commands import room as command
from streaming.models import Air, Room
from tests.road import World
from tests.streaming.rooms.planned import room_on_air

pytestmark = pytest.mark.django_db


class Moment(threading.Event):
    """Ends the worker when it waits: nothing is left to do."""

    def wait(self, timeout: float | None = None) -> bool:
        self.set()
        return True


def test_a_host_that_cannot_be_made_is_told_and_another_attempt_follows(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = room_on_air(world)
    whole = dict(room.plan)
    Room.objects.filter(pk=room.pk).update(plan={**whole, "speech_policy": {"schema": "of another time"}})
    work(tmp_path / "no gate", Moment())
    told = room.events.get(code="host_failed")
    assert told.data["cause"] == "policy_malformed" and "主播" in told.data["reason"]["zh"]
    air = Air.objects.get(pk=room.pk)
    assert (air.performer_until, air.performer_fence) == (None, 1), "the room is free at once, and was tried once"
    monkeypatch.setattr(working, "_FIRST_S", 0.0)
    Room.objects.filter(pk=room.pk).update(plan=whole)
    work(tmp_path / "no gate", Moment())
    air.refresh_from_db()
    assert air.performer_fence == 2 and room.events.filter(code="host_failed").count() == 1


def test_a_room_that_fell_waits_longer_each_time(monkeypatch: pytest.MonkeyPatch, world: World) -> None:
    rest, room, now = working.Rest(), room_on_air(world), [0.0]
    monkeypatch.setattr(working.time, "monotonic", lambda: now[0])
    waits = []
    for _failure in range(6):
        rest.begin(room.pk)
        begun = now[0]
        while not rest.over(room.pk):
            now[0] += 1
        waits.append(now[0] - begun)
    assert waits == [5, 10, 20, 40, 60, 60]
    rest.end(room.pk)
    assert rest.over(room.pk)


class Passing(threading.Event):
    """Time passes while somebody waits, and so much of it is counted."""

    now = 0.0

    def wait(self, timeout: float | None = None) -> bool:
        self.now += timeout or 0.0
        return self.is_set()


def test_processes_of_rooms_let_others_load_first_only_while_no_room_is_wanted(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    quiet, asked_to_end, busy = Passing(), Passing(), Passing()
    asked_to_end.set()
    for stopping in (quiet, asked_to_end):
        with monkeypatch.context() as patched:
            patched.setattr(command.time, "monotonic", lambda given=stopping: given.now)
            command.let_others_start(stopping)
    assert 5 < quiet.now < 30
    assert asked_to_end.now < 1
    room_on_air(world)
    command.let_others_start(busy)
    assert busy.now == 0
