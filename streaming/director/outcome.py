"""What a block brought, as one number the director may learn from; and what it may never learn from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

# Above this share of comments that show need or despair, what a block "brought" is not learned.
DISTRESS_LIMIT = 0.05
_STAY, _ASKED, _CLICKED, _ORDERED = 0.4, 0.15, 0.2, 0.25
# Enough is enough: one click or question by 5 of 100 viewers, one order by 2 of 100, count in full.
_FULL_RATE, _FULL_ORDERS = 0.05, 0.02


@dataclass(frozen=True, slots=True)
class BlockOutcome:
    """Measured over one block: `viewers` at begin, `stayed` of them at the end, and counts during it.

    `returned` orders of this block so far are taken off `orders`; `distress_share` 0..1 as in the picture.
    """

    viewers: int
    stayed: int
    questions: int = 0
    clicks: int = 0
    orders: int = 0
    returned: int = 0
    distress_share: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """JSON-safe form."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> BlockOutcome:
        """Read `to_json`."""
        return cls(**data)


def reward(outcome: BlockOutcome) -> float | None:
    """The reward 0..1, or None when the block teaches nothing.

    Orders weigh a quarter and saturate: beyond that, pushing harder gains nothing. With nobody watching, or
    with viewers in distress, there is no reward to be had at all.
    """
    if outcome.viewers <= 0 or outcome.distress_share > DISTRESS_LIMIT:
        return None
    seen = outcome.viewers
    stay = min(max(outcome.stayed, 0) / seen, 1.0)
    kept_orders = max(outcome.orders - outcome.returned, 0)
    parts = (
        _STAY * stay,
        _ASKED * min(outcome.questions / seen / _FULL_RATE, 1.0),
        _CLICKED * min(outcome.clicks / seen / _FULL_RATE, 1.0),
        _ORDERED * min(kept_orders / seen / _FULL_ORDERS, 1.0),
    )
    return round(sum(parts), 6)
