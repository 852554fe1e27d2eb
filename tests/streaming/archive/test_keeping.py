"""Every class has its clock, the law can only lengthen it, a hold stops all of them, every erasure is logged."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone

from compliance import storage
from compliance.accounts.models import User
from compliance.consent.services import withdraw_grant
from compliance.ledger.events import Event
from compliance.ledger.models import OutboxEntry
from streaming.air.folders import room_folder
from streaming.archive.errors import ArchiveRefused
from streaming.archive.expiry import expire
from streaming.archive.models import DataClass, Erasure, Hold, Part, PartState
from streaming.archive.retention import add_months, clocks
from streaming.archive.services import lift_hold, place_hold
from streaming.models import Room
from streaming.services import go_on_air
from streaming.showing import no_performer
from tests.road import World
from tests.streaming.archive.conftest import on_the_gate
from tests.streaming.archive.test_replay import START, client_of, film, regulator, told

__all__ = ["regulator", "told"]
pytestmark = pytest.mark.django_db


def years(count: float) -> datetime:
    return START + timedelta(days=365.25 * count)


def kept(room: Room) -> dict[str, int]:
    parts = room.parts.exclude(state=PartState.ERASED)
    known = room.comments.exclude(user_ref="")
    rows = {"video": parts, "speech": room.lines, "events": room.events, "timeline": room.stretches}
    return {name: found.count() for name, found in {**rows, "interaction": room.comments, "personal": known}.items()}


def test_each_class_goes_in_its_time(told: Room) -> None:
    part = film(told)
    folder = room_folder(told.pk)
    folder.mkdir(parents=True)
    everything = {"video": 1, "speech": 3, "events": 1, "timeline": 2, "interaction": 1, "personal": 1}
    assert expire(now=START + timedelta(days=100)) == 0
    assert kept(told) == everything
    assert expire(now=years(1)) == 1
    assert kept(told) == everything | {"personal": 0}
    assert told.comments.get().external_id != "x1"
    assert expire(now=years(2.9)) == 0 and storage.private().exists(part.file)
    assert expire(now=years(3.1)) == 4
    assert kept(told) == {"video": 0, "speech": 0, "events": 0, "timeline": 2, "interaction": 0, "personal": 0}
    assert not storage.private().exists(part.file) and not folder.exists()
    assert expire(now=years(3.2)) == 0
    assert expire(now=years(11)) == 1
    logged = OutboxEntry.objects.filter(event=Event.STREAMING_ARCHIVE_ERASED).count()
    assert logged == Erasure.objects.filter(room=told).count() == 6


def test_the_law_lengthens_a_clock_and_the_operator_cannot_shorten_it(told: Room, settings: Any) -> None:
    settings.AVOW_ARCHIVE_KEEP_DAYS = {
        **settings.AVOW_ARCHIVE_KEEP_DAYS,
        "video": 30,
        "interaction": 30,
        "personal": 30,
    }
    found = {clock.data_class: clock for clock in clocks(told)}
    assert told.ended_at is not None
    assert found[DataClass.VIDEO].ends_at == add_months(told.ended_at, 36)
    assert any("cn-live-ecommerce" in rule for rule in found[DataClass.VIDEO].rule_ids)
    assert found[DataClass.INTERACTION].ends_at == add_months(told.ended_at, 36)
    assert (found[DataClass.PERSONAL].ends_at, found[DataClass.PERSONAL].rule_ids) == (None, ())
    told.take.decision = None
    assert clocks(told)[0].ends_at == told.ended_at + timedelta(days=30)


def test_after_a_withdrawal_a_film_is_kept_for_the_law_alone(told: Room, world: World, regulator: User) -> None:
    part = film(told)
    withdraw_grant(grant=world.grant, by=world.streamer)
    video = clocks(told)[0]
    assert told.ended_at is not None and video.ends_at == add_months(told.ended_at, 36)
    told.take.decision = None
    told.take.save()
    hold = place_hold(room=told, by=regulator, because="order 3")
    expire(now=START + timedelta(days=1))
    assert storage.private().exists(part.file)
    lift_hold(hold=hold, by=regulator)
    expire(now=START + timedelta(days=1))
    assert not storage.private().exists(part.file) and kept(told)["speech"] == 3


@pytest.mark.parametrize(
    ("moment", "months", "expected"),
    [
        ("2026-01-31", 1, "2026-02-28"),
        ("2024-01-31", 1, "2024-02-29"),
        ("2026-11-30", 36, "2029-11-30"),
        ("2026-12-15", 1, "2027-01-15"),
    ],
)
def test_months_end_where_the_month_ends(moment: str, months: int, expected: str) -> None:
    assert add_months(datetime.fromisoformat(moment), months) == datetime.fromisoformat(expected)


def test_a_room_on_air_forgets_people_and_nothing_else(told: Room) -> None:
    Room.objects.filter(pk=told.pk).update(ended_at=None, state="on_air")
    assert expire(now=years(20)) == 1
    assert (kept(told)["personal"], kept(told)["speech"]) == (0, 3)


def test_a_hold_stops_every_clock_until_it_is_lifted(told: Room, world: World, regulator: User) -> None:
    with pytest.raises(ArchiveRefused, match="hold_not_yours"):
        place_hold(room=told, by=world.producer, because="mine")
    with pytest.raises(ArchiveRefused, match="hold_needs_a_reason"):
        place_hold(room=told, by=world.legal, because=" ")
    own, order = (place_hold(room=told, by=user, because="case 7") for user in (world.legal, regulator))
    assert expire(now=years(20)) == 0
    with pytest.raises(ArchiveRefused, match="hold_not_yours"):
        lift_hold(hold=order, by=world.legal)
    lift_hold(hold=own, by=world.legal)
    assert expire(now=years(20)) == 0
    lift_hold(hold=order, by=regulator)
    assert expire(now=years(20)) > 0


def test_what_is_held_does_not_go_while_the_room_is_on_air(
    room: Room, world: World, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.AVOW_LIVE_KEEP_S = 0
    monkeypatch.setattr("streaming.air.broadcast.WINDOW_S", 3)
    go_on_air(room=room, by=world.producer)
    room.take.refresh_from_db()
    hold = place_hold(room=room, by=world.legal, because="case 7")
    with world.as_role("gate"):
        for broadcast in on_the_gate(room):
            for _second in range(6):
                broadcast.put_slate(no_performer())
            kept_files = {path.name for path in room_folder(room.pk).glob("high/*.m4s")}
            assert len(kept_files) == 6, "three have left the list, and none is lost"
            lift_hold(hold=hold, by=world.legal)
            broadcast.put_slate(no_performer())
            assert len(list(room_folder(room.pk).glob("high/*.m4s"))) == 4


def test_a_room_that_an_authority_stopped_is_held_by_itself(told: Room, world: World, regulator: User) -> None:
    Room.objects.filter(pk=told.pk).update(ended_by=regulator, ended_because="order 7")
    assert expire(now=years(20)) == 0
    hold = Hold.objects.get(room=told)
    assert (hold.of_an_authority, hold.because, hold.placed_by) == (True, "order 7", regulator)
    lift_hold(hold=hold, by=regulator)
    assert expire(now=years(20)) > 0


def test_the_page_places_and_lifts_a_hold(told: Room, world: World) -> None:
    legal, url = client_of(world.legal), reverse("archive:archive", args=[told.pk])
    legal.post(reverse("archive:hold", args=[told.pk]), {"because": "case 9"})
    assert "case 9" in legal.get(url).content.decode()
    client_of(world.producer).post(reverse("archive:lift", args=[told.pk]))
    assert Hold.objects.filter(room=told, lifted_at__isnull=True).exists()
    legal.post(reverse("archive:lift", args=[told.pk]))
    assert not Hold.objects.filter(room=told, lifted_at__isnull=True).exists()


def test_a_run_that_was_killed_is_finished_by_the_next(told: Room) -> None:
    part = film(told)
    Part.objects.filter(pk=part.pk).update(state=PartState.ERASED, erased_at=timezone.now())
    expire(now=years(3.1))
    assert not storage.private().exists(part.file)
    assert Part.objects.get(pk=part.pk).file == ""
