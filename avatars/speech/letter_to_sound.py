"""English spelling -> phones for words that no dictionary knows (brands, made-up names).

Context rules in the manner of Elovitz et al., NRL Report 7948 (1976): the first rule whose letters and
neighbours fit is taken, left to right. `#` stands for the edge of the word.
"""

from __future__ import annotations

import re

# letter -> (left context, letters, right context, phones); contexts are regular expressions.
# fmt: off
_RULES: dict[str, tuple[tuple[str, str, str, str], ...]] = {
    "a": (
        ("#", "a", "#", "ax"), ("", "augh", "", "ao"), ("", "au", "", "ao"), ("", "aw", "", "ao"),
        ("", "ai", "", "ey"), ("", "ay", "", "ey"), ("", "air", "", "eh r"), ("", "are", "#", "eh r"),
        ("w", "ar", "", "ao r"), ("", "ar", "", "aa r"), ("", "all", "", "ao l"), ("", "al", "k", "ao"),
        ("[^#]", "able", "#", "ax b ax l"), ("", "age", "#", "ih jh"), ("", "a", "tion", "ey"),
        ("", "a", "#", "ax"), ("", "a", "[^aeiouy#][eiy]", "ey"), ("w", "a", "[^kgx]", "aa"),
        ("", "a", "", "ae"),
    ),
    "b": (("m", "b", "#", ""), ("", "bb", "", "b"), ("", "b", "", "b")),
    "c": (
        ("", "ch", "[rl]", "k"), ("", "ch", "", "ch"), ("", "ck", "", "k"), ("s", "c", "[eiy]", ""),
        ("", "cc", "[eiy]", "k s"), ("", "ci", "[ao]", "sh"), ("", "cc", "", "k"), ("", "c", "[eiy]", "s"),
        ("", "c", "", "k"),
    ),
    "d": (("", "dge", "", "jh"), ("", "dd", "", "d"), ("", "d", "", "d")),
    "e": (
        ("[^#].*[td]", "ed", "#", "ax d"), ("[^#].*[pkfsxh]", "ed", "#", "t"), ("[^#].*", "ed", "#", "d"),
        ("", "ear", "[^#aeiou]", "er"), ("", "eau", "", "ow"), ("", "ea", "[dt]h", "eh"),
        ("", "ea", "", "iy"),
        ("", "eer", "", "ih r"), ("", "ee", "", "iy"), ("", "ei", "gh", "ey"), ("", "ei", "", "iy"),
        ("", "ew", "", "y uw"), ("", "ey", "#", "iy"), ("", "ey", "", "ey"), ("", "eu", "", "y uw"),
        ("[aeiouy].*", "er", "#", "er"), ("", "er", "[^aeiouy]", "er"),
        ("[aeiouy].*[szxc]|[aeiouy].*[cs]h", "es", "#", "ax z"),
        ("[aeiouy].*", "es", "#", "z"), ("[aeiouy].*", "e", "#", ""), ("#[^aeiouy]*", "e", "#", "iy"),
        ("", "e", "[^aeiouy#]e#", "iy"), ("", "e", "", "eh"),
    ),
    "f": (("", "ff", "", "f"), ("", "f", "", "f")),
    "g": (
        ("#", "gn", "", "n"), ("", "gh", "#|t", ""), ("#", "gh", "", "g"), ("n", "g", "#", ""),
        ("", "gg", "", "g"),
        ("", "gu", "[eiy]", "g"), ("", "g", "[eiy]", "jh"), ("", "g", "", "g"),
    ),
    "h": (("", "h", "[aeiouy]", "hh"), ("", "h", "", "")),
    "i": (
        ("", "igh", "", "ay"), ("", "ing", "#", "ih ng"), ("", "ie", "#", "iy"), ("", "ies", "#", "iy z"),
        ("", "ie", "", "iy"), ("", "ir", "[^aeiouy]", "er"), ("", "ique", "#", "iy k"),
        ("", "i", "nd#|ld#", "ay"),
        ("", "i", "#", "iy"), ("#", "i", "[A-Z]", "ay"), ("", "i", "[aou]", "iy"),
        ("", "i", "[^aeiouyx#][ey]", "ay"),
        ("", "i", "", "ih"),
    ),
    "j": (("", "j", "", "jh"),),
    "k": (("#", "kn", "", "n"), ("", "kk", "", "k"), ("", "k", "", "k")),
    "l": (("[^aeiouy#]", "le", "#", "ax l"), ("", "ll", "", "l"), ("", "l", "", "l")),
    "m": (("", "mm", "", "m"), ("", "m", "", "m")),
    "n": (
        ("", "ng", "#", "ng"), ("", "ng", "[^eiy]", "ng g"), ("", "n", "[kxq]", "ng"), ("", "nn", "", "n"),
        ("", "n", "", "n"),
    ),
    "o": (
        ("", "ough", "t", "ao"), ("", "ough", "", "ow"), ("", "oo", "k", "uh"), ("", "oo", "", "uw"),
        ("", "oa", "", "ow"),
        ("", "oi", "", "oy"), ("", "oy", "", "oy"), ("", "ous", "#", "ax s"), ("", "oul", "d", "uh"),
        ("", "ou", "", "aw"),
        ("", "ow", "[^#]", "aw"), ("", "ow", "#", "ow"), ("", "or", "", "ao r"), ("", "o", "#", "ow"),
        ("", "oe", "#", "ow"),
        ("", "o", "[^aeiouyx#][eiy]", "ow"), ("", "old", "", "ow l d"), ("", "on", "#", "ax n"),
        ("", "o", "", "aa"),
    ),
    "p": (("", "ph", "", "f"), ("#", "ps", "", "s"), ("#", "pn", "", "n"), ("", "pp", "", "p"),
    ("", "p", "", "p")),
    "q": (("", "que", "#", "k"), ("", "qu", "", "k w"), ("", "q", "", "k")),
    "r": (("", "rh", "", "r"), ("", "rr", "", "r"), ("", "r", "", "r")),
    "s": (
        ("", "sch", "", "s k"), ("", "sh", "", "sh"), ("", "sion", "#", "zh ax n"), ("", "ss", "", "s"),
        ("[aeiouy]", "s", "[aeiouy]", "z"), ("[aeioubdglmnrvwy]", "s", "#", "z"), ("", "s", "", "s"),
    ),
    "t": (
        ("", "tion", "", "sh ax n"), ("", "tia", "", "sh ax"), ("", "tch", "", "ch"), ("", "th", "", "th"),
        ("", "ture", "#", "ch er"), ("", "tt", "", "t"), ("", "t", "", "t"),
    ),
    "u": (
        ("", "ur", "[^aeiouy]", "er"), ("", "ui", "", "uw"), ("", "ue", "#", "uw"),
        ("[rljs]", "u", "[^aeiouy#][eiy]", "uw"),
        ("", "u", "[^aeiouy#][eiy]", "y uw"), ("#", "u", "n[ieo]", "y uw"), ("", "u", "#", "uw"),
        ("", "u", "", "ah"),
    ),
    "v": (("", "vv", "", "v"), ("", "v", "", "v")),
    "w": (("#", "wr", "", "r"), ("", "wh", "", "w"), ("", "w", "[aeiouy]", "w"), ("", "w", "", "")),
    "x": (("#", "x", "", "z"), ("", "x", "", "k s")),
    "y": (
        ("#", "y", "[aeiou]", "y"), ("#[^aeiouy#]+", "y", "#", "ay"), ("", "y", "#", "iy"),
        ("", "y", "[^aeiouy#][eiy]", "ay"), ("", "y", "[aeiou]", "y"), ("", "y", "", "ih"),
    ),
    "z": (("", "zz", "", "z"), ("", "z", "", "z")),
}
# fmt: on

