"""A room's webhook: its secrets, and what is delivered to it."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from compliance.accounts.models import User
from compliance.keys.custody import open_custody
from compliance.keys.purposes import KeyPurpose
from streaming.errors import RoomRefused
from streaming.models import Room, WebhookKey
from streaming.services import lock_for_producer, note, receive_comments
from streaming.webhooks.errors import BodyRefused, BodyTooLarge, BodyTypeUnknown
from streaming.webhooks.signing import as_text, secret_of, verify

MAX_BYTES, MAX_COMMENTS = 512 * 1024, 1000
OVERLAP = timedelta(hours=24)
"""So long the former secret is accepted after a rotation, so that an adapter can be changed without a gap."""
_LINES = ("application/x-ndjson", "application/jsonl", "application/x-jsonlines")
_USED_EVERY = timedelta(seconds=60)
Json = dict[str, Any]


def valid_keys(room: Room) -> QuerySet[WebhookKey]:
    """Secrets that are accepted now, the newest first."""
    return room.webhook_keys.filter(Q(ends_at__isnull=True) | Q(ends_at__gt=timezone.now()))


@transaction.atomic
def rotate_secret(*, room: Room, by: User) -> str:
    """Make a secret for the room's webhook and return it, the only time that it is shown. The one before is accepted
    for another `OVERLAP`, older ones no more.

    Raises:
        RoomRefused: room_not_yours, room_ended.
    """
    room = lock_for_producer(room, by)
    now = timezone.now()
    valid_keys(room).filter(ends_at__isnull=False).update(ends_at=now)
    valid_keys(room).filter(ends_at__isnull=True).update(ends_at=now + OVERLAP)
    custody = open_custody()
    key_id = custody.key_id(KeyPurpose.WEBHOOK)
    made = WebhookKey.objects.create(room=room, key_id=key_id, created_by=by)
    note(room=room, code="webhook_secret", text=_("%(name)s has made a secret for comments.") % {"name": by})
    return as_text(secret_of(custody.secret(KeyPurpose.WEBHOOK, key_id), made.pk))


@transaction.atomic
def end_secrets(*, room: Room, by: User) -> None:
    """Accept no delivery any more, at once: for a secret that others may know.

    Raises:
        RoomRefused: room_not_yours, room_ended.
    """
    room = lock_for_producer(room, by)
    valid_keys(room).update(ends_at=timezone.now())
    note(room=room, code="webhook_closed", text=_("%(name)s has closed the door for comments.") % {"name": by})


# --- deliveries ---
def check_delivery(*, room: Room, headers: Mapping[str, str], body: bytes) -> None:
    """Refuse what no secret of the room has signed.

    Raises:
        SignatureRefused.
    """
    custody, keys = open_custody(), {key.pk: key for key in valid_keys(room)}
    masters = {key_id: custody.secret(KeyPurpose.WEBHOOK, key_id) for key_id in {k.key_id for k in keys.values()}}
    secrets = [(key.pk, secret_of(masters[key.key_id], key.pk)) for key in keys.values()]
    used, now = keys[verify(headers, body, secrets, now_s=time.time())], timezone.now()
    if used.last_used_at is None or used.last_used_at < now - _USED_EVERY:
        WebhookKey.objects.filter(pk=used.pk).update(last_used_at=now)


def take_delivery(*, room: Room, content_type: str, body: bytes) -> Json:
    """Keep the comments of a delivery that was checked. Returns how many were `kept`, and `refused` ones by code.

    A field `room` or `ts` that is not there is filled in. A comment that comes twice is kept once.

    Raises:
        RoomRefused: room_off_air.
        BodyRefused, BodyTypeUnknown, BodyTooLarge: nothing was kept.
    """
    if not room.wanted_on_air:
        raise RoomRefused("room_off_air", _("This room is not on air."))
    found = read_body(content_type, body)
    if len(found) > MAX_COMMENTS:
        text = _("At most %(limit)d comments fit one delivery.")
        raise BodyTooLarge("too_many_comments", text % {"limit": MAX_COMMENTS})
    given = {"room": str(room.pk), "ts": time.time()}
    whole = [one for one in found if one is not None]
    counts = receive_comments(room=room, messages=[{**given, **one} if isinstance(one, dict) else one for one in whole])
    kept, broken = counts.pop("kept"), len(found) - len(whole)
    return {"kept": kept, "refused": counts | ({"comment_not_json": broken} if broken else {})}


def read_body(content_type: str, body: bytes) -> list[Any]:
    """The messages in a body: one JSON object, a list of them, or JSON lines. A line that is no JSON is None.

    Raises:
        BodyRefused, BodyTypeUnknown.
    """
    if not body.strip():
        raise BodyRefused("body_empty", _("The body is empty."))
    kind = content_type.partition(";")[0].strip().lower()
    if kind not in ("application/json", *_LINES):
        text = _("Send application/json or application/x-ndjson.")
        raise BodyTypeUnknown("body_type_unknown", text)
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BodyRefused("body_not_utf8", _("The body is no UTF-8.")) from error
    if kind in _LINES:
        return [_line(line) for line in text.split("\n") if line.strip()]
    return _document(text)


def _document(text: str) -> list[Any]:
    try:
        given = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BodyRefused("body_not_json", _("The body is no JSON.")) from error
    if not isinstance(given, dict | list):
        raise BodyRefused("body_not_comments", _("The body is neither a comment nor a list of comments."))
    return given if isinstance(given, list) else [given]


def _line(line: str) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None
