"""Comments of platforms: who may hand them in, what a delivery may look like, and the bridge."""

from __future__ import annotations

import base64
import hashlib
import hmac
import io
import json
import threading
import time
from datetime import timedelta
from typing import Any

import httpx
import pytest
import time_machine
from django.core.cache import cache
from django.test import Client
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from compliance.keys.purposes import KeyPurpose
from compliance.keys.services import rotate
from streaming.errors import RoomRefused
from streaming.models import Room, RoomComment
from streaming.services import stop_room
from streaming.webhooks.bridge import Bridge
from streaming.webhooks.errors import BridgeFailed, SignatureRefused
from streaming.webhooks.services import MAX_BYTES, MAX_COMMENTS, end_secrets, read_body, rotate_secret
from streaming.webhooks.signing import as_text, from_text, sign, verify
from tests.road import World

pytestmark = pytest.mark.django_db
JSON, LINES = "application/json", "application/x-ndjson"


@pytest.fixture(autouse=True)
def _fresh_limits() -> None:
    cache.clear()


def comment(number: int = 1, **changes: Any) -> dict[str, Any]:
    return {"platform": "douyin", "id": str(number), "user_ref": "u1", "text": "多少钱一瓶？", **changes}


def deliver(room: Room, secret: str, body: bytes, kind: str = JSON, **headers: str) -> Any:
    signed = {**sign(from_text(secret), "msg_1", int(time.time()), body), **headers}
    return post(room, body, kind, signed)


def post(room: Room, body: bytes, kind: str, headers: dict[str, str]) -> Any:
    return Client().post(f"/api/v1/rooms/{room.pk}/comments", body, content_type=kind, headers=headers)


def test_a_signed_comment_is_kept_once(room: Room, world: World) -> None:
    secret = rotate_secret(room=room, by=world.producer)
    body = json.dumps(comment()).encode()
    answer = deliver(room, secret, body)
    assert (answer.status_code, answer.json()) == (202, {"kept": 1, "refused": {}})
    assert deliver(room, secret, body).status_code == 202, "a repeated delivery is no error"
    kept = RoomComment.objects.get(room=room)
    assert (kept.text, kept.platform) == ("多少钱一瓶？", "douyin") and kept.user_ref != "u1"
    assert room.webhook_keys.get().last_used_at is not None


def test_the_signature_is_the_one_of_the_standard(room: Room, world: World) -> None:
    """Computed here from the standard's text alone: base64(HMAC-SHA256(secret, "id.timestamp.body"))."""
    secret = rotate_secret(room=room, by=world.producer)
    key, body, now = base64.b64decode(secret.removeprefix("whsec_")), json.dumps([comment()]).encode(), int(time.time())
    mac = base64.b64encode(hmac.new(key, f"msg_a.{now}.".encode() + body, hashlib.sha256).digest()).decode()
    headers = {"webhook-id": "msg_a", "webhook-timestamp": str(now), "webhook-signature": f"v1,AAAA v1a,x v1,{mac}"}
    assert post(room, body, JSON, headers).status_code == 202


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"webhook-signature": ""}, "signature_missing"),
        ({"webhook-signature": "v2,AAAA"}, "signature_missing"),
        ({"webhook-id": ""}, "signature_missing"),
        ({"webhook-id": "x" * 300}, "signature_missing"),
        ({"webhook-timestamp": "soon"}, "signature_missing"),
        ({"webhook-timestamp": "１７９５"}, "signature_missing"),
        ({"webhook-timestamp": "1500000000"}, "signature_stale"),
        ({"webhook-timestamp": "9500000000"}, "signature_stale"),
        ({"webhook-signature": "v1,AAAA"}, "signature_wrong"),
        ({"webhook-id": "msg_2"}, "signature_wrong"),
        ({"webhook-signature": "v1,\xe9"}, "signature_wrong"),
    ],
)
def test_a_delivery_that_is_not_signed_is_refused(
    room: Room, world: World, change: dict[str, str], code: str
) -> None:
    secret = rotate_secret(room=room, by=world.producer)
    body = json.dumps(comment()).encode()
    with pytest.raises(SignatureRefused) as refused:
        headers = {**sign(from_text(secret), "msg_1", int(time.time()), body), **change}
        verify(headers, body, [(room.pk, from_text(secret))], now_s=time.time())
    assert refused.value.code == code
    if all(value.isascii() for value in change.values()):
        answer = deliver(room, secret, body, **change)
        assert (answer.status_code, answer.json()["code"]) == (401, code)
    assert not RoomComment.objects.exists()


