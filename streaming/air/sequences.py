"""The numbers of signed segments, kept in the room's row (see `compliance.provenance.live.SequenceStore`)."""

from __future__ import annotations

from dataclasses import dataclass, field

from streaming.leases import Lease
from streaming.models import Air


@dataclass
class RoomSequences:
    """All renditions of one room, written under the publisher's fence."""

    lease: Lease
    signed: dict[str, int] = field(default_factory=dict)

    @classmethod
    def load(cls, lease: Lease) -> RoomSequences:
        return cls(lease, {name: int(last) for name, last in Air.objects.get(pk=lease.room_id).signed.items()})

    def of(self, rendition: str) -> RenditionSequence:
        return RenditionSequence(self, rendition)


@dataclass
class RenditionSequence:
    """One rendition's numbers."""

    room: RoomSequences
    rendition: str

    def last(self) -> int:
        return self.room.signed.get(self.rendition, 0)

    def record(self, sequence: int) -> None:
        """Raises OwnershipLost when another gate publishes the room."""
        after = {**self.room.signed, self.rendition: sequence}
        self.room.lease.write(signed=after)
        self.room.signed = after
