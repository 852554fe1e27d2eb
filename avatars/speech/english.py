"""English words -> stressed syllables: CMU Pronouncing Dictionary first, letter-to-sound rules else."""

from __future__ import annotations

import lzma
import re
from dataclasses import dataclass, replace
from functools import cache
from itertools import pairwise
from pathlib import Path

from avatars.speech.letter_to_sound import phones_of_letters, phones_of_spelling
from avatars.speech.phones import is_vowel

_DICTIONARY = Path(__file__).parent / "data" / "cmudict.txt.xz"
# Capitals that are read as letters although the dictionary has a word of that spelling.
# fmt: off
_INITIALISMS = frozenset((
    "AI", "UV", "US", "UK", "EU", "TV", "PC", "IT", "ID", "PR", "HD", "LED", "USB", "SPF", "VIP", "QR",
    "CEO", "DIY", "OK", "AR", "VR", "UI", "AM", "PM", "ML",
))
# fmt: on
# Said without stress inside a sentence, with the reduced vowel where English has one.
# fmt: off
_WEAK: dict[str, str] = {
    "a": "ax", "an": "ax n", "the": "dh ax", "and": "ax n d", "of": "ax v", "to": "t ax", "for": "f er",
    "at": "ax t",
    "as": "ax z", "that": "dh ae t", "from": "f r ax m", "is": "ih z", "it": "ih t", "in": "ih n",
    "on": "aa n",
    "or": "er", "are": "er", "was": "w ax z", "were": "w er", "be": "b iy", "been": "b ih n",
    "with": "w ih th",
    "by": "b ay", "you": "y uw", "your": "y er", "i": "ay", "we": "w iy", "he": "hh iy", "she": "sh iy",
    "they": "dh ey", "his": "hh ih z", "her": "hh er", "my": "m ay", "our": "aw er", "its": "ih t s",
    "this": "dh ih s", "but": "b ax t", "can": "k ax n", "will": "w ax l", "have": "hh ae v",
    "has": "hh ae z",
    "do": "d uw", "if": "ih f", "than": "dh ax n", "so": "s ow", "us": "ax s", "me": "m iy", "am": "ae m",
}
# fmt: on
_QUESTION_WORDS = frozenset(["what", "where", "when", "why", "who", "whom", "whose", "which", "how"])
# fmt: off
_CLUSTERS = frozenset((
    "p r", "p l", "p y", "t r", "t w", "k r", "k l", "k w", "k y", "b r", "b l", "b y", "d r", "d w", "g r",
    "g l", "g w", "f r", "f l", "f y", "th r", "sh r", "s p", "s t", "s k", "s m", "s n", "s l", "s w",
    "s p r", "s p l", "s t r", "s k r", "s k w", "m y", "v y", "hh y",
))
# fmt: on
_RENAMED = {"hh": "h"}


@dataclass(frozen=True, slots=True)
class EnglishSyllable:
    """`stress`: 0 none, 1 primary, 2 secondary."""

    phones: tuple[str, ...]
    stress: int


@cache
def _dictionary() -> dict[str, str]:
    lines = lzma.decompress(_DICTIONARY.read_bytes()).decode("ascii").splitlines()
    return dict(line.split(" ", 1) for line in lines)


def asks_openly(first_word: str) -> bool:
    """Whether a question that begins so falls at its end ("what", "how") instead of rising."""
    return first_word.lower() in _QUESTION_WORDS


def read_word(word: str, *, alone: bool) -> list[EnglishSyllable]:
    """Syllables of one written word (letters and inner apostrophes). `alone`: no weak form."""
    if not alone and word.lower() in _WEAK and word not in _INITIALISMS:
        return _syllables([(phone, 0) for phone in _WEAK[word.lower()].split()])
    parts = _parts(word)
    syllables = [syllable for part in parts for syllable in _syllables(_pronounce(part))]
    first = True
    for index, syllable in enumerate(syllables):
        if syllable.stress == 1 and len(parts) > 1 and not first:
            syllables[index] = replace(syllable, stress=2)
        first = first and syllable.stress != 1
    return syllables


def _parts(word: str) -> list[str]:
    """`iPhone` -> i, Phone; `AI` -> A, I; a word that the dictionary knows stays whole."""
    letters = word.replace("'", "")
    if word in _INITIALISMS or (
        letters.isupper() and len(letters) <= 5 and word.lower() not in _dictionary()
    ):
        return list(letters)
    if word.lower() in _dictionary() or word.isupper() or word.islower():
        return [word]
    return re.findall(r"[A-Z]+(?![a-z])|[A-Z][a-z']*|[a-z']+", word)


def _pronounce(part: str) -> list[tuple[str, int]]:
    lower = part.lower().strip("'") or part
    entry = _dictionary().get(lower) if len(lower) > 1 else None
    if entry is not None:
        return [_marked(phone) for phone in entry.lower().split()]
    letters = re.sub("[^a-z]", "", lower)
    phones = phones_of_letters(letters) if len(letters) == 1 else phones_of_spelling(letters)
    return _stress_first(phones)


def _marked(phone: str) -> tuple[str, int]:
    name, stress = (phone[:-1], int(phone[-1])) if phone[-1].isdigit() else (phone, 0)
    return ("ax" if name == "ah" and stress == 0 else name, stress)


def _stress_first(phones: tuple[str, ...]) -> list[tuple[str, int]]:
    marked, stressed = [], False
    for phone in phones:
        strong = not stressed and is_vowel(_RENAMED.get(phone, phone)) and phone != "ax"
        marked.append((phone, int(strong)))
        stressed = stressed or strong
    return marked


def _syllables(marked: list[tuple[str, int]]) -> list[EnglishSyllable]:
    """Split before the longest legal onset of each vowel."""
    phones = [_RENAMED.get(phone, phone) for phone, _ in marked]
    peaks = [index for index, phone in enumerate(phones) if is_vowel(phone)]
    starts = [0]
    for before, peak in pairwise(peaks):
        starts.append(_onset(phones, before + 1, peak))
    ends = [*starts[1:], len(phones)]
    stresses = [marked[peak][1] for peak in peaks] or [0]
    return [
        EnglishSyllable(tuple(_flapped(phones, start, end)), stress)
        for start, end, stress in zip(starts, ends, stresses, strict=True)
    ]


def _onset(phones: list[str], first: int, peak: int) -> int:
    for start in range(first, peak):
        onset = phones[start:peak]
        if (len(onset) == 1 and onset != ["ng"]) or " ".join(onset) in _CLUSTERS:
            return start
    return peak


def _flapped(phones: list[str], start: int, end: int) -> list[str]:
    """American t and d between a vowel and an unstressed `er`, `iy` or `ax` become a tap."""
    part = phones[start:end]
    inside = start > 0 and is_vowel(phones[start - 1]) and len(part) > 1
    if inside and part[0] in "td" and part[1] in ("er", "ax", "iy") and phones[start - 1] != "ax":
        part[0] = "dx"
    return part