def test_a_body_changed_on_the_way_and_a_recording_are_refused(room: Room, world: World) -> None:
    secret = rotate_secret(room=room, by=world.producer)
    body = json.dumps(comment()).encode()
    headers = sign(from_text(secret), "msg_1", int(time.time()), body)
    assert post(room, body.replace(b"u1", b"u2"), JSON, headers).json()["code"] == "signature_wrong"
    with time_machine.travel(timezone.now() + timedelta(seconds=301), tick=False):
        assert post(room, body, JSON, headers).json()["code"] == "signature_stale"


def test_a_secret_of_another_room_opens_nothing(room: Room, world: World) -> None:
    other = Room.objects.create(
        organisation=world.brand, created_by=world.producer, take=world.order(), avatar=room.avatar, title="Other",
        plan={"rundown": []}, on_air_at=timezone.now(), wanted_on_air=True,
    )  # fmt: skip
    secret = rotate_secret(room=other, by=world.producer)
    assert deliver(room, secret, b"[]").json()["code"] == "signature_wrong"


def test_a_rotated_secret_fades_and_an_ended_one_is_gone_at_once(room: Room, world: World) -> None:
    first, second = (rotate_secret(room=room, by=world.producer) for _time in range(2))
    assert first != second
    assert [deliver(room, secret, b"[]").status_code for secret in (first, second)] == [202, 202]
    third = rotate_secret(room=room, by=world.producer)
    assert [deliver(room, secret, b"[]").status_code for secret in (first, second, third)] == [401, 202, 202]
    with time_machine.travel(timezone.now() + timedelta(hours=25)):
        assert [deliver(room, secret, b"[]").status_code for secret in (second, third)] == [401, 202]
    end_secrets(room=room, by=world.producer)
    assert deliver(room, third, b"[]").status_code == 401


def test_the_secret_outlives_a_rotation_of_the_key_it_comes_from(
    room: Room, world: World, keystore: Any, tmp_path: Any
) -> None:
    secret = rotate_secret(room=room, by=world.producer)
    rotate(purpose=KeyPurpose.WEBHOOK, keys_dir=keystore[0], secrets_dir=keystore[1])
    assert deliver(room, secret, b"[]").status_code == 202
    assert deliver(room, rotate_secret(room=room, by=world.producer), b"[]").status_code == 202


def test_the_database_tells_no_secret(room: Room, world: World) -> None:
    secret = rotate_secret(room=room, by=world.producer)
    rows = repr([vars(row) for row in (*room.webhook_keys.all(), *room.events.all())])
    assert secret not in rows and secret.removeprefix("whsec_") not in rows and from_text(secret).hex() not in rows


def test_only_producers_make_secrets(room: Room, world: World) -> None:
    for verb in (rotate_secret, end_secrets):
        with pytest.raises(RoomRefused, match="room_not_yours"):
            verb(room=room, by=world.legal)
    client = Client()
    client.force_login(world.producer)
    page = client.post(f"/studio/rooms/{room.pk}/webhook/secret/")
    assert b"whsec_" in page.content and "no-store" in page["Cache-Control"]
    assert b"whsec_" not in client.get(f"/studio/rooms/{room.pk}/").content
    stop_room(room=room, by=world.producer, because="")
    with pytest.raises(RoomRefused, match="room_ended"):
        rotate_secret(room=room, by=world.producer)


