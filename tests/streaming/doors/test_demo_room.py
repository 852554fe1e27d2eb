"""The demonstration's room brings itself on air, once per start, and leaves the air in time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.core.management import call_command
from django.utils import timezone

from avatars.demo import seed
from avatars.models import Avatar, AvatarState
from compliance.accounts.demo import BRAND
from compliance.consent.services import withdraw_grant
from compliance.release.models import Review, ReviewState
from streaming import demo_room
from streaming.demo_room import advance, ask_for_room, newest
from streaming.models import Air, DemonstrationRoom, Room, RoomOutput, RoomState, Showing
from streaming.scripting.models import Product
from streaming.services import stop_room
from tests.road import World

pytestmark = pytest.mark.django_db


@pytest.fixture
def step(world: World, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """One tick, with every job done; a model is not built here."""
    settings.AVOW_DEMO, settings.AVOW_DEMO_ROOM_MINUTES = True, 60
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # nobody signs in here
    seed()

    def built(grant: Any) -> Avatar:
        return Avatar.objects.create(
            organisation=grant.grantee, grant=grant, created_by=demo_room.person("producer"), name="Lin Mei",
            footage_name="c", footage_sha256="a" * 64, state=AvatarState.READY, digest="d" * 64,
        )  # fmt: skip

    monkeypatch.setattr(demo_room, "_start_avatar", built)

    def tick() -> None:
        advance()
        world.run_jobs()

    return tick


def bring_on_air(step: Callable[[], None]) -> Room:
    for _tick in range(8):
        step()
    asked = newest()
    assert asked is not None and asked.room is not None and asked.room.wanted_on_air, asked and asked.trouble
    return asked.room


def test_nothing_happens_unasked(step: Callable[[], None]) -> None:
    step()
    assert not Room.objects.exists()


def test_a_room_is_brought_on_air_and_others_are_left_alone(step: Callable[[], None], world: World) -> None:
    take = world.order()
    ask_for_room()
    room = bring_on_air(step)
    assert room.take.grant.principal.email == "streamer@avow.example"
    assert Review.objects.filter(digest=take.script_digest, state=ReviewState.PENDING).exists()
    step()
    assert Room.objects.count() == 1


def test_a_restart_goes_on_with_it(step: Callable[[], None]) -> None:
    ask_for_room()
    step()
    ask_for_room()
    room = bring_on_air(step)
    ask_for_room()
    step()
    assert DemonstrationRoom.objects.count() == 1 and newest().room == room  # type: ignore[union-attr]


def test_it_ends_in_time_and_the_next_start_plans_another_with_the_same_avatar(step: Callable[[], None]) -> None:
    ask_for_room()
    room = bring_on_air(step)
    with time_machine.travel(timezone.now() + timedelta(minutes=61)):
        step()
        room.refresh_from_db()
        assert (room.state, room.wanted_on_air) == (RoomState.ENDED, False)
        step()
        assert Room.objects.count() == 1, "not before somebody starts Avow again"
        ask_for_room()
        other = bring_on_air(step)
    assert other != room and other.avatar == room.avatar


def test_hours_that_passed_while_nothing_ran_end_it_too(step: Callable[[], None]) -> None:
    ask_for_room()
    room = bring_on_air(step)
    with time_machine.travel(timezone.now() + timedelta(hours=9)):
        ask_for_room()
        room.refresh_from_db()
        assert room.state == RoomState.ENDED
        assert bring_on_air(step) != room


def test_a_visitor_may_stop_it_or_withdraw(step: Callable[[], None], world: World) -> None:
    ask_for_room()
    stop_room(room=bring_on_air(step), by=demo_room.person("legal"), because="enough")
    step()
    assert newest().settled_at is not None  # type: ignore[union-attr]
    ask_for_room()
    room = bring_on_air(step)
    withdraw_grant(grant=room.take.grant, by=room.take.grant.principal)
    world.run_jobs()
    step()
    assert newest().settled_at is not None  # type: ignore[union-attr]
    ask_for_room()
    assert bring_on_air(step).take.grant != room.take.grant


def test_it_rests_while_nobody_watches_and_its_page_brings_it_back(step: Callable[[], None], client: Any) -> None:
    ask_for_room()
    room = bring_on_air(step)
    begun = timezone.now()
    with time_machine.travel(begun + timedelta(minutes=4), tick=False):
        demo_room._noted.clear()
        assert client.get(f"/live/{room.pk}/").status_code == 200
    with time_machine.travel(begun + timedelta(minutes=8), tick=False):
        step()
        room.refresh_from_db()
        assert room.wanted_on_air, "somebody looked four minutes ago"
    with time_machine.travel(begun + timedelta(minutes=10), tick=False):
        step()
        room.refresh_from_db()
        assert (room.state, room.ended_because) == (RoomState.ENDED, "Nobody was watching.")
        page = client.get("/live/").content.decode()
        assert "The room rests" in page and 'hx-trigger="load, submit"' in page
        assert "Bring it on air again" in client.get(f"/live/{room.pk}/").content.decode()
        assert client.get("/live/again/").status_code == 405, "a link that is only looked at starts nothing"
        assert client.post("/live/again/").headers["Location"] == "/live/"
        other = bring_on_air(step)
        assert other != room and other.avatar == room.avatar
        assert client.post("/live/again/", headers={"HX-Request": "true"}).headers["HX-Redirect"] == "/live/"
        assert newest().room == other  # type: ignore[union-attr]


def test_a_room_that_is_sent_somewhere_is_watched(step: Callable[[], None]) -> None:
    ask_for_room()
    room = bring_on_air(step)
    RoomOutput.objects.create(room=room, name="rtmp://there/live", sealed=b"", created_by=room.created_by)
    with time_machine.travel(timezone.now() + timedelta(minutes=10)):
        step()
        room.refresh_from_db()
        assert room.wanted_on_air


def test_the_catalogue_has_the_cream_once(step: Callable[[], None], settings: Any) -> None:
    settings.AVOW_DEMO_ROOM_MINUTES = 0
    for _start in range(2):
        call_command("room", "demonstrate")
    product = Product.objects.get()
    assert (product.organisation.name, product.key, product.versions.count()) == (BRAND, "cream", 1)
    assert not DemonstrationRoom.objects.exists(), "a product needs no room"


def test_the_pages_lead_to_it(step: Callable[[], None], client: Any) -> None:
    assert client.get("/live/").status_code == 404
    ask_for_room()
    assert b"/live/" in client.get("/").content
    assert "Being prepared" in client.get("/live/").content.decode()
    room = bring_on_air(step)
    assert client.get("/live/").status_code == 200, "nothing can be seen before the gate has published"
    Air.objects.filter(pk=room.pk).update(showing=Showing.SLATE)
    assert client.get("/live/").headers["Location"] == f"/live/{room.pk}/"
    polled = client.get("/live/", headers={"HX-Request": "true"})
    assert polled.headers["HX-Redirect"] == f"/live/{room.pk}/"
    assert "leaves the air by itself" in client.get(f"/live/{room.pk}/").content.decode()
    stop_room(room=room, by=demo_room.person("producer"), because="")
    step()
    assert "has left the air" in client.get("/live/").content.decode()


def test_without_the_setting_there_is_no_such_page(client: Any, db: None) -> None:
    assert client.get("/live/").status_code == 404
    assert b'href="/live/"' not in client.get("/").content
