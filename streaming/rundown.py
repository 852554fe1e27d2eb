"""The rundown (pure): what a host says in which order, how often, and what it rests on.

Legal approves it word by word; a permit names it by digest.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

from django.utils.translation import gettext_lazy as _

from streaming.errors import RundownInvalid

MAX_ITEMS, MAX_LINES, MAX_LINE = 100, 200, 400


@dataclass(frozen=True)
class RundownItem:
    """One stretch of the show: `lines` spoken in order, about `product_id` (empty: about none).

    `repeats`: how often it may come back in one round of the rundown, 1..20. `pause_s`: silence after each line.
    """

    id: str
    title: str
    lines: tuple[str, ...]
    product_id: str = ""
    repeats: int = 1
    pause_s: float = 0.4

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
        )
        for wrong, text in problems:
            if wrong:
                raise RundownInvalid("rundown_item_invalid", text, item=self.id)


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

    def to_json(self) -> list[dict[str, Any]]:
        return [asdict(item) | {"lines": list(item.lines)} for item in self.items]

    @classmethod
    def from_json(cls, items: Sequence[dict[str, Any]]) -> Self:
        """Raises RundownInvalid for what cannot be performed, also for unknown or missing fields."""
        try:
            return cls(tuple(RundownItem(**{**item, "lines": tuple(item["lines"])}) for item in items))
        except (TypeError, KeyError, AttributeError) as error:
            raise RundownInvalid("rundown_item_invalid", _("The rundown has a form that is not understood.")) from error
