"""What people may read of rooms."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db.models import Q, QuerySet
from django.utils import timezone

from avatars.selectors import STUDIO_ROLES
from compliance.accounts.models import User
from compliance.accounts.selectors import organisations_with_role
from compliance.disclosure.labels import LabelSpec
from streaming.air.spec import drawn_label, duties_of, stream_spec
from streaming.models import Room, RoomState


def rooms_for(user: User) -> QuerySet[Room]:
    """Rooms of the organisations the person works in, and every room that shows the person."""
    own = Q(organisation__in=organisations_with_role(user, *STUDIO_ROLES)) | Q(take__grant__principal=user)
    return Room.objects.filter(own).select_related("take__grant__principal", "organisation", "avatar", "air").distinct()


def public_rooms() -> QuerySet[Room]:
    """Rooms anybody may watch: those that are or were on air."""
    shown = Room.objects.filter(state__in=(RoomState.ON_AIR, RoomState.ENDED), on_air_at__isnull=False)
    return shown.select_related("take", "organisation", "air")


QUOTED_FOR_S = 20
"""So long a question stays on the viewer's page after the host began to answer it."""


def live_state(room: Room) -> dict[str, Any]:
    """What everybody may know of a room on air: what is seen and why, how much effort is left, the question that is
    being answered where the room quotes questions (its screened copy, never what the viewer wrote).
    """
    air = room.air
    return {
        "state": room.state, "showing": air.showing, "code": air.slate_code, "effort": air.effort,
        "quote": _quote(room),
    }  # fmt: skip


def _quote(room: Room) -> str:
    if not room.plan.get("quote_comments") or not room.wanted_on_air:
        return ""
    now = timezone.now()
    since = now - timedelta(seconds=QUOTED_FOR_S)
    said = room.lines.filter(comment__isnull=False, blocked=False, at__lte=now, at__gt=since)
    line = said.select_related("comment").order_by("-at").first()
    return str(line.comment.screening.get("quote") or "") if line and line.comment else ""


def label_of(room: Room) -> LabelSpec | None:
    """The label burned into the room's picture, by the duties of the last decision."""
    decision: dict[str, Any] = room.take.decision or {}
    spec = stream_spec(room.take.width, room.take.height, room.take.fps)
    return drawn_label(duties_of(decision.get("duties", [])), [room.take.campaign["language"]], spec)
