"""The live gate: the only process that signs what goes on air. It watches every room that is wanted on air.

A room has one thread here. It takes what a performer sends while it holds, and whatever happens shows the slate in
time: no performer, a performer that is late, refused or gone, a permit that was withdrawn or has run out.
"""

from __future__ import annotations

import base64
import logging
import queue
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import DatabaseError
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from compliance import storage
from compliance.connections import Outage, renew_connections
from compliance.errors import AvowError, Unavailable
from compliance.keys.custody import open_custody
from compliance.release.issuing import permit_slice
from compliance.release.models import Permit
from compliance.release.reasons import reason
from compliance.sandbox import SandboxedProcess
from streaming import showing
from streaming.air.broadcast import AHEAD_LIMIT_NS, SECOND_NS, WINDOW_S, Broadcast
from streaming.air.checking import NotPermitted
from streaming.air.orders import OPS, BeginOrder, SegmentOrder
from streaming.air.wire import Message, Wire
from streaming.clock import Effort
from streaming.errors import OwnershipLost, RoomRefused
from streaming.leases import Lease, take_lease
from streaming.models import Air, Room
from streaming.packager.packager import Segment
from streaming.selectors import consent_ended
from streaming.services import note

logger = logging.getLogger(__name__)
Json = dict[str, Any]
GRACE_S = 0.6
"""So long after the end of a segment's own time the next one may come before the slate takes its place."""
_AHEAD_NS = 2 * SECOND_NS
_TOLERANCE_NS = SECOND_NS // 20
_LOOK_S = 0.25
_DATABASE_S = 1.0
_FAREWELL_SEGMENTS = 3


@dataclass
class Order:
    """A performer's message and the connection its answer goes to."""

    message: Message
    wire: Wire

    def answer(self, **fields: Any) -> None:
        with suppress(OSError):
            self.wire.send(fields)


