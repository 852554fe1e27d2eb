"""The verbs of the archive: plan its files, hold it, let go of the hold."""

from __future__ import annotations

import time
from datetime import timedelta

from django.db import transaction
from django.db.models import Max
from django.utils import timezone
from django.utils.translation import gettext as _

from compliance.accounts.models import User
from compliance.accounts.selectors import is_regulator
from compliance.jobs.models import Job, JobState
from compliance.jobs.services import enqueue, try_again
from compliance.ledger.events import Event
from compliance.ledger.services import record
from streaming.archive import selectors
from streaming.archive.errors import ArchiveRefused
from streaming.archive.models import Hold, Part, PartState, Stretch
from streaming.archive.parts import closed_groups
from streaming.models import Room
from streaming.selectors import FAREWELL

_TRY_AGAIN = timedelta(minutes=10)


def plan_parts() -> int:
    """Order a signed file for everything that was on air and is complete. Returns how many were ordered.

    Hour by hour while a room is on air, because some never end, and the rest when it has ended.
    """
    aired = Room.objects.annotate(aired=Max("stretches__first_sequence")).filter(aired__isnull=False)
    count = 0
    for room in aired:
        planned = room.parts.aggregate(last=Max("last_sequence"))["last"]
        if planned is None or planned < room.aired:
            count += _plan(room)
    _try_again()
    return count


@transaction.atomic
def _plan(room: Room) -> int:
    room = Room.objects.select_for_update(of=("self",)).get(pk=room.pk)
    planned = room.parts.aggregate(last=Max("last_sequence"))["last"]
    ended = room.ended_at is not None and room.ended_at < timezone.now() - FAREWELL
    stretches = Stretch.objects.filter(room=room)
    if planned is not None:
        stretches = stretches.filter(first_sequence__gt=planned)
    groups = closed_groups(list(stretches), now_ns=time.time_ns(), ended=ended)
    for group in groups:
        _order(room, group)
    return len(groups)


def _order(room: Room, group: list[Stretch]) -> None:
    part = Part.objects.create(
        room=room,
        first_sequence=group[0].first_sequence,
        last_sequence=group[-1].last_sequence,
        start_ns=group[0].start_ns,
        end_ns=group[-1].end_ns,
    )
    # Without the grant's id: a withdrawal stops what uses a likeness, and must not stop evidence of its use.
    enqueue(
        kind="archive.sign",
        args={"part_id": str(part.pk)},
        organisation=room.organisation,
        subject_id=part.pk,
        key=f"archive.sign:{part.pk}",
    )


def _try_again() -> None:
    """A file that could not be made is still owed: the time-stamp authority may be back."""
    waiting = Part.objects.filter(state=PartState.WAITING).values("pk")
    before = timezone.now() - _TRY_AGAIN
    given_up = Job.objects.filter(kind="archive.sign", state=JobState.FAILED, finished_at__lt=before)
    for job in given_up.filter(subject_id__in=waiting):
        try_again(job=job)


# --- holds ---
@transaction.atomic
def place_hold(*, room: Room, by: User, because: str) -> Hold:
    """Nothing of the room is erased until the hold is lifted.

    Raises:
        ArchiveRefused: hold_not_yours, hold_needs_a_reason.
    """
    if not selectors.may_export(by, room):
        raise ArchiveRefused("hold_not_yours", _("Only brand legal and authorities can hold an archive."))
    if not because.strip():
        raise ArchiveRefused("hold_needs_a_reason", _("Name the order or the case the hold is for."))
    hold = Hold.objects.create(
        room=room,
        because=because.strip()[:200],
        of_an_authority=is_regulator(by),
        placed_by=by,
        placed_at=timezone.now(),
    )
    log(room, Event.STREAMING_ARCHIVE_HELD, by, {"hold": str(hold.pk), "authority": hold.of_an_authority})
    return hold


@transaction.atomic
def lift_hold(*, hold: Hold, by: User) -> Hold:
    """The clocks run again. An authority's hold is lifted by an authority only.

    Raises:
        ArchiveRefused: hold_not_yours.
    """
    hold = Hold.objects.select_for_update(of=("self",)).select_related("room__organisation").get(pk=hold.pk)
    if not selectors.may_lift(by, hold):
        raise ArchiveRefused("hold_not_yours", _("Whoever placed this hold has to lift it: ask them."))
    if hold.lifted_at is None:
        hold.lifted_by, hold.lifted_at = by, timezone.now()
        hold.save()
        log(hold.room, Event.STREAMING_ARCHIVE_HOLD_LIFTED, by, {"hold": str(hold.pk)})
    return hold


def log(room: Room, event: Event, by: User | None, data: dict[str, object]) -> None:
    """One line of the public log about the room's archive, in the caller's transaction."""
    record(
        event=event,
        subject_id=room.pk,
        organisation_id=room.organisation_id,
        actor_id=by.pk if by else None,
        data=data,
    )
