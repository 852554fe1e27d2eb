"""What was said at 14:32: asked by those who may, in every way people write a time."""

from __future__ import annotations

import hashlib
import io
import zipfile
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse

from compliance import storage
from compliance.accounts.models import Membership, Organisation, OrganisationKind, Role, User
from compliance.consent.services import withdraw_grant
from compliance.ledger.events import Event
from compliance.ledger.models import OutboxEntry
from streaming.air.folders import room_folder
from streaming.archive.errors import TimeUnclear
from streaming.archive.models import Part, PartState, Stretch, ns_of
from streaming.archive.replay import moment_at, span_of
from streaming.models import Room, RoomComment, RoomEvent, Showing, Source, SpokenLine
from tests.road import World

pytestmark = pytest.mark.django_db
START = datetime(2026, 11, 20, 14, 30, tzinfo=UTC)
TICKS = 90_000


@pytest.fixture
def told(room: Room) -> Room:
    """Ten minutes from 14:30 on, half of them the host's; a question at 14:32:00 answered at 14:32:04."""
    for number, (showing, minutes) in enumerate([(Showing.HOST, 5), (Showing.SLATE, 5)]):
        Stretch.objects.create(
            room=room, init=f"s{number}", format="f", first_sequence=300 * number, count=60 * minutes,
            start_ns=ns_of(START + timedelta(minutes=5 * number)), ticks=TICKS, showing=showing, slice=number,
            mark=f"{number:016x}", label="AI生成",
        )  # fmt: skip
    asked = RoomComment.objects.create(
        room=room, platform="avow", external_id="x1", user_ref="someone", text="多少钱？",
        received_at=START + timedelta(minutes=2),
    )  # fmt: skip
    say(room, 110, "大家好。", item_id="a")
    say(room, 124, "这款是一百九十九元。", source=Source.ANSWER, product_id="c", comment=asked)
    blocked = SpokenLine.objects.create(
        room=room, source=Source.ANSWER, text="全国第一！", blocked=True, findings=[{"code": "superlative", "text": ""}]
    )
    SpokenLine.objects.filter(pk=blocked.pk).update(created_at=START + timedelta(seconds=121))
    RoomEvent.objects.create(room=room, at=START + timedelta(seconds=123), code="learned", text="Cream next.")
    Room.objects.filter(pk=room.pk).update(on_air_at=START, ended_at=START + timedelta(minutes=10), state="ended")
    room.refresh_from_db()
    return room


def say(room: Room, second: int, text: str, **fields: Any) -> SpokenLine:
    at = START + timedelta(seconds=second)
    given = {"source": Source.RUNDOWN, "at": at, "until": at + timedelta(seconds=3), **fields}
    return SpokenLine.objects.create(room=room, text=text, **given)


def film(room: Room) -> Part:
    file = storage.save_bytes("archives/x.mp4", b"film")
    return Part.objects.create(
        room=room, first_sequence=0, last_sequence=599, start_ns=ns_of(START), sha256="a" * 64, size=4,
        end_ns=ns_of(START + timedelta(minutes=10)), state=PartState.SIGNED, file=file,
    )  # fmt: skip


def client_of(user: User) -> Client:
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def member(organisation: Organisation, role: Role) -> User:
    user = User.objects.create_user(f"{role}@{organisation.pk}.example", None, display_name=str(role))
    Membership.objects.create(user=user, organisation=organisation, role=role)
    return user


@pytest.fixture
def regulator(db: None) -> User:
    return member(Organisation.objects.create(name="Office", kind=OrganisationKind.AUTHORITY), Role.REGULATOR)


@pytest.mark.parametrize(
    ("asked", "said", "now"),
    [
        ("14:32", ["全国第一！", "这款是一百九十九元。"], []),
        ("14:32:05", ["大家好。", "全国第一！", "这款是一百九十九元。"], ["这款是一百九十九元。"]),
        ("2026-11-20T14:32:05", ["大家好。", "全国第一！", "这款是一百九十九元。"], ["这款是一百九十九元。"]),
        ("2026-11-20T15:32:05+01:00", ["大家好。", "全国第一！", "这款是一百九十九元。"], ["这款是一百九十九元。"]),
        ("14:36", [], []),
    ],
)
def test_what_was_said_at(told: Room, asked: str, said: list[str], now: list[str]) -> None:
    moment = moment_at(told, span_of(told, asked))
    assert [one.line.text for one in moment.said] == said
    assert [one.line.text for one in moment.said if one.now] == now


def test_the_moment_tells_picture_label_product_and_place_in_the_film(told: Room) -> None:
    part = film(told)
    moment = moment_at(told, span_of(told, "14:32:05"))
    assert moment.stretch is not None
    assert (moment.stretch.showing, moment.stretch.label, moment.stretch.slice) == (Showing.HOST, "AI生成", 0)
    assert (moment.part, moment.offset_s, moment.product) == (part, 125.0, "c")
    assert moment.said[-1].line.comment.text == "多少钱？"  # type: ignore[union-attr]
    later = moment_at(told, span_of(told, "14:37")).stretch
    assert later is not None and later.showing == Showing.SLATE


