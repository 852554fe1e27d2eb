"""What people may read of rooms."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db.models import Q, QuerySet
from django.utils import timezone

from avatars.selectors import STUDIO_ROLES
from compliance.accounts.models import User
from compliance.accounts.selectors import organisations_with_role
from compliance.consent.models import Withdrawal
from compliance.consent.selectors import head_of
from compliance.disclosure.labels import LabelSpec
from streaming.air.spec import drawn_label, duties_of, stream_spec
from streaming.models import Room, RoomState

FAREWELL = timedelta(seconds=60)
"""An ended room still shows its slate for some seconds."""


def rooms_for(user: User) -> QuerySet[Room]:
    """Rooms of the organisations the person works in, and every room that shows the person."""
    own = Q(organisation__in=organisations_with_role(user, *STUDIO_ROLES)) | Q(take__grant__principal=user)
    return Room.objects.filter(own).select_related("take__grant__principal", "organisation", "avatar", "air").distinct()


def public_rooms() -> QuerySet[Room]:
    """Rooms anybody may watch: those that are or were on air."""
    shown = Room.objects.filter(state__in=(RoomState.ON_AIR, RoomState.ENDED), on_air_at__isnull=False)
    return shown.select_related("take", "organisation", "air")


def consent_ended(room: Room) -> bool:
    """Whether the consent the room rests on has ended: its newest, where it was changed."""
    return Withdrawal.objects.filter(grant=head_of(room.take.grant)).exists()


def no_longer_shown(room: Room) -> bool:
    """Whether consent has ended, and the slate that said so too: what was published lies here as evidence only."""
    over = room.ended_at is not None and room.ended_at < timezone.now() - FAREWELL
    return over and consent_ended(room)


def label_of(room: Room) -> LabelSpec | None:
    """The label burned into the room's picture, by the duties of the last decision."""
    decision: dict[str, Any] = room.take.decision or {}
    spec = stream_spec(room.take.width, room.take.height, room.take.fps)
    return drawn_label(duties_of(decision.get("duties", [])), [room.take.campaign["language"]], spec)
