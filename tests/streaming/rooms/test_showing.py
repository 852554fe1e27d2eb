"""Why the host is not on screen, as the control room and the viewer's page say it, in both languages."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from compliance.consent.services import withdraw_grant
from compliance.release.models import Take
from streaming.air.broadcast import SECOND_NS
from streaming.clock import Effort
from streaming.leases import Lease, take_lease
from streaming.models import Room
from streaming.selectors import live_state
from streaming.services import hand_over, stop_rooms_of_grant
from streaming.showing import FOR_VIEWERS, Why
from tests.road import World
from tests.streaming.archive.conftest import Unmeasured, put_host
from tests.streaming.rooms.planned import room_on_air
from tests.streaming.rooms.test_gate_attacks import HEADER, Held, message

pytestmark = pytest.mark.django_db


@pytest.fixture
def held(world: World, settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Held]:
    """A small room whose gate works one turn at a time, however slow the machine."""
    settings.AVOW_LIVE_SLICE_S = 900
    monkeypatch.setattr("streaming.air.broadcast.WINDOW_S", 900)
    settings.AVOW_LIVE_DIR = str(tmp_path / "live")
    room = room_on_air(world)
    Take.objects.filter(pk=room.take_id).update(width=512, height=288)
    with world.as_role("gate"):
        held = Held(Room.objects.select_related("take__grant", "organisation").get(pk=room.pk))
        held.broadcast.checker.close()
        held.broadcast.checker = Unmeasured()  # type: ignore[assignment]
        yield held
        held.broadcast.close()


def seen(held: Held, performer: Lease | None = None) -> tuple[str, str, str]:
    """Code on the dashboard and kind for viewers, after another second of slate; `performer` lives."""
    if performer is not None:
        performer.write()
    held.thread._wanted(held.room)
    held.thread._slate(held.broadcast)
    room = Room.objects.select_related("take__grant", "air").get(pk=held.room.pk)
    return room.air.showing, room.air.slate_code, live_state(room)["why"]


def test_the_slate_always_says_why(held: Held, world: World) -> None:
    assert seen(held) == ("slate", "no_performer", "away")
    lease = take_lease(held.room.pk, "performer")
    assert lease is not None
    put_host(held.broadcast, held.room, seconds=1)
    assert live_state(Room.objects.get(pk=held.room.pk))["why"] == ""
    held.thread._performer_fence = HEADER["fence"]
    held.turn(message({"start_ns": held.broadcast.end_ns}))  # under a permit nobody has issued
    assert seen(held, lease) == ("slate", "permit_not_alive", "not_permitted")
    held.turn(message({"frames": 0}))
    assert seen(held, lease) == ("slate", "wire_garbage", "away")
    held.turn(message({}))
    assert seen(held, lease) == ("slate", "segment_late", "away")
    lease.write(effort=int(Effort.SLATE))
    assert seen(held, lease) == ("slate", "machine_too_slow", "busy")
    lease.give_up()
    assert seen(held) == ("slate", "no_performer", "away"), "what a performer that is gone did is no reason any more"
    hand_over(room=held.room, by=world.legal, to_person=True)
    assert seen(held) == ("slate", "handed_over", "person")
    hand_over(room=held.room, by=world.legal, to_person=False)
    held.thread._expects_host_ns = time.time_ns() + 10 * SECOND_NS
    assert seen(held) == ("slate", "host_joins", "joining")
    texts = held.room.events.filter(code="showing_slate").values_list("text", "data__reason__zh")
    assert len(texts) == 8 and not any("on screen" in english for english, _chinese in texts)
    assert all(chinese and not chinese.isascii() for _english, chinese in texts)


@pytest.mark.parametrize(("language", "words"), [("en", "withdrawn their consent"), ("zh-hans", "撤回")])
def test_a_withdrawal_is_told_on_every_page(held: Held, world: World, language: str, words: str) -> None:
    held.thread._slate(held.broadcast)
    withdraw_grant(grant=world.grant, by=world.streamer)
    stop_rooms_of_grant(world.grant.id, "withdrawn")
    assert not held.thread._goes_on(held.broadcast, held.lease, held.room), "it leaves by way of the slate"
    assert (held.air.showing, held.air.slate_code) == ("slate", "consent_ended")
    client = Client(headers={"accept-language": language})
    page = client.get(f"/live/{held.room.pk}/").content.decode()
    assert 'data-why="consent"' in page
    assert client.get(f"/live/{held.room.pk}/state.json").json()["why"] == "consent"
    client.force_login(world.producer)
    control = client.get(f"/studio/rooms/{held.room.pk}/", headers={"accept-language": language}).content.decode()
    assert words in control and "The AI host is on screen" not in control


def test_every_kind_has_words_for_viewers() -> None:
    assert set(FOR_VIEWERS) == set(Why)
    assert [kind for kind, text in FOR_VIEWERS.items() if not str(text)] == [Why.NONE]
