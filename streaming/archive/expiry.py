"""Erasing what nobody has to keep any longer. Every erasure leaves a line in the public log; a hold stops all of them.

Rows say so first and files go second: a hold that comes at the last moment still stops it, and a run that is killed in
between is finished by the next one.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import CharField, Q, QuerySet, Value
from django.db.models.functions import Cast, Concat
from django.utils import timezone

from compliance import storage
from compliance.accounts.models import User
from compliance.accounts.selectors import is_regulator
from compliance.ledger.events import Event
from streaming.air.folders import room_folder
from streaming.archive.models import DataClass, Erasure, Hold, Part, PartState, Stretch
from streaming.archive.retention import Clock, clocks
from streaming.archive.selectors import holds_on
from streaming.archive.services import log
from streaming.models import Room, RoomComment, RoomEvent, RoomState, SpokenLine

_BATCH = 2000


def expire(*, now: datetime | None = None) -> int:
    """Erase what is due. Returns how many classes of rooms were erased.

    `now`: the moment from which clocks are read; the present by default.
    """
    now = now or timezone.now()
    hold_what_authorities_stopped(now)
    rooms = Room.objects.filter(on_air_at__isnull=False).select_related("take", "organisation")
    free = [room for room in rooms if not holds_on(room).exists()]
    count = sum(_forget_people(room, now) for room in free)
    for room in free:
        if room.state == RoomState.ENDED:
            count += sum(_erase(room, clock, now) for clock in clocks(room) if clock.ends_at and clock.ends_at < now)
            _drop_segments(room, now)
    return count


def hold_what_authorities_stopped(now: datetime) -> int:
    """A room an authority has stopped is a case: it is held until an authority lets go. Returns how many were held."""
    stopped = Room.objects.filter(ended_by__isnull=False, holds__isnull=True, on_air_at__isnull=False)
    count = 0
    for room in stopped.select_related("ended_by", "organisation"):
        if room.ended_by is not None and is_regulator(room.ended_by):
            _hold(room, room.ended_by, now)
            count += 1
    return count


@transaction.atomic
def _hold(room: Room, by: User, now: datetime) -> None:
    because = room.ended_because[:200]
    hold = Hold.objects.create(room=room, because=because, of_an_authority=True, placed_by=by, placed_at=now)
    log(room, Event.STREAMING_ARCHIVE_HELD, by, {"hold": str(hold.pk), "authority": True})


# --- people ---
def _forget_people(room: Room, now: datetime) -> int:
    """Who wrote a comment, day by day from the comment on: a room that never ends forgets them too."""
    days = int(settings.AVOW_ARCHIVE_KEEP_DAYS[DataClass.PERSONAL])
    before = (now - timedelta(days=days)).replace(hour=0, minute=0, second=0, microsecond=0)
    known = RoomComment.objects.filter(room=room, received_at__lt=before).exclude(user_ref="")

    def erase() -> int:
        # The platform's own id of a comment leads to its writer too.
        erased = Concat(Value("erased-"), Cast("pk", CharField()))
        return known.update(user_ref="", external_id=erased)

    return _in_one(room, DataClass.PERSONAL, erase, now) if known.exists() else 0


# --- everything else ---
def _erase(room: Room, clock: Clock, now: datetime) -> int:
    if clock.data_class == DataClass.VIDEO:
        return _erase_video(room, now)
    rows = _rows(room, clock.data_class)
    return _in_one(room, clock.data_class, lambda: _delete(rows), now) if rows.exists() else 0


def _delete(rows: QuerySet[Any]) -> int:
    """Batch by batch: a flood of comments must not fill the memory on its way out either."""
    count = 0
    while batch := list(rows.order_by().values_list("pk", flat=True)[:_BATCH]):
        count += rows.model._default_manager.filter(pk__in=batch).delete()[0]
    return count


def _rows(room: Room, data_class: DataClass) -> QuerySet[Any]:
    if data_class == DataClass.SPEECH:
        return SpokenLine.objects.filter(room=room)
    if data_class == DataClass.EVENTS:
        return RoomEvent.objects.filter(room=room)
    if data_class == DataClass.INTERACTION:
        return RoomComment.objects.filter(room=room)
    return Stretch.objects.filter(room=room)


def _erase_video(room: Room, now: datetime) -> int:
    kept = Part.objects.filter(room=room).exclude(state=PartState.ERASED)
    done = 0
    if kept.exists():
        done = _in_one(room, DataClass.VIDEO, lambda: kept.update(state=PartState.ERASED, erased_at=now), now)
    for part in Part.objects.filter(room=room, state=PartState.ERASED).exclude(file=""):
        storage.delete(part.file)
        Part.objects.filter(pk=part.pk).update(file="")
    if not kept.exists():
        shutil.rmtree(room_folder(room.pk), ignore_errors=True)
    return done


@transaction.atomic
def _in_one(room: Room, data_class: DataClass, erase: Callable[[], int], now: datetime) -> int:
    """Erase, and say so, or neither. A hold that came meanwhile is seen here."""
    Room.objects.select_for_update(of=("self",)).get(pk=room.pk)
    if holds_on(room).exists():
        return 0
    count = erase()
    Erasure.objects.create(room=room, data_class=data_class, count=count, at=now)
    log(room, Event.STREAMING_ARCHIVE_ERASED, None, {"class": str(data_class), "count": count})
    return 1


def _drop_segments(room: Room, now: datetime) -> None:
    """The single segments, once they are all in signed files and their own time is over; not where a hold came while
    other rooms were looked at.
    """
    if room.ended_at is None or room.ended_at + timedelta(seconds=settings.AVOW_LIVE_KEEP_S) > now:
        return
    unsigned = Q(state__in=(PartState.WAITING, PartState.REFUSED))
    last = Stretch.objects.filter(room=room).last()
    planned = room.parts.order_by("-last_sequence").first()
    complete = planned is not None and (last is None or planned.last_sequence >= last.last_sequence)
    if complete and not room.parts.filter(unsigned).exists() and not holds_on(room).exists():
        shutil.rmtree(room_folder(room.pk), ignore_errors=True)
