"""What people may read of rooms."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Avg, Count, Q, QuerySet, Sum
from django.utils import timezone

from avatars.selectors import STUDIO_ROLES
from compliance.accounts.models import User
from compliance.accounts.selectors import organisations_with_role
from compliance.consent.models import Withdrawal
from compliance.consent.selectors import head_of
from compliance.disclosure.labels import LabelSpec
from streaming.air.spec import drawn_label, duties_of, stream_spec
from streaming.clock import Effort, said
from streaming.director.freedom import Freedom
from streaming.models import DirectorRecord, DirectorRecordKind, Room, RoomState, Showing, SpokenLine
from streaming.showing import Why

_SHOWN = 8

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


QUOTED_FOR_S = 20
"""So long a question stays on the viewer's page after the host began to answer it."""


def live_state(room: Room) -> dict[str, Any]:
    """What everybody may know of a room on air: what is seen and why (`why`: see `streaming.showing.Why`), how much
    effort is left, the question that is being answered where the room quotes questions (its screened copy, never what
    the viewer wrote).
    """
    air = room.air
    return {
        "state": room.state, "showing": air.showing, "code": air.slate_code, "why": why_not_seen(room),
        "effort": air.effort, "quote": _quote(room),
    }  # fmt: skip


def why_not_seen(room: Room) -> Why:
    """Why the host is not on screen, as everybody may know it."""
    over = not room.wanted_on_air
    if (over or room.air.showing != Showing.HOST) and consent_ended(room):
        return Why.CONSENT
    if over:
        return Why.ENDED
    if room.air.showing == Showing.HOST:
        return Why.NONE
    return Why(room.air.slate_words.get("kind") or Why.JOINING)


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


def renditions_of(room: Room) -> list[dict[str, Any]]:
    """What a viewer's player may choose from, best first: name, size in pixels, bits/s over a long time."""
    spec = stream_spec(room.take.width, room.take.height, room.take.fps)
    return [
        {"name": one.name, "width": one.width, "height": one.height, "bandwidth": spec.average_bandwidth(one)}
        for one in spec.renditions
    ]


@dataclass(frozen=True)
class ItemStanding:
    """What one item of the rundown has brought so far. `reward`: mean, 0..1, None while nothing was learned."""

    id: str
    title: str
    plays: int
    reward: float | None
    orders: int
    barred: bool
    on_air: bool


@dataclass(frozen=True)
class DecisionLine:
    """One decision as people read it: why, what it brought, whether it was taken back."""

    id: str
    at: datetime
    title: str
    reason: dict[str, str]
    reward: float | None
    orders: int | None
    taken_back: bool


@dataclass(frozen=True)
class Dashboard:
    """What the control room tells of the director. `effort` is None while the machine keeps up."""

    items: list[ItemStanding]
    decisions: list[DecisionLine]
    audience: dict[str, Any]
    audience_known: bool
    manner: dict[str, Any]
    effort: str | None
    order_fixed: bool
    may_reorder: bool
    blocked: list[SpokenLine]


def dashboard(room: Room) -> Dashboard:
    """The director's side of a room, as of its last look."""
    seen = room.air.direction
    effort = Effort(room.air.effort)
    may_reorder = Freedom.from_json(room.plan.get("freedom")).reorder
    return Dashboard(
        items=_standings(room, str(seen.get("decision", ""))),
        decisions=_decisions(room),
        audience=seen.get("picture", {}),
        audience_known=bool(seen.get("audience_known")),
        manner=seen.get("manner", {}),
        effort=said(effort) if effort else None,
        order_fixed=bool(room.locks.get("frozen")),
        may_reorder=may_reorder,
        blocked=list(room.lines.filter(blocked=True).order_by("-id")[:_SHOWN]),
    )


def _standings(room: Room, on_air: str) -> list[ItemStanding]:
    log = room.director_log.order_by()
    current = log.filter(kind=DirectorRecordKind.DECISION, decision_id=on_air).values_list("item_id", flat=True).first()
    plays = dict(log.filter(kind=DirectorRecordKind.LEARNED).values_list("item_id").annotate(count=Count("id")))
    brought: dict[str, tuple[float | None, int]] = {
        row["item_id"]: (row["mean"], row["sold"] or 0)
        for row in log.filter(kind=DirectorRecordKind.LEARNED)
        .exclude(decision_id__in=_taken_back(room))
        .values("item_id")
        .annotate(mean=Avg("reward"), sold=Sum("orders"))
    }
    barred = room.locks.get("barred", [])
    return [
        ItemStanding(
            id=item["id"],
            title=item["title"],
            plays=plays.get(item["id"], 0),
            reward=brought.get(item["id"], (None, 0))[0],
            orders=brought.get(item["id"], (None, 0))[1],
            barred=item["id"] in barred,
            on_air=room.wanted_on_air and item["id"] == current,
        )
        for item in room.plan["rundown"]
    ]


def _taken_back(room: Room) -> QuerySet[DirectorRecord, str]:
    reverted = room.director_log.filter(kind=DirectorRecordKind.REVERTED).order_by()
    return reverted.values_list("decision_id", flat=True)


def _decisions(room: Room) -> list[DecisionLine]:
    titles = {item["id"]: item["title"] for item in room.plan["rundown"]}
    made = list(room.director_log.filter(kind=DirectorRecordKind.DECISION).order_by("-ordinal")[:_SHOWN])
    after = room.director_log.filter(decision_id__in=[one.decision_id for one in made])
    learned = {one.decision_id: one for one in after if one.kind == DirectorRecordKind.LEARNED}
    gone = {one.decision_id for one in after if one.kind == DirectorRecordKind.REVERTED}
    return [
        DecisionLine(
            id=one.decision_id,
            at=one.at,
            title=titles.get(one.item_id, ""),
            reason=one.data.get("reason", {}),
            reward=learned[one.decision_id].reward if one.decision_id in learned else None,
            orders=learned[one.decision_id].orders if one.decision_id in learned else None,
            taken_back=one.decision_id in gone,
        )
        for one in made
    ]
