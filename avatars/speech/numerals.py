"""Numbers as people say them, in Mandarin (Hanzi) and English (words)."""

from __future__ import annotations

from itertools import pairwise

HANZI_DIGITS = "零一二三四五六七八九"

# fmt: off
_ONES = [
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven",
    "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
]
_TENS = [
    "_", "_", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety",
]
# fmt: on
_SCALES = ("", "thousand", "million", "billion", "trillion")
_ORDINALS = {
    "one": "first",
    "two": "second",
    "three": "third",
    "five": "fifth",
    "eight": "eighth",
    "nine": "ninth",
    "twelve": "twelfth",
}
# Longer strings of digits are codes, not quantities.
_LONGEST_NUMBER = 12


def hanzi_digits(digits: str) -> str:
    """Digit by digit: "2026" -> 二零二六."""
    return "".join(HANZI_DIGITS[int(digit)] for digit in digits)


def _hanzi_below_10000(number: int) -> str:
    spoken, gap = "", False
    for unit, weight in (("千", 1000), ("百", 100), ("十", 10), ("", 1)):
        digit = number // weight % 10
        if digit:
            spoken += ("零" if gap and spoken else "") + HANZI_DIGITS[digit] + unit
        gap = digit == 0
    return spoken


def hanzi_integer(number: int) -> str:
    """A whole number below 10**16: 10500 -> 一万零五百, 12 -> 十二."""
    if number == 0:
        return "零"
    groups = []
    while number:
        number, rest = divmod(number, 10000)
        groups.append(rest)
    spoken = ""
    for power in range(len(groups) - 1, -1, -1):
        if groups[power] == 0:
            continue
        gap = spoken and (groups[power] < 1000 or groups[power + 1] == 0)
        spoken += ("零" if gap else "") + _hanzi_below_10000(groups[power]) + ("", "万", "亿", "万亿")[power]
    return spoken.removeprefix("一") if spoken.startswith("一十") else spoken


def hanzi_number(written: str) -> str:
    """A written number ("1,299", "3.50", "0571") in Hanzi; codes and leading zeros go digit by digit."""
    whole, _, fraction = written.replace(",", "").partition(".")
    code = (
        len(whole) > _LONGEST_NUMBER or (len(whole) > 1 and whole.startswith("0")) or len(whole) in (7, 8, 11)
    )
    coded = code and "," not in written and not fraction
    spoken = hanzi_digits(whole) if coded or len(whole) > _LONGEST_NUMBER else hanzi_integer(int(whole))
    return spoken + ("点" + hanzi_digits(fraction) if fraction else "")


def hanzi_count(written: str) -> str:
    """As `hanzi_number`, but before a measure word, where a lone 2 is 两."""
    return "两" if written == "2" else hanzi_number(written)


def english_digits(digits: str) -> str:
    """Digit by digit: "007" -> zero zero seven."""
    return " ".join(_ONES[int(digit)] for digit in digits)


def _english_below_1000(number: int) -> list[str]:
    words = []
    if number >= 100:
        words += [_ONES[number // 100], "hundred"]
        number %= 100
    if number >= 20:
        words.append(_TENS[number // 10])
        number %= 10
    return words + ([_ONES[number]] if number else [])


def english_integer(number: int) -> str:
    """A whole number below 10**15: 1299 -> one thousand two hundred ninety nine."""
    if number == 0:
        return _ONES[0]
    words: list[str] = []
    for scale in _SCALES:
        number, rest = divmod(number, 1000)
        if rest:
            words = _english_below_1000(rest) + ([scale] if scale else []) + words
    return " ".join(words)


def english_number(written: str) -> str:
    """A written number ("1,299", "3.50", "007") in words; codes and leading zeros go digit by digit."""
    whole, _, fraction = written.replace(",", "").partition(".")
    code = len(whole) > _LONGEST_NUMBER or (len(whole) > 1 and whole.startswith("0"))
    spoken = english_digits(whole) if code else english_integer(int(whole))
    return spoken + (" point " + english_digits(fraction) if fraction else "")


def english_ordinal(number: int) -> str:
    """21 -> twenty first."""
    *head, last = english_integer(number).split()
    if last in _ORDINALS:
        last = _ORDINALS[last]
    else:
        last = last.removesuffix("y") + "ieth" if last.endswith("y") else last + "th"
    return " ".join([*head, last])


def english_year(number: int) -> str:
    """1998 -> nineteen ninety eight; 2005 -> two thousand five; 1900 -> nineteen hundred."""
    high, low = divmod(number, 100)
    if number < 1000 or (high % 10 == 0 and low < 10):
        return english_integer(number)
    if low == 0:
        return english_integer(high) + " hundred"
    return english_integer(high) + (" oh " if low < 10 else " ") + english_integer(low)


def beside_digit(text: str, index: int) -> bool:
    """Whether the Hanzi at `index` stands in a string read digit by digit (its tone is then its own)."""
    pairs = list(pairwise(text))
    return any(
        first in HANZI_DIGITS and second in HANZI_DIGITS
        for first, second in pairs[max(index - 1, 0) : index + 1]
    )
