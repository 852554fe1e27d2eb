"""The viewer's socket: who may open it, what it takes, what it tells. Spoken to as an ASGI server would."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.utils import timezone

from compliance.asgi import application
from streaming import sockets
from streaming.models import Air, Room, RoomComment, SpokenLine

pytestmark = pytest.mark.django_db
HOME = {"host": "localhost:8000", "origin": "http://localhost:8000"}
PATIENCE_S = 60


class Viewer:
    """One connection."""

    def __init__(self, path: str, headers: dict[str, str]) -> None:
        self._into: asyncio.Queue[Any] = asyncio.Queue()
        self._from: asyncio.Queue[Any] = asyncio.Queue()
        raw = [(name.encode(), value.encode()) for name, value in headers.items()]
        scope = {"type": "websocket", "scheme": "ws", "path": path, "headers": raw, "client": ("192.0.2.1", 1)}
        self._into.put_nowait({"type": "websocket.connect"})
        self._task = asyncio.create_task(application(scope, self._into.get, self._from.put))

    def send(self, message: Any, **more: Any) -> None:
        text = message if isinstance(message, str) else json.dumps(message)
        self._into.put_nowait(more or {"type": "websocket.receive", "text": text})

    async def hear(self, kind: str = "") -> Any:
        """The next event; with `kind` the next message of that type."""
        while True:
            event = await asyncio.wait_for(self._from.get(), PATIENCE_S)
            if not kind:
                return event
            message = json.loads(event["text"])
            if message["type"] == kind:
                return message

    async def leave(self) -> None:
        self._into.put_nowait({"type": "websocket.disconnect", "code": 1001})
        await asyncio.wait_for(self._task, PATIENCE_S)


def talk(play: Callable[[], Awaitable[None]]) -> None:
    async_to_sync(play)()  # what asks the database runs in this thread, whose transaction the test is in
    assert not sockets._hubs and not sockets._open, "a connection that has ended leaves nothing behind"


def test_state_and_comments_over_one_connection(room: Room) -> None:
    async def play() -> None:
        viewer = Viewer(f"/ws/live/{room.pk}/", HOME)
        assert (await viewer.hear())["type"] == "websocket.accept"
        expected = {
            "type": "state", "state": "on_air", "showing": "nothing", "code": "", "why": "joining", "effort": 0,
            "quote": "",
        }  # fmt: skip
        assert await viewer.hear("state") == expected
        viewer.send({"type": "comment", "id": "7", "text": "多少钱？"})
        assert await viewer.hear("kept") == {"type": "kept", "id": "7"}
        await Air.objects.filter(pk=room.pk).aupdate(showing="slate", slate_code="handed_over")
        heard = await viewer.hear("state")
        assert (heard["showing"], heard["code"]) == ("slate", "handed_over")
        await viewer.leave()

    talk(play)
    assert RoomComment.objects.get().text == "多少钱？"


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"origin": ""}, None),
        ({"origin": "https://evil.example"}, None),
        ({"origin": "http://localhost:8001"}, None),
        ({"origin": "http://localhost:8000.evil.example"}, None),
        ({"origin": "null"}, None),
        ({"origin": "http://[::1"}, None),
        ({"host": "evil.example", "origin": "http://evil.example"}, None),
        ({}, "/ws/live/none/"),
        ({}, "/ws/live/00000000-0000-4000-8000-000000000000/"),
        ({}, "/ws/other/"),
    ],
)
def test_what_is_not_our_page_is_refused_before_it_is_accepted(
    room: Room, changes: dict[str, str], path: str | None
) -> None:
    async def play() -> None:
        viewer = Viewer(path or f"/ws/live/{room.pk}/", {**HOME, **changes})
        assert (await viewer.hear())["type"] == "websocket.close"

    talk(play)


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        ("{", "message_unreadable"),
        ("[]", "message_unreadable"),
        ("null", "message_unreadable"),
        ("[" * 4000, "message_unreadable"),
        ({"type": "order", "text": "x"}, "message_unreadable"),
        ({"type": "comment", "id": 5, "text": "x"}, "message_unreadable"),
        ({"type": "comment", "id": "1", "text": ""}, "comment_text"),
        ({"type": "comment", "id": "1", "text": ["x"]}, "comment_text"),
        ({"type": "comment", "id": "1", "text": "\u202e\u200b"}, "comment_text"),
    ],
)
def test_garbage_gets_a_code_and_the_connection_goes_on(room: Room, sent: Any, code: str) -> None:
    async def play() -> None:
        viewer = Viewer(f"/ws/live/{room.pk}/", HOME)
        viewer.send(sent)
        assert (await viewer.hear())["type"] == "websocket.accept"
        assert (await viewer.hear("refused"))["code"] == code
        viewer.send({"type": "comment", "id": "2", "text": "你好，请问有货吗"})
        assert (await viewer.hear("kept"))["id"] == "2"
        await viewer.leave()

    talk(play)


@pytest.mark.parametrize(
    ("frame", "code"),
    [({"text": "x" * 5000}, 1009), ({"text": "字" * 2000}, 1009), ({"bytes": b"x"}, 1003)],
    ids=["long", "long in bytes", "binary"],
)
def test_frames_no_page_sends_end_the_connection(room: Room, frame: dict[str, Any], code: int) -> None:
    async def play() -> None:
        viewer = Viewer(f"/ws/live/{room.pk}/", HOME)
        viewer.send("", type="websocket.receive", **frame)
        while (event := await viewer.hear())["type"] != "websocket.close":
            pass
        assert event["code"] == code

    talk(play)


def test_a_flood_is_refused_then_closed_and_little_of_it_is_kept(room: Room) -> None:
    async def play() -> None:
        viewer = Viewer(f"/ws/live/{room.pk}/", HOME)
        for number in range(100):
            viewer.send({"type": "comment", "id": str(number), "text": f"第{number}条"})
        while (event := await viewer.hear())["type"] != "websocket.close":
            pass
        assert event["code"] == 1008

    talk(play)
    assert RoomComment.objects.count() <= 8


def test_the_number_of_connections_from_one_address_is_limited(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sockets, "MAX_PER_ADDRESS", 2)

    async def play() -> None:
        viewers = [Viewer(f"/ws/live/{room.pk}/", HOME) for _number in range(2)]
        for viewer in viewers:
            assert (await viewer.hear())["type"] == "websocket.accept"
        assert (await Viewer(f"/ws/live/{room.pk}/", HOME).hear())["type"] == "websocket.close"
        for viewer in viewers:
            await viewer.leave()

    talk(play)


def test_the_page_quotes_the_screened_copy_while_it_is_answered(room: Room, client: Any) -> None:
    said = timezone.now()
    comment = RoomComment.objects.create(
        room=room, platform="avow", external_id="1", user_ref="u", text="打 13812345678 多少钱", received_at=said,
        screening={"verdict": "mask", "quote": "打 *** 多少钱"},
    )  # fmt: skip
    line = SpokenLine.objects.create(
        room=room, at=said - timedelta(seconds=2), until=said, source="answer", text="199", comment=comment
    )
    address = f"/live/{room.pk}/state.json"
    assert client.get(address).json()["quote"] == "打 *** 多少钱"
    for change in ({"at": said - timedelta(seconds=60)}, {"at": said + timedelta(seconds=9)}, {"blocked": True}):
        SpokenLine.objects.filter(pk=line.pk).update(**{"at": said, "blocked": False, **change})
        assert client.get(address).json()["quote"] == ""
    SpokenLine.objects.filter(pk=line.pk).update(at=said, blocked=False)
    Room.objects.filter(pk=room.pk).update(plan={"rundown": []})
    assert client.get(address).json()["quote"] == "", "only where the room wants it"
