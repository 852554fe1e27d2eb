"""Which facts the words of a line rest on (pure).

A line of the composer or the model names its facts. For a person's line they are found by the words they share; that
is a hint for the reader, the guard decides about numbers and claims.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from streaming.dialogue.facts import Price, ProductFacts
from streaming.dialogue.folding import fold
from streaming.dialogue.quantities import find_quantities
from streaming.dialogue.retrieval import terms
from streaming.dialogue.speaking import spell_amount
from streaming.scripting.lines import Line

# A fact carries a line when they share this part of the words of the shorter one, and at least so many.
_SHARE, _LEAST = 0.5, 2
_MOST = 3


@dataclass(frozen=True, slots=True)
class Ground:
    """A fact under a line: of which product, its id, where it can be checked, and what it says."""

    product: str
    fact: str
    source: str
    text: str

    def to_json(self) -> dict[str, Any]:
        """JSON-safe form."""
        return asdict(self)


def grounds_of(line: Line, products: Sequence[ProductFacts], language: str, now: datetime) -> tuple[Ground, ...]:
    """The facts a line rests on: those it names, else those whose words it shares, the nearest first."""
    about = [facts for facts in products if not line.product or facts.id == line.product]
    if line.facts:
        return tuple(ground for facts in about for ground in _named(line.facts, facts, language))
    return tuple(ground for facts in about for ground in _found(line.text, facts, language, now))


def _named(fact_ids: Sequence[str], facts: ProductFacts, language: str) -> Iterator[Ground]:
    said = dict(told(facts, language))
    for fact_id in fact_ids:
        if (source := facts.source_of(fact_id)) is not None:
            yield Ground(facts.id, fact_id, source, said.get(fact_id, ""))


def _found(text: str, facts: ProductFacts, language: str, now: datetime) -> Iterator[Ground]:
    named = _words(" ".join(facts.name.values()))
    line = _words(text) - named
    near = {fact_id: _nearness(line, _words(said) - named) for fact_id, said in told(facts, language)}
    fitting = sorted((fact_id for fact_id, share in near.items() if share >= _SHARE), key=lambda i: -near[i])
    price = [facts.price.id] if facts.price and _names_price(text, facts.price, now) else []
    yield from _named(list(dict.fromkeys([*price, *fitting]))[:_MOST], facts, language)


def _nearness(line: frozenset[str], fact: frozenset[str]) -> float:
    common = len(line & fact)
    return common / min(len(line), len(fact)) if common >= _LEAST else 0.0


def _words(text: str) -> frozenset[str]:
    """Words that carry sense: pairs of Hanzi and English stems."""
    return frozenset(term for term in terms(text) if len(term) > 1)


def _names_price(text: str, price: Price, now: datetime) -> bool:
    values = {price.amount, price.compared}
    said = {quantity.value for quantity in find_quantities(fold(text)) if quantity.unit == price.currency}
    return price.holds(now) and bool(said & values)


def told(facts: ProductFacts, language: str) -> Iterator[tuple[str, str]]:
    """(id, text) of every fact of a product in `language`, prices and stock whether they hold or not."""
    yield from ((fact.id, fact.text[language]) for fact in facts.facts if language in fact.text)
    yield from ((entry.id, entry.answer[language]) for entry in facts.faq if language in entry.answer)
    if facts.price:
        amount = spell_amount(facts.price.amount, facts.price.currency, language)
        yield facts.price.id, " · ".join(filter(None, [amount, facts.price.basis, facts.price.offers.get(language)]))
    if facts.stock and language in facts.stock.text:
        yield facts.stock.id, facts.stock.text[language]
