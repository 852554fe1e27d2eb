"""A room with a language model: its words where they hold, the composer's whatever it does, and never a pause for it.

The servers are real ones on local ports.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from streaming.air.host import RoomHost, host_of
from streaming.air.model_access import model_access
from streaming.director.freedom import Freedom
from streaming.leases import take_lease
from streaming.models import Room, Source
from streaming.services import receive_comments
from tests.road import World
from tests.streaming.dialogue import test_model as servers
from tests.streaming.rooms.planned import FREE, room_on_air

pytestmark = pytest.mark.django_db
APPROVED = "主要成分是甘油和茉莉花水。"
QUESTION = "成分是什么"


@pytest.fixture
def room(world: World) -> Room:
    return room_on_air(world)


def hosted(room: Room, settings: Any, port: int, **more: Any) -> RoomHost:
    for name, value in {
        "URL": f"http://127.0.0.1:{port}/v1", "NAME": "m", "KEY": "k", "FIRST_WORD_S": 0.3, "TOTAL_S": 0.6, **more,
    }.items():  # fmt: skip
        setattr(settings, f"AVOW_MODEL_{name}", value)
    lease = take_lease(room.pk, "performer")
    assert lease is not None
    return host_of(room, lease)


def ask(room: Room, host: RoomHost, text: str = QUESTION) -> list[str]:
    """What is said to a question; the host goes on with the rundown meanwhile."""
    message = {
        "platform": "x", "room": str(room.pk), "id": uuid4().hex, "user_ref": uuid4().hex, "text": text,
        "ts": time.time(),
    }  # fmt: skip
    receive_comments(room=room, messages=[message])
    assert host.next_line().source == Source.RUNDOWN
    assert host._comments is not None
    host._comments.look()
    said = []
    while (line := host.next_line()).source == Source.ANSWER:
        said.append(line.text)
    return said


def good(handler: servers.Handler) -> None:
    handler.begin()
    handler.say(f'{{"say": "{APPROVED}", "facts": ["made-of"]}}\n')
    handler.end()


def test_a_models_founded_words_are_spoken(room: Room, settings: Any) -> None:
    with servers.server(good) as http:
        host = hosted(room, settings, http.server_address[1])
        assert ask(room, host) == [APPROVED]
        path, headers, _body = http.asked[0]  # type: ignore[attr-defined]
        assert (path, headers["Authorization"]) == ("/v1/chat/completions", "Bearer k")


@pytest.mark.parametrize(
    "behaviour",
    [servers.hang_at_once, servers.hang_after_headers, servers.garbage, servers.close_midway, servers.close_rudely],
)
def test_whatever_a_model_does_the_composer_answers(room: Room, settings: Any, behaviour: servers.Behaviour) -> None:
    with servers.server(behaviour) as http:
        host = hosted(room, settings, http.server_address[1])
        assert APPROVED in "".join(ask(room, host))
    assert room.events.filter(code__startswith="model_").exists()


def test_a_model_that_stays_away_is_told_once_and_left_alone(room: Room, settings: Any) -> None:
    with servers.server(servers.status_500) as http:
        host = hosted(room, settings, http.server_address[1])
        for text in ("成分是什么", "质地怎么样", "怎么用", "多久发货", "可以退货吗"):
            assert ask(room, host, text)
        # a failed request is repeated once; after three failures in a row nobody asks any more
        assert len(http.asked) <= 6  # type: ignore[attr-defined]
    codes = list(room.events.filter(code__startswith="model_").values_list("code", flat=True))
    assert sorted(codes) == ["model_circuit_open", "model_status"]


def test_without_legals_leave_no_model_is_asked(world: World, settings: Any) -> None:
    room = room_on_air(world, freedom=Freedom(True, FREE.expression, model_words=False))
    with servers.server(good) as http:
        host = hosted(room, settings, http.server_address[1])
        assert ask(room, host)
        assert http.asked == []  # type: ignore[attr-defined]


def test_settings_that_cannot_be_used_are_told_and_stop_nothing(room: Room, settings: Any, tmp_path: Path) -> None:
    settings.AVOW_MODEL_URL = "ftp://example.org"
    assert model_access(room) is None
    settings.AVOW_MODEL_URL, settings.AVOW_MODEL_KEY_FILE = "http://127.0.0.1:9", str(tmp_path / "none")
    assert model_access(room) is None
    assert room.events.filter(code="model_settings").count() == 2
    (tmp_path / "key").write_text("secret\n")
    settings.AVOW_MODEL_KEY_FILE = str(tmp_path / "key")
    access = model_access(room)
    assert access is not None and access.client.settings.api_key == "secret"
    settings.AVOW_MODEL_URL = ""
    assert model_access(room) is None


def test_what_a_room_may_spend_is_set_by_the_operator(room: Room, settings: Any) -> None:
    with servers.server(good) as http:
        host = hosted(room, settings, http.server_address[1], REQUESTS=1)
        assert ask(room, host) == [APPROVED]
        assert ask(room, host, "主要成分有哪些呢？")
        assert len(http.asked) == 1  # type: ignore[attr-defined]
    assert room.events.filter(code="model_budget_spent").exists()
