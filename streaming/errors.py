"""What a room refuses."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from compliance.errors import BadInput, Refused


class RoomRefused(Refused):
    """A room cannot do this now. Codes: room_not_ready, room_not_permitted, room_on_air, room_off_air, room_ended,
    room_not_yours."""


class RundownInvalid(BadInput):
    """A rundown that cannot be performed. Codes: rundown_empty, rundown_item_invalid, rundown_unspeakable."""


class OwnershipLost(Refused):
    """Another process performs or publishes this room now: whoever learns it stops at once. Code: room_lost."""

    def __init__(self) -> None:
        super().__init__("room_lost", _("Another process has taken this room over."))
