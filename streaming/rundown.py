"""The rundown (pure): what a host says in which order, how often, and what it rests on.

Legal approves it word by word; a permit names it by digest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

from django.utils.translation import gettext_lazy as _

from streaming.errors import RundownInvalid

MAX_ITEMS, MAX_LINES, MAX_LINE = 100, 200, 400


@dataclass(frozen=True)
class RundownItem:
    """One stretch of the show: `lines` spoken in order, about `product_id` (empty: about none).

    `repeats`: how often it may come in one round of the rundown, 1..20. `pause_s`: silence after each line.

    What the director may do with it, in seconds from the start of the room: `seconds` it lasts as planned (0: not
    estimated), `every_s` it must begin again at least so often (a legal notice), `min_plays` of it must be reached
    before `not_after`, `max_plays` is never passed, `min_gap_s` lies between its end and its next begin, and it
    begins not before `not_before`.
    """

    id: str
    title: str
    lines: tuple[str, ...]
    product_id: str = ""
    repeats: int = 1
    pause_s: float = 0.4
    seconds: float = 0.0
    min_plays: int = 0
    max_plays: int | None = None
    every_s: float | None = None
    min_gap_s: float = 0.0
    not_before: float = 0.0
    not_after: float | None = None

    def __post_init__(self) -> None:
        problems = (
            (not self.id or len(self.id) > 64, _("Every item needs a short name of its own.")),
            (not 1 <= len(self.lines) <= MAX_LINES, _("Every item needs at least one line, and not hundreds.")),
            (
                any(not line.strip() or len(line) > MAX_LINE for line in self.lines),
                _("A line is not empty and has at most 400 characters; divide longer ones."),
            ),
            (not 1 <= self.repeats <= 20, _("An item is repeated 1 to 20 times.")),
            (not 0 <= self.pause_s <= 30, _("A pause lasts 0 to 30 seconds.")),
            *self._limits(),
        )
        for wrong, text in problems:
            if wrong:
                raise RundownInvalid("rundown_item_invalid", text, item=self.id)

    def _limits(self) -> tuple[tuple[bool, Any], ...]:
        """What contradicts itself in the times and counts."""
        least = min(self.seconds, self.min_plays, self.min_gap_s, self.not_before)
        return (
            (least < 0, _("Times and counts of an item are not negative.")),
            (
                self.max_plays is not None and self.max_plays < max(self.min_plays, 1),
                _("The most an item may come lies below the least."),
            ),
            (
                self.not_after is not None and self.not_after <= self.not_before,
                _("The time of an item ends before it begins."),
            ),
            (self.min_plays > 0 and self.not_after is None, _("Say by when an item must have come so often.")),
            (
                self.every_s is not None and self.every_s < self.seconds + self.min_gap_s,
                _("An item cannot come back that often: its length and gap forbid it."),
            ),
        )


@dataclass(frozen=True)
class Rundown:
    """The items in the order of the first round."""

    items: tuple[RundownItem, ...]

    def __post_init__(self) -> None:
        if not 1 <= len(self.items) <= MAX_ITEMS:
            raise RundownInvalid("rundown_empty", _("A rundown needs between one and a hundred items."))
        if len({item.id for item in self.items}) < len(self.items):
            raise RundownInvalid("rundown_item_invalid", _("Two items have the same name."))

    @property
    def lines(self) -> tuple[str, ...]:
        """Every line once, in order."""
        return tuple(line for item in self.items for line in item.lines)

    def item(self, item_id: str) -> RundownItem:
        return next(item for item in self.items if item.id == item_id)

    def round(self) -> Iterator[RundownItem]:
        """One round: every item as often as it is repeated, spread so that none follows itself if that can be."""
        left = {item.id: item.repeats for item in self.items}
        while any(left.values()):
            for item in self.items:
                if left[item.id]:
                    left[item.id] -= 1
                    yield item

    def timed(self, spoken_s: Callable[[str], float]) -> Rundown:
        """The same items with the `seconds` they last; `spoken_s` gives those of one line."""
        return Rundown(
            tuple(
                replace(item, seconds=round(sum(spoken_s(line) + item.pause_s for line in item.lines), 2))
                for item in self.items
            )
        )

    def to_json(self) -> list[dict[str, Any]]:
        return [asdict(item) | {"lines": list(item.lines)} for item in self.items]

    @classmethod
    def from_json(cls, items: Sequence[dict[str, Any]]) -> Self:
        """Raises RundownInvalid for what cannot be performed, also for unknown or missing fields."""
        try:
            return cls(tuple(RundownItem(**{**item, "lines": tuple(item["lines"])}) for item in items))
        except (TypeError, KeyError, AttributeError) as error:
            raise RundownInvalid("rundown_item_invalid", _("The rundown has a form that is not understood.")) from error
