"""Written text -> tokens that can be read aloud: numbers, prices, units, dates and signs become words.

The reading language of figures is the language of the script, whatever stands beside them; Hanzi are read in
Mandarin and Latin letters in English in both languages.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from avatars.speech import numerals
from avatars.speech.errors import UnspeakableText

LANGUAGES = ("zh", "en")


class Kind(StrEnum):
    HANZI = "hanzi"
    LATIN = "latin"
    BREAK = "break"


@dataclass(frozen=True, slots=True)
class Token:
    """`written`: as in the text; `spoken`: Hanzi, space-separated English words, or the mark of a break."""

    kind: Kind
    written: str
    spoken: str


_NUMBER = r"(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?"
_CURRENCY = {"¥": ("元", "yuan"), "$": ("美元", "dollar"), "€": ("欧元", "euro"), "£": ("英镑", "pound")}
_SCALE_WORDS = {
    "万": "ten thousand",
    "亿": "hundred million",
    "k": "thousand",
    "K": "thousand",
    "M": "million",
}
_HANZI_SCALE = {"k": "千", "K": "千", "M": "百万"}
# fmt: off
_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
    "November", "December",
)
# fmt: on
# unit -> (Mandarin, English singular, English plural)
# fmt: off
_UNITS: dict[str, tuple[str, str, str]] = {
    "mAh": ("毫安时", "milliamp hour", "milliamp hours"),
    "kWh": ("千瓦时", "kilowatt hour", "kilowatt hours"),
    "℃": ("摄氏度", "degree Celsius", "degrees Celsius"),
    "°C": ("摄氏度", "degree Celsius", "degrees Celsius"),
    "°": ("度", "degree", "degrees"), "km": ("公里", "kilometer", "kilometers"),
    "cm": ("厘米", "centimeter", "centimeters"), "mm": ("毫米", "millimeter", "millimeters"),
    "kg": ("公斤", "kilogram", "kilograms"), "mg": ("毫克", "milligram", "milligrams"),
    "ml": ("毫升", "milliliter", "milliliters"), "mL": ("毫升", "milliliter", "milliliters"),
    "GB": ("G B", "gigabyte", "gigabytes"), "TB": ("T B", "terabyte", "terabytes"),
    "MB": ("兆", "megabyte", "megabytes"), "Hz": ("赫兹", "hertz", "hertz"),
    "kHz": ("千赫", "kilohertz", "kilohertz"),
    "min": ("分钟", "minute", "minutes"), "fps": ("帧", "frame per second", "frames per second"),
    "oz": ("盎司", "ounce", "ounces"), "lb": ("磅", "pound", "pounds"),
    "ms": ("毫秒", "millisecond", "milliseconds"),
    "h": ("小时", "hour", "hours"), "s": ("秒", "second", "seconds"), "g": ("克", "gram", "grams"),
    "m": ("米", "meter", "meters"), "L": ("升", "liter", "liters"), "W": ("瓦", "watt", "watts"),
    "V": ("伏", "volt", "volts"), "x": ("倍", "times", "times"),
}
# fmt: on
_SIGNS = {
    "+": ("加", "plus"),
    "=": ("等于", "equals"),
    "×": ("乘", "times"),
    "÷": ("除以", "divided by"),
    "&": ("和", "and"),
    "@": ("艾特", "at"),
    "%": ("百分号", "percent"),
    "#": ("井号", "number"),
    "~": ("到", "to"),
    "<": ("小于", "less than"),
    ">": ("大于", "greater than"),
    "°": ("度", "degrees"),
}
_MEASURES = "个件瓶盒台支次天年块元斤只条张双套款箱包袋杯小人位份种倍分秒米克升公厘毫万千百"
_BREAKS = {
    **dict.fromkeys("。.!?…\n", "stop"),
    **dict.fromkeys(",;:,、—", "comma"),
    **dict.fromkeys("()[]{}《》〈〉「」『』【】\"'“”‘’`*_|\\^·•-–/~", "none"),
}
_QUESTION = "?"

_UNIT_PATTERN = "|".join(re.escape(unit) for unit in sorted(_UNITS, key=len, reverse=True))
# Only names that end like the web's: "ready.Go" is two sentences.
_ENDINGS = "com|cn|net|org|shop|store|io|co|uk|de|fr|eu|hk|tw|jp|tv|live|app|info|me"
_DOMAIN = rf"(?:[A-Za-z0-9-]+\.)+(?:{_ENDINGS})(?![A-Za-z0-9])"
_PATTERNS: tuple[tuple[str, str], ...] = (
    ("space", r"[^\S\n]+"),
    ("address", rf"(?:https?://)?(?:[A-Za-z0-9._-]+@)?{_DOMAIN}(?:/[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*)*/?"),
    ("date", r"(?P<y>\d{4})(?P<sep>[-/.])(?P<mo>\d{1,2})(?P=sep)(?P<d>\d{1,2})(?!\d)"),
    ("year", r"(?P<yr>\d{4}|\d{2})(?=年)"),
    ("clock", r"(?P<hh>[01]?\d|2[0-4]):(?P<mm>[0-5]\d)(?!\d)"),
    ("money", rf"(?P<cur>[¥$€£])\s?(?P<amount>{_NUMBER})(?P<scale>[万亿]|[kKM](?![A-Za-z]))?"),
    ("percent", rf"(?P<pc>{_NUMBER})\s?%"),
    ("ordinal", r"(?P<nth>\d{1,12})(?:st|nd|rd|th)(?![A-Za-z])"),
    ("quantity", rf"(?P<qty>{_NUMBER})\s?(?P<unit>{_UNIT_PATTERN})(?![A-Za-z])"),
    ("fraction", r"(?P<num>\d{1,3})/(?P<den>[1-9]\d{0,2})(?!\d)"),
    ("through", r"(?<=[\d%])\s?[-–~]\s?(?=[\d¥$€£])"),
    ("minus", r"(?<![A-Za-z0-9])-(?=\d)"),
    ("number", _NUMBER),
    ("latin", r"[A-Za-z]+(?:'[A-Za-z]+)*"),
    ("hanzi", r"[\u3400-\u9fff〇]+"),
    ("sign", "[" + re.escape("".join(_SIGNS)) + "]"),
    ("other", r"."),
)
_SCANNER = re.compile("|".join(f"(?P<{name}>{pattern})" for name, pattern in _PATTERNS), re.DOTALL)


def tokenise(text: str, language: str) -> list[Token]:
    """Tokens of `text` in order. Raises `UnspeakableText` naming every character without a reading."""
    plain = _fold(text)
    unknown: list[tuple[str, int]] = []
    tokens = []
    for match in _SCANNER.finditer(plain):
        name = str(match.lastgroup)
        # Named groups inside a pattern close before the pattern's own group, so lastgroup is the pattern.
        if name == "other" and match[0] not in _BREAKS:
            unknown.append((match[0], plain.count("\n", 0, match.start()) + 1))
        elif name != "space":
            tokens += _READERS[name](match, language)
    if unknown:
        raise UnspeakableText.of((char for char, _line in unknown), lines=(line for _char, line in unknown))
    return tokens


def _fold(text: str) -> str:
    """Full-width forms, ligatures, accents and typographic quotes to the plain forms the patterns know."""
    composed = unicodedata.normalize("NFKC", text.replace("…", "...").replace("\r\n", "\n").replace("\r", "\n"))
    composed = (
        composed.replace("\u2019", "'").replace("\u2212", "-").replace("\u2044", "/").replace("\u00a5", "¥")
    )
    letters = (
        unicodedata.normalize("NFD", char)[0] if _is_accented_latin(char) else char for char in composed
    )
    return "".join(char for char in letters if unicodedata.category(char) not in ("Mn", "Cf"))


def _is_accented_latin(char: str) -> bool:
    return "\u00c0" <= char <= "\u024f" and unicodedata.normalize("NFD", char)[0].isascii()


def _say(written: str, hanzi: str, english: str, language: str) -> list[Token]:
    if language == "en":
        return [Token(Kind.LATIN, written, english)]
    parts = re.findall(r"[A-Za-z ]+|[^A-Za-z ]+", hanzi)
    kinds = [Kind.LATIN if part[0].isascii() else Kind.HANZI for part in parts]
    written_parts = [written] + [""] * (len(parts) - 1)
    return [
        Token(kind, shown, part.strip())
        for kind, shown, part in zip(kinds, written_parts, parts, strict=True)
    ]


def _plural(written: str, one: str, many: str) -> str:
    return one if written == "1" else many


# sign inside an address -> (Mandarin, English)
_ADDRESS_SIGNS = {
    ".": ("点", "dot"), "/": ("斜杠", "slash"), "@": ("艾特", "at"), "-": ("杠", "dash"), "_": ("下划线", "underscore"),
}  # fmt: skip


def _read_address(match: re.Match[str], language: str) -> list[Token]:
    """A web or mail address as it is dictated: words, "dot", "slash", figures one by one; the scheme is not said."""
    plain = re.sub(r"^https?://|/$", "", match[0])
    hanzi, english = [], []
    for part in re.findall(r"[A-Za-z]+|\d+|.", plain):
        if part in _ADDRESS_SIGNS:
            chinese, spoken = _ADDRESS_SIGNS[part]
        elif part.isdigit():
            chinese, spoken = numerals.hanzi_digits(part), numerals.english_digits(part)
        else:
            chinese = spoken = part
        hanzi.append(chinese)
        english.append(spoken)
    return _say(match[0], " ".join(hanzi), " ".join(english), language)


def _read_date(match: re.Match[str], language: str) -> list[Token]:
    year, month, day = int(match["y"]), int(match["mo"]), int(match["d"])
    if not (1 <= month <= 12 and 1 <= day <= 31):
        groups = (match["y"], match["mo"], match["d"])
        return _say(
            match[0],
            "".join(map(numerals.hanzi_digits, groups)),
            " ".join(map(numerals.english_digits, groups)),
            language,
        )
    months, days = numerals.hanzi_integer(month), numerals.hanzi_integer(day)
    hanzi = f"{numerals.hanzi_digits(match['y'])}年{months}月{days}日"
    english = f"{_MONTHS[month - 1]} {numerals.english_ordinal(day)} {numerals.english_year(year)}"
    return _say(match[0], hanzi, english, language)


def _read_year(match: re.Match[str], language: str) -> list[Token]:
    digits = match["yr"]
    return _say(match[0], numerals.hanzi_digits(digits), numerals.english_year(int(digits)), language)


def _read_clock(match: re.Match[str], language: str) -> list[Token]:
    hour, minute = int(match["hh"]), int(match["mm"])
    hours = "两" if hour == 2 else numerals.hanzi_integer(hour)
    padding = "零" if 0 < minute < 10 else ""
    hanzi = f"{hours}点" + (f"{padding}{numerals.hanzi_integer(minute)}分" if minute else "整")
    minutes = "o'clock" if minute == 0 else ("oh " if minute < 10 else "") + numerals.english_integer(minute)
    return _say(match[0], hanzi, f"{numerals.english_integer(hour)} {minutes}", language)


def _read_money(match: re.Match[str], language: str) -> list[Token]:
    unit_zh, unit_en = _CURRENCY[match["cur"]]
    amount, scale = match["amount"], match["scale"] or ""
    hanzi = numerals.hanzi_count(amount) + _HANZI_SCALE.get(scale, scale) + unit_zh
    return _say(match[0], hanzi, _english_money(amount, scale, unit_en), language)


def _english_money(amount: str, scale: str, unit: str) -> str:
    whole, _, fraction = amount.partition(".")
    plural = unit if unit == "yuan" else unit + "s"
    if scale or (fraction and len(fraction) != 2):
        return " ".join(filter(None, (numerals.english_number(amount), _SCALE_WORDS.get(scale, ""), plural)))
    spoken = f"{numerals.english_number(whole)} {_plural(whole, unit, plural)}"
    cents = int(fraction or 0)
    return spoken + (f" {numerals.english_integer(cents)}" if cents else "")


def _read_percent(match: re.Match[str], language: str) -> list[Token]:
    number = match["pc"]
    return _say(
        match[0],
        "百分之" + numerals.hanzi_number(number),
        numerals.english_number(number) + " percent",
        language,
    )


def _read_ordinal(match: re.Match[str], language: str) -> list[Token]:
    number = int(match["nth"])
    return _say(match[0], "第" + numerals.hanzi_integer(number), numerals.english_ordinal(number), language)


def _read_quantity(match: re.Match[str], language: str) -> list[Token]:
    number, (unit, one, many) = match["qty"], _UNITS[match["unit"]]
    english = f"{numerals.english_number(number)} {_plural(number, one, many)}"
    return _say(match[0], numerals.hanzi_count(number) + unit, english, language)


def _read_fraction(match: re.Match[str], language: str) -> list[Token]:
    top, bottom = int(match["num"]), int(match["den"])
    hanzi = f"{numerals.hanzi_integer(bottom)}分之{numerals.hanzi_integer(top)}"
    english = f"{numerals.english_integer(top)} over {numerals.english_integer(bottom)}"
    return _say(match[0], hanzi, "one half" if (top, bottom) == (1, 2) else english, language)


def _read_number(match: re.Match[str], language: str) -> list[Token]:
    written = match["number"]
    follower = match.string[match.end() : match.end() + 1]
    counted = follower and follower in _MEASURES and match.string[max(match.start() - 1, 0)] != "第"
    hanzi = numerals.hanzi_count(written) if counted else numerals.hanzi_number(written)
    return _say(written, hanzi, numerals.english_number(written), language)


def _read_latin(match: re.Match[str], language: str) -> list[Token]:
    return [Token(Kind.LATIN, match[0], match[0])]


def _read_hanzi(match: re.Match[str], language: str) -> list[Token]:
    return [Token(Kind.HANZI, match[0], match[0].replace("〇", "零"))]


def _read_sign(match: re.Match[str], language: str) -> list[Token]:
    return _say(match[0], *_SIGNS[match[0]], language)


def _read_break(match: re.Match[str], language: str) -> list[Token]:
    strength = _BREAKS[match[0]]
    if strength == "none":
        return []
    return [Token(Kind.BREAK, match[0], "question" if match[0] == _QUESTION else strength)]


def _fixed(hanzi: str, english: str) -> Callable[[re.Match[str], str], list[Token]]:
    return lambda match, language: _say(match[0], hanzi, english, language)


_READERS: dict[str, Callable[[re.Match[str], str], list[Token]]] = {
    "address": _read_address,
    "date": _read_date,
    "year": _read_year,
    "clock": _read_clock,
    "money": _read_money,
    "percent": _read_percent,
    "ordinal": _read_ordinal,
    "quantity": _read_quantity,
    "fraction": _read_fraction,
    "through": _fixed("到", "to"),
    "minus": _fixed("负", "minus"),
    "number": _read_number,
    "latin": _read_latin,
    "hanzi": _read_hanzi,
    "sign": _read_sign,
    "other": _read_break,
}


def clauses(tokens: list[Token]) -> Iterator[tuple[list[Token], str]]:
    """Runs of spoken tokens with the break that ends each: "comma", "stop" or "question"."""
    run: list[Token] = []
    for token in tokens:
        if token.kind is not Kind.BREAK:
            run.append(token)
        elif run:
            yield run, token.spoken
            run = []
    if run:
        yield run, "stop"
