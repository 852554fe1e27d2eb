"""What is on air, written down in the same transaction that makes it published.

So it is counted once, whoever dies: a segment is in the playlist's state and in its stretch, or in neither.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F

from streaming.archive.models import Stretch
from streaming.leases import Lease
from streaming.models import Showing

HOUR_NS = 3_600_000_000_000
_ROUNDING_NS = 1_000_000


@dataclass(frozen=True)
class OnScreen:
    """What the next segment shows. `format`: digest of its unsigned init segment."""

    showing: Showing
    slice: int
    mark: str
    label: str
    format: str


def format_of(init: bytes) -> str:
    """Two sessions with the same unsigned init segment can be played as one file."""
    return hashlib.sha256(init).hexdigest()[:16]


class Timeline:
    """One publisher's hand on a room's stretches. `persist` is given to the packager's publisher."""

    def __init__(self, lease: Lease) -> None:
        self._lease, self._last = lease, _last_of(lease.room_id)
        self._next: OnScreen | None = None

    def announce(self, seen: OnScreen) -> None:
        """Say what the segment shows that is published next."""
        self._next = seen

    def persist(self, playlist: str) -> None:
        """Write the playlist's state, and its newest line into a stretch.

        Raises:
            OwnershipLost: another process publishes this room now; nothing was written.
        """
        before = self._last
        try:
            with transaction.atomic():
                self._lease.write(playlist=playlist)
                entries = json.loads(playlist)["entries"]
                if entries and self._next is not None:
                    self._keep(entries[-1], self._next)
        except Exception:
            self._last = before
            raise

    def _keep(self, entry: dict[str, Any], seen: OnScreen) -> None:
        last = self._last
        if last is not None and entry["sequence"] <= last.last_sequence:
            return  # said again: only the end of the playlist is new
        if last is not None and _goes_on(last, entry, seen):
            Stretch.objects.filter(pk=last.pk).update(count=F("count") + 1)
            self._last = _copy(last, count=last.count + 1)
            return
        self._last = Stretch.objects.create(
            room_id=self._lease.room_id,
            init=entry["init"],
            first_sequence=entry["sequence"],
            start_ns=entry["start_ns"],
            ticks=entry["ticks"],
            showing=seen.showing,
            slice=seen.slice,
            mark=seen.mark,
            label=seen.label,
            format=seen.format,
        )


def _goes_on(last: Stretch, entry: dict[str, Any], seen: OnScreen) -> bool:
    """Whether the segment belongs to the stretch. Stretches end with the hour (UTC), so that sums over hours, days and
    months are exact.
    """
    return (
        (last.init, last.ticks, last.last_sequence + 1) == (entry["init"], entry["ticks"], entry["sequence"])
        and abs(last.end_ns - entry["start_ns"]) < _ROUNDING_NS
        and (last.showing, last.slice, last.mark, last.label) == (seen.showing, seen.slice, seen.mark, seen.label)
        and last.start_ns // HOUR_NS == entry["start_ns"] // HOUR_NS
    )


def _copy(stretch: Stretch, **changes: Any) -> Stretch:
    fields = {field.attname: getattr(stretch, field.attname) for field in Stretch._meta.concrete_fields}
    return Stretch(**{**fields, **changes})


def _last_of(room_id: UUID) -> Stretch | None:
    return Stretch.objects.filter(room_id=room_id).last()
