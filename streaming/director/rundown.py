"""The rundown legal approved, and what of it may come next at a given moment (pure)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from streaming.director.errors import RundownRefused


@dataclass(frozen=True, slots=True)
class RundownItem:
    """One approved block. Times in seconds; `not_before`, `not_after` count from the start of the room.

    `every_s`: the block must begin again at least so often (a legal notice). `min_plays` must be reached before
    `not_after` (or `Rundown.seconds`), `max_plays` is never passed, `min_gap_s` lies between end and next begin.
    """

    id: str
    product_id: str
    seconds: float
    min_plays: int = 0
    max_plays: int | None = None
    every_s: float | None = None
    min_gap_s: float = 0.0
    not_before: float = 0.0
    not_after: float | None = None


@dataclass(frozen=True, slots=True)
class LegalLocks:
    """What legal fixed. `frozen`: the planned order and nothing else; `barred`: never; `pinned`: position -> item."""

    frozen: bool = False
    barred: frozenset[str] = frozenset()
    pinned: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Rundown:
    """Blocks in their planned order; `seconds` the planned length of the room, None for round the clock."""

    items: tuple[RundownItem, ...]
    seconds: float | None = None

    def __post_init__(self) -> None:
        ids = [item.id for item in self.items]
        if not ids or len(set(ids)) != len(ids):
            raise RundownRefused("rundown_items", "A rundown needs blocks, each with an id of its own.")
        for item in self.items:
            _check(item)

    def item(self, item_id: str) -> RundownItem:
        """The block of that id. Raises `RundownRefused` (rundown_item_unknown)."""
        for item in self.items:
            if item.id == item_id:
                return item
        raise RundownRefused("rundown_item_unknown", f"There is no block {item_id!r} in this rundown.")


def _check(item: RundownItem) -> None:
    if item.seconds <= 0 or item.min_plays < 0 or item.min_gap_s < 0 or item.not_before < 0:
        raise RundownRefused("rundown_times", f"Block {item.id!r}: times and counts must not be negative.")
    if item.max_plays is not None and item.max_plays < max(item.min_plays, 1):
        raise RundownRefused("rundown_plays", f"Block {item.id!r}: the most plays lie below the least.")
    if item.not_after is not None and item.not_after <= item.not_before:
        raise RundownRefused("rundown_window", f"Block {item.id!r}: its window ends before it begins.")
    if item.every_s is not None and item.every_s < item.seconds + item.min_gap_s:
        raise RundownRefused(
            "rundown_every", f"Block {item.id!r} cannot come back that often: length and gap forbid it."
        )


@dataclass(slots=True)
class Played:
    """How often a block was chosen and when it began last (seconds from the start of the room)."""

    count: int = 0
    last: float | None = None


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
    if played.last is not None and at < played.last + item.seconds + item.min_gap_s:
        return "too_soon"
    return ""


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
    end = item.not_after if item.not_after is not None else rundown.seconds
    if missing > 0 and end is not None:
        needed = missing * (item.seconds + item.min_gap_s) + _longest(rundown)
        overdue = max(overdue, needed - (end - at))
    return overdue


def _longest(rundown: Rundown) -> float:
    return max(item.seconds for item in rundown.items)
