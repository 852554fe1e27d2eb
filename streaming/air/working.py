"""The performer's process: it looks for a room that is wanted on air and that nobody performs."""

from __future__ import annotations

import logging
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from uuid import UUID

import torch
from django.db import DatabaseError
from django.utils.translation import gettext_lazy as _

from avatars.speech import speak
from compliance.connections import Outage
from compliance.errors import AvowError
from compliance.release.reasons import reason
from streaming.air.host import RoomHost, host_of
from streaming.air.performer import perform_room
from streaming.errors import OwnershipLost
from streaming.leases import Lease, take_lease
from streaming.models import Room
from streaming.services import note

logger = logging.getLogger(__name__)
_LOOK_S = 0.5
_FIRST_S, _LONGEST_S = 5.0, 60.0


@dataclass
class Rest:
    """Rooms whose host fell: each waits, ever longer, so that the others are performed meanwhile."""

    _until: dict[UUID, tuple[float, float]] = field(default_factory=dict)

    def begin(self, room_id: UUID) -> None:
        """The room has failed just now."""
        before, _end = self._until.get(room_id, (0.0, 0.0))
        wait = min(2 * before or _FIRST_S, _LONGEST_S)
        self._until[room_id] = (wait, time.monotonic() + wait)

    def end(self, room_id: UUID) -> None:
        """The room was performed: the next failure is a first one."""
        self._until.pop(room_id, None)

    def over(self, room_id: UUID) -> bool:
        """Whether the room may be tried."""
        return room_id not in self._until or self._until[room_id][1] <= time.monotonic()


def work(socket_path: Path, stopping: threading.Event) -> None:
    """Perform one room after another until `stopping` is set. One process performs one room at a time."""
    # One frame is too little work to share: threads that wait for each other cost several times what they save.
    torch.set_num_threads(1)
    rest, database = Rest(), Outage(logger, "performer")
    while not stopping.is_set():
        with database.waited_out():
            if (found := _take_a_room(rest)) is not None:
                _perform(*found, socket_path, stopping, rest)
                continue
            warm_up()
        stopping.wait(_LOOK_S)


@cache
def warm_up() -> None:
    """Load what the first line of a room would wait for, while no room does."""
    for language, text in (("zh", "你好。"), ("en", "Hello.")):
        speak(text, language)


def _take_a_room(rest: Rest) -> tuple[Room, Lease] | None:
    wanted = Room.objects.filter(wanted_on_air=True, handed_over_at__isnull=True)
    for room in wanted.select_related("take__grant", "avatar", "organisation"):
        if rest.over(room.pk) and (lease := take_lease(room.pk, "performer")) is not None:
            return room, lease
    return None


def _perform(room: Room, lease: Lease, socket_path: Path, stopping: threading.Event, rest: Rest) -> None:
    host: RoomHost | None = None
    try:
        host = host_of(room, lease)
        host.start()
        perform_room(room, lease, host, socket_path, stopping, lambda text: logger.info("room %s: %s", room.pk, text))
        rest.end(room.pk)
    except OwnershipLost:
        logger.warning("room %s is performed by another process now", room.pk)
    except DatabaseError:
        raise
    except Exception as error:  # a plan or a model that nothing can be made of must not end the process
        logger.exception("room %s: its host fell; another attempt follows", room.pk)
        rest.begin(room.pk)
        _tell(room, error)
    finally:
        if host is not None:
            host.close()
        with suppress(DatabaseError):  # it runs out by itself
            lease.give_up()


def _tell(room: Room, error: Exception) -> None:
    """On the dashboard, in both languages. Raises DatabaseError."""
    what = _("The host could not be prepared or fell; it is tried again by itself. The slate is shown meanwhile.")
    why = reason("host_failed", what)
    cause = f" {error.text}" if isinstance(error, AvowError) else ""
    code = error.code if isinstance(error, AvowError) else type(error).__name__
    words = {"en": why["text"] + cause, "zh": why["text_zh"] + cause}
    note(room=room, code=why["code"], text=words["en"], data={"cause": code, "reason": words})
