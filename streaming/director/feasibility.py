"""What of an approved rundown may come next at a given moment (pure). Times in seconds from the start of the room."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from streaming.rundown import Rundown, RundownItem


@dataclass(frozen=True, slots=True)
class LegalLocks:
    """What legal fixed. `frozen`: the planned order and nothing else; `barred`: never; `pinned`: position -> item."""

    frozen: bool = False
    barred: frozenset[str] = frozenset()
    pinned: Mapping[int, str] = field(default_factory=dict)


@dataclass(slots=True)
class Played:
    """How often a block was chosen, how often in this round, and when it began and ended last."""

    count: int = 0
    in_round: int = 0
    last: float | None = None
    ended: float | None = None


def exclusion(item: RundownItem, played: Played, locks: LegalLocks, at: float) -> str:
    """Why a block may not begin at `at` seconds from the start; "" when it may."""
    if item.id in locks.barred:
        return "barred"
    if at < item.not_before:
        return "too_early"
    if item.not_after is not None and at + item.seconds > item.not_after:
        return "too_late"
    if item.max_plays is not None and played.count >= item.max_plays:
        return "played_enough"
    if at < _end(item, played) + item.min_gap_s:
        return "too_soon"
    return ""


def _end(item: RundownItem, played: Played) -> float:
    """When the block ended last; as planned while nobody has said so."""
    if played.last is None:
        return float("-inf")
    ended = played.ended if played.ended is not None and played.ended >= played.last else None
    return ended if ended is not None else played.last + item.seconds


def urgency(item: RundownItem, played: Played, rundown: Rundown, at: float) -> float:
    """How long a duty of this block is overdue in seconds; 0 or less: not yet due.

    A block that must come `every_s` is due one block length before that time runs out. Least plays are due
    when the time left is only just enough for them.
    """
    overdue = float("-inf")
    if item.every_s is not None:
        since = at - (played.last if played.last is not None else item.not_before)
        overdue = since + _longest(rundown) - item.every_s
    missing = item.min_plays - played.count
    if missing > 0 and item.not_after is not None:
        needed = missing * (item.seconds + item.min_gap_s) + _longest(rundown)
        overdue = max(overdue, needed - (item.not_after - at))
    return overdue


def _longest(rundown: Rundown) -> float:
    return max(item.seconds for item in rundown.items)