@pytest.mark.parametrize(
    ("reader", "names", "called"),
    [
        ("en", {"en": "Jasmine Tea Cream", "zh": "茉莉花茶润肤霜"}, "Jasmine Tea Cream"),
        ("zh-hans", {"en": "Jasmine Tea Cream", "zh": "茉莉花茶润肤霜"}, "茉莉花茶润肤霜"),
        ("en", {"zh": "茉莉花茶润肤霜", "ko": "재스민 크림"}, "茉莉花茶润肤霜"),
        ("en", {"ko": "재스민 크림"}, "재스민 크림"),
    ],
)
def test_a_product_is_called_in_the_readers_language(
    told: Room, world: World, reader: str, names: dict[str, str], called: str
) -> None:
    told.plan["products"] = [{"id": "c", "name": names}]
    told.save(update_fields=["plan"])
    client = client_of(world.producer)
    client.cookies[settings.LANGUAGE_COOKIE_NAME] = reader
    page = client.get(reverse("archive:archive", args=[told.pk]), {"at": "14:32:05"}).content.decode()
    assert page.count(called) == 2 and "&#x27;" not in page


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ("15:00", "at_not_on_air"),
        ("25:00", "at_unreadable"),
        ("soon", "at_unreadable"),
        ("2020-01-01T00:00", "at_not_on_air"),
    ],
)
def test_a_moment_that_cannot_be_found(told: Room, asked: str, code: str) -> None:
    with pytest.raises(TimeUnclear, match=code):
        span_of(told, asked)
    told.stretches.all().delete()
    with pytest.raises(TimeUnclear, match="at_not_on_air"):
        span_of(told, "")


def test_the_page_answers_producer_legal_person_and_authority(told: Room, world: World, regulator: User) -> None:
    part, url = film(told), reverse("archive:archive", args=[told.pk])
    for user in (world.producer, world.legal, world.streamer, regulator):
        page = client_of(user).get(url, {"at": "14:32:05"})
        assert page.status_code == 200
        text = page.content.decode()
        assert "这款是一百九十九元。" in text and "全国第一！" in text and "#t=125.00" in text and "superlative" in text
        assert "someone" not in text
    assert OutboxEntry.objects.filter(event=Event.STREAMING_ARCHIVE_VIEWED).count() == 1
    assert client_of(world.producer).get(url, {"at": "soon"}).status_code == 422
    ranged = client_of(world.producer).get(reverse("archive:film", args=[part.pk]), HTTP_RANGE="bytes=1-2")
    assert (ranged.status_code, b"".join(ranged.streaming_content)) == (206, b"il")  # type: ignore[attr-defined]


def test_after_a_withdrawal_the_film_is_evidence_for_authorities_only(
    told: Room, world: World, regulator: User
) -> None:
    url, page = reverse("archive:film", args=[film(told).pk]), reverse("archive:archive", args=[told.pk])
    withdraw_grant(grant=world.grant, by=world.streamer)
    for user in (world.producer, world.legal, world.streamer):
        assert client_of(user).get(url).status_code == 410
        seen = client_of(user).get(page, {"at": "14:32"}).content.decode()
        assert "<video" not in seen and "这款是一百九十九元。" in seen
    assert client_of(regulator).get(url).status_code == 200


def test_legal_and_authorities_take_the_records_away(told: Room, world: World, regulator: User) -> None:
    film(told)
    url = reverse("archive:zip", args=[told.pk])
    for user in (world.producer, world.streamer):
        assert client_of(user).get(url).status_code == 404
    answer = client_of(regulator).get(url)
    archive = zipfile.ZipFile(io.BytesIO(b"".join(answer.streaming_content)))  # type: ignore[attr-defined]
    sums = dict(reversed(line.split("  ")) for line in archive.read("SHA256SUMS").decode().splitlines())  # type: ignore[misc]
    assert set(sums) == set(archive.namelist()) - {"SHA256SUMS"}
    assert all(hashlib.sha256(archive.read(name)).hexdigest() == digest for name, digest in sums.items())
    assert archive.read("transcript.jsonl").decode().count("\n") == 3
    assert "全国第一！" in archive.read("transcript.jsonl").decode()
    whole = client_of(world.legal).get(reverse("archive:json", args=[told.pk])).json()
    assert [one["sha256"] for one in whole["parts"]] == ["a" * 64] and len(whole["timeline"]) == 2
    assert OutboxEntry.objects.filter(event=Event.STREAMING_ARCHIVE_EXPORTED).count() == 2


@pytest.mark.parametrize("lead", ["mark", "a" * 64, "room", "grant", "Cream", "brand", ""])
def test_an_authority_finds_a_broadcast_by_any_lead(told: Room, world: World, regulator: User, lead: str) -> None:
    film(told)
    names = {
        "mark": told.take.mark.value,
        "room": str(told.pk),
        "grant": str(told.take.grant_id),
        "brand": world.brand.name,
    }
    lead = names.get(lead, lead)
    url, link = reverse("archive:list"), reverse("archive:archive", args=[told.pk])
    assert link in client_of(regulator).get(url, {"q": lead}).content.decode()
    assert link not in client_of(regulator).get(url, {"q": "something else"}).content.decode()
    rival = member(Organisation.objects.create(name="Rival", kind=OrganisationKind.BRAND), Role.LEGAL)
    assert link not in client_of(rival).get(url, {"q": lead}).content.decode()


def test_after_a_withdrawal_nobody_fetches_what_was_published(told: Room, world: World) -> None:
    playlist = room_folder(told.pk) / "high" / "media.m3u8"
    playlist.parent.mkdir(parents=True)
    playlist.write_text("#EXTM3U")
    url = reverse("rooms:media", args=[told.pk, "high/media.m3u8"])
    assert Client().get(url).status_code == 200
    withdraw_grant(grant=world.grant, by=world.streamer)
    assert Client().get(url).status_code == 404