@pytest.mark.parametrize(
    ("kind", "body", "status", "code"),
    [
        ("text/plain", b"{}", 415, "body_type_unknown"),
        (JSON, b"", 422, "body_empty"),
        (JSON, b"\xff\xfe", 422, "body_not_utf8"),
        (JSON, b"{", 422, "body_not_json"),
        (JSON, b"[" * 100_000, 422, "body_not_json"),
        (JSON, b'"hello"', 422, "body_not_comments"),
        (JSON, b" " * (MAX_BYTES + 1), 413, "body_too_large"),
        (LINES, b"{}\n" * (MAX_COMMENTS + 1), 413, "too_many_comments"),
    ],
)
def test_a_body_that_cannot_be_used_has_a_code(
    room: Room, world: World, kind: str, body: bytes, status: int, code: str
) -> None:
    secret = rotate_secret(room=room, by=world.producer)
    answer = deliver(room, secret, body, kind)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_bad_comments_are_counted_and_the_good_one_is_kept(room: Room, world: World) -> None:
    secret = rotate_secret(room=room, by=world.producer)
    given_: list[Any] = [
        comment(1), comment(2, text=""), comment(3, room="other"), comment(4, ts=-1), comment(5, more=1), 7,
    ]  # fmt: skip
    body = "\n".join([*map(json.dumps, given_), "{half", ""]).encode()
    answer = deliver(room, secret, body, LINES)
    assert answer.json() == {
        "kept": 1,
        "refused": {
            "comment_text": 1, "wrong_room": 1, "comment_time": 1, "comment_fields": 2, "comment_not_json": 1,
        },
    }  # fmt: skip


@given(st.binary(max_size=200), st.sampled_from([JSON, LINES]))
def test_any_bytes_give_messages_or_a_code(body: bytes, kind: str) -> None:
    try:
        assert isinstance(read_body(kind, body), list)
    except Exception as error:
        assert getattr(error, "code", "").startswith("body_")


def test_a_flood_is_slowed_down_and_told_when_to_come_back(
    room: Room, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = rotate_secret(room=room, by=world.producer)
    monkeypatch.setattr("rest_framework.throttling.SimpleRateThrottle.get_rate", lambda _self: "3/minute")
    answers = [deliver(room, secret, b"[]") for _time in range(5)]
    assert [one.status_code for one in answers] == [202, 202, 202, 429, 429]
    assert answers[-1].json()["code"] == "rate_limited" and int(answers[-1]["Retry-After"]) >= 1


def test_a_room_off_air_takes_nothing(room: Room, world: World) -> None:
    secret = rotate_secret(room=room, by=world.producer)
    Room.objects.filter(pk=room.pk).update(wanted_on_air=False)
    answer = deliver(room, secret, b"[]")
    assert (answer.status_code, answer.json()["code"]) == (409, "room_off_air")


# --- the bridge ---
def run_bridge(room: Room, secret: str, lines: str, *, fail_first: int = 0) -> Bridge:
    """The bridge's own client, whose requests go to the real view; the first `fail_first` meet a dead server."""
    left = [fail_first]

    def answer(request: httpx.Request) -> httpx.Response:
        if left[0]:
            left[0] -= 1
            raise httpx.ConnectError("gone")
        headers = {name: text for name, text in request.headers.items() if name.startswith("webhook-")}
        given_ = post(room, request.content, request.headers["content-type"], headers)
        return httpx.Response(given_.status_code, content=given_.content)

    client = httpx.Client(transport=httpx.MockTransport(answer))
    bridge = Bridge("https://avow.example/x", from_text(secret), client, _Impatient(), live=False)
    bridge.read(io.StringIO(lines))
    bridge.run()
    return bridge


class _Impatient(threading.Event):
    """Waits for nothing."""

    def wait(self, timeout: float | None = None) -> bool:
        return self.is_set()


def test_the_bridge_hands_every_line_in_once_although_the_server_was_away(room: Room, world: World) -> None:
    secret = rotate_secret(room=room, by=world.producer)
    lines = "\n".join([json.dumps(comment(1)), "", "garbage", "x" * 9000, json.dumps(comment(2), ensure_ascii=False)])
    bridge = run_bridge(room, secret, lines, fail_first=2)
    expected = {"read": 4, "line_too_long": 1, "unreachable": 2, "kept": 2, "comment_not_json": 1}
    assert dict(bridge.counts) == expected
    assert RoomComment.objects.filter(room=room).count() == 2


def test_the_bridge_ends_with_the_room_s_code_when_it_is_not_wanted(room: Room) -> None:
    with pytest.raises(BridgeFailed, match="signature_wrong"):
        run_bridge(room, as_text(bytes(32)), json.dumps(comment()))
