"""The room that a demonstration shows by itself: asked for at each start, brought on air step by step, ended in time.

Every step goes through the services the pages use, as the invented people; `advance` does whatever is due next and may
be called by anybody at any time, so a start that is cut off goes on with the next one. While nobody watches it rests:
the room ends, and another is planned, with the same avatar, when somebody opens its page.
"""

from __future__ import annotations

import subprocess
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import BinaryIO, cast
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from avatars.demo import HOST, keep_host
from avatars.models import Avatar, AvatarState
from avatars.services import start_avatar
from compliance import storage
from compliance.consent.models import Grant, Withdrawal
from compliance.errors import AvowError
from compliance.jobs.models import Job, JobState
from compliance.release.models import Review, ReviewState, TakeState
from compliance.release.services import decide_review
from streaming.demo import give_live_grant, person, plan_demo_room
from streaming.models import DemonstrationRoom, Room, RoomState, Showing
from streaming.services import go_on_air, stop_room

_NOTED_S = 20.0
"""A viewer's page asks every second; that somebody watches is written so often."""
_NOTED_ROOMS = 64
_noted: dict[UUID, float] = {}


def newest() -> DemonstrationRoom | None:
    """The asking that counts."""
    return DemonstrationRoom.objects.select_related("room__take", "room__air", "avatar", "grant").first()


def ends_at(asked: DemonstrationRoom) -> datetime | None:
    """When its room goes off air by itself; None before it is on air."""
    if asked.room is None or asked.room.on_air_at is None:
        return None
    return asked.room.on_air_at + timedelta(minutes=settings.AVOW_DEMO_ROOM_MINUTES)


def end_of(room: Room) -> datetime | None:
    """When a room that is the demonstration's goes off air by itself; None for every other room."""
    asked = newest() if settings.AVOW_DEMO_ROOM_MINUTES and room.wanted_on_air else None
    return ends_at(asked) if asked is not None and asked.room_id == room.pk else None


def note_watched(room_id: UUID) -> None:
    """Somebody looks at this room now. Costs nothing where it is not the demonstration's."""
    now = time.monotonic()
    if not settings.AVOW_DEMO_ROOM_MINUTES or now - _noted.get(room_id, float("-inf")) < _NOTED_S:
        return
    if len(_noted) > _NOTED_ROOMS:
        _noted.clear()
    _noted[room_id] = now
    DemonstrationRoom.objects.filter(room_id=room_id, settled_at=None).update(watched_at=timezone.now())


def is_again(room: Room) -> bool:
    """Whether a room that has left the air is the demonstration's newest, which its page brings on air again."""
    asked = newest() if settings.AVOW_DEMO_ROOM_MINUTES and not room.wanted_on_air else None
    return asked is not None and asked.room_id == room.pk


def _unwatched(asked: DemonstrationRoom) -> bool:
    """Whether nobody has looked for so long, and it is sent nowhere, that it may rest."""
    minutes, room = settings.AVOW_DEMO_ROOM_REST_MINUTES, asked.room
    if not minutes or room is None or room.on_air_at is None:
        return False
    last = max(filter(None, (asked.watched_at, room.on_air_at)))
    return last < timezone.now() - timedelta(minutes=minutes) and not room.outputs.filter(removed_at=None).exists()


def steps_of(asked: DemonstrationRoom) -> list[tuple[str, bool]]:
    """What has to happen before the host is on air, and whether it has."""
    receipt = asked.grant is not None and asked.grant.receipt is not None
    return [
        (_("Lin Mei has agreed to the use of face and voice"), receipt),
        (_("The avatar is drawn, checked and built"), asked.avatar is not None and asked.avatar.ready),
        (_("Brand legal has read the rundown, and the gate has permitted the room"), _permitted(asked)),
        (_("The first second is signed and published"), is_seen(asked)),
    ]


def is_seen(asked: DemonstrationRoom) -> bool:
    """Whether there is something to watch already."""
    return asked.room is not None and asked.room.wanted_on_air and asked.room.air.showing != Showing.NOTHING


def _permitted(asked: DemonstrationRoom) -> bool:
    return asked.room is not None and (asked.room.take.state == TakeState.PERMITTED or asked.room.on_air_at is not None)


