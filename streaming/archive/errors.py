"""What an archive refuses."""

from __future__ import annotations

from compliance.errors import BadInput, Refused


class ArchiveRefused(Refused):
    """Not allowed, or not now. Codes: hold_not_yours, hold_needs_a_reason."""


class TimeUnclear(BadInput):
    """A moment that cannot be found. Codes: at_unreadable, at_not_on_air."""
