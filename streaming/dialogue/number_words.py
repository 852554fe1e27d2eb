"""Number words to values: Mandarin numerals and English cardinals."""

from __future__ import annotations

import re
from decimal import Decimal

_DIGITS = {
    **dict(zip("零一二三四五六七八九", range(10), strict=True)),
    **dict(zip("壹贰叁肆伍陆柒捌玖", range(1, 10), strict=True)),
    "〇": 0,
    "两": 2,
    "俩": 2,
    "幺": 1,
}
_PLACES = {"十": 10, "拾": 10, "百": 100, "佰": 100, "千": 1000, "仟": 1000}
_GROUPS = {"万": 10_000, "亿": 100_000_000}
# fmt: off
_SMALL = {word: value for value, word in enumerate((
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
))}
# fmt: on
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_CARDINALS = {**_SMALL, **{word: 10 * (place + 2) for place, word in enumerate(_TENS)}}


def read_hanzi(words: str) -> Decimal | None:
    """The value of Mandarin numerals ("九十九", "一千零一", "两百五", "三点五", "二零二六"); None if they are none."""
    whole, _, fraction = words.partition("点")
    if whole == "半":
        return Decimal("0.5")
    value = _read_whole(whole.removesuffix("半"))
    if value is None:
        return None
    if fraction:
        digits = "".join(str(_DIGITS[char]) for char in fraction if char in _DIGITS)
        return Decimal(f"{value}.{digits or 0}")
    return Decimal(value) + (Decimal("0.5") if len(whole) > 1 and whole.endswith("半") else 0)


def _read_whole(words: str) -> int | None:
    if not words:
        return None
    if len(words) > 1 and all(char in _DIGITS for char in words):
        return int("".join(str(_DIGITS[char]) for char in words))
    total, section, digit, last_place = 0, 0, 0, 1
    for char in words:
        if char in _DIGITS:
            digit = _DIGITS[char]
            last_place = 1 if char in "零〇" else last_place
        elif char in _PLACES:
            section += (digit or 1) * _PLACES[char]
            digit, last_place = 0, _PLACES[char]
        elif char in _GROUPS:
            total = (total + section + digit or 1) * _GROUPS[char]
            section, digit, last_place = 0, 0, _GROUPS[char]
        else:
            return None
    # "两百五" is 250: a digit after a place of a hundred or more counts in the next place.
    return total + section + digit * (last_place // 10 if last_place >= 100 else 1)


def read_english(words: str) -> Decimal | None:
    """The value of English cardinals ("ninety-nine", "a hundred and five"); None if they are none."""
    total, section = 0, 0
    for word in re.findall(r"[a-z]+", words):
        if word in _CARDINALS:
            section += _CARDINALS[word]
        elif word == "hundred":
            section = (section or 1) * 100
        elif word in ("thousand", "million"):
            total += (section or 1) * (1000 if word == "thousand" else 1_000_000)
            section = 0
        elif word == "half":
            return Decimal("0.5")
        elif word != "and":
            return None
    return Decimal(total + section)


_DIGIT_RUN = re.compile(r"[零〇一二三四五六七八九幺0-9]{7,}")


def figures_for_digit_words(text: str) -> str:
    """Long runs of digits said in words as figures ("幺三八…"), length kept: how numbers are hidden in chat."""
    return _DIGIT_RUN.sub(lambda run: "".join(str(_DIGITS.get(char, char)) for char in run[0]), text)
