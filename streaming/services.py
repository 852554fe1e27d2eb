"""The verbs of rooms: plan, go on air, hand over, take back, stop. What a withdrawal or a regulator reaches.

Nobody here performs or publishes: people say what they want, the gate decides whether it may be seen.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from avatars.models import Avatar
from avatars.services import FORMATS, avatar_content
from avatars.speech import SpeechError, estimate_duration_s
from compliance.accounts.models import Role, User
from compliance.accounts.selectors import has_role, is_regulator
from compliance.ledger.events import Event
from compliance.ledger.services import record
from compliance.release.models import TakeState
from compliance.release.services import AvatarUse, Campaign, ScriptUse, cancel_take, order_take
from streaming.dialogue.comments import Comment, read_comment
from streaming.dialogue.errors import CommentRefused
from streaming.dialogue.facts import ProductFacts
from streaming.dialogue.policy import LiveSpeechPolicy
from streaming.director.freedom import Freedom
from streaming.errors import RoomRefused, RundownInvalid
from streaming.models import Air, Room, RoomComment, RoomEvent, RoomState
from streaming.rundown import Rundown

Json = dict[str, Any]


@transaction.atomic
def plan_room(
    *,
    created_by: User,
    avatar: Avatar,
    title: str,
    rundown: Rundown,
    products: Sequence[ProductFacts],
    campaign: Campaign,
    picture: str,
    freedom: Freedom | None = None,
    hand_over_to: User | None = None,
    quote_comments: bool = False,
) -> Room:
    """Fix what a room is to show and say, and ask brand legal for it.

    `products`: with facts about at least one, and an interactive campaign, the host answers comments from them; the
    policy for that names the brands and categories of these products only. `picture`: a key of
    `avatars.services.FORMATS`. `freedom`: what the room may decide by itself; nothing unless given.
    `quote_comments`: the viewer's page shows the question that is being answered.

    Raises:
        RoomRefused: room_not_ready.
        RundownInvalid: rundown_unspeakable.
    """
    if not avatar.ready:
        raise RoomRefused("room_not_ready", _("This avatar is not ready; choose another or wait for it."))
    rundown = _timed(rundown, campaign.language)
    plan: Json = {
        "rundown": rundown.to_json(),
        "products": [json.loads(facts.to_json()) for facts in products],
        "freedom": (freedom or Freedom()).to_json(),
    }
    if quote_comments:
        plan["quote_comments"] = True
    if products and campaign.interactive:
        policy = live_policy(products, campaign.brand_name, campaign.product_category, campaign.language)
        plan["speech_policy"] = json.loads(policy.to_json())
    width, height = FORMATS[picture]
    content = {"language": campaign.language, "text": "\n".join(rundown.lines), **plan}
    take = order_take(
        organisation=avatar.organisation,
        created_by=created_by,
        grant=avatar.grant,
        title=title,
        avatar=AvatarUse(avatar.id, avatar.digest, avatar.name, avatar_content(avatar)),
        script=ScriptUse(avatar.id, title, content, sum(item.seconds for item in rundown.items)),
        campaign=campaign,
        width=width,
        height=height,
    )
    room = Room.objects.create(
        organisation=avatar.organisation, created_by=created_by, take=take, avatar=avatar, title=title[:120],
        plan=plan, hand_over_to=hand_over_to,
    )  # fmt: skip
    Air.objects.create(room=room)
    return room


def live_policy(products: Sequence[ProductFacts], brand: str, category: str, language: str) -> LiveSpeechPolicy:
    """What the host may say: about these brands and goods, in the language of the room. Raises `PolicyRefused`."""
    brands = dict.fromkeys([brand, *(facts.brand for facts in products)])
    categories = dict.fromkeys([category, *(facts.category for facts in products)])
    return LiveSpeechPolicy((language,), tuple(brands), tuple(categories), {language: brand})


def _timed(rundown: Rundown, language: str) -> Rundown:
    """The rundown with the seconds that each item lasts when it is spoken at an ordinary pace."""
    try:
        return rundown.timed(lambda line: estimate_duration_s(line, language))
    except SpeechError as error:
        raise RundownInvalid("rundown_unspeakable", error.text, speech=error.code) from error


# --- on air ---
@transaction.atomic
def go_on_air(*, room: Room, by: User) -> Room:
    """Ask for the room to be shown. A producer of its organisation may.

    Raises:
        RoomRefused: room_not_yours, room_ended, room_on_air, room_not_permitted with the reasons of the last decision.
    """
    room = _locked(room)
    if not has_role(by, room.organisation, Role.PRODUCER):
        raise RoomRefused("room_not_yours", _("Only producers of this organisation can put the room on air."))
    if room.state == RoomState.ENDED:
        raise RoomRefused("room_ended", _("This room has ended. Plan a new one."))
    if room.wanted_on_air:
        raise RoomRefused("room_on_air", _("This room is on air already."))
    if room.take.state != TakeState.PERMITTED:
        text = _("The gate has not permitted this room yet: %(reasons)s")
        why = " ".join(reason["text"] for reason in room.take.reasons) or _("wait for brand legal.")
        raise RoomRefused("room_not_permitted", text % {"reasons": why}, reasons=room.take.reasons)
    room.state, room.wanted_on_air, room.on_air_at = RoomState.ON_AIR, True, timezone.now()
    room.save()
    note(room=room, code="air_asked_for", text=_("%(name)s has put the room on air.") % {"name": by})
    _log(room, Event.STREAMING_ROOM_ON_AIR, by)
    return room


@transaction.atomic
def stop_room(*, room: Room, by: User, because: str) -> Room:
    """Take the room off air for good. Producers and legal of its organisation, the person shown, and authorities may.

    Raises:
        RoomRefused: room_not_yours, room_ended.
    """
    room = _locked(room)
    if not may_stop(by, room):
        raise RoomRefused("room_not_yours", _("You cannot stop this room."))
    if room.state == RoomState.ENDED:
        raise RoomRefused("room_ended", _("This room has ended already."))
    _end(room, by=by, because=because or _("Stopped by %(name)s.") % {"name": by})
    if room.take.open:
        cancel_take(take=room.take, by=by)
    return room


def may_stop(user: User, room: Room) -> bool:
    """Whoever answers for the room, whose face it shows, or an authority."""
    own = has_role(user, room.organisation, Role.PRODUCER, Role.LEGAL)
    return own or room.take.grant.principal_id == user.pk or is_regulator(user)


@transaction.atomic
def hand_over(*, room: Room, by: User, to_person: bool) -> Room:
    """Silence the host because a person takes over, or give the word back to the host.

    Raises:
        RoomRefused: room_not_yours, room_off_air.
    """
    room = _locked(room)
    if not has_role(by, room.organisation, Role.PRODUCER, Role.LEGAL):
        raise RoomRefused("room_not_yours", _("Only people of this organisation can take the room over."))
    if not room.wanted_on_air:
        raise RoomRefused("room_off_air", _("This room is not on air."))
    room.handed_over_at = timezone.now() if to_person else None
    room.save()
    text = _("%(name)s has taken over.") if to_person else _("%(name)s has given the word back to the host.")
    note(room=room, code="handed_over" if to_person else "taken_back", text=text % {"name": by})
    return room


def lock_for_producer(room: Room, by: User) -> Room:
    """The room as it is now, held for this transaction, for a producer who changes what it is connected to.

    Raises:
        RoomRefused: room_not_yours, room_ended.
    """
    room = _locked(room)
    if not has_role(by, room.organisation, Role.PRODUCER):
        raise RoomRefused("room_not_yours", _("Only producers of this organisation can do this."))
    if room.state == RoomState.ENDED:
        raise RoomRefused("room_ended", _("This room has ended. Plan a new one."))
    return room


# --- what the audience says ---
def receive_comments(*, room: Room, messages: Sequence[Any], limit: int = 1000) -> dict[str, int]:
    """Keep what a platform, a bridge or the viewer's page hands in; each message once.

    `messages`: JSON objects as `streaming.dialogue.comments` reads them; those of another room or form are counted and
    left out. At most `limit` of one call are kept. Returns how many were kept, and the codes of the others.
    """
    counts: Counter[str] = Counter()
    kept: list[RoomComment] = []
    for message in messages:
        try:
            comment = read_comment(message)
        except CommentRefused as refusal:
            counts[refusal.code] += 1
            continue
        if comment.room != str(room.pk) or len(kept) >= limit:
            counts["wrong_room" if comment.room != str(room.pk) else "crowded_out"] += 1
            continue
        kept.append(_row_of(room, comment))
    RoomComment.objects.bulk_create(kept, ignore_conflicts=True)
    return {"kept": len(kept), **counts}


def _row_of(room: Room, comment: Comment) -> RoomComment:
    return RoomComment(
        room=room,
        platform=comment.platform[:40],
        external_id=comment.id[:120],
        user_ref=hashlib.sha256(comment.user_ref.encode()).hexdigest()[:32],
        kind=comment.kind,
        value=comment.value,
        text=comment.text,
        received_at=datetime.fromtimestamp(comment.ts, UTC),
    )


# --- what reaches a room from outside ---
def stop_rooms_of_grant(grant_id: UUID, cause: str) -> int:
    """Withdrawal step: every room of the grant ends. The picture was gone before: its permits are revoked."""
    because = _("The person has withdrawn their consent.")
    count = 0
    for room in Room.objects.filter(take__grant_id=grant_id).exclude(state=RoomState.ENDED):
        with transaction.atomic():
            _end(_locked(room), by=None, because=because, cause=cause)
        count += 1
    return count


def note(
    *, room: Room, code: str, text: str, at: datetime | None = None, data: Mapping[str, Any] | None = None
) -> None:
    """Write down what happened, for the dashboard and the archive."""
    RoomEvent.objects.create(room=room, at=at or timezone.now(), code=code, text=text, data=dict(data or {}))


def _locked(room: Room) -> Room:
    return Room.objects.select_for_update(of=("self",)).select_related("take__grant", "organisation").get(pk=room.pk)


def _end(room: Room, *, by: User | None, because: str, cause: str = "") -> None:
    room.state, room.wanted_on_air, room.ended_at = RoomState.ENDED, False, timezone.now()
    room.ended_by, room.ended_because = by, because[:200]
    room.save()
    note(room=room, code="ended", text=because, data={"cause": cause} if cause else {})
    _log(room, Event.STREAMING_ROOM_ENDED, by)


def _log(room: Room, event: Event, by: User | None) -> None:
    record(
        event=event,
        subject_id=room.id,
        organisation_id=room.organisation_id,
        actor_id=by.pk if by else None,
        data={"take": str(room.take_id), "grant": str(room.take.grant_id)},
    )
