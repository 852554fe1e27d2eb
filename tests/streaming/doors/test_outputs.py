"""Outputs of a room: from the producer's form to a real RTMP server, without one unsigned byte."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from compliance.errors import Refused
from compliance.keys.custody import open_custody
from compliance.keys.errors import KeyAccessDenied
from compliance.provenance.live import LiveSession
from compliance.provenance.manifest import DigitalSource, ManifestInput, ReceiptReference
from streaming.air.folders import room_folder
from streaming.errors import RoomRefused
from streaming.models import Air, Room, RoomOutput, Sending
from streaming.outputs.output import Patience
from streaming.outputs.practice import RtmpServer
from streaming.outputs.target import Target
from streaming.packager.playlist import PlaylistState
from streaming.packager.spec import Rendition, StreamSpec
from streaming.packager.store import Publisher, Retention, SegmentStore
from streaming.sending.addresses import require_public
from streaming.sending.desk import OutputDesk
from streaming.sending.services import add_output, open_target, remove_output
from streaming.services import stop_room
from tests.road import World
from tests.streaming.outputs.conftest import wait_until
from tests.streaming.outputs.test_rtmp import recorded
from tests.streaming.packager.scenes import Session, session

pytestmark = pytest.mark.django_db
KEY = "live_5f0c2a9e-secret"
SPEC = StreamSpec((Rendition("high", 180, 320, 300_000),), preset="ultrafast")
QUICK = Patience(answer_s=5.0, first_s=0.05, longest_s=0.2)
AsRole = Callable[[str], AbstractContextManager[None]]


class Numbers:
    def __init__(self) -> None:
        self.recorded = 0

    def last(self) -> int:
        return self.recorded

    def record(self, sequence: int) -> None:
        self.recorded = sequence


class Broadcaster:
    """Publishes a signed stream as the gate does, one segment at a call."""

    def __init__(self, room: Room, as_role: AsRole, tsa_url: str, made: Session) -> None:
        self._made = made
        self._number = 0

        def persist(playlist: str) -> None:
            Air.objects.filter(pk=room.pk).update(playlist=playlist)

        store = SegmentStore(room_folder(room.pk), retention=Retention(60), sync=False)
        self._publisher = Publisher(
            store, PlaylistState(target_s=1, window_s=20), persist=persist
        )
        receipt = ReceiptReference("grant", "0" * 64)
        given = ManifestInput("Room", DigitalSource.COMPOSITE, "engine", "1", bytes(8), receipt, "AI")
        with as_role("gate"):
            self._session = LiveSession(given, open_custody(), tsa_url, Numbers())
            init = self._session.sign_init(self._made.packager.init("high"))
        self._publisher.begin("s000001", {"high": init})

    def put(self, change: Callable[[bytes], bytes] = bytes) -> None:
        segment = self._made.segments[self._number]
        self._number += 1
        signed = self._session.sign_segment(segment.data, self._number)
        self._publisher.publish([segment], {"high": change(signed)})


@pytest.fixture(scope="module")
def made() -> Session:
    return session(SPEC, 175)


@pytest.fixture
def on_air(room: Room, world: World, tsa_url: str, made: Session, settings: Any, tmp_path: Path) -> Broadcaster:
    settings.AVOW_LIVE_DIR, settings.AVOW_TSA_URL = str(tmp_path / "live"), tsa_url
    return Broadcaster(room, world.as_role, tsa_url, made)


@pytest.fixture
def desk(world: World) -> Iterator[OutputDesk]:
    made = OutputDesk(patience=QUICK, check_address=lambda _target: None)
    yield made
    with world.as_role("outputs"):
        for sender in made._senders.values():
            sender.stop()


@pytest.fixture
def turn(desk: OutputDesk, world: World) -> Callable[[], None]:
    """One look of the process that sends, in its role. Keys are opened at once, because the role is the test's."""

    class AtOnce:
        def submit(self, work: Callable[..., Any], *given: Any) -> Any:
            from concurrent.futures import Future

            future: Future[Any] = Future()
            try:
                future.set_result(work(*given))
            except Exception as error:
                future.set_exception(error)
            return future

    desk._openers = AtOnce()  # type: ignore[assignment]

    def look() -> None:
        with world.as_role("outputs"):
            desk.turn()

    return look


def until(turn: Callable[[], None], condition: Callable[[], object]) -> None:
    wait_until(lambda: turn() or condition(), within_s=60)


def test_what_the_gate_published_reaches_the_server_lost_and_back(
    room: Room, world: World, on_air: Broadcaster, turn: Callable[[], None], rtmp_server: RtmpServer
) -> None:
    output = add_output(room=room, by=world.producer, target=Target(rtmp_server.address, KEY))
    on_air.put()

    def row() -> RoomOutput:
        return RoomOutput.objects.get(pk=output.pk)

    until(turn, lambda: row().state == Sending.SENDING and row().sent == 1)
    on_air.put()
    until(turn, lambda: row().sent == 2)
    wait_until(lambda: len(recorded(rtmp_server.recordings[0])[0]) == 50)
    rtmp_server.kill()
    until(turn, lambda: _and_put(on_air) or row().state == Sending.WAITING)
    assert row().reason in {"ConnectionResetError", "ConnectionRefusedError", "BrokenPipeError"}
    rtmp_server.start()
    sent = row().sent
    on_air.put()
    until(turn, lambda: row().sent > sent and row().state == Sending.SENDING)
    assert list(room.events.filter(code__startswith="output_").values_list("code", flat=True)) == [
        "output_added", "output_connected", "output_lost", "output_connected",
    ]  # fmt: skip
    remove_output(output=row(), by=world.producer)
    turn()
    assert (row().state, bytes(row().sealed), row().held_until) == (Sending.STOPPED, b"", None)


