"""What was on air at a given moment: "what was said at 14:32".

Everything is read from what was written at the time; nothing is worked out anew.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from django.db.models import Q
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from streaming.archive.errors import TimeUnclear
from streaming.archive.models import Part, PartState, Stretch, ns_of
from streaming.dialogue.facts import text_in
from streaming.models import Room, RoomComment, RoomEvent, SpokenLine

_CLOCK = re.compile(r"^(\d{1,2}):(\d{2})(?::(\d{2}))?$")
_MINUTE, _AROUND = timedelta(minutes=1), timedelta(seconds=15)
_SHOWN = 500
"""More comments or events of a minute are in the records, not on the page."""


@dataclass(frozen=True)
class Span:
    """A moment asked for, and how far around it one looks: a minute for "14:32", seconds for "14:32:05"."""

    at: datetime
    start: datetime
    end: datetime


@dataclass(frozen=True)
class Said:
    """One line with what it was about. `now`: it was being spoken at the moment asked for."""

    line: SpokenLine
    title: str
    product: str
    now: bool


@dataclass(frozen=True)
class Moment:
    """What the archive knows about a span. `offset_s`: place in the part's film."""

    span: Span
    part: Part | None
    offset_s: float
    stretch: Stretch | None
    stretches: Sequence[Stretch]
    product: str
    said: Sequence[Said]
    comments: Sequence[RoomComment]
    events: Sequence[RoomEvent]

    @property
    def spoken(self) -> list[Said]:
        return [one for one in self.said if not one.line.blocked]


def aired(room: Room) -> tuple[datetime, datetime] | None:
    """Beginning and end of all that was published."""
    first, last = room.stretches.first(), room.stretches.last()
    return (first.start, last.end) if first and last else None


def span_of(room: Room, text: str) -> Span:
    """The moment that `text` names: ISO 8601, or a time of day (in the active time zone) while the room was on air.

    An empty text is the beginning.

    Raises:
        TimeUnclear: at_unreadable, at_not_on_air.
    """
    whole = aired(room)
    if whole is None:
        raise TimeUnclear("at_not_on_air", _("This room has not been on air."))
    if not text.strip():
        return Span(whole[0], whole[0], whole[0] + _MINUTE)
    moment, by_minute = _read(text.strip(), whole)
    if not whole[0] - _MINUTE < moment < whole[1]:
        raise TimeUnclear("at_not_on_air", _("The room was not on air at that time."))
    if by_minute:
        return Span(max(moment, whole[0]), moment, moment + _MINUTE)
    return Span(moment, moment - _AROUND, moment + _AROUND)


def _read(text: str, whole: tuple[datetime, datetime]) -> tuple[datetime, bool]:
    match = _CLOCK.match(text)
    try:
        if match is None:
            moment = datetime.fromisoformat(text)
            return (moment if moment.tzinfo else timezone.make_aware(moment)), len(text) <= len("2026-01-01T14:32")
        clock = time(int(match[1]), int(match[2]), int(match[3] or 0))
    except ValueError as error:
        text = _("Write the time as 14:32, 14:32:05 or 2026-01-31T14:32:05.")
        raise TimeUnclear("at_unreadable", text) from error
    return _on_which_day(clock, whole), match[3] is None


def _on_which_day(clock: time, whole: tuple[datetime, datetime]) -> datetime:
    """The first day on which the room was on air at that time of day; the first day at all if there is none."""
    start, end = (timezone.localtime(moment) for moment in whole)
    days = [start.date() + timedelta(days=number) for number in range((end.date() - start.date()).days + 1)]
    moments = [_at(day, clock) for day in days]
    return next((one for one in moments if start - _MINUTE < one < end), moments[0])


def _at(day: date, clock: time) -> datetime:
    return timezone.make_aware(datetime.combine(day, clock))


def moment_at(room: Room, span: Span) -> Moment:
    """Everything about the span, in the order in which it happened."""
    at_ns = ns_of(span.at)
    stretches = _stretches(room, span)
    stretch = next((one for one in stretches if one.start_ns <= at_ns < one.end_ns), None)
    part = room.parts.filter(start_ns__lte=at_ns, end_ns__gt=at_ns, state=PartState.SIGNED).first()
    names = _names(room)
    said = [_said(line, names, span) for line in _lines(room, span)]
    return Moment(
        span=span,
        part=part,
        offset_s=(at_ns - part.start_ns) / 1e9 if part else 0.0,
        stretch=stretch,
        stretches=stretches,
        product=_product_at(room, span.at, names),
        said=said,
        comments=list(room.comments.filter(received_at__gte=span.start, received_at__lt=span.end)[:_SHOWN]),
        events=list(room.events.filter(at__gte=span.start, at__lt=span.end).order_by("at")[:_SHOWN]),
    )


def _stretches(room: Room, span: Span) -> list[Stretch]:
    # Stretches end with the hour, so none that began two hours ago still goes on.
    near = room.stretches.filter(start_ns__gte=ns_of(span.start - timedelta(hours=2)), start_ns__lt=ns_of(span.end))
    return [one for one in near if one.end_ns > ns_of(span.start)]


def _lines(room: Room, span: Span) -> list[SpokenLine]:
    spoken = Q(at__lt=span.end, until__gt=span.start)
    held_back = Q(blocked=True, created_at__gte=span.start, created_at__lt=span.end)
    lines = room.lines.filter(spoken | held_back).select_related("comment")
    return sorted(lines, key=lambda line: line.at or line.created_at)


def _said(line: SpokenLine, names: dict[str, str], span: Span) -> Said:
    now = line.at is not None and line.until is not None and line.at <= span.at < line.until
    return Said(line, names.get(f"item {line.item_id}", ""), names.get(f"product {line.product_id}", ""), now)


def _names(room: Room) -> dict[str, str]:
    """Titles of the rundown's items and names of the products, as legal has approved them.

    A product is called as the reader does, or as the host did where it has no name in the reader's language.
    """
    plan: dict[str, Any] = room.plan
    items = {f"item {item['id']}": str(item["title"]) for item in plan.get("rundown", [])}
    languages = ((get_language() or "en")[:2], room.take.campaign["language"])
    return items | {f"product {one['id']}": text_in(one["name"], *languages) for one in plan.get("products", [])}


def _product_at(room: Room, at: datetime, names: dict[str, str]) -> str:
    """The product the host spoke of last; empty when the last line was about none."""
    last = room.lines.filter(blocked=False, at__lte=at).order_by("-at").first()
    if last is None or not last.product_id:
        return ""
    return names.get(f"product {last.product_id}", last.product_id)
