"""A minute on air is counted once, whoever dies; what was agreed for it is worked out to the coin."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from django.urls import reverse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from compliance.consent.rules import AgeBand
from compliance.consent.services import current_notice, supersede_grant
from compliance.consent.terms import Compensation, GrantTerms, Mode
from streaming.archive.models import Stretch, ns_of
from streaming.archive.parts import MAX_SESSIONS, closed_groups
from streaming.archive.timeline import HOUR_NS, OnScreen, Timeline
from streaming.archive.usage import statement_of
from streaming.errors import OwnershipLost
from streaming.leases import take_lease
from streaming.models import Air, Room, Showing
from tests.road import World
from tests.streaming.archive.test_replay import client_of

HOST = OnScreen(Showing.HOST, 1, "1" * 16, "AI", "f")
SLATE = OnScreen(Showing.SLATE, 0, "0" * 16, "AI", "f")
SECOND = 1_000_000_000


def playlist(sequence: int, start_ns: int, init: str = "s1") -> str:
    entry = {"sequence": sequence, "init": init, "start_ns": start_ns, "ticks": 90_000, "discontinuity": False}
    return json.dumps({"entries": [entry]})


# --- counted once ---
@pytest.mark.django_db
def test_a_segment_is_counted_when_it_is_published_and_only_then(room: Room) -> None:
    lease = take_lease(room.pk, "publisher")
    assert lease is not None
    timeline, start = Timeline(lease), 1_000 * SECOND
    for number, seen in enumerate([SLATE, HOST, HOST, SLATE]):
        timeline.announce(seen)
        timeline.persist(playlist(number, start + number * SECOND))
    timeline.persist(playlist(3, start + 3 * SECOND))  # the same line again: the playlist has ended
    assert [(one.showing, one.count) for one in room.stretches.all()] == [("slate", 1), ("host", 2), ("slate", 1)]


@pytest.mark.django_db
def test_a_publisher_that_lost_its_room_counts_nothing(room: Room) -> None:
    lease = take_lease(room.pk, "publisher")
    assert lease is not None
    slow = Timeline(lease)
    slow.announce(HOST)
    slow.persist(playlist(0, SECOND))
    Air.objects.filter(pk=room.pk).update(publisher_until=None)
    other = take_lease(room.pk, "publisher")
    assert other is not None
    heir = Timeline(other)
    heir.announce(HOST)
    heir.persist(playlist(1, 2 * SECOND))
    with pytest.raises(OwnershipLost):
        slow.persist(playlist(1, 2 * SECOND))
    heir.persist(playlist(2, 3 * SECOND))
    assert [(one.first_sequence, one.count) for one in room.stretches.all()] == [(0, 3)]


@pytest.mark.django_db
def test_a_write_that_fails_leaves_nothing_behind(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    lease = take_lease(room.pk, "publisher")
    assert lease is not None
    timeline = Timeline(lease)
    timeline.announce(HOST)

    def broken(**_fields: Any) -> None:
        raise RuntimeError("the database is away")

    with monkeypatch.context() as patch:
        patch.setattr(Stretch.objects, "create", broken)
        with pytest.raises(RuntimeError):
            timeline.persist(playlist(0, SECOND))
    assert Air.objects.get(pk=room.pk).playlist == ""
    timeline.persist(playlist(0, SECOND))
    assert [one.count for one in room.stretches.all()] == [1]


# --- one file each ---
pieces = st.lists(
    st.tuples(st.integers(1, 4000), st.sampled_from(["same", "session", "format", "hole"])), min_size=1, max_size=40
)


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(pieces, st.integers(0, HOUR_NS))
def test_every_stretch_is_in_exactly_one_file_of_an_hour_at_most(given_: list[tuple[int, str]], begin: int) -> None:
    stretches, at, number, session, form = [], begin, 0, 0, 0
    for seconds, change in given_:
        session += change == "session"
        form += change == "format"
        at += SECOND if change == "hole" else 0
        left = HOUR_NS - at % HOUR_NS
        count = max(1, min(seconds, left // SECOND))
        stretches.append(stretch(number, at, count, f"s{session}", str(form)))
        at, number = at + count * SECOND, number + count
    groups = closed_groups(stretches, now_ns=at, ended=True)
    assert [one for group in groups for one in group] == stretches
    for group in groups:
        assert len({one.format for one in group}) == 1
        assert len({one.init for one in group}) <= MAX_SESSIONS
        assert group[-1].end_ns - group[0].start_ns <= HOUR_NS + SECOND
        assert all(two.start_ns - one.end_ns == 0 for one, two in pairwise(group))
    assert closed_groups(stretches, now_ns=at, ended=False) == groups[:-1]


def stretch(number: int, start_ns: int, count: int, init: str, form: str) -> Stretch:
    return Stretch(
        first_sequence=number, start_ns=start_ns, count=count, ticks=90_000, init=init, format=form, showing="host"
    )


# --- what is owed ---
@pytest.fixture
def world(world: World) -> World:
    agreed = Compensation("CNY", Decimal("12.5"), Decimal(800))
    world._grant = world.give_grant(modes=frozenset({Mode.RECORDED, Mode.LIVE}), compensation=agreed)
    return world


def on_air(room: Room, start: datetime, seconds: int, showing: Showing = Showing.HOST) -> None:
    number = room.stretches.count() * 10_000
    Stretch.objects.create(
        room=room, init="s1", format="f", first_sequence=number, count=seconds, start_ns=ns_of(start), ticks=90_000,
        showing=showing, slice=1, mark="1" * 16,
    )  # fmt: skip


@pytest.mark.django_db
def test_the_statement_counts_the_host_and_not_the_slate_month_by_month(room: Room, world: World) -> None:
    november = datetime(2026, 11, 30, 23, 59, tzinfo=UTC)
    on_air(room, november, 60)
    on_air(room, november + timedelta(minutes=1), 90)
    on_air(room, november + timedelta(minutes=3), 600, Showing.SLATE)
    found = statement_of(world.streamer)
    told = [(f"{one.month:%Y-%m}", one.brand, one.avatar, one.minutes, one.amount) for one in found.lines]
    assert told == [
        ("2026-12", world.brand.name, "Mei", Decimal("1.50"), Decimal("18.75")),
        ("2026-11", world.brand.name, "Mei", Decimal("1.00"), Decimal("12.50")),
    ]
    assert found.totals == {"CNY": Decimal("31.25")}
    assert statement_of(world.producer).lines == []


@pytest.mark.django_db
def test_a_change_of_pay_counts_from_the_moment_it_was_agreed(room: Room, world: World) -> None:
    terms = GrantTerms.from_json(world.grant.terms)
    better = replace(terms, compensation=Compensation("EUR", Decimal(3), Decimal(0)))
    newer = supersede_grant(
        grant=world.grant, by=world.streamer, terms=better, notice=current_notice(language="en"),
        separate_consent=True, age_band=AgeBand.ADULT,
    )  # fmt: skip
    on_air(room, newer.created_at - timedelta(minutes=2), 60)
    on_air(room, newer.created_at + timedelta(seconds=1), 60)
    assert statement_of(world.streamer).totals == {"CNY": Decimal("12.50"), "EUR": Decimal("3.00")}


@pytest.mark.django_db
def test_the_statement_is_the_persons_own_and_can_be_taken_away(room: Room, world: World) -> None:
    world.brand.name = "=HYPERLINK(1)"
    room.take.campaign["brand_name"] = world.brand.name
    room.take.save()
    on_air(room, datetime(2026, 11, 30, 12, tzinfo=UTC), 61)
    person = client_of(world.streamer)
    page = person.get(reverse("archive:statement")).content.decode()
    assert "12.71 CNY" in page and "1.02" in page
    rows = list(csv.DictReader(io.StringIO(person.get(reverse("archive:statement-csv")).content.decode())))
    assert [(row["month"], row["minutes_on_air"], row["amount"], row["currency"]) for row in rows] == [
        ("2026-11", "1.02", "12.71", "CNY")
    ]
    assert rows[0]["brand"].startswith("'=")
    assert client_of(world.producer).get(reverse("archive:statement")).status_code == 404