def _and_put(on_air: Broadcaster) -> None:
    if on_air._number < 5:
        on_air.put()


def test_a_segment_that_does_not_verify_is_not_sent(
    room: Room, world: World, on_air: Broadcaster, turn: Callable[[], None], rtmp_server: RtmpServer
) -> None:
    output = add_output(room=room, by=world.producer, target=Target(rtmp_server.address, KEY))
    on_air.put()
    until(turn, lambda: RoomOutput.objects.get(pk=output.pk).sent == 1)
    on_air.put(lambda data: data[:-9] + bytes([data[-9] ^ 1]) + data[-8:])
    turn()
    assert RoomOutput.objects.get(pk=output.pk).reason == "segment_unverified"
    on_air.put()
    until(turn, lambda: RoomOutput.objects.get(pk=output.pk).sent == 2)
    assert RoomOutput.objects.get(pk=output.pk).reason == ""
    wait_until(lambda: len(recorded(rtmp_server.recordings[0])[0]) == 50)


def test_two_processes_do_not_send_one_room_twice(
    room: Room, world: World, on_air: Broadcaster, desk: OutputDesk, turn: Callable[[], None]
) -> None:
    output = add_output(room=room, by=world.producer, target=Target("rtmp://127.0.0.1:1/live", KEY))
    held = RoomOutput.objects.filter(pk=output.pk)
    turn()
    assert output.pk in desk._senders
    other = OutputDesk(check_address=lambda _target: None)
    with world.as_role("outputs"):
        other.turn()
    assert not other._senders
    held.update(holder="another:1")
    desk._senders[output.pk].told = ()
    turn()
    assert not desk._senders, "whoever slept through its hold stops"


def test_the_last_seconds_of_an_ended_room_are_sent_then_nothing(
    room: Room, world: World, on_air: Broadcaster, desk: OutputDesk, turn: Callable[[], None]
) -> None:
    add_output(room=room, by=world.producer, target=Target("rtmp://127.0.0.1:1/live", KEY))
    turn()
    stop_room(room=room, by=world.producer, because="")
    turn()
    assert desk._senders
    Room.objects.filter(pk=room.pk).update(ended_at="2026-01-01T00:00Z")
    turn()
    assert not desk._senders and RoomOutput.objects.get().state == Sending.STOPPED


def test_the_key_is_sealed_and_no_page_shows_it(room: Room, world: World) -> None:
    client = Client()
    client.force_login(world.producer)
    form = {"address": "rtmps://user:hidden-word@ingest.example.org/app", "key": KEY}
    assert client.post(f"/studio/rooms/{room.pk}/outputs/", form).status_code == 302
    output = RoomOutput.objects.get()
    assert output.name == "rtmps://ingest.example.org/app"
    everything = repr(vars(output)) + repr([vars(event) for event in room.events.all()])
    page = client.get(f"/studio/rooms/{room.pk}/").content.decode()
    for secret in (KEY, "hidden-word"):
        assert secret not in everything and secret not in page and secret.encode() not in bytes(output.sealed)
    with pytest.raises(KeyAccessDenied):
        open_target(output)
    with world.as_role("outputs"):
        assert open_target(output) == Target(form["address"], KEY)


@pytest.mark.parametrize("form", [{"address": "ftp://x/y", "key": KEY}, {"address": "rtmp://x/y"}, {}])
def test_a_form_that_names_no_server_adds_nothing(room: Room, world: World, form: dict[str, str]) -> None:
    client = Client()
    client.force_login(world.producer)
    page = client.post(f"/studio/rooms/{room.pk}/outputs/", form, follow=True)
    assert page.status_code == 200 and not RoomOutput.objects.exists() and KEY not in page.content.decode()


def test_who_may_add_and_remove(room: Room, world: World) -> None:
    target = Target("rtmp://example.org/app", KEY)
    with pytest.raises(RoomRefused, match="room_not_yours"):
        add_output(room=room, by=world.legal, target=target)
    made = [add_output(room=room, by=world.producer, target=target) for _number in range(8)]
    with pytest.raises(RoomRefused, match="too_many_outputs"):
        add_output(room=room, by=world.producer, target=target)
    with pytest.raises(RoomRefused, match="room_not_yours"):
        remove_output(output=made[0], by=world.streamer)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "10.1.2.3", "[::1]", "169.254.169.254", "[fd00::1]"])
def test_an_output_is_no_way_into_the_operators_network(settings: Any, host: str) -> None:
    settings.AVOW_OUTPUT_PRIVATE = False
    with pytest.raises(Refused, match="private_address"):
        require_public(Target(f"rtmp://{host}/live", KEY))
    settings.AVOW_OUTPUT_PRIVATE = True
    require_public(Target(f"rtmp://{host}/live", KEY))
