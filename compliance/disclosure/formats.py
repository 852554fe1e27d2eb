"""Formats of single values that rules may ask for, each a total function str -> bool."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType

_USCC_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_PROVIDER_CODE = re.compile(r"0011[0-9A-HJ-NP-RTUWXY]{18}[12][0-9A-Z]{4}|0011[0-9A-HJ-NP-RTUWXY]{18}00000")


def is_uscc(code: str) -> bool:
    """Unified social credit code of GB 32100: 18 characters, the last a check character (weights 3^i mod
    31).
    """
    if len(code) != 18 or any(c not in _USCC_ALPHABET for c in code):
        return False
    total = sum(_USCC_ALPHABET.index(c) * pow(3, i, 31) for i, c in enumerate(code[:17]))
    return _USCC_ALPHABET[-total % 31] == code[17]


def is_provider_code(code: str) -> bool:
    """27-character code of a generation or propagation provider (TC260 guide, Secretariat letter [2025]
    29).
    """
    return _PROVIDER_CODE.fullmatch(code) is not None and is_uscc(code[4:22])


def is_annex_e_text(value: str) -> bool:
    """Non-empty text of GB 45438 Annex E, item j: code points 0x21 to 0x7E only."""
    return bool(value) and all(0x21 <= ord(c) <= 0x7E for c in value)


FORMATS: Mapping[str, Callable[[str], bool]] = MappingProxyType(
    {
        "provider_code": is_provider_code,
        "uscc": is_uscc,
        "annex_e_text": is_annex_e_text,
    }
)
