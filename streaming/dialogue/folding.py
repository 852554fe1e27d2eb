"""Two forms of a text: one for matching, in which disguises fall away, and one that may be shown.

Matching folds what looks or reads the same (UAX 15 NFKC, UTS 39 look-alikes, simplified characters) and
remembers where each character came from, so that a finding can name its span in the text as written.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from dataclasses import dataclass
from importlib import resources

# Cyrillic and Greek letters that look Latin (a selection of UTS 39 confusables), and dotless letters.
# fmt: off
_LOOK_ALIKES = {
    "а": "a", "в": "b", "е": "e", "к": "k", "м": "m", "н": "h", "о": "o", "р": "p", "с": "c", "т": "t", "у": "y",
    "х": "x", "ѕ": "s", "і": "i", "ј": "j", "ԁ": "d", "һ": "h", "ӏ": "l", "ѵ": "v", "ԛ": "q", "ԝ": "w", "и": "u",
    "α": "a", "β": "b", "γ": "y", "ε": "e", "ι": "i", "κ": "k", "ν": "v", "ο": "o", "ρ": "p", "τ": "t", "υ": "u",
    "χ": "x", "ω": "w", "ı": "i", "ɑ": "a", "ɡ": "g", "ʟ": "l", "ɩ": "i",
}
# fmt: on
# Characters some fonts draw as nothing although Unicode calls them letters or symbols.
_INVISIBLE = frozenset("\u115f\u1160\u3164\uffa0\u2800\u00ad\u034f\u17b4\u17b5")
_ADDED_VARIANTS = {"著": "着", "妳": "你", "牠": "它", "祢": "你", "臺": "台", "咁": "这", "嘅": "的", "喺": "在"}
_CLAUSE_MARKS = frozenset("。．!?！？…\n")
_SPACES = " \t\u3000"
_LEET = str.maketrans("01345789@$", "oieastbgas")
_SPACED_LETTERS = re.compile(r"(?<![a-z0-9])[a-z0-9](?:(?: ?[.\-_*·/|,] ?|[ \t])[a-z0-9]){2,}(?![a-z0-9])")
_LEET_WORD = re.compile(r"[a-z0-9@$]*(?:[a-z][0-9@$]+[a-z]|[@$][a-z]|[a-z][0-9@$]+[a-z]*)[a-z0-9@$]*")


@dataclass(frozen=True, slots=True)
class View:
    """One matching form. `origin[i]` is the index in the written text that character i came from."""

    text: str
    origin: tuple[int, ...]

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Where [start, end) of this form lies in the written text; `end` must exceed `start`."""
        return self.origin[start], self.origin[end - 1] + 1


@dataclass(frozen=True, slots=True)
class Folded:
    """All matching forms of one text.

    `spaced` keeps words and marks (for Latin script and clause borders), `tight` drops everything but
    letters, digits and sentence ends (for Hanzi), `plain` is `spaced` with letters that stand for
    themselves, "b3st" as "best". `tight_at[i]` is the index in `spaced` of character i of `tight`.
    """

    written: str
    spaced: View
    tight: View
    plain: View
    tight_at: tuple[int, ...]


@functools.lru_cache(maxsize=1)
def _simplified() -> dict[str, str]:
    lines = resources.files(__package__).joinpath("data/traditional.txt").read_text("utf-8").splitlines()
    letters = "".join(line for line in lines if not line.startswith("#"))
    table = dict(zip(letters[::2], letters[1::2], strict=True))
    return {**table, **_ADDED_VARIANTS}


def is_invisible(char: str) -> bool:
    """Whether a character shows nothing: formats, joiners, marks, fillers, controls but tab and newline."""
    if char in "\t\n":
        return False
    return char in _INVISIBLE or unicodedata.category(char) in ("Cf", "Cc", "Mn", "Me", "Cs", "Co", "Cn")


@functools.lru_cache(maxsize=16384)
def _fold_char(char: str) -> str:
    if is_invisible(char):
        return ""
    simplified = _simplified()
    out = []
    for part in unicodedata.normalize("NFKD", char).casefold():
        # Hangul syllables and kana with marks must not fall apart; only Latin, Greek, Cyrillic are unmarked.
        if not is_invisible(part):
            out.append(_LOOK_ALIKES.get(part, simplified.get(part, part)))
    return "".join(out)


