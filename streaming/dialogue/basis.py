"""Whether the numbers of a line rest on the product's facts at this moment (pure).

Sources: Live E-commerce Measures Art. 32 (compared prices and their basis) and Arts 17, 34 (no false
commercial information), both confidence P.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from streaming.dialogue.facts import Price, ProductFacts, Stock
from streaming.dialogue.folding import Folded, fold
from streaming.dialogue.grounding import Words, words_of
from streaming.dialogue.quantities import CURRENCIES, Quantity, find_identifiers, find_quantities

_REFERENCE_ZH = re.compile(r"(?:原价|参考价|划线价|市场价|吊牌价|平时|之前|官方价|零售价)[^,。;，]{0,8}$")
_REFERENCE_EN = re.compile(
    r"(?:\bwas|reference price|list price|regular(?:ly)?|usual(?:ly)?|rrp|instead of|down from|before)[^,.;]{0,24}$"
)
_CURRENT = re.compile(r"(?:现价|只要|只需|到手价?|今天|现在|仅需|\bonly|\bnow|\btoday|\bjust)[^,。;，.]{0,12}$")
_SAVING = re.compile(r"折|优惠|便宜|降|省|减|\boff\b|\bdiscount|\bsav(?:e|ing)|\breduc|\bcheaper|\bless than")
_STOCK_LEFT = re.compile(r"[剩余]|库存|仓库|\bleft\b|\bremain|\bstock\b|\bwarehouse\b|\bcounted\b")
_PRICE_WORDS = re.compile(r"(?:价格?|只要|只需|卖|\bprice|\bfor (?:just|only))(?:是|为|只要| is| of| just| only)? ?$")
_NEAR = 14
_SHARED_WORDS = 2


@dataclass(frozen=True, slots=True)
class Statement:
    """One thing that may be said now: folded text, its quantities, its words."""

    fact_id: str
    folded: Folded
    quantities: frozenset[tuple[Decimal, str]]
    words: frozenset[str]


@dataclass(frozen=True, slots=True)
class Basis:
    """Everything the numbers of a line may rest on at one moment."""

    statements: tuple[Statement, ...]
    prices: tuple[Price, ...]
    stock_counts: frozenset[Decimal]
    identifiers: frozenset[str]
    dates: frozenset[tuple[Decimal, str]]
    names: frozenset[str]
    words: Words

    def says(self, folded_words: str) -> bool:
        """Whether an approved statement contains these folded words."""
        return any(
            folded_words in item.folded.tight.text or folded_words in item.folded.spaced.text
            for item in self.statements
        )


def make_basis(products: Sequence[ProductFacts], now: datetime) -> Basis:
    """What may be said of `products` at `now` (aware): expired prices and stale stock are left out."""
    said = [name for facts in products for name in (*facts.name.values(), *facts.aliases)]
    own_names = frozenset(word for name in said for word in topic_words(fold(name)))
    statements = [
        _statement(fact_id, text, own_names) for facts in products for fact_id, _, text in facts.statements(now)
    ]
    prices = tuple(facts.price for facts in products if facts.price and facts.price.holds(now))
    stocks = [facts.stock for facts in products if facts.stock and facts.stock.holds(now)]
    names = {name for item in statements for name, _, _ in find_identifiers(item.folded)}
    dates = {key for price in prices if price.valid_until for key in _date_keys(price.valid_until)}
    asked = [fold(text) for facts in products for entry in facts.faq for text in entry.question.values()]
    named = [fold(name) for name in (*said, *(facts.brand for facts in products))]
    known = words_of([*(item.folded for item in statements), *asked, *named])
    counts = frozenset(Decimal(stock.count) for stock in stocks if stock.count is not None)
    return Basis(tuple(statements), prices, counts, frozenset(names), frozenset(dates), own_names, known)


class BasisStore:
    """Keeps the bases of the products on air; a new one is made when a price or a stock statement runs out."""

    def __init__(self, size: int = 8) -> None:
        self._size = size
        self._kept: OrderedDict[tuple[object, ...], tuple[tuple[ProductFacts, ...], Basis]] = OrderedDict()

    def get(self, products: tuple[ProductFacts, ...], now: datetime) -> Basis:
        """As `make_basis`."""
        key = tuple((id(facts), _holds(facts.price, now), _holds(facts.stock, now)) for facts in products)
        # The products are kept beside their basis: as long as they live, their ids are nobody else's.
        kept = self._kept.get(key)
        products, basis = kept or (products, make_basis(products, now))
        self._kept.pop(key, None)
        self._kept[key] = (products, basis)
        while len(self._kept) > self._size:
            self._kept.pop(next(iter(self._kept)), None)
        return basis


def _holds(item: Price | Stock | None, now: datetime) -> bool:
    return item is not None and item.holds(now)


def _statement(fact_id: str, text: str, names: frozenset[str]) -> Statement:
    folded = fold(text)
    quantities = find_quantities(folded)
    return Statement(fact_id, folded, frozenset(q.key for q in quantities), topic_words(folded, quantities) - names)


def _date_keys(moment: datetime) -> list[tuple[Decimal, str]]:
    return [
        (Decimal(moment.month), "month_of_year"),
        (Decimal(moment.day), "day_of_month"),
        (Decimal(moment.year), "year"),
        (Decimal(moment.hour), "clock"),
    ]


_STOP = frozenset(
    [
        "the",
        "a",
        "an",
        "is",
        "it",
        "of",
        "to",
        "for",
        "and",
        "in",
        "on",
        "with",
        "you",
        "your",
        "this",
        "that",
        "our",
        "at",
        "by",
        "be",
        "are",
        "can",
        "i",
        "we",
        "will",
        "from",
        "的",
        "了",
        "是",
        "在",
        "有",
        "和",
    ]
)


def topic_words(folded: Folded, quantities: Sequence[Quantity] = ()) -> frozenset[str]:
    """Words by which two statements are about the same thing: Hanzi pairs and Latin words.

    Function words and the words of `quantities` are left out: that both speak of hours makes them no kin.
    """
    spans = [(quantity.start, quantity.end) for quantity in quantities]
    text = "".join(
        "\n" if any(start <= place < end for start, end in spans) else char
        for char, place in zip(folded.spaced.text, folded.spaced.origin, strict=True)
    )
    hanzi = re.findall(r"[\u3400-\u9fff]+", text)
    pairs = {run[i : i + 2] for run in hanzi for i in range(len(run) - 1)}
    words = set(re.findall(r"[a-z]{3,}", text)) - _STOP
    return frozenset(pairs | words)


def unsupported_quantities(folded: Folded, basis: Basis) -> Iterator[tuple[str, int, int]]:
    """(code, start, end) of every number in a line that rests on nothing."""
    quantities = find_quantities(folded)
    words = topic_words(folded, quantities) - basis.names
    for quantity in quantities:
        code = _judge(quantity, folded, words, basis)
        if code:
            yield code, quantity.start, quantity.end
    for name, start, end in find_identifiers(folded):
        if name not in basis.identifiers and not basis.says(name):
            yield "number_not_in_facts", start, end


def _judge(quantity: Quantity, folded: Folded, words: frozenset[str], basis: Basis) -> str:
    around = folded.spaced.text[max(0, quantity.place - _NEAR) : quantity.place + _NEAR]
    if quantity.unit in CURRENCIES:
        return _judge_amount(quantity, folded, words, basis)
    if not quantity.unit and _PRICE_WORDS.search(folded.spaced.text[: quantity.place]):
        priced = {price.amount for price in basis.prices} | {price.compared for price in basis.prices}
        return "" if quantity.value in priced else "price_without_basis"
    if quantity.unit == "percent" and _SAVING.search(around):
        return "" if _saved(quantity.value, basis) else "discount_without_basis"
    if quantity.unit in ("", "piece") and _STOCK_LEFT.search(around) and not _trivial_ordinal(quantity, folded):
        return "" if quantity.value in basis.stock_counts else "invented_scarcity"
    if quantity.is_trivial or _supported(quantity, words, basis) or quantity.key in basis.dates:
        return ""
    return "number_not_in_facts"


def _trivial_ordinal(quantity: Quantity, folded: Folded) -> bool:
    return quantity.is_trivial and not re.search(r"[剩]|\bleft\b|\bremain", folded.spaced.text)


def _judge_amount(quantity: Quantity, folded: Folded, words: frozenset[str], basis: Basis) -> str:
    before = folded.spaced.text[: quantity.place]
    reference = bool(_REFERENCE_ZH.search(before) or _REFERENCE_EN.search(before))
    for price in basis.prices:
        if quantity.unit != price.currency:
            continue
        if quantity.value == price.amount:
            return "price_swapped" if reference and not _CURRENT.search(before) else ""
        if price.compared is not None and quantity.value == price.compared:
            return "" if reference else "price_swapped"
        if (
            price.compared is not None
            and quantity.value == price.compared - price.amount
            and _SAVING.search(folded.spaced.text)
        ):
            return ""
    return "" if _supported(quantity, words, basis, shared=_SHARED_WORDS) else "price_without_basis"


def _saved(percent: Decimal, basis: Basis) -> bool:
    return any(price.saved_percent is not None and abs(price.saved_percent - percent) < 1 for price in basis.prices)


def _supported(quantity: Quantity, words: frozenset[str], basis: Basis, *, shared: int = 0) -> bool:
    """Whether the statement that is most about the same thing has this number.

    Amounts of money must share at least `shared` words with it. "Moist for 48 hours" does not rest on "ships
    in 48 hours" when another statement says for how long it is moist.
    """
    best_with, best_without = -1, -1
    for item in basis.statements:
        near = len(words & item.words)
        values = {value for value, unit in item.quantities if not quantity.unit or unit == quantity.unit}
        if quantity.key[0] in values:
            best_with = max(best_with, near)
        elif values:
            best_without = max(best_without, near)
    return best_with >= shared and best_with >= best_without
