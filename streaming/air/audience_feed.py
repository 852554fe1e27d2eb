"""The audience of a room as it stands in the database: signals and comments, counted once each."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db.models import F, Q, QuerySet, Sum
from django.db.models.functions import Greatest
from django.utils import timezone

from streaming.air.block import Sight
from streaming.dialogue.comments import SIGNALS, Kind
from streaming.director.audience import SLOW_S, AudienceMeter, Signal, SignalKind
from streaming.models import Room, RoomComment

_AT_ONCE = 2000
_TAKEN_UP_S = 60.0
_QUESTION_SIGNS = "?？吗么几多谁哪啥咋怎"
_KNOWN = (Kind.JOIN, Kind.LEAVE, Kind.VIEWERS)
Row = tuple[int, str, float, str, datetime]
"""pk, kind, value, text, received_at."""


class AudienceFeed:
    """Reads rows and feeds the meter. Not for concurrent use: its owner holds a lock around `take` and `sight`."""

    def __init__(self, room: Room) -> None:
        """Takes up the picture of a room that is on air already. Raises DatabaseError."""
        self._room, self.meter, self._questions = room, AudienceMeter(), 0
        now = timezone.now()
        recent = self._all().filter(received_at__gte=now - timedelta(seconds=_TAKEN_UP_S))
        first = recent.order_by("pk").values_list("pk", flat=True).first()
        newest = self._all().order_by("-pk").values_list("pk", flat=True).first() or 0
        self._last = first - 1 if first is not None else newest
        self.is_known = self._all().filter(kind__in=_KNOWN).exists()
        self.meter.set_viewers(self._viewers_until(self._last))
        while rows := self.rows():
            self.take(rows, now.timestamp())

    def _all(self) -> QuerySet[RoomComment]:
        return RoomComment.objects.filter(room=self._room)

    def _viewers_until(self, last: int) -> int:
        """Viewers after row `last`: the platform's newest own count, and who came and went since."""
        rows = self._all().filter(pk__lte=last)
        counted = rows.filter(kind=Kind.VIEWERS).order_by("-pk").values_list("pk", "value").first() or (0, 0.0)
        each = Greatest(F("value"), 1.0)
        since = rows.filter(pk__gt=counted[0]).aggregate(
            came=Sum(each, filter=Q(kind=Kind.JOIN)), left=Sum(each, filter=Q(kind=Kind.LEAVE))
        )
        return int(counted[1] + (since["came"] or 0) - (since["left"] or 0))

    def rows(self) -> Sequence[Row]:
        """What has come since the last look, at most 2,000 rows. Raises DatabaseError."""
        found = self._all().filter(pk__gt=self._last).order_by("pk")
        return list(found.values_list("pk", "kind", "value", "text", "received_at")[:_AT_ONCE])

    def take(self, rows: Sequence[Row], now: float) -> None:
        """Count them. A platform's clock decides within five minutes only: one far ahead would never fade."""
        for pk, kind, value, text, received_at in rows:
            self._last = pk
            ts = min(max(received_at.timestamp(), now - SLOW_S), now)
            if kind == Kind.VIEWERS:
                self.meter.set_viewers(int(value))
            elif kind in SIGNALS:
                self.meter.add(Signal(SignalKind(kind), ts, max(1, int(value))))
            else:
                self._questions += any(sign in text for sign in _QUESTION_SIGNS)
                self.meter.add(Signal(SignalKind.COMMENT, ts, text=text))
            self.is_known = self.is_known or kind in _KNOWN

    def sight(self, now: float) -> Sight:
        """The counts as of now."""
        return Sight.of(self.meter, self._questions, now)
