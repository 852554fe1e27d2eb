"""Does a line speak only of what the facts say? A word list cannot know every way to praise; the facts can.

Lines nobody has approved (a model's, a typed one) may hold words of the product's facts, of hosting, and little
else. A line with too many other words is unfounded, whatever they mean.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable
from dataclasses import dataclass

from streaming.dialogue.data_files import read_data
from streaming.dialogue.folding import Folded, fold
from streaming.dialogue.retrieval import stem

# A clause is unfounded when more than this share of its telling words is unknown, and at least so many of them.
_SHARE = 0.3
_LEAST_HANZI, _LEAST_WORDS = 2, 2
_RUN = re.compile(r"[\u3400-\u9fff]+")
_CLAUSES = re.compile(r"[,，。.;；:：!！?？…\n]")
_WORD = re.compile(r"[a-z]{2,}")


@dataclass(frozen=True, slots=True)
class Words:
    """Known words: pairs of Hanzi and English stems."""

    pairs: frozenset[str]
    stems: frozenset[str]


def words_of(texts: Iterable[Folded]) -> Words:
    """The words of approved texts."""
    pairs: set[str] = set()
    stems: set[str] = set()
    for folded in texts:
        for run in _RUN.findall(folded.spaced.text):
            pairs |= {run[i : i + 2] for i in range(len(run) - 1)}
        stems |= {stem(word) for word in _WORD.findall(folded.spaced.text)}
    return Words(frozenset(pairs), frozenset(stems))


@functools.lru_cache(maxsize=1)
def _hosting() -> tuple[Words, frozenset[str]]:
    """Words of hosting: everyday words, phrases, safe replies; and single Hanzi that mean nothing alone."""
    everyday = read_data("everyday")
    groups = (read_data("phrases")["phrases"], read_data("guard/replies")["replies"])
    said = [text for group in groups for kinds in group.values() for texts in kinds.values() for text in texts]
    texts = [*everyday["zh"], *everyday["en"], *said]
    return words_of(map(fold, texts)), frozenset(everyday["zh_function"])


def is_founded(folded: Folded, facts: Words) -> bool:
    """Whether every clause of a line holds little besides words of `facts` and of hosting.

    Clause by clause, so that a claim does not pass in the company of many true words.
    """
    return all(_clause_is_founded(clause, facts) for clause in _CLAUSES.split(folded.spaced.text))


def _clause_is_founded(clause: str, facts: Words) -> bool:
    hosting, function = _hosting()
    hanzi = unknown_hanzi = 0
    for run in _RUN.findall(clause):
        telling = [place for place, char in enumerate(run) if char not in function]
        hanzi += len(telling)
        unknown_hanzi += sum(not _known(run, place, facts, hosting) for place in telling)
    words = [stem(word) for word in _WORD.findall(clause) if word not in _english()]
    unknown = sum(word not in facts.stems and word not in hosting.stems for word in words)
    too_many_hanzi = unknown_hanzi >= _LEAST_HANZI and unknown_hanzi > _SHARE * hanzi
    too_many_words = unknown >= _LEAST_WORDS and unknown > _SHARE * len(words)
    return not too_many_hanzi and not too_many_words


@functools.lru_cache(maxsize=1)
def _english() -> frozenset[str]:
    """English function words, which tell nothing."""
    return frozenset(read_data("english")["words"])


def _known(run: str, place: int, facts: Words, hosting: Words) -> bool:
    """Whether a Hanzi belongs to a known pair with either neighbour."""
    around = (run[max(place - 1, 0) : place + 1], run[place : place + 2])
    return any(len(pair) == 2 and (pair in facts.pairs or pair in hosting.pairs) for pair in around)
