"""What may be said about a product: facts with their sources, as brand legal approved them (pure).

Every sentence the host speaks about a product rests on facts named by id; what is not here is not said.
Live E-commerce Measures Art. 32 (confidence P): a compared price needs the compared price or its basis.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any, Self

from streaming.dialogue.errors import FactsRefused

SCHEMA = "avow.product-facts/1"
MAX_TEXT = 600
MAX_FACTS = 400


class Topic(StrEnum):
    """What a fact is about; composers and intents speak of these."""

    CLAIM = "claim"
    MATERIAL = "material"
    SIZE = "size"
    USAGE = "usage"
    SHIPPING = "shipping"
    RETURN = "return"
    WARNING = "warning"
    AUDIENCE = "audience"
    CARE = "care"
    APPROVED = "approved"


@dataclass(frozen=True, slots=True)
class Fact:
    """One approved statement. `text` maps a language code ("zh", "en") to one or two plain sentences."""

    id: str
    topic: Topic
    text: Mapping[str, str]
    source: str


@dataclass(frozen=True, slots=True)
class Price:
    """What it costs, from when until when, and why that is so.

    `amount`, `compared` are in units of `currency` (ISO 4217), > 0. `basis` says where the price stands;
    `compared_basis` where and when the compared price was asked. `offers` are approved extra conditions
    ("second jar at half price") by language.
    """

    id: str
    amount: Decimal
    currency: str
    basis: str
    source: str
    valid_from: datetime
    valid_until: datetime | None = None
    compared: Decimal | None = None
    compared_basis: str = ""
    offers: Mapping[str, str] = field(default_factory=dict)

    def holds(self, now: datetime) -> bool:
        """Whether the price may be named at `now` (aware)."""
        return self.valid_from <= now and (self.valid_until is None or now < self.valid_until)

    @property
    def saved_percent(self) -> Decimal | None:
        """The reduction against the compared price in percent, or None without one."""
        if self.compared is None:
            return None
        return ((self.compared - self.amount) * 100 / self.compared).quantize(Decimal("0.1"))


@dataclass(frozen=True, slots=True)
class Stock:
    """What may be said about availability. `count` is the number counted at `as_of`."""

    id: str
    text: Mapping[str, str]
    source: str
    as_of: datetime
    valid_until: datetime
    count: int | None = None

    def holds(self, now: datetime) -> bool:
        """Whether the statement is fresh enough to be spoken at `now` (aware)."""
        return self.as_of <= now < self.valid_until


@dataclass(frozen=True, slots=True)
class Faq:
    """An approved answer to a question viewers ask, by language."""

    id: str
    question: Mapping[str, str]
    answer: Mapping[str, str]
    source: str


def text_in(texts: Mapping[str, str], *languages: str) -> str:
    """One of texts by language: in the first of `languages` that has one, else any; "" where there is none."""
    return next(filter(None, map(texts.get, languages)), None) or next(iter(texts.values()), "")


@dataclass(frozen=True, slots=True)
class ProductFacts:
    """Everything approved about one product. Ids are unique within it."""

    id: str
    name: Mapping[str, str]
    brand: str
    category: str
    facts: tuple[Fact, ...]
    price: Price | None = None
    stock: Stock | None = None
    faq: tuple[Faq, ...] = ()
    aliases: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _check(self)

    def about(self, *topics: Topic, language: str) -> list[Fact]:
        """Facts of `topics` that have a text in `language`, in their approved order."""
        return [fact for fact in self.facts if fact.topic in topics and language in fact.text]

    def statements(self, now: datetime) -> Iterator[tuple[str, str, str]]:
        """(fact id, language, text) of everything that may be said at `now`, prices and stale stock left out."""
        for fact in self.facts:
            yield from ((fact.id, language, text) for language, text in fact.text.items())
        for entry in self.faq:
            yield from ((entry.id, language, text) for language, text in entry.answer.items())
        for language, text in self.name.items():
            yield "name", language, text
        if self.stock and self.stock.holds(now):
            yield from ((self.stock.id, language, text) for language, text in self.stock.text.items())
        if self.price and self.price.holds(now):
            yield from ((self.price.id, language, text) for language, text in self.price.offers.items())

    def source_of(self, fact_id: str) -> str | None:
        """Where a fact comes from, or None for an id that is not of this product."""
        return self._sources().get(fact_id)

    def _sources(self) -> dict[str, str]:
        items: list[Any] = [*self.facts, *self.faq, *filter(None, (self.price, self.stock))]
        return {"name": "product record", **{item.id: item.source for item in items}}

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of the canonical JSON: what legal approves."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()

    def to_json(self) -> str:
        """Canonical JSON."""
        return json.dumps(_plain(self), ensure_ascii=False, sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what `to_json` wrote, or what a person wrote in that form.

        Raises:
            FactsRefused: facts_malformed, and everything `ProductFacts` itself refuses.
        """
        try:
            return cls(**_arguments(json.loads(text)))
        except (KeyError, TypeError, ValueError, AttributeError, InvalidOperation) as error:
            raise FactsRefused("facts_malformed", f"These product facts cannot be read: {error}.") from error


