"""Who performs a room and who publishes it: two leases on its row, each with a fence (see `models.Air`)."""

from __future__ import annotations

import os
import socket
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any, Literal
from uuid import UUID

from django.db import DatabaseError
from django.db.models import F, Q
from django.utils import timezone

from compliance.connections import beating
from streaming.errors import OwnershipLost
from streaming.models import Air

LEASE_S = 6
"""So long after its last segment the room of a silent process is free; that of one known to be dead is free at once."""

Part = Literal["performer", "publisher"]


def process_name() -> str:
    """Names this process among all on all machines: `place:pid`, at most 80 characters."""
    return f"{_place()}:{os.getpid()}"


@cache
def _place() -> str:
    """Where process ids mean the same: one boot of one kernel, one namespace of ids (proc(5), pid_namespaces(7))."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text()[:8]
    namespace = Path("/proc/self/ns/pid").stat().st_ino
    return f"{socket.gethostname()[:48]}/{boot}.{namespace}"


def has_died(holder: str) -> bool:
    """Whether the process of this name is known to be dead; False of one in another place, which cannot be seen."""
    place, _colon, pid = holder.rpartition(":")
    if place != _place():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False  # it lives, as another user
    with suppress(OSError):  # one that nobody has waited for yet is dead too
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    return False


@dataclass(frozen=True)
class Lease:
    """The right to perform or to publish one room, until another takes it."""

    room_id: UUID
    part: Part
    fence: int

    def write(self, **fields: Any) -> None:
        """Change the room's row, and go on holding it.

        Raises:
            OwnershipLost: another process holds it now; nothing was written.
        """
        held = Air.objects.filter(pk=self.room_id, **{f"{self.part}_fence": self.fence})
        until = timezone.now() + timedelta(seconds=LEASE_S)
        if not held.update(**{f"{self.part}_until": until, "updated_at": timezone.now(), **fields}):
            raise OwnershipLost

    def held(self) -> AbstractContextManager[None]:
        """Renewed in the background, while its holder prepares what may take longer than a lease lasts."""
        return beating(self._renew, LEASE_S / 3)

    def _renew(self) -> bool:
        try:
            with suppress(DatabaseError):
                self.write()
        except OwnershipLost:
            return False  # the holder hears of it when it writes
        return True

    def confirm(self) -> None:
        """Keep others from taking the room until the transaction ends; unlike `write` it does not prolong the lease.

        Raises:
            OwnershipLost: another process holds it now.
        """
        held = Air.objects.select_for_update().filter(pk=self.room_id, **{f"{self.part}_fence": self.fence})
        if held.first() is None:
            raise OwnershipLost

    def give_up(self) -> None:
        """Leave the room to whoever comes next, at once."""
        held = Air.objects.filter(pk=self.room_id, **{f"{self.part}_fence": self.fence})
        held.update(**{f"{self.part}_until": None})


def take_lease(room_id: UUID, part: Part) -> Lease | None:
    """Take a room that nobody holds, or that a process held which has died on this machine; None when somebody does."""
    now = timezone.now()
    holder, fence = Air.objects.values_list(part, f"{part}_fence").get(pk=room_id)
    # Nobody takes a lease that long: where it is, the clock was set back, and its holder may be dead.
    beyond = now + timedelta(seconds=10 * LEASE_S)
    free = Q(**{f"{part}_until__isnull": True}) | Q(**{f"{part}_until__lt": now}) | Q(**{f"{part}_until__gt": beyond})
    if has_died(holder):
        free |= Q(**{f"{part}_fence": fence})
    taken = Air.objects.filter(free, pk=room_id).update(
        **{
            part: process_name(),
            f"{part}_fence": F(f"{part}_fence") + 1,
            f"{part}_until": now + timedelta(seconds=LEASE_S),
        }
    )
    if not taken:
        return None
    return Lease(room_id, part, getattr(Air.objects.get(pk=room_id), f"{part}_fence"))
