"""Sentences the host may say, what each rests on, and the memory that keeps it from repeating itself."""

from __future__ import annotations

import functools
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from streaming.dialogue.data_files import read_data
from streaming.dialogue.facts import Price

_CURRENCY_WORDS = {
    "CNY": ("元", "yuan"),
    "USD": ("美元", "dollars"),
    "EUR": ("欧元", "euros"),
    "GBP": ("英镑", "GBP"),
    "KRW": ("韩元", "won"),
}


@dataclass(frozen=True, slots=True)
class Sentence:
    """One spoken sentence. `fact_ids` name what it rests on; courtesy and disclosure rest on none."""

    text: str
    language: str
    fact_ids: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """JSON-safe form for the speech log."""
        return {"text": self.text, "language": self.language, "fact_ids": list(self.fact_ids)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Sentence:
        """Read `to_json`."""
        return cls(data["text"], data["language"], tuple(data["fact_ids"]))


@functools.lru_cache(maxsize=1)
def _phrases() -> dict[str, dict[str, list[str]]]:
    phrases: dict[str, dict[str, list[str]]] = read_data("phrases")["phrases"]
    return phrases


def phrases(kind: str, language: str) -> Sequence[str]:
    """The variants of one kind of phrase, with `{slots}`."""
    return _phrases()[language][kind]


class SpokenMemory:
    """When each line was last said; bounded. One per room; times in epoch seconds, never read from a clock."""

    def __init__(self, size: int = 1024) -> None:
        self._size = size
        self._said: OrderedDict[str, float] = OrderedDict()

    def note(self, line: str, now: float) -> None:
        """Remember that `line` is said at `now`."""
        self._said.pop(line, None)
        self._said[line] = now
        while len(self._said) > self._size:
            self._said.popitem(last=False)

    def last_said(self, line: str) -> float:
        """When it was last said; minus infinity for never."""
        return self._said.get(line, float("-inf"))

    def choose(self, lines: Sequence[str], now: float) -> str:
        """The line said longest ago, the first of those never said, and remember it as said."""
        line = min(lines, key=self.last_said)
        self.note(line, now)
        return line

    def choose_fresh(self, lines: Sequence[str], now: float, window_s: float) -> str | None:
        """As `choose`, or None when every line was said within the last `window_s` seconds."""
        fresh = [line for line in lines if now - self.last_said(line) >= window_s]
        return self.choose(fresh, now) if fresh else None


def spell_amount(amount: Decimal, currency: str, language: str) -> str:
    """A price as it is spoken: "199元", "19.90 yuan"."""
    number = format(amount.normalize(), "f") if amount == amount.to_integral_value() else f"{amount:.2f}"
    hanzi, english = _CURRENCY_WORDS.get(currency, (currency, currency))
    return f"{number}{hanzi}" if language == "zh" else f"{number} {english}"


def spell_day(moment: datetime, language: str) -> str:
    """A date as it is spoken, in the zone the fact was given in."""
    return f"{moment.month}月{moment.day}日" if language == "zh" else f"{moment:%B} {moment.day}"


def price_lines(price: Price, name: str, language: str) -> list[str]:
    """Every way to say a price; with its compared price where there is one."""
    slots = {"name": name, "price": spell_amount(price.amount, price.currency, language)}
    if price.compared is None:
        return [phrase.format(**slots) for phrase in phrases("price", language)]
    slots["compared"] = spell_amount(price.compared, price.currency, language)
    return [phrase.format(**slots) for phrase in phrases("price_compared", language)]