@transaction.atomic
def ask_for_room() -> DemonstrationRoom:
    """Wish for a demonstration room, once per start: one that is still to come or on air is kept, anything else is
    planned anew, with the avatar of before where its consent still holds.
    """
    before = newest()
    if before is not None and before.settled_at is None and not _is_over(before):
        return before
    if before is not None:
        _settle(before)
    return DemonstrationRoom.objects.create(**_kept_of(before))


def _kept_of(before: DemonstrationRoom | None) -> dict[str, Grant | Avatar | None]:
    if before is None or before.grant is None or _withdrawn(before.grant):
        return {}
    usable = before.avatar is not None and before.avatar.ready
    return {"grant": before.grant, "avatar": before.avatar if usable else None}


def _is_over(asked: DemonstrationRoom) -> bool:
    end = ends_at(asked)
    ended = asked.room is not None and asked.room.state == RoomState.ENDED
    withdrawn = asked.grant is not None and _withdrawn(asked.grant)
    return ended or withdrawn or (end is not None and end <= timezone.now())


def _withdrawn(grant: Grant) -> bool:
    return Withdrawal.objects.filter(grant=grant).exists()


def advance() -> None:
    """Periodic: the next step of the room that was asked for; nothing where none was, or where it has ended."""
    asked = newest()
    if asked is None or asked.settled_at is not None:
        return
    if _is_over(asked):
        _settle(asked)
        return
    if _unwatched(asked):
        _settle(asked, rests=True)
        return
    try:
        _step(asked)
    except (AvowError, OSError, subprocess.CalledProcessError) as error:
        _settle(asked, trouble=error.text if isinstance(error, AvowError) else str(error))


def _step(asked: DemonstrationRoom) -> None:
    if asked.grant is None:
        asked.grant = give_live_grant()
        asked.save(update_fields=["grant"])
        keep_host()  # while the gate signs the receipt
    elif asked.avatar is None:
        if asked.grant.receipt is not None:  # the gate has signed it
            asked.avatar = _start_avatar(asked.grant)
            asked.save(update_fields=["avatar"])
    elif asked.room is None:
        _plan_when_built(asked, asked.avatar)
    elif asked.room.state == RoomState.PLANNED:
        _go_when_permitted(asked.room)


def _start_avatar(grant: Grant) -> Avatar:
    keep_host()
    with storage.private().open(HOST) as clip:
        return start_avatar(
            organisation=grant.grantee,
            created_by=person("producer"),
            grant=grant,
            name=_("Lin Mei, demonstration"),
            upload=cast(BinaryIO, clip),
            upload_name=Path(HOST).name,
            upload_size=clip.size,
        )


@transaction.atomic
def _plan_when_built(asked: DemonstrationRoom, avatar: Avatar) -> None:
    if avatar.state == AvatarState.BUILDING:
        job = Job.objects.filter(subject_id=avatar.pk, state=JobState.FAILED).first()
        if job is not None:
            _settle(asked, trouble=job.error_text)
        return
    if not avatar.ready:
        _settle(asked, trouble=_("The demonstration's avatar could not be built."))
        return
    asked.room = plan_demo_room(avatar, picture="landscape")
    asked.save(update_fields=["room"])


def _go_when_permitted(room: Room) -> None:
    """Brand legal of the demonstration agrees to what belongs to its own room, and to nothing else."""
    take = room.take
    digests = [take.avatar_digest, take.script_digest, take.campaign_digest]
    waiting = Review.objects.filter(organisation=room.organisation, digest__in=digests, state=ReviewState.PENDING)
    for review in waiting:
        decide_review(review=review, decided_by=person("legal"), approve=True, comment=_("Demonstration"))
    if take.state == TakeState.PERMITTED:
        go_on_air(room=room, by=person("producer"))


@transaction.atomic
def _settle(asked: DemonstrationRoom, *, trouble: str = "", rests: bool = False) -> None:
    asked.settled_at, asked.trouble, asked.rests = timezone.now(), trouble, rests
    asked.save(update_fields=["settled_at", "trouble", "rests"])
    if asked.room is not None and asked.room.state != RoomState.ENDED:
        because = _("Nobody was watching.") if rests else _("The demonstration's time is over.")
        stop_room(room=asked.room, by=asked.room.created_by, because=because)
