"""Who may see what of an archive."""

from __future__ import annotations

import re
from uuid import UUID

from django.db.models import Q, QuerySet

from compliance.accounts.models import Role, User
from compliance.accounts.selectors import has_role, is_regulator
from streaming import selectors as rooms
from streaming.archive.models import Hold, Part
from streaming.models import Room

_MARK = re.compile(r"^[0-9a-f]{16}$")
_SHA256 = re.compile(r"^[0-9a-f]{64}$")


def archives_for(user: User) -> QuerySet[Room]:
    """Rooms whose archive the person may open: their own, those that show them, and every one for an authority."""
    if is_regulator(user):
        return Room.objects.select_related("take__grant__principal", "organisation", "avatar", "air")
    return rooms.rooms_for(user)


def find_archives(user: User, lead: str) -> QuerySet[Room]:
    """Broadcasts a lead points to: a mark, a film's SHA-256, an id of room, take or grant, a word. Newest first."""
    found, lead = archives_for(user).filter(on_air_at__isnull=False), lead.strip()
    if not lead:
        return found
    if _MARK.match(lead.lower()):
        return found.filter(take__marks__value=lead.lower())
    if _SHA256.match(lead.lower()):
        return found.filter(parts__sha256=lead.lower())
    try:
        number = UUID(lead)
    except ValueError:
        return found.filter(Q(title__icontains=lead) | Q(organisation__name__icontains=lead))
    return found.filter(Q(pk=number) | Q(take=number) | Q(take__grant=number))


def parts_for(user: User) -> QuerySet[Part]:
    """Files of these archives."""
    return Part.objects.filter(room__in=archives_for(user)).select_related("room__take__grant", "room__organisation")


def may_watch(user: User, room: Room) -> bool:
    """Whoever sees the archive may watch it, until consent ends; then it is evidence, and for authorities only."""
    return is_regulator(user) or not rooms.consent_ended(room)


def may_export(user: User, room: Room) -> bool:
    """Brand legal answers for the archive; authorities may ask for it."""
    return is_regulator(user) or has_role(user, room.organisation, Role.LEGAL)


def may_lift(user: User, hold: Hold) -> bool:
    """Authorities every hold, brand legal those of their own side."""
    return is_regulator(user) or (not hold.of_an_authority and has_role(user, hold.room.organisation, Role.LEGAL))


def holds_on(room: Room) -> QuerySet[Hold]:
    """Holds in force."""
    return Hold.objects.filter(room=room, lifted_at__isnull=True).select_related("placed_by", "room__organisation")
