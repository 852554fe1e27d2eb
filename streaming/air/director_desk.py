"""The director at work in a room: it says what comes next at once, and keeps its log when the database answers.

The performer asks (`script_line`, `manner`) and never waits: both are decided in memory. A thread of its own reads the
audience and what people ask for, and writes the log, in the order in which things were decided.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from django.db import DatabaseError, connections, transaction

from compliance.connections import Outage
from streaming.air.audience_feed import AudienceFeed
from streaming.air.block import Block
from streaming.air.lines import Line
from streaming.director.decisions import Decision, Learned, Record, Reverted, read_record
from streaming.director.director import Director
from streaming.director.errors import DecisionRefused
from streaming.director.expression import AS_RECORDED, ExpressionGovernor, Manner
from streaming.director.feasibility import LegalLocks
from streaming.director.freedom import Freedom
from streaming.errors import OwnershipLost
from streaming.leases import Lease
from streaming.models import Air, DirectorRecord, DirectorRecordKind, Room, Source, SpokenLine
from streaming.rundown import Rundown, RundownItem
from streaming.services import note

logger = logging.getLogger(__name__)
_LOOK_S = 0.5
_GOVERN_S = 5.0
_IDLE_S = 1.0
_NOTHING_S = 5.0
"""So long nothing is decided again after nothing could come."""


@dataclass(frozen=True)
class Entry:
    """A record that waits for the database. `asked`: the row in which a person asked for it."""

    ordinal: int
    record: Record
    asked: int | None = None


class DirectorDesk:
    """Directs one room for as long as its performer holds it."""

    def __init__(self, room: Room, lease: Lease, rundown: Rundown, freedom: Freedom) -> None:
        """Goes on where whoever directed the room before left it. Raises DatabaseError."""
        self._room, self._lease, self._rundown, self._freedom = room, lease, rundown, freedom
        self._lock = threading.Lock()
        self._feed = AudienceFeed(room)
        self._governor = ExpressionGovernor(freedom.expression)
        self._manner, self._governed_at = AS_RECORDED, 0.0
        self._outbox: deque[Entry] = deque()
        self._ordinal, self._idle_until = 0, 0.0
        self._director = self._replayed()
        self._block = self._unfinished()

    # --- what the performer asks ---
    @property
    def manner(self) -> Manner:
        """Expression and pace from now on."""
        return self._manner

    def script_line(self, now: float) -> Line:
        """The next approved line, of the item on air or of the one the director has chosen to follow it."""
        with self._lock:
            if self._block is None or not self._block.lines:
                self._turn(now)
            if self._block is None:
                return Line("", Source.RUNDOWN, pause_s=_IDLE_S)
            item = self._block.item
            return Line(self._block.lines.popleft(), Source.RUNDOWN, item.id, item.product_id, item.pause_s)

    def _turn(self, now: float) -> None:
        """Learn from the item that ends and choose the next."""
        sight = self._feed.sight(now)
        if (ended := self._block) is not None:
            self._block = None
            try:
                self._keep(self._director.learn(ended.decision_id, ended.outcome(sight), now))
            except DecisionRefused as refusal:  # taken back meanwhile: it teaches nothing
                logger.info("room %s: %s", self._room.pk, refusal.text)
        if now < self._idle_until:
            return
        decision = self._director.decide(now, self._feed.meter.picture(now))
        self._keep(decision)
        if decision.choice is None:
            self._idle_until = now + _NOTHING_S
            return
        item = self._rundown.item(decision.choice)
        self._block = Block(decision.id, item, deque(item.lines), sight)

    def _keep(self, record: Record, asked: int | None = None) -> None:
        self._ordinal += 1
        self._outbox.append(Entry(self._ordinal, record, asked))

    # --- its own thread ---
    def run(self, stopping: threading.Event) -> None:
        """Until the host is closed. A database that is away only makes it wait."""
        database = Outage(logger, f"director of room {self._room.pk}")
        while not stopping.wait(_LOOK_S):
            try:
                with database.waited_out():
                    self.look(time.time())
            except OwnershipLost:
                break
        self._finish()

    def look(self, now: float) -> None:
        """Take in what audience and people say, and write down what was decided.

        Raises:
            DatabaseError: nothing is lost, it is tried again.
            OwnershipLost: another process directs the room now.
        """
        rows = self._feed.rows()
        with self._lock:
            self._feed.take(rows, now)
        self._obey(now)
        self._write()
        if now - self._governed_at >= _GOVERN_S or now < self._governed_at:
            self._govern(now)

    def _finish(self) -> None:
        try:
            self._write()
        except (DatabaseError, OwnershipLost):
            logger.exception("room %s: the end of the director's log could not be written", self._room.pk)
        finally:
            connections.close_all()

    # --- what people ask for ---
    def _obey(self, now: float) -> None:
        locks = locks_of(Room.objects.values_list("locks", flat=True).get(pk=self._room.pk), self._freedom)
        asked = list(self._room.director_log.filter(kind=DirectorRecordKind.REVERTED, ordinal=None))
        with self._lock:
            self._director.set_locks(locks)
            if self._block is not None and self._block.item.id in locks.barred:
                self._block.lines.clear()
            refused = [row for row in asked if not self._take_back(row, now)]
        for row in refused:
            row.delete()
            note(room=self._room, code="decision_too_old", text=f"{row.decision_id} can no longer be taken back.")

    def _take_back(self, row: DirectorRecord, now: float) -> bool:
        if any(entry.asked == row.pk for entry in self._outbox):
            return True  # done already, and waits to be written
        try:
            record = self._director.revert(row.decision_id, by=str(row.by_id), now=now)
        except DecisionRefused:
            return False
        self._keep(record, row.pk)
        if self._block is not None and self._block.decision_id == row.decision_id:
            self._block.lines.clear()
        return True

    # --- what is written ---
    def _write(self) -> None:
        with self._lock:
            waiting = list(self._outbox)
        if not waiting:
            return
        with transaction.atomic():
            self._lease.confirm()
            for entry in waiting:
                self._row(entry)
        for _entry in waiting:
            self._outbox.popleft()

    def _row(self, entry: Entry) -> None:
        record = entry.record
        fields = {
            "ordinal": entry.ordinal,
            "at": datetime.fromtimestamp(record.ts, UTC),
            "data": json.loads(record.to_json()),
        }
        if isinstance(record, Decision):
            fields |= {"item_id": record.choice or ""}
        elif isinstance(record, Learned):
            orders = int(record.outcome.get("orders", 0)) - int(record.outcome.get("returned", 0))
            fields |= {"item_id": record.item_id, "reward": record.value, "orders": orders}
        if entry.asked is not None:
            DirectorRecord.objects.filter(pk=entry.asked).update(**fields)
            return
        decision_id = record.id if isinstance(record, Decision) else record.decision_id
        DirectorRecord.objects.create(room=self._room, kind=_kind(record), decision_id=decision_id, **fields)

    def _govern(self, now: float) -> None:
        """Follow the audience with expression and pace, and show both on the dashboard."""
        with self._lock:
            picture = self._feed.meter.picture(now)
            before, self._manner = self._manner, self._governor.recommend(picture)
            self._governed_at = now
            decision_id = self._block.decision_id if self._block else ""
        manner = self._manner
        if manner.expression is not before.expression:
            note(room=self._room, code=f"manner_{manner.expression}", text=manner.reason["en"], data=manner.to_json())
        shown = {
            "picture": asdict(picture),
            "audience_known": self._feed.is_known,
            "manner": manner.to_json(),
            "decision": decision_id,
        }
        Air.objects.filter(pk=self._room.pk, performer_fence=self._lease.fence).update(direction=shown)

    # --- where it was left ---
    def _replayed(self) -> Director:
        rows = DirectorRecord.objects.filter(room=self._room, ordinal__isnull=False).order_by("ordinal")
        locks = locks_of(self._room.locks, self._freedom)
        began = self._room.on_air_at or self._room.created_at
        return Director.replay(
            self._records(rows.values_list("ordinal", "data").iterator()),
            self._rundown,
            started_at=began.timestamp(),
            seed=str(self._room.pk),
            locks=locks,
        )

    def _records(self, rows: Iterator[tuple[int | None, Any]]) -> Iterator[Record]:
        for ordinal, data in rows:
            self._ordinal = ordinal or 0
            yield read_record(json.dumps(data))

    def _unfinished(self) -> Block | None:
        """The item that was on air when another process fell: what is left of its lines."""
        newest = next((one for one in reversed(self._director.log) if isinstance(one, Decision)), None)
        if newest is None or newest.choice is None or self._is_closed(newest.id):
            return None
        item = self._rundown.item(newest.choice)
        lines = item.lines[self._spoken(item, newest.ts) :]
        return Block(newest.id, item, deque(lines), self._feed.sight(newest.ts))

    def _is_closed(self, decision_id: str) -> bool:
        ends = (one for one in self._director.log if isinstance(one, Learned | Reverted))
        return any(one.decision_id == decision_id for one in ends)

    def _spoken(self, item: RundownItem, since: float) -> int:
        said = SpokenLine.objects.filter(room=self._room, item_id=item.id, blocked=False, comment=None)
        return said.filter(at__gte=datetime.fromtimestamp(since, UTC)).count()


def locks_of(stored: dict[str, object], freedom: Freedom) -> LegalLocks:
    """What is fixed now: by the approved plan, or by people while the room is on air."""
    barred = stored.get("barred", [])
    frozen = not freedom.reorder or bool(stored.get("frozen"))
    return LegalLocks(frozen=frozen, barred=frozenset(barred if isinstance(barred, list) else ()))


def _kind(record: Record) -> DirectorRecordKind:
    kinds = {Decision: DirectorRecordKind.DECISION, Learned: DirectorRecordKind.LEARNED}
    return kinds.get(type(record), DirectorRecordKind.REVERTED)
