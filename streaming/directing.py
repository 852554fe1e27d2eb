"""What people may do to a room's director: take a decision back, fix the order, leave an item out."""

from __future__ import annotations

from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from compliance.accounts.models import Role, User
from compliance.accounts.selectors import has_role
from streaming.errors import RoomRefused
from streaming.models import DirectorRecord, DirectorRecordKind, Room
from streaming.services import note


def may_direct(user: User, room: Room) -> bool:
    """Producers and legal of the room's organisation."""
    return has_role(user, room.organisation, Role.PRODUCER, Role.LEGAL)


@transaction.atomic
def take_decision_back(*, room: Room, by: User, decision_id: str) -> DirectorRecord:
    """Ask the director to forget a decision: it does so before it decides again, whoever performs the room then.

    What it taught is forgotten; if it is on air, its item ends after the line that is being spoken, and the plan's next
    item follows.

    Raises:
        RoomRefused: room_not_yours, decision_unknown, decision_taken_back.
    """
    _require(room, by)
    decision = room.director_log.filter(kind=DirectorRecordKind.DECISION, decision_id=decision_id).first()
    if decision is None:
        raise RoomRefused("decision_unknown", _("The director has made no such decision in this room."))
    try:
        with transaction.atomic():
            record = DirectorRecord.objects.create(
                room=room,
                kind=DirectorRecordKind.REVERTED,
                decision_id=decision_id,
                item_id=decision.item_id,
                at=timezone.now(),
                by=by,
            )
    except IntegrityError as error:
        raise RoomRefused("decision_taken_back", _("This decision has been taken back already.")) from error
    text = _("%(name)s has taken decision %(id)s back.") % {"name": by, "id": decision_id}
    note(room=room, code="decision_taken_back", text=text, data={"decision": decision_id})
    return record


@transaction.atomic
def fix_order(*, room: Room, by: User, fixed: bool) -> Room:
    """Have the items follow each other as planned, or let the director choose again where legal approved that.

    Raises:
        RoomRefused: room_not_yours.
    """
    room = _locked(room, by)
    text = _("%(name)s has fixed the planned order.") if fixed else _("%(name)s lets the director choose again.")
    return _lock(room, "order_fixed" if fixed else "order_free", text % {"name": by}, frozen=fixed)


@transaction.atomic
def bar_item(*, room: Room, by: User, item_id: str, barred: bool) -> Room:
    """Leave an item out from now on, or let it come again. One that is on air ends after the line being spoken.

    Raises:
        RoomRefused: room_not_yours, item_unknown.
    """
    room = _locked(room, by)
    titles = {item["id"]: item["title"] for item in room.plan["rundown"]}
    if item_id not in titles:
        raise RoomRefused("item_unknown", _("There is no such item in this rundown."))
    left_out = {*room.locks.get("barred", [])} - {item_id} | ({item_id} if barred else set())
    text = _("%(name)s has left out “%(item)s”.") if barred else _("%(name)s lets “%(item)s” come again.")
    said = text % {"name": by, "item": titles[item_id]}
    return _lock(room, "item_barred" if barred else "item_free", said, barred=sorted(left_out))


def _locked(room: Room, by: User) -> Room:
    """The room as it stands now: two people may direct it at once."""
    _require(room, by)
    return Room.objects.select_for_update(of=("self",)).select_related("organisation").get(pk=room.pk)


def _lock(room: Room, code: str, text: str, **changes: Any) -> Room:
    room.locks = room.locks | changes
    room.save(update_fields=["locks"])
    note(room=room, code=code, text=text, data=changes)
    return room


def _require(room: Room, by: User) -> None:
    if not may_direct(by, room):
        raise RoomRefused("room_not_yours", _("Only producers and legal of this organisation can direct the room."))
