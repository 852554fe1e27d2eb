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
from django.db import DatabaseError, close_old_connections
from django.utils import timezone
from django.utils.translation import gettext as _

from compliance import storage
from compliance.errors import AvowError, Unavailable
from compliance.keys.custody import open_custody
from compliance.release.issuing import permit_slice
from compliance.release.models import Permit
from streaming.air.broadcast import SECOND_NS, Broadcast
from streaming.air.wire import Message, Wire
from streaming.errors import OwnershipLost, RoomRefused
from streaming.leases import take_lease
from streaming.models import Air, Room
from streaming.packager.packager import Segment

logger = logging.getLogger(__name__)
Json = dict[str, Any]
GRACE_S = 0.6
"""So long after the end of a segment's own time the next one may come before the slate takes its place."""
_AHEAD_NS = 2 * SECOND_NS
_LOOK_S = 0.25
_NOTHING = "no_performer"
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
    """Shows one room until it ends."""

    room_id: UUID
    stopping: threading.Event
    on_event: Callable[[str, Json], None]
    inbox: queue.Queue[Order] = field(default_factory=lambda: queue.Queue(maxsize=16))
    _code: str = _NOTHING
    _text: str = ""
    _performer_fence: int = 0
    _expects_host_ns: int | None = None

    def run(self) -> None:
        """Thread entry."""
        try:
            self._hold()
        except OwnershipLost:
            logger.warning("room %s is published by another gate now", self.room_id)
        except Exception:
            logger.exception("room %s fell; another attempt follows", self.room_id)
        finally:
            close_old_connections()

    def _hold(self) -> None:
        lease = take_lease(self.room_id, "publisher")
        if lease is None:
            return
        room = Room.objects.select_related("take__grant", "take__organisation", "organisation").get(pk=self.room_id)
        broadcast = Broadcast.open(room, lease, open_custody(), self.on_event)
        try:
            broadcast.prepare_slate()
            while not self.stopping.is_set():
                lease.write()
                if not self._wanted(room):
                    self._take_leave(broadcast, room)
                    return
                self._turn(broadcast)
        finally:
            broadcast.close()
            lease.give_up()

    def _take_leave(self, broadcast: Broadcast, room: Room) -> None:
        """Off the air by way of the slate: what is seen last is not the host."""
        for _segment in range(_FAREWELL_SEGMENTS):
            while (left := self._slate_due_s(broadcast)) > 0 and not self.stopping.is_set():
                time.sleep(min(left, _LOOK_S))
            broadcast.put_slate("ended", room.ended_because)
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
        handler = {"begin": self._begin, "slice": self._slice, "segment": self._segment}[order.message.header["op"]]
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
        return (wait - time.time_ns()) / SECOND_NS

    def _slate(self, broadcast: Broadcast) -> None:
        try:
            broadcast.put_slate(self._code, self._text or _("The host is not here at the moment."))
        except (AvowError, DatabaseError):
            # Nothing unlabelled and nothing unsigned: then nothing at all, until it holds again.
            logger.exception("room %s: not even the slate can be shown", self.room_id)
            time.sleep(_LOOK_S)

    def _refuse(self, order: Order, error: AvowError | DatabaseError) -> None:
        code = error.code if isinstance(error, AvowError) else "database_away"
        text = str(error.text) if isinstance(error, AvowError) else _("The database does not answer.")
        self._code, self._text, self._expects_host_ns = code, text, None
        self.on_event("refused", {"op": order.message.header["op"], "code": code, "text": text})
        order.answer(ok=False, code=code, text=text, retry=isinstance(error, Unavailable | DatabaseError))

    # --- messages ---
    def _begin(self, broadcast: Broadcast, order: Order) -> None:
        """A performer is ready: it is told when its first picture is due and under which permit."""
        fence = int(order.message.header["fence"])
        if fence != Air.objects.get(pk=self.room_id).performer_fence:
            raise OwnershipLost
        if broadcast.room.handed_over_at is not None:
            raise RoomRefused("handed_over", _("A person has taken over."))
        granted = self._next_slice()
        broadcast.begin_host(order.message.parts)
        self._performer_fence = fence
        end, now = broadcast.end_ns, time.time_ns()
        segment_ns = broadcast.spec.segment_s * SECOND_NS
        start = now // 1_000_000 * 1_000_000 + _AHEAD_NS
        if end is not None:
            start = end + max(0, -(-(start - end) // segment_ns)) * segment_ns
        self._expects_host_ns = start
        order.answer(ok=True, start_ns=start, **granted)

    def _slice(self, _broadcast: Broadcast, order: Order) -> None:
        order.answer(ok=True, **self._next_slice())

    def _next_slice(self) -> Json:
        """Permit the next slice, with a mark nobody has used.

        Raises:
            RoomRefused: room_not_permitted, with the reasons.
        """
        air = Air.objects.select_related("room__take").get(pk=self.room_id)
        newest = air.room.take.marks.order_by("-slice").values_list("slice", flat=True).first() or 0
        permit = permit_slice(take_id=air.room.take_id, part=newest + 1, now=timezone.now())
        if permit is None:
            take = air.room.take
            take.refresh_from_db()
            texts = " ".join(why["text"] for why in take.reasons) or _("The take has ended.")
            code = take.reasons[0]["code"] if take.reasons else "room_not_permitted"
            raise RoomRefused(code, texts, reasons=take.reasons)
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
        header = order.message.header
        if int(header["fence"]) != self._performer_fence or broadcast.room.handed_over_at is not None:
            raise OwnershipLost
        segments = [
            Segment(
                rendition=rendition.name,
                sequence=0,
                first_frame=int(header["first_frame"]),
                frames=int(header["frames"]),
                start_ns=int(header["start_ns"]),
                ticks=int(header["ticks"]),
                data=order.message.parts[rendition.name],
            )
            for rendition in broadcast.spec.renditions
        ]
        self._in_time(broadcast, segments[0])
        entry = broadcast.put_host(segments, str(header["permit"]))
        self._code, self._text, self._expects_host_ns = _NOTHING, "", None
        order.answer(ok=True, sequence=entry.sequence)

    @staticmethod
    def _in_time(broadcast: Broadcast, segment: Segment) -> None:
        """A segment whose time the slate has filled already comes too late: time does not run backwards."""
        end = broadcast.end_ns
        if end is not None and segment.start_ns < end - SECOND_NS // 20:
            raise RoomRefused("segment_late", _("The performer was too slow: the slate has taken its place."))


@dataclass
class LiveGate:
    """Watches the rooms and hands their performers' messages to them."""

    socket_path: Path
    on_event: Callable[[str, Json], None] = lambda name, data: None
    stopping: threading.Event = field(default_factory=threading.Event)
    _rooms: dict[UUID, tuple[threading.Thread, RoomThread]] = field(default_factory=dict)

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

    def _watch(self) -> None:
        close_old_connections()
        try:
            wanted = list(Room.objects.filter(wanted_on_air=True).values_list("pk", flat=True))
        except DatabaseError:
            logger.exception("the database does not answer; rooms on air go on")
            return
        for room_id in wanted:
            held = self._rooms.get(room_id)
            if held is None or not held[0].is_alive():
                room = RoomThread(room_id, self.stopping, partial(self._tell, room_id))
                thread = threading.Thread(target=room.run, name=f"room-{room_id}", daemon=True)
                self._rooms[room_id] = (thread, room)
                thread.start()

    def _tell(self, room_id: UUID, name: str, data: Json) -> None:
        self.on_event(name, {"room": str(room_id), **data})

    def _listen(self, wire: Wire) -> None:
        """One performer's connection: its messages go to its room, answers come from there."""
        try:
            while (message := wire.receive()) is not None:
                held = self._rooms.get(UUID(str(message.header.get("room"))))
                if held is None or message.header.get("op") not in ("begin", "slice", "segment"):
                    wire.send({"ok": False, "code": "room_off_air", "text": "This room is not on air.", "retry": True})
                    continue
                held[1].inbox.put(Order(message, wire), timeout=30)
        except (OSError, ValueError, AvowError, queue.Full):
            logger.info("a performer's connection ended", exc_info=True)
        finally:
            wire.close()


