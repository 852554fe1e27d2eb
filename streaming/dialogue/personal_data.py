"""Finding personal data in chat and in lines: numbers that check, addresses, accounts.

ID cards by ISO 7064 MOD 11-2 (GB 11643), bank cards by Luhn (ISO/IEC 7812-1), so that order numbers and
prices are not mistaken for them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from streaming.dialogue.folding import Folded
from streaming.dialogue.number_words import figures_for_digit_words

_SEP = r"[\s\-_.*·]?"
_PHONE_CN = re.compile(rf"(?<!\d)(?:\+?86{_SEP})?1{_SEP}[3-9](?:{_SEP}\d){{9}}(?!\d)")
_PHONE_LAND = re.compile(r"(?<!\d)0\d{2,3}[\s-]\d{7,8}(?!\d)")
_PHONE_WORLD = re.compile(r"\+(?!86)\d{1,3}[\s\-.]?(?:\(?\d{1,4}\)?[\s\-.]?){2,5}\d{2,4}(?!\d)")
_PHONE_US = re.compile(r"(?<!\d)\(?[2-9]\d{2}\)?[\s\-.]\d{3}[\s\-.]\d{4}(?!\d)")
_EMAIL = re.compile(
    r"[a-z0-9][a-z0-9._%+\-]{0,63}"
    r" ?(?:@|\(at\)|\[at\]) ?[a-z0-9][a-z0-9\-]{0,62}(?: ?(?:\.|\(dot\)|\[dot\]) ?[a-z]{2,24}){1,3}"
)
_ID_CARD = re.compile(rf"(?<!\d)[1-9](?:{_SEP}\d){{16}}{_SEP}[\dx](?![\da-z])")
_CARD = re.compile(r"(?<!\d)(?:\d[\s\-]?){12,18}\d(?!\d)")
_WECHAT = re.compile(
    r"(?:微信|威信|薇信|v信|(?<![a-z])(?:vx|wx|wechat|we chat|qq|扣扣|whatsapp|telegram|line id)|加v|加微)"
    r"[号]?(?: ?(?:id|is|是|为|:|：|=|→))* ?(?P<id>[a-z0-9][a-z0-9_\-]{4,19})"
)
_ADDRESS_ZH = re.compile(
    r"(?:[\u4e00-\u9fff]{1,8}(?:省|自治区))?(?:[\u4e00-\u9fff]{1,8}[市州])?(?:[\u4e00-\u9fff]{1,8}[区县镇乡])?"
    r"(?P<street>[\u4e00-\u9fff]{1,10}(?:路|街|道|巷|弄|胡同|村|小区|花园|大厦|公寓))"
    r"(?P<number>[a-z0-9零一二三四五六七八九十百]{1,6}(?:号|弄|栋|幢|座|单元|室|楼)){1,4}"
)
_ADDRESS_EN = re.compile(
    r"(?<![\w.])\d{1,5} (?:[a-z]+ ){1,3}"
    r"(?:street|st|road|rd|avenue|ave|lane|ln|drive|dr|boulevard|blvd|court|way)(?![a-z])"
)
_ID_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_ID_CHECKS = "10x98765432"


@dataclass(frozen=True, slots=True)
class PersonalData:
    """One find: kind ("phone", "email", "id_card", "bank_card", "account", "address") and its written span."""

    kind: str
    start: int
    end: int


def find_personal_data(folded: Folded) -> list[PersonalData]:
    """All personal data in a text, in order, overlaps merged into the first kind found."""
    text = figures_for_digit_words(folded.spaced.text)
    found = sorted(_matches(text), key=lambda item: (item[1], -item[2]))
    kept: list[PersonalData] = []
    for kind, start, end in found:
        first, last = folded.spaced.span(start, end)
        if not kept or first >= kept[-1].end:
            kept.append(PersonalData(kind, first, last))
    return kept


def _matches(text: str) -> Iterator[tuple[str, int, int]]:
    if any(char.isdigit() for char in text):
        yield from (("id_card", *m.span()) for m in _ID_CARD.finditer(text) if _id_card_checks(m[0]))
        yield from (("bank_card", *m.span()) for m in _CARD.finditer(text) if _luhn_checks(m[0]))
        for pattern in (_PHONE_CN, _PHONE_LAND, _PHONE_WORLD, _PHONE_US):
            yield from (("phone", *match.span()) for match in pattern.finditer(text))
        yield from (("address", *match.span()) for match in _ADDRESS_ZH.finditer(text))
        yield from (("address", *match.span()) for match in _ADDRESS_EN.finditer(text))
    elif "号" in text:
        yield from (("address", *match.span()) for match in _ADDRESS_ZH.finditer(text))
    yield from (("email", *match.span()) for match in _EMAIL.finditer(text))
    yield from (("account", *match.span()) for match in _WECHAT.finditer(text) if _is_account(match["id"]))


def _is_account(name: str) -> bool:
    return any(char.isdigit() or char in "_-" for char in name)


def _id_card_checks(text: str) -> bool:
    digits = re.sub(r"[^0-9x]", "", text)
    if len(digits) != 18 or not 1900 <= int(digits[6:10]) <= 2099 or not 1 <= int(digits[10:12]) <= 12:
        return False
    total = sum(int(digit) * weight for digit, weight in zip(digits[:17], _ID_WEIGHTS, strict=True))
    return _ID_CHECKS[total % 11] == digits[17]


def _luhn_checks(text: str) -> bool:
    digits = [int(char) for char in text if char.isdigit()]
    if len(set(digits)) < 2:
        return False
    doubled = [digit * 2 - 9 * (digit > 4) for digit in digits[-2::-2]]
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def mask(text: str, found: list[PersonalData]) -> str:
    """`text` with every find replaced by "…"; spans must belong to this very text."""
    for item in reversed(found):
        text = f"{text[: item.start]}…{text[item.end :]}"
    return text
