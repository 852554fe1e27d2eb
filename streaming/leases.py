"""Who performs a room and who publishes it: two leases on its row, each with a fence (see `models.Air`)."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal
from uuid import UUID

from django.db.models import F, Q
from django.utils import timezone

from streaming.errors import OwnershipLost
from streaming.models import Air

LEASE_S = 6
"""A dead process's room is free after so long; a live one renews every second."""

Part = Literal["performer", "publisher"]


def process_name() -> str:
    return f"{socket.gethostname()}:{os.getpid()}"[:80]


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
    """Take a room that nobody holds; None when somebody does."""
    now = timezone.now()
    # Nobody takes a lease that long: where it is, the clock was set back, and its holder may be dead.
    beyond = now + timedelta(seconds=10 * LEASE_S)
    free = Q(**{f"{part}_until__isnull": True}) | Q(**{f"{part}_until__lt": now}) | Q(**{f"{part}_until__gt": beyond})
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
