"""How long each class of an archive is kept, and because of which rule (see docs/live-archive.md).

The longest of what the operator has set and what the law of the room's markets asks for. Personal data has no law that
asks to keep it here, so only the operator's days count. A film of somebody whose consent has ended is kept for the law
alone.
"""

from __future__ import annotations

import calendar
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings

from streaming.archive.models import DataClass
from streaming.models import Room
from streaming.selectors import consent_ended

# data_class of a `records` duty -> what of an archive it means
LAW = {
    "session_archive": (DataClass.VIDEO, DataClass.SPEECH, DataClass.EVENTS, DataClass.TIMELINE),
    "interaction_management": (DataClass.INTERACTION,),
}


@dataclass(frozen=True)
class Clock:
    """`days`: what the operator has set. `months`, `rule_ids`: what the law asks for, and which rules.

    `starts_at`, `ends_at`: None while the room has not ended. Personal data counts from each comment, not from here.
    """

    data_class: DataClass
    days: int
    months: int
    rule_ids: tuple[str, ...]
    starts_at: datetime | None
    ends_at: datetime | None


def clocks(room: Room) -> list[Clock]:
    """One clock for each class, in the order of `DataClass`."""
    duties = [duty for duty in (room.take.decision or {}).get("duties", []) if duty["kind"] == "records"]
    return [_clock(room, DataClass(value), duties) for value in DataClass.values]


def _clock(room: Room, data_class: DataClass, duties: Iterable[dict[str, Any]]) -> Clock:
    asked = [duty for duty in duties if data_class in LAW.get(duty["parameters"]["data_class"], ())]
    months = max((int(duty["parameters"]["min_months"]) for duty in asked), default=0)
    rules = tuple(dict.fromkeys(rule for duty in asked for rule in duty["rule_ids"]))
    days = 0 if data_class == DataClass.VIDEO and consent_ended(room) else _set_days(data_class)
    ended = None if data_class == DataClass.PERSONAL else room.ended_at
    ends = max(ended + timedelta(days=days), add_months(ended, months)) if ended else None
    return Clock(data_class, days, months, rules, ended, ends)


def _set_days(data_class: DataClass) -> int:
    return int(settings.AVOW_ARCHIVE_KEEP_DAYS[data_class])


def add_months(moment: datetime, months: int) -> datetime:
    """The same day so many months later; the last of the month where there is no such day."""
    years, month = divmod(moment.month - 1 + months, 12)
    year = moment.year + years
    day = min(moment.day, calendar.monthrange(year, month + 1)[1])
    return moment.replace(year=year, month=month + 1, day=day)
