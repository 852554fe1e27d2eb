"""What the director refuses."""

from __future__ import annotations

from compliance.errors import BadInput, Refused


class LimitsRefused(BadInput):
    """Limits of expression or pace that contradict themselves. Codes: pace_limits, expression_limits,
    freedom_malformed."""


class DecisionRefused(Refused):
    """A decision that cannot be taken back or rewarded."""