def fold(text: str) -> Folded:
    """All matching forms of `text`; the same for texts that differ only in disguise."""
    letters: list[str] = []
    origin: list[int] = []
    for index, char in enumerate(text):
        for part in _fold_char(char):
            letters.append(part)
            origin.append(index)
    spaced = _join_spaced_letters(View("".join(letters), tuple(origin)))
    tight, tight_at = _tighten(spaced)
    return Folded(text, spaced, tight, _unleet(spaced), tight_at)


def _join_spaced_letters(view: View) -> View:
    """ "b e s t" and "b.e.s.t" as "best"; spaces run together into one, none stays between Hanzi."""
    kept: list[int] = []
    cursor = 0
    for match in _SPACED_LETTERS.finditer(view.text):
        if match[0].replace(" ", "").isdigit() or sum(map(str.isalpha, match[0])) < 2:
            continue
        kept += range(cursor, match.start())
        kept += [index for index in range(match.start(), match.end()) if view.text[index].isalnum()]
        cursor = match.end()
    kept += range(cursor, len(view.text))
    single = [index for place, index in enumerate(kept) if not _is_idle_space(view.text, kept, place)]
    return View("".join(view.text[i] for i in single), tuple(view.origin[i] for i in single))


def _is_idle_space(text: str, kept: list[int], place: int) -> bool:
    """Whether a space follows another or stands between two Hanzi, where it divides nothing."""
    if text[kept[place]] not in _SPACES or not place:
        return False
    before = text[kept[place - 1]]
    rest = (text[index] for index in kept[place + 1 :] if text[index] not in _SPACES)
    return before in _SPACES or (_is_hanzi(before) and _is_hanzi(next(rest, "")))


def _is_hanzi(char: str) -> bool:
    return "\u3400" <= char <= "\u9fff"


def _tighten(view: View) -> tuple[View, tuple[int, ...]]:
    kept = [i for i, char in enumerate(view.text) if char.isalnum() or char in _CLAUSE_MARKS or char == "%"]
    return View("".join(view.text[i] for i in kept), tuple(view.origin[i] for i in kept)), tuple(kept)


def _unleet(view: View) -> View:
    """Letters for the digits and signs that stand for them inside a word. Length is kept."""
    text = _LEET_WORD.sub(lambda match: match[0].translate(_LEET), view.text)
    return view if text == view.text else View(text, view.origin)


# --- what may be shown ---
_BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_EMOJI_JOINER = "\u200d"
_MARKS_IN_A_ROW = 2


def has_bidi_control(text: str) -> bool:
    """Whether `text` holds characters that turn the reading direction (UAX 9, the "Trojan source" trick)."""
    return any(char in _BIDI for char in text)


def display_copy(text: str, *, max_chars: int = 500) -> str:
    """`text` as it may stand on a page: NFC, one line, no control, format or piled-up characters.

    A zero-width joiner stays between two symbols, where it makes one emoji of several.
    """
    kept: list[str] = []
    marks = 0
    source = unicodedata.normalize("NFC", text)
    for index, char in enumerate(source):
        category = unicodedata.category(char)
        marks = marks + 1 if category in ("Mn", "Me") else 0
        if marks > _MARKS_IN_A_ROW:
            continue
        if char.isspace():
            kept.append(" ")
        elif (category[0] != "C" and char not in _INVISIBLE) or (
            char == _EMOJI_JOINER and _joins_symbols(source, index)
        ):
            kept.append(char)
    shown = re.sub(r" {2,}", " ", "".join(kept)).strip()
    return shown if len(shown) <= max_chars else shown[: max_chars - 1].rstrip() + "…"


def _joins_symbols(text: str, index: int) -> bool:
    if not 0 < index < len(text) - 1:
        return False
    before = text[index - 1] if text[index - 1] != "\ufe0f" else text[max(index - 2, 0)]
    return unicodedata.category(before) in ("So", "Sk") and unicodedata.category(text[index + 1]) == "So"