def _arguments(data: dict[str, Any]) -> dict[str, Any]:
    if data.pop("schema", SCHEMA) != SCHEMA:
        raise ValueError(f"the schema is not {SCHEMA}")
    price, stock = data.pop("price", None), data.pop("stock", None)
    return {
        **data,
        "facts": tuple(Fact(**{**item, "topic": Topic(item["topic"])}) for item in data.pop("facts")),
        "price": Price(**_typed(price)) if price else None,
        "stock": Stock(**_typed(stock)) if stock else None,
        "faq": tuple(Faq(**item) for item in data.pop("faq", ())),
        "aliases": tuple(data.pop("aliases", ())),
    }


def _typed(item: dict[str, Any]) -> dict[str, Any]:
    times, amounts = ("valid_from", "valid_until", "as_of"), ("amount", "compared")
    read: dict[str, Any] = dict(item)
    for name in times:
        if read.get(name) is not None:
            read[name] = datetime.fromisoformat(read[name])
    for name in amounts:
        if read.get(name) is not None:
            read[name] = Decimal(str(read[name]))
    return read


def _plain(facts: ProductFacts) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "id": facts.id,
        "name": dict(facts.name),
        "brand": facts.brand,
        "category": facts.category,
        "facts": [_slots(fact) for fact in facts.facts],
        "price": _slots(facts.price) if facts.price else None,
        "stock": _slots(facts.stock) if facts.stock else None,
        "faq": [_slots(entry) for entry in facts.faq],
        "aliases": list(facts.aliases),
    }


def _slots(item: Fact | Price | Stock | Faq) -> dict[str, Any]:
    return {name: _value(getattr(item, name)) for name in item.__slots__}


def _value(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, Decimal):
        return format(value, "f")
    return dict(value) if isinstance(value, Mapping) else value


# --- what is refused ---
def _check(facts: ProductFacts) -> None:
    items: list[Any] = [*facts.facts, *facts.faq, *filter(None, (facts.price, facts.stock))]
    ids = [item.id for item in items]
    doubled = {name for name in ids if ids.count(name) > 1} if len(ids) <= MAX_FACTS else set()
    if len(items) > MAX_FACTS:
        _refuse(
            "facts_too_many", f"A product may have {MAX_FACTS} facts, not {len(items)}. Leave out the least needed."
        )
    if doubled or "name" in ids:
        _refuse(
            "fact_id_doubled", f"Give each fact an id of its own; used twice: {', '.join(sorted(doubled)) or 'name'}."
        )
    for item in items:
        if not item.id or not item.source.strip():
            _refuse("fact_without_source", f"Fact {item.id!r} names no source. Say where it can be checked.")
    for item_id, text in _texts(facts):
        if not text.strip() or len(text) > MAX_TEXT:
            _refuse("fact_text_unusable", f"The text of {item_id!r} must have 1 to {MAX_TEXT} characters.")
    if facts.price:
        _check_price(facts.price)
    if facts.stock:
        _check_stock(facts.stock)


def _texts(facts: ProductFacts) -> Iterator[tuple[str, str]]:
    yield from (("name", text) for text in facts.name.values())
    for fact in facts.facts:
        yield from ((fact.id, text) for text in fact.text.values())
    for entry in facts.faq:
        yield from ((entry.id, text) for text in (*entry.question.values(), *entry.answer.values()))


def _check_price(price: Price) -> None:
    if not price.amount.is_finite() or price.amount <= 0:
        _refuse("price_not_positive", "The price must be a number above zero.")
    if not price.basis.strip():
        _refuse("price_without_basis", "Say where this price stands (shop page, price list with date).")
    if price.valid_from.tzinfo is None or (price.valid_until and price.valid_until.tzinfo is None):
        _refuse("time_without_zone", "Give the price's times with their time zone.")
    if price.compared is not None and (price.compared <= price.amount or not price.compared_basis.strip()):
        _refuse(
            "compared_price_without_basis",
            "A compared price must be higher than the price and say where and when it was asked (Order 117 Art. 32).",
        )


def _check_stock(stock: Stock) -> None:
    if stock.as_of.tzinfo is None or stock.valid_until.tzinfo is None or stock.valid_until <= stock.as_of:
        _refuse("stock_time_invalid", "A stock statement needs the time it was counted and a later time it ends.")
    if stock.count is not None and stock.count < 0:
        _refuse("stock_negative", "A stock count cannot be below zero.")


def _refuse(code: str, text: str) -> None:
    raise FactsRefused(code, text)
