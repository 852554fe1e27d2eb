"""`ws/live/<id>/`: the viewer's page hears what is on air and hands in comments over one connection.

Text frames of JSON. From the server: `{"type": "state", ...}` with the fields of `selectors.live_state`, whenever
they change; `{"type": "kept", "id"}` and `{"type": "refused", "id", "code", "text"}` as answers. From the page:
`{"type": "comment", "id", "text"}`. One task per room and process asks the database, however many watch.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import DatabaseError
from django.http import parse_cookie
from django.http.request import split_domain_port, validate_host
from django.utils.translation import gettext as _

from compliance.connections import renew_connections
from streaming.selectors import live_state, public_rooms
from streaming.services import receive_comments

logger = logging.getLogger(__name__)
Json = dict[str, Any]
Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]

MAX_FRAME, MAX_ID = 4096, 64
MAX_SOCKETS, MAX_PER_ADDRESS = 2000, 100
BURST, PER_MINUTE = 4.0, 12.0
PATIENCE = 20
"""So many refused messages, then the connection is closed."""
_LOOK_S = 1.0
_WAITING = 16
_NORMAL, _UNSUPPORTED, _POLICY, _TOO_BIG, _LATER = 1000, 1003, 1008, 1009, 1013  # RFC 6455, 7.4.1


@dataclass
class Hub:
    """The viewers of one room in this process, and the task that looks for them."""

    room_id: UUID
    viewers: set[asyncio.Queue[str]] = field(default_factory=set)
    last: str = ""
    task: asyncio.Task[None] | None = None

    def join(self) -> asyncio.Queue[str]:
        queue: asyncio.Queue[str] = asyncio.Queue(_WAITING)
        if self.last:
            queue.put_nowait(self.last)
        self.viewers.add(queue)
        if self.task is None:
            self.task = asyncio.create_task(self._watch())
        return queue

    def leave(self, queue: asyncio.Queue[str]) -> None:
        self.viewers.discard(queue)
        if not self.viewers and self.task is not None:
            self.task.cancel()
            self.task = None

    async def _watch(self) -> None:
        while True:
            with suppress(DatabaseError):
                self._tell(await sync_to_async(_state_of)(self.room_id))
            await asyncio.sleep(_LOOK_S)

    def _tell(self, state: Json | None) -> None:
        text = json.dumps({"type": "state", **(state or {"state": "ended"})})
        if text == self.last:
            return
        self.last = text
        for queue in self.viewers:
            with suppress(asyncio.QueueFull):  # whoever does not read hears the next change
                queue.put_nowait(text)


@dataclass
class Bucket:
    """Tokens of one connection: `BURST` at once, `PER_MINUTE` on average."""

    tokens: float = BURST
    at: float = field(default_factory=time.monotonic)

    def take(self) -> bool:
        now = time.monotonic()
        self.tokens, self.at = min(BURST, self.tokens + (now - self.at) * PER_MINUTE / 60), now
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True


_hubs: dict[UUID, Hub] = {}
_open: Counter[str] = Counter()


async def live_socket(scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
    """ASGI entry for one connection. One that is not ours to talk to is refused before it is accepted (HTTP 403)."""
    await receive()  # websocket.connect
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
    room_id, address = _room_of(scope["path"]), str((scope.get("client") or ("",))[0])
    if room_id is None or not same_origin(headers, secure=scope.get("scheme") == "wss"):
        await send({"type": "websocket.close", "code": _POLICY})
    elif _open[address] >= MAX_PER_ADDRESS or _open.total() >= MAX_SOCKETS:
        await send({"type": "websocket.close", "code": _LATER})
    elif await sync_to_async(_state_of)(room_id) is None:
        await send({"type": "websocket.close", "code": _POLICY})
    else:
        await send({"type": "websocket.accept"})
        _open[address] += 1
        try:
            await _converse(room_id, _viewer(headers), receive, send)
        finally:
            _open[address] -= 1
            if not _open[address]:
                del _open[address]


def same_origin(headers: Mapping[str, str], *, secure: bool) -> bool:
    """Whether a page of this very site opened the connection: browsers name the page's origin and cannot be made to
    lie. No origin, no connection: programs have the API.
    """
    origin, host = headers.get("origin", ""), headers.get("host", "")
    if origin in settings.CSRF_TRUSTED_ORIGINS:
        return True
    domain, _port = split_domain_port(host)
    schemes = ("https",) if secure or settings.AVOW_PUBLIC_URL.startswith("https://") else ("http", "https")
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    ours = bool(domain) and validate_host(domain, settings.ALLOWED_HOSTS)
    return ours and parts.scheme in schemes and parts.netloc.lower() == host.lower()


def _room_of(path: str) -> UUID | None:
    try:
        return UUID(path.strip("/").rpartition("/")[2])
    except ValueError:
        return None


def _viewer(headers: Mapping[str, str]) -> str:
    """The same pseudonym as over POST where there is a session, else one of the connection."""
    session = parse_cookie(headers.get("cookie", "")).get(settings.SESSION_COOKIE_NAME, "")
    return session if session.isalnum() and len(session) <= 64 else f"socket.{uuid4().hex}"


async def _converse(room_id: UUID, viewer: str, receive: Receive, send: Send) -> None:
    """Until either side hangs up: one task speaks, this one listens."""
    hub = _hubs.setdefault(room_id, Hub(room_id))
    outbox = hub.join()
    speaking = asyncio.create_task(_speak(outbox, send))
    try:
        code = await _listen(room_id, viewer, receive, outbox)
    finally:
        speaking.cancel()
        hub.leave(outbox)
        if not hub.viewers:
            _hubs.pop(room_id, None)
    if code is not None:
        with suppress(OSError, RuntimeError):
            await send({"type": "websocket.close", "code": code})


async def _speak(outbox: asyncio.Queue[str], send: Send) -> None:
    while True:
        await send({"type": "websocket.send", "text": await outbox.get()})


async def _listen(room_id: UUID, viewer: str, receive: Receive, outbox: asyncio.Queue[str]) -> int | None:
    """The close code to end with; None when the other side has hung up."""
    bucket, refused = Bucket(), 0
    while True:
        event = await receive()
        if event["type"] == "websocket.disconnect":
            return None
        text = event.get("text")
        if text is None:
            return _UNSUPPORTED
        if len(text.encode()) > MAX_FRAME:
            return _TOO_BIG
        answer = await _answer(room_id, viewer, text, bucket)
        refused += answer["type"] == "refused"
        if refused > PATIENCE:
            return _POLICY
        with suppress(asyncio.QueueFull):
            outbox.put_nowait(json.dumps(answer))


async def _answer(room_id: UUID, viewer: str, text: str, bucket: Bucket) -> Json:
    try:
        message = json.loads(text)
        kind, name, words = message["type"], message.get("id", ""), message["text"]
    except (ValueError, RecursionError, TypeError, KeyError, AttributeError):
        return _refusal("", "message_unreadable", _("Send {type, id, text} as JSON."))
    if kind != "comment" or not isinstance(name, str) or len(name) > MAX_ID:
        return _refusal("", "message_unreadable", _("Send {type, id, text} as JSON."))
    if not bucket.take():
        return _refusal(name, "rate_limited", _("Wait a few seconds before you write again."))
    try:
        code = await sync_to_async(_keep)(room_id, viewer, words)
    except DatabaseError:
        return _refusal(name, "room_away", _("The room cannot be reached at the moment. Try again."))
    if code:
        return _refusal(name, code, _("This could not be sent. Write it in plain words."))
    return {"type": "kept", "id": name}


def _refusal(name: str, code: str, text: str) -> Json:
    return {"type": "refused", "id": name, "code": code, "text": text}


def _keep(room_id: UUID, viewer: str, words: Any) -> str:
    """Hand a viewer's words in; the code of the refusal, empty when they are kept."""
    renew_connections()
    room = public_rooms().filter(pk=room_id, wanted_on_air=True).first()
    if room is None:
        return "room_off_air"
    message = {
        "platform": "avow", "room": str(room_id), "id": uuid4().hex, "user_ref": viewer, "text": words,
        "ts": time.time(),
    }  # fmt: skip
    counts = receive_comments(room=room, messages=[message])
    return "" if counts.pop("kept") else next(iter(counts))


def _state_of(room_id: UUID) -> Json | None:
    renew_connections()
    room = public_rooms().filter(pk=room_id).first()
    return live_state(room) if room else None
