"""Which language a line is in, by its letters; enough to hold a host to the languages of its permit."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter

from streaming.dialogue.data_files import read_data

_RANGES = (
    ("ja", 0x3040, 0x30FF),
    ("ko", 0xAC00, 0xD7AF),
    ("ko", 0x1100, 0x11FF),
    ("th", 0x0E00, 0x0E7F),
    ("ar", 0x0600, 0x06FF),
    ("he", 0x0590, 0x05FF),
    ("ru", 0x0400, 0x04FF),
    ("el", 0x0370, 0x03FF),
    ("hi", 0x0900, 0x097F),
    ("zh", 0x3400, 0x9FFF),
)
_ENGLISH = frozenset(read_data("english")["words"])
_LATIN_WORD = re.compile(r"[A-Za-zÀ-ɏ]+(?:'[A-Za-z]+)?")
_WORDS_TO_JUDGE = 5
_ENGLISH_SHARE = 0.2


def detect_language(text: str, *, names: frozenset[str] = frozenset()) -> str:
    """ISO 639-1 code by script; "en" or "latin" for Latin letters, "" when there are no letters.

    One kana or Hangul syllable outweighs Hanzi, one Hanzi outweighs Latin letters, because product names in
    Latin letters stand in Chinese sentences. `names` are left out of account. Latin text of five words and
    more without English function words is "latin": some other language.
    """
    for name in sorted(names, key=len, reverse=True):
        text = text.replace(name, " ")
    counts: Counter[str] = Counter(script for char in unicodedata.normalize("NFKC", text) if (script := _script(char)))
    for language, _count in counts.most_common():
        if language not in ("zh", "latin"):
            return language
    if counts["zh"]:
        return "zh"
    return _latin_language(text) if counts["latin"] else ""


def foreign_scripts(text: str) -> set[str]:
    """Scripts in `text` other than Hanzi and Latin, by the language they stand for."""
    return {script for char in text if (script := _script(char))} - {"zh", "latin"}


def _script(char: str) -> str:
    if not char.isalpha():
        return ""
    code = ord(char)
    if code < 0x0250:
        return "latin"
    return next((name for name, low, high in _RANGES if low <= code <= high), "other" if code > 0x24F else "")


def _latin_language(text: str) -> str:
    words = [word.lower() for word in _LATIN_WORD.findall(text.replace("\u2019", "'"))]
    if len(words) < _WORDS_TO_JUDGE:
        return "en"
    known = sum(word in _ENGLISH for word in words)
    return "en" if known / len(words) >= _ENGLISH_SHARE else "latin"
