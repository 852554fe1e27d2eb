"""The performer's process: it looks for a room that is wanted on air and that nobody performs."""

from __future__ import annotations

import logging
import threading
from contextlib import suppress
from pathlib import Path

import torch
from django.db import DatabaseError, close_old_connections

from streaming.air.host import host_of
from streaming.air.performer import perform_room
from streaming.errors import OwnershipLost
from streaming.leases import Lease, take_lease
from streaming.models import Room

logger = logging.getLogger(__name__)
_LOOK_S = 0.5


def work(socket_path: Path, stopping: threading.Event) -> None:
    """Perform one room after another until `stopping` is set. One process performs one room at a time."""
    # One frame is too little work to share: threads that wait for each other cost several times what they save.
    torch.set_num_threads(1)
    while not stopping.is_set():
        try:
            close_old_connections()
            if (found := _take_a_room()) is None:
                stopping.wait(_LOOK_S)
                continue
            _perform(*found, socket_path, stopping)
        except DatabaseError:
            logger.exception("the database does not answer")
            stopping.wait(_LOOK_S)


def _take_a_room() -> tuple[Room, Lease] | None:
    wanted = Room.objects.filter(wanted_on_air=True, handed_over_at__isnull=True)
    for room in wanted.select_related("take__grant", "avatar", "organisation"):
        if (lease := take_lease(room.pk, "performer")) is not None:
            return room, lease
    return None


def _perform(room: Room, lease: Lease, socket_path: Path, stopping: threading.Event) -> None:
    host = host_of(room, lease)
    host.start()
    try:
        perform_room(room, lease, host, socket_path, stopping, lambda text: logger.info("room %s: %s", room.pk, text))
    except OwnershipLost:
        logger.warning("room %s is performed by another process now", room.pk)
    finally:
        host.close()
        with suppress(DatabaseError):  # it runs out by itself
            lease.give_up()