# fmt: off
_LETTER_NAMES = {
    "a": "ey", "b": "b iy", "c": "s iy", "d": "d iy", "e": "iy", "f": "eh f", "g": "jh iy", "h": "ey ch",
    "i": "ay", "j": "jh ey", "k": "k ey", "l": "eh l", "m": "eh m", "n": "eh n", "o": "ow", "p": "p iy",
    "q": "k y uw", "r": "aa r", "s": "eh s", "t": "t iy", "u": "y uw", "v": "v iy", "w": "d ah b ax l y uw",
    "x": "eh k s", "y": "w ay", "z": "z iy",
}
# fmt: on

Compiled = tuple[re.Pattern[str], str, re.Pattern[str], tuple[str, ...]]
_COMPILED: dict[str, tuple[Compiled, ...]] = {
    letter: tuple(
        (re.compile(f"(?:{left})$"), letters, re.compile(right), tuple(phones.split()))
        for left, letters, right, phones in rules
    )
    for letter, rules in _RULES.items()
}


def phones_of_spelling(word: str) -> tuple[str, ...]:
    """Phones of a lower-case a-z word, without stress; a word without any vowel is spelled out."""
    if not set(word) & set("aeiouy"):
        return phones_of_letters(word)
    padded, at = f"#{word}#", 1
    phones: list[str] = []
    while at <= len(word):
        letters, sounds = _match(padded, at)
        phones += sounds
        at += len(letters)
    return tuple(phones) or phones_of_letters(word)


def phones_of_letters(word: str) -> tuple[str, ...]:
    """Phones of the names of the letters of an a-z word."""
    return tuple(phone for letter in word for phone in _LETTER_NAMES[letter].split())


def _match(padded: str, at: int) -> tuple[str, tuple[str, ...]]:
    for left, letters, right, phones in _COMPILED[padded[at]]:
        fits = padded.startswith(letters, at) and right.match(padded, at + len(letters))
        if fits and left.search(padded[:at]):
            return letters, phones
    raise AssertionError(f"no rule for {padded[at]!r}: every letter has one without context")
