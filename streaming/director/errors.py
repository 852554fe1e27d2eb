"""What the director refuses."""

from __future__ import annotations

from compliance.errors import BadInput, Refused


class RundownRefused(BadInput):
    """A rundown or limits that contradict themselves."""


class DecisionRefused(Refused):
    """A decision that cannot be taken back or rewarded."""
