"""Hanzi -> syllables with surface tones."""

from __future__ import annotations

from dataclasses import dataclass, replace

from pypinyin import Style, lazy_pinyin
from pypinyin.contrib.tone_convert import to_finals, to_initials
from pypinyin.seg import mmseg

from avatars.speech import numerals
from avatars.speech.errors import UnspeakableText

# fmt: off
_INITIALS: dict[str, str] = {
    "": "", "b": "b", "p": "p", "m": "m", "f": "f", "d": "d", "t": "t", "n": "n", "l": "l", "g": "g",
    "k": "k",
    "h": "x", "j": "jj", "q": "qq", "x": "xx", "zh": "zhr", "ch": "chr", "sh": "shr", "r": "rr", "z": "dz",
    "c": "ts", "s": "s",
}
_FINALS: dict[str, str] = {
    "a": "a", "o": "o", "e": "ee", "ê": "eh", "i": "iy", "u": "uu", "v": "yu", "er": "ar", "ai": "ai",
    "ei": "ei",
    "ao": "au", "ou": "ou", "an": "af n", "en": "ax n", "ang": "ab ng", "eng": "ax ng", "ong": "uh ng",
    "io": "y o",
    "ia": "y a", "ie": "y eh", "iao": "y au", "iou": "y ou", "ian": "y eh n", "in": "iy n", "iang": "y ab ng",
    "ing": "iy ng", "iong": "y uh ng", "ua": "w a", "uo": "w o", "uai": "w ai", "uei": "w ei",
    "uan": "w af n",
    "uen": "w ax n", "uang": "w ab ng", "ueng": "w ax ng", "ve": "yw eh", "van": "yw eh n", "vn": "yu n",
    "m": "m",
    "n": "n", "ng": "ng", "hm": "x m", "hng": "x ng",
}
# fmt: on
_APICAL = {"zh": "ir", "ch": "ir", "sh": "ir", "r": "ir", "z": "iz", "c": "iz", "s": "iz"}


@dataclass(frozen=True, slots=True)
class HanziSyllable:
    """One Hanzi as said: phones and surface tone, 1..4 or 5 (neutral); `word`: index of its piece."""

    phones: tuple[str, ...]
    tone: int
    char: str
    word: int


def words_of(hanzi: str) -> list[str]:
    """Words of a run of Hanzi, as far as the phrase dictionary knows them."""
    return list(mmseg.seg.cut(hanzi))


def read_hanzi(words: list[str]) -> list[HanziSyllable]:
    """Syllables of one clause after tone sandhi. Raises `UnspeakableText` for a Hanzi without a reading."""
    text = "".join(words)
    readings = lazy_pinyin(text, style=Style.TONE3, neutral_tone_with_five=True, errors="ignore")
    if len(readings) != len(text):
        raise UnspeakableText.of(char for char in text if not lazy_pinyin(char, errors="ignore"))
    owner = [index for index, word in enumerate(words) for _ in word]
    syllables = [
        HanziSyllable(_phones(reading), int(reading[-1]), char, word)
        for reading, char, word in zip(readings, text, owner, strict=True)
    ]
    return _third_tones(_yi_and_bu(syllables, text))


def _phones(reading: str) -> tuple[str, ...]:
    initial, final = to_initials(reading, strict=True), to_finals(reading, strict=True)
    if final == "i" and initial in _APICAL:
        return (_INITIALS[initial], _APICAL[initial])
    if not final:
        return (_FINALS[reading.rstrip("12345")],)
    return tuple(filter(None, (_INITIALS[initial], *_FINALS[final].split())))


def _yi_and_bu(syllables: list[HanziSyllable], text: str) -> list[HanziSyllable]:
    """一 and 不 take their tone from the next syllable; 一 keeps tone 1 in figures and at a word's end."""
    changed = list(syllables)
    for index, syllable in enumerate(syllables):
        follower = syllables[index + 1] if index + 1 < len(syllables) else None
        if syllable.tone == 5 or syllable.char not in "一不":
            continue
        tone = 1 if syllable.char == "一" else 4
        if follower is not None and syllable.char == "不":
            tone = 2 if follower.tone == 4 else 4
        elif follower is not None and not _plain_yi(syllables, index, text):
            tone = 2 if follower.tone == 4 or follower.char == "个" else 4
        changed[index] = replace(syllable, tone=tone)
    return changed


def _plain_yi(syllables: list[HanziSyllable], index: int, text: str) -> bool:
    before = text[index - 1] if index else ""
    in_word = bool(index) and syllables[index - 1].word == syllables[index].word
    ends_word = in_word and syllables[index + 1].word != syllables[index].word
    return (before and before in "第十") or ends_word or numerals.beside_digit(text, index)


def _third_tones(syllables: list[HanziSyllable]) -> list[HanziSyllable]:
    """3 + 3 -> 2 + 3, first inside words, then between them (Chao 1968, 1.3.4)."""
    changed = list(syllables)
    for inside in (True, False):
        for index in range(len(changed) - 1):
            first, second = changed[index], changed[index + 1]
            if first.tone == second.tone == 3 and (first.word == second.word) is inside:
                changed[index] = replace(first, tone=2)
    return changed