@dataclass
class RoomThread:
    """Shows one room until it ends. `now_ns`: the wall clock it shows it by, in ns since 1970; `spare_child`: one that
    measures and waits for a room, if there is one.
    """

    room_id: UUID
    stopping: threading.Event
    on_event: Callable[[str, Json], None]
    now_ns: Callable[[], int] = time.time_ns
    spare_child: Callable[[], SandboxedProcess | None] = lambda: None
    inbox: queue.Queue[Order] = field(default_factory=lambda: queue.Queue(maxsize=16))
    _refused: Json | None = None
    _performer_fence: int | None = None
    _expects_host_ns: int | None = None
    _away_since: float | None = None
    _dark: str = ""

    def run(self) -> None:
        """Thread entry."""
        try:
            self._hold()
        except OwnershipLost:
            logger.warning("room %s is published by another gate now", self.room_id)
        except Exception:
            logger.exception("room %s fell; another attempt follows", self.room_id)
        finally:
            renew_connections()

    def _hold(self) -> None:
        lease = take_lease(self.room_id, "publisher")
        if lease is None:
            return
        room = Room.objects.select_related("take__grant", "take__organisation", "organisation").get(pk=self.room_id)
        broadcast = Broadcast.open(room, lease, open_custody(), self.on_event, self.now_ns, self.spare_child())
        try:
            broadcast.prepare_slate()
            while not self.stopping.is_set() and self._goes_on(broadcast, lease, room):
                pass
        finally:
            broadcast.close()
            with suppress(DatabaseError):  # it runs out by itself
                lease.give_up()

    def _goes_on(self, broadcast: Broadcast, lease: Lease, room: Room) -> bool:
        """One turn; False when the room has left the air.

        While the database is away nothing is published: permits are asked there, and numbers kept, before anything is.
        """
        try:
            lease.write()
            self._tell_of_absence(room)
            if self._wanted(room):
                self._turn(broadcast)
                return True
            self._take_leave(broadcast, room)
        except DatabaseError:
            if self._away_since is None:
                logger.exception("room %s: the database does not answer; nothing is published until it does", room.pk)
                self._away_since = time.monotonic()
            renew_connections()
            self.stopping.wait(_DATABASE_S)
            return True
        return False

    def _tell_of_absence(self, room: Room) -> None:
        if self._away_since is None:
            return
        seconds = time.monotonic() - self._away_since
        text = _("The database did not answer for %(seconds)d s; nothing was published meanwhile.")
        note(room=room, code="database_back", text=text % {"seconds": round(seconds)}, data={"seconds": seconds})
        self._away_since = None

    def _take_leave(self, broadcast: Broadcast, room: Room) -> None:
        """Off the air by way of the slate: what is seen last is not the host."""
        for _segment in range(_FAREWELL_SEGMENTS):
            while (left := self._slate_due_s(broadcast)) > 0 and not self.stopping.is_set():
                time.sleep(min(left, _LOOK_S))
            broadcast.put_slate(showing.consent_ended() if consent_ended(room) else showing.ended(room.ended_because))
        broadcast.end()

    def _wanted(self, room: Room) -> bool:
        with suppress(DatabaseError):
            room.refresh_from_db(fields=["wanted_on_air", "handed_over_at", "state", "ended_because"])
            room.take.refresh_from_db()
        return room.wanted_on_air

    # --- one turn: a message, or the slate when it is due ---
    def _turn(self, broadcast: Broadcast) -> None:
        try:
            order = self.inbox.get(timeout=min(_LOOK_S, max(0.0, self._slate_due_s(broadcast))))
        except queue.Empty:
            if self._slate_due_s(broadcast) <= 0:
                self._slate(broadcast)
            return
        handler = dict(zip(OPS, (self._begin, self._slice, self._segment), strict=True))[order.message.header["op"]]
        try:
            handler(broadcast, order)
        except (AvowError, DatabaseError) as error:
            self._refuse(order, error)

    def _slate_due_s(self, broadcast: Broadcast) -> float:
        """Seconds until the slate has to step in."""
        end = broadcast.end_ns
        if end is None:
            return 0.0
        wait = end + int((broadcast.spec.segment_s + GRACE_S) * SECOND_NS)
        if self._expects_host_ns is not None and end < self._expects_host_ns:
            wait = end + broadcast.spec.segment_s * SECOND_NS // 2  # the host joins where the slate ends
        return (wait - self.now_ns()) / SECOND_NS

    def _why(self, room: Room) -> Json:
        """Why the host is not seen now: what people and the performer have said lately comes before what was refused,
        and a refusal counts only while somebody still performs.
        """
        if room.handed_over_at is not None:
            return showing.handed_over()
        if self._expects_host_ns is not None and self._expects_host_ns > self.now_ns() - SECOND_NS:
            return showing.host_joins()
        air = Air.objects.get(pk=room.pk)
        if air.performer_until is None or air.performer_until < timezone.now():
            return showing.no_performer()
        if air.effort == Effort.SLATE:
            return showing.machine_too_slow()
        return self._refused or showing.no_performer()

    def _slate(self, broadcast: Broadcast) -> None:
        try:
            broadcast.put_slate(self._why(broadcast.room))
            self._dark = ""
        except (AvowError, DatabaseError) as error:
            # Nothing unlabelled and nothing unsigned: then nothing at all, until it holds again.
            if self._dark != repr(error):  # it is tried four times a second
                logger.exception("room %s: not even the slate can be shown", self.room_id)
            self._dark = repr(error)
            with suppress(DatabaseError):
                broadcast.go_dark(showing.refused(error) | {"kind": showing.Why.DARK})
            time.sleep(_LOOK_S)

    def _refuse(self, order: Order, error: AvowError | DatabaseError) -> None:
        why = showing.not_permitted(error.reasons) if isinstance(error, NotPermitted) else showing.refused(error)
        self._refused, self._expects_host_ns = why, None
        self.on_event("refused", {"op": order.message.header["op"], "code": why["code"], "text": why["text"]})
        retry = isinstance(error, Unavailable | DatabaseError)
        order.answer(ok=False, code=why["code"], text=why["text"], retry=retry)

    # --- messages ---
    def _begin(self, broadcast: Broadcast, order: Order) -> None:
        """A performer is ready: it is told when its first picture is due and under which permit."""
        begun = BeginOrder.read(order.message, broadcast.spec)
        if begun.fence != Air.objects.get(pk=self.room_id).performer_fence:
            raise OwnershipLost
        self._require_host(broadcast.room)
        granted = self._next_slice()
        broadcast.begin_host(begun.inits)
        self._performer_fence = begun.fence
        end, now = broadcast.end_ns, self.now_ns()
        segment_ns = broadcast.spec.segment_s * SECOND_NS
        start = now // 1_000_000 * 1_000_000 + _AHEAD_NS
        if end is not None:
            start = end + max(0, -(-(start - end) // segment_ns)) * segment_ns
        self._expects_host_ns = start
        order.answer(ok=True, start_ns=start, **granted)

    @staticmethod
    def _require_host(room: Room) -> None:
        if room.handed_over_at is not None:
            raise RoomRefused("handed_over", _("A person has taken over; the host is silent."))

    def _slice(self, _broadcast: Broadcast, order: Order) -> None:
        order.answer(ok=True, **self._next_slice())

    def _next_slice(self) -> Json:
        """Permit the next slice, with a mark nobody has used.

        Raises:
            NotPermitted: room_not_permitted, or the reasons of the take.
        """
        air = Air.objects.select_related("room__take").get(pk=self.room_id)
        newest = air.room.take.marks.order_by("-slice").values_list("slice", flat=True).first() or 0
        permit = permit_slice(take_id=air.room.take_id, part=newest + 1, now=timezone.now())
        if permit is None:
            take = air.room.take
            take.refresh_from_db()
            has_ended = reason("room_not_permitted", _("The take has ended."))
            raise NotPermitted(take.reasons or [has_ended])
        return self._granted(permit)

    @staticmethod
    def _granted(permit: Permit) -> Json:
        pattern = storage.read_bytes(permit.pattern)
        return {
            "permit": str(permit.pk),
            "envelope": permit.envelope,
            "pattern": base64.b64encode(pattern).decode(),
            "slice_s": settings.AVOW_LIVE_SLICE_S,
        }

    def _segment(self, broadcast: Broadcast, order: Order) -> None:
        given = SegmentOrder.read(order.message, broadcast.spec)
        if given.fence != self._performer_fence:
            raise OwnershipLost
        self._require_host(broadcast.room)
        self._in_time(broadcast, given.segments[0])
        entry = broadcast.put_host(given.segments, given.permit_id)
        self._refused, self._expects_host_ns = None, None
        order.answer(ok=True, sequence=entry.sequence)

    def _in_time(self, broadcast: Broadcast, segment: Segment) -> None:
        """A segment whose time the slate has filled already, or that was due long ago, comes too late: what is listed
        says when it was shown. One far ahead would hold the slate back for as long; a clock that was set explains it as
        well as malice. One that leaves a moment out would be a jump of the dates without a discontinuity.
        """
        now = self.now_ns()
        if segment.start_ns > now + AHEAD_LIMIT_NS:
            raise RoomRefused("segment_early", _("The performer's time runs ahead of the clock; it begins anew."))
        end = broadcast.end_ns
        if segment.start_ns < (now - WINDOW_S * SECOND_NS if end is None else end - _TOLERANCE_NS):
            raise RoomRefused("segment_late", _("The performer was too slow: the slate has taken its place."))
        if broadcast.host_is_listed and (end is None or segment.start_ns > end + _TOLERANCE_NS):
            raise RoomRefused("segment_gap", _("The performer has left a moment out; it begins anew."))


@dataclass
class LiveGate:
    """Watches the rooms and hands their performers' messages to them. `spare`: a running child for the first room that
    is taken: a gate that starts in the place of one that died has a room waiting.
    """

    socket_path: Path
    on_event: Callable[[str, Json], None] = lambda name, data: None
    stopping: threading.Event = field(default_factory=threading.Event)
    now_ns: Callable[[], int] = time.time_ns
    spare: SandboxedProcess | None = None
    _rooms: dict[UUID, tuple[threading.Thread, RoomThread]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _database: Outage = field(default_factory=lambda: Outage(logger, "live gate"))

    def serve(self) -> None:
        """Until `stopping` is set; every room is then left between two segments for another gate to take."""
        self.socket_path.unlink(missing_ok=True)
        self.socket_path.parent.mkdir(parents=True, exist_ok=True)
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(self.socket_path))
            self.socket_path.chmod(0o660)
            listener.listen()
            listener.settimeout(_LOOK_S)
            while not self.stopping.is_set():
                self._watch()
                with suppress(TimeoutError):
                    end, _address = listener.accept()
                    end.settimeout(None)
                    threading.Thread(target=self._listen, args=(Wire(end),), daemon=True).start()
        for thread, _room in self._rooms.values():
            thread.join(timeout=5)
        if (spare := self._spare_child()) is not None:
            spare.close()

    def _watch(self) -> None:
        wanted = list[UUID]()
        with self._database.waited_out():
            wanted += Room.objects.filter(wanted_on_air=True).values_list("pk", flat=True)
        for room_id in wanted:
            held = self._rooms.get(room_id)
            if held is None or not held[0].is_alive():
                tell = partial(self._tell, room_id)
                room = RoomThread(room_id, self.stopping, tell, self.now_ns, self._spare_child)
                thread = threading.Thread(target=room.run, name=f"room-{room_id}", daemon=True)
                self._rooms[room_id] = (thread, room)
                thread.start()

    def _spare_child(self) -> SandboxedProcess | None:
        with self._lock:
            spare, self.spare = self.spare, None
        return spare

    def _tell(self, room_id: UUID, name: str, data: Json) -> None:
        self.on_event(name, {"room": str(room_id), **data})

    def _listen(self, wire: Wire) -> None:
        """One performer's connection: its messages go to its room, answers come from there."""
        try:
            while (message := wire.receive()) is not None:
                held = self._rooms.get(UUID(str(message.header.get("room"))))
                if held is None or message.header.get("op") not in OPS:
                    wire.send({"ok": False, "code": "room_off_air", "text": "This room is not on air.", "retry": True})
                    continue
                held[1].inbox.put(Order(message, wire), timeout=30)
        except (OSError, ValueError, AvowError, queue.Full):
            logger.info("a performer's connection ended", exc_info=True)
        finally:
            wire.close()
