"""A database server that loses its connections: whoever waits for it comes back by himself and says so once."""

from __future__ import annotations

import logging
import threading
from pathlib import Path
from typing import Any

import pytest
from django.db import DatabaseError, connection

from compliance.connections import Outage
from streaming.air import performer
from streaming.air.performer import perform_room
from streaming.leases import take_lease
from streaming.models import Room
from tests.road import World
from tests.streaming.rooms.planned import room_on_air

pytestmark = pytest.mark.usefixtures("emptied")


def cut_off() -> None:
    """End this connection at the server, as a restart does. Raises DatabaseError, as what comes next does."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")


@pytest.fixture
def server() -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has no server that could cut a connection; this is tested on PostgreSQL")


@pytest.mark.usefixtures("server")
def test_a_performer_whose_connection_was_cut_performs_on(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = room_on_air(world)
    lease, stopping, sessions = take_lease(room.pk, "performer"), threading.Event(), list[str]()
    assert lease is not None

    def session(*_args: Any) -> None:
        sessions.append(Room.objects.get(pk=room.pk).title)
        if len(sessions) == 2:
            stopping.set()
            return
        cut_off()

    monkeypatch.setattr(performer, "_session", session)
    monkeypatch.setattr(performer, "_AGAIN_S", 0.0)
    failures = list[str]()

    def failed(why: str) -> None:
        failures.append(why)
        if len(failures) == 5:
            stopping.set()

    host: Any = None
    perform_room(room, lease, host, tmp_path / "no gate", stopping, failed)
    assert sessions == [room.title, room.title], failures


@pytest.mark.usefixtures("server")
def test_a_loop_waits_an_outage_out_and_says_so_once(caplog: pytest.LogCaptureFixture) -> None:
    database, looks = Outage(logging.getLogger("test"), "the loop"), 0
    for away in (True, True, False, False):
        with database.waited_out():
            if away:
                cut_off()
            looks += Room.objects.count() == 0
    assert looks == 2
    assert [record.levelname for record in caplog.records if record.name == "test"] == ["ERROR", "WARNING"]


def test_only_the_database_is_waited_for() -> None:
    database = Outage(logging.getLogger("test"), "the loop")
    with database.waited_out():
        raise DatabaseError
    with pytest.raises(ValueError, match="other"), database.waited_out():
        raise ValueError("other")
