"""`manage.py room outputs`: keeps every output of every room on air fed, whatever becomes of the servers outside.

The process holds no signing key; of the custody it may open what producers have sealed for it. It reads what is
published, as viewers do, and verifies it; a row's hold keeps two such processes from sending one room twice.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from compliance.connections import Outage
from compliance.errors import AvowError
from compliance.provenance.pki import Pki
from streaming.air.folders import room_folder
from streaming.leases import LEASE_S, process_name
from streaming.models import RoomOutput, Sending
from streaming.outputs.output import Output, OutputState, OutputStatus, Patience
from streaming.outputs.target import Target
from streaming.packager.errors import PlaylistRefused
from streaming.sending.addresses import require_public
from streaming.sending.feed import Feed, Published
from streaming.sending.services import open_target
from streaming.services import note

logger = logging.getLogger(__name__)
RENDITION = "high"
_LOOK_S = 0.3
_FAREWELL = timedelta(seconds=15)
"""So long after a room's end its last seconds, the slate's, are still sent."""
_RENEW = timedelta(seconds=2)


@dataclass
class Sender:
    """One output of ours: the row as it was last written, and what sends. `problem`: why nothing can be sent."""

    row: RoomOutput
    opening: Future[Target]
    patience: Patience
    output: Output | None = None
    problem: str = ""
    told: tuple[Any, ...] = ()

    def offer(self, fresh: list[Published]) -> None:
        if self.output is None and not self.problem and self.opening.done():
            self._open()
        for one in fresh:
            if self.output is not None:
                self.output.offer(one.init, one.segment, duration_s=one.duration_s)

    def _open(self) -> None:
        try:
            self.output = Output(self.opening.result(), patience=self.patience)
        except AvowError as error:
            self.problem = error.code
            logger.warning("output %s: %s", self.row.pk, error)

    def status(self, refused: str) -> dict[str, Any]:
        """Fields for the row. `refused`: what the feed has against the newest segment."""
        if self.problem:
            return {"state": Sending.REFUSED, "reason": self.problem}
        held = self.output.status if self.output else OutputStatus()
        reason = refused or (held.reason or "" if held.state is not OutputState.SENDING else "")
        return {
            "state": Sending(held.state.value), "reason": reason, "sent": held.sent, "dropped": held.dropped,
            "failures": held.failures,
        }  # fmt: skip

    def stop(self, wait_s: float = 0.0) -> None:
        if self.output is not None:
            self.output.stop(wait_s=wait_s)


@dataclass
class OutputDesk:
    """All outputs this process sends to."""

    patience: Patience = field(default_factory=Patience)
    check_address: Callable[[Target], None] = require_public
    _senders: dict[UUID, Sender] = field(default_factory=dict)
    _feeds: dict[UUID, Feed] = field(default_factory=dict)
    _openers: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(max_workers=4))

    def serve(self, stopping: threading.Event) -> None:
        """Until `stopping` is set. A database that is away only makes it wait."""
        database = Outage(logger, "outputs")
        while not stopping.is_set():
            with database.waited_out():
                self.turn()
            stopping.wait(_LOOK_S)
        for sender in list(self._senders.values()):
            self._let_go(sender, Sending.IDLE, wait_s=2.0)
        self._openers.shutdown(wait=False, cancel_futures=True)

    def turn(self) -> None:
        """Look once: take what is free, send what is new, write down how it goes."""
        rows = list(_due())
        self._drop_others({row.pk for row in rows})
        fresh = {room_id: self._news(room_id, rows) for room_id in {row.room_id for row in rows}}
        for row in rows:
            sender = self._senders.get(row.pk) or self._take(row)
            if sender is not None:
                sender.offer(fresh[row.room_id])
                self._tell(sender, self._feeds[row.room_id].refused)

    def _news(self, room_id: UUID, rows: list[RoomOutput]) -> list[Published]:
        feed = self._feeds.get(room_id)
        if feed is None:
            feed = self._feeds[room_id] = Feed(room_folder(room_id) / RENDITION, Pki.from_settings().anchor_paths())
        air = next(row.room.air for row in rows if row.room_id == room_id)
        try:
            return feed.follow(air.playlist)
        except (PlaylistRefused, OSError):
            logger.exception("room %s: what is published cannot be read", room_id)
            return []

    # --- the hold on a row ---
    def _take(self, row: RoomOutput) -> Sender | None:
        now = timezone.now()
        free = Q(held_until__isnull=True) | Q(held_until__lt=now)
        until = now + timedelta(seconds=LEASE_S)
        held = RoomOutput.objects.filter(free, pk=row.pk).update(holder=process_name(), held_until=until)
        if not held:
            return None
        sender = Sender(row, self._openers.submit(self._target, row), self.patience)
        self._senders[row.pk] = sender
        return sender

    def _target(self, row: RoomOutput) -> Target:
        """In a thread of its own: a name server may take its time."""
        target = open_target(row)
        self.check_address(target)
        return target

    def _tell(self, sender: Sender, refused: str) -> None:
        fields, now = sender.status(refused), timezone.now()
        told = tuple(fields.values())
        if told == sender.told and sender.row.held_until and sender.row.held_until - now > _RENEW:
            return
        sender.row.held_until = now + timedelta(seconds=LEASE_S)
        ours = RoomOutput.objects.filter(pk=sender.row.pk, holder=process_name())
        if not ours.update(held_until=sender.row.held_until, updated_at=now, **fields):
            del self._senders[sender.row.pk]  # slept through: another process sends now
            sender.stop()
            return
        self._note_change(sender, fields)
        sender.told = told

    def _note_change(self, sender: Sender, fields: dict[str, Any]) -> None:
        """The dashboard's log has a line when an output is lost and when it is back."""
        before, after = sender.row.state, fields["state"]
        lost = after in (Sending.WAITING, Sending.REFUSED)
        if after == Sending.SENDING and before != after:
            text = _("The output %(output)s is connected.")
            note(room=sender.row.room, code="output_connected", text=text % {"output": sender.row})
        elif lost and before not in (Sending.WAITING, Sending.REFUSED):
            text = _("The output %(output)s is not connected; it is tried again by itself.")
            data = {"reason": fields["reason"]}
            note(room=sender.row.room, code="output_lost", text=text % {"output": sender.row}, data=data)
        if after == Sending.SENDING or lost:
            sender.row.state = after

    def _drop_others(self, due: set[UUID]) -> None:
        for pk in set(self._senders) - due:
            self._let_go(self._senders[pk], Sending.STOPPED)
        rooms = {sender.row.room_id for sender in self._senders.values()}
        self._feeds = {room_id: feed for room_id, feed in self._feeds.items() if room_id in rooms}

    def _let_go(self, sender: Sender, state: Sending, *, wait_s: float = 0.0) -> None:
        sender.stop(wait_s)
        self._senders.pop(sender.row.pk, None)
        ours = RoomOutput.objects.filter(pk=sender.row.pk, holder=process_name())
        ours.update(state=state, reason="", held_until=None, updated_at=timezone.now())


def _due() -> QuerySet[RoomOutput]:
    """Outputs of rooms that are on air, or that were until a moment ago."""
    on_air = Q(room__wanted_on_air=True) | Q(room__ended_at__gt=timezone.now() - _FAREWELL)
    return RoomOutput.objects.filter(on_air, removed_at__isnull=True).select_related("room__air")
