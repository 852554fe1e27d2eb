"""Every number a line says, in figures or in words, with its unit, as one comparable value.

"五十毫升", "50 ml" and "fifty millilitres" are the same quantity; so are "9折" and a price cut of 10 %.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from streaming.dialogue.data_files import read_data
from streaming.dialogue.folding import Folded
from streaming.dialogue.number_words import read_english, read_hanzi


@functools.lru_cache(maxsize=1)
def _units() -> dict[str, tuple[str, str]]:
    """word -> (canonical unit, factor), of the folded text."""
    table = read_data("units")["units"]
    return {
        word: (unit, factor) for unit, factors in table.items() for factor, words in factors.items() for word in words
    }


_UNITS = _units()
_SIGNS = {"¥": "CNY", "$": "USD", "€": "EUR", "£": "GBP", "₩": "KRW"}
CURRENCIES = frozenset({*_SIGNS.values()})
COUNTS = frozenset({"", "piece"})
_SCALES = {"k": 1000, "w": 10_000, "千": 1000, "万": 10_000, "亿": 100_000_000, "million": 1_000_000}
_LATIN_UNITS = sorted((u for u in _UNITS if u[0].isascii() and u != "%"), key=len, reverse=True)
_HANZI_UNITS = sorted((u for u in _UNITS if not u[0].isascii() or u == "%"), key=len, reverse=True)
_UNIT = rf"(?:{'|'.join(map(re.escape, _HANZI_UNITS))}|(?:{'|'.join(map(re.escape, _LATIN_UNITS))})(?![a-z]))"
_HANZI = "零〇一二两三四五六七八九十百千万亿半壹贰叁肆伍陆柒捌玖拾佰仟俩"
_WORDS = (
    r"(?:(?:zero|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen"
    r"|seventeen|eighteen|nineteen|twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety|hundred|thousand|million|half)"
    r"(?![a-z])(?:[ -](?:and )?)?)+"
)
_FIGURES = r"(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?"
_MENTION = re.compile(
    rf"(?P<percent_of>百分之)?(?P<sign>[¥$€£₩] ?)?(?<![a-z0-9.])"
    rf"(?:(?P<figures>{_FIGURES}) ?(?P<scale>千|万|亿|million|[kw](?![a-z]))?"
    rf"|(?P<hanzi>[{_HANZI}]+(?:点[{_HANZI}]+)?)|(?P<words>\b{_WORDS}))"
    rf"(?:[ -]?(?P<unit>{_UNIT}))?"
)
_IDENTIFIER = re.compile(r"(?<![a-z0-9])(?:[a-z]{1,12}-?\d{1,6}[a-z0-9+]*|\d{1,6}[a-z]{1,3}\d[a-z0-9]*)(?![a-z0-9])")
_TIME_OF_DAY = re.compile(r"(?:今晚|明天|早上|上午|下午|晚上|中午|凌晨)$")
_SMALL = 10
_MOMENTS = frozenset({(Decimal(1), "second"), (Decimal(1), "minute"), (Decimal(1440), "minute")})


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number said. `unit` is canonical ("ml", "CNY", "percent", "" for none); `start`, `end` in the written text.

    `place` is the index in the folded `spaced` text, for looking at the words around.
    """

    value: Decimal
    unit: str
    start: int
    end: int
    place: int
    in_words: bool = False

    @property
    def key(self) -> tuple[Decimal, str]:
        """What is compared."""
        return self.value.normalize(), self.unit

    @property
    def is_trivial(self) -> bool:
        """A small count such as "two colours", or the one moment of "one second": says nothing about a product."""
        if self.unit in COUNTS or self.unit == "people":
            return self.value <= _SMALL and self.value == self.value.to_integral_value()
        return self.in_words and (self.value, self.unit) in _MOMENTS


def find_quantities(folded: Folded) -> list[Quantity]:
    """All numbers of a text in order. Numerals inside words and idioms ("一起", "千万别") are none."""
    return [quantity for match in _MENTION.finditer(folded.spaced.text) if (quantity := _read(match, folded))]


def find_identifiers(folded: Folded) -> list[tuple[str, int, int]]:
    """Names that mix letters and figures ("spf50", "x200"): folded name, start and end in the written text."""
    found = []
    for match in _IDENTIFIER.finditer(folded.spaced.text):
        start, end = folded.spaced.span(match.start(), match.end())
        found.append((match[0].replace("-", ""), start, end))
    return found


def _read(match: re.Match[str], folded: Folded) -> Quantity | None:
    value = _value(match)
    if value is None:
        return None
    unit, factor = _UNITS.get(match["unit"] or "", ("", "1"))
    in_words = match["figures"] is None
    if in_words and not _counts(match, value, unit, folded.spaced.text):
        return None
    if match["sign"]:
        unit, factor = _SIGNS[match["sign"].strip()], "1"
    elif match["percent_of"]:
        unit, factor = "percent", "1"
    elif unit == "discount":
        # 9 zhe is nine tenths of the price, 85 zhe is 85 hundredths: both become the share saved in percent.
        unit, factor, value = "percent", "1", 100 - (value * 10 if value < _SMALL else value)
    start, end = folded.spaced.span(match.start(), match.end())
    return Quantity(value * Decimal(factor), unit, start, end, match.start(), in_words)


def _value(match: re.Match[str]) -> Decimal | None:
    try:
        if match["figures"]:
            return Decimal(match["figures"].replace(",", "")) * _SCALES.get(match["scale"] or "", 1)
        if match["hanzi"]:
            return read_hanzi(match["hanzi"])
        return read_english(match["words"])
    except InvalidOperation:
        return None


def _counts(match: re.Match[str], value: Decimal, unit: str, text: str) -> bool:
    """Whether number words mean a number here."""
    words = match["hanzi"] or match["words"]
    if match["percent_of"] or unit in CURRENCIES:
        return match["unit"] != "毛" or value <= _SMALL
    if match["words"]:
        return words.strip() != "half"
    if unit == "clock":
        return (
            bool(re.search(r"(?:今晚|明天|早上|上午|下午|晚上|中午|凌晨)$", text[: match.start()]))
            or match["unit"] == "点钟"
        )
    if unit:
        return unit not in COUNTS or words not in ("十", "百", "千", "万", "半")
    return bool(re.search(r"[二两三四五六七八九].*[十百千万亿]|十[一二三四五六七八九]", words))


def quantities_of(texts: Iterator[Folded]) -> set[tuple[Decimal, str]]:
    """The keys of all quantities in `texts`."""
    return {quantity.key for folded in texts for quantity in find_quantities(folded)}
