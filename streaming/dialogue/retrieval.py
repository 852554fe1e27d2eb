"""Which approved fact answers a question: BM25 over Hanzi pairs and English stems (Robertson and Zaragoza 2009).

Small on purpose: a product has dozens of facts, and a wrong fact is worse than none, so `coverage` says how
much of the question the fact really touches.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from streaming.dialogue.data_files import read_data
from streaming.dialogue.folding import fold

_K1, _B = 1.2, 0.6
_ENDINGS = ("ingly", "edly", "ing", "ied", "ies", "ed", "es", "ly", "s")
_STOP_ZH = re.compile(
    r"请问|你们|我们|这个|那个|这款|这种|这|那|的|了|吗|呢|吧|啊|呀|是|有没有|能不能|可不可以|可以|是不是|怎么样|怎么|什么"
    r"|多少|一下|我|你|它|请|想|要|会|能|有|在|和|也|都|就|还|很|多久|如何|不|用|给|上|下|去|来|吃|做"
)
_STOP_EN = frozenset(read_data("english")["words"]) - {"first", "need", "size"}


@dataclass(frozen=True, slots=True)
class Match:
    """A document that matched: its index and BM25 score (> 0).

    `coverage` is the share of the question's terms it has, weighted by rarity (0..1); `evidence` their summed
    rarity: one common word covers a one-word question in full and still proves nothing.
    """

    index: int
    score: float
    coverage: float
    evidence: float


def terms(text: str) -> list[str]:
    """Search terms of a text: single Hanzi and pairs of them without function words, and English stems."""
    folded = fold(text)
    found: list[str] = []
    for run in re.findall(r"[\u3400-\u9fff]+", _STOP_ZH.sub(" ", folded.spaced.text)):
        found += [*run, *(run[i : i + 2] for i in range(len(run) - 1))]
    words = re.findall(r"[a-z][a-z0-9']+|[a-z]\b", folded.spaced.text)
    return found + [stem(word) for word in words if word not in _STOP_EN and len(word) > 1]


def stem(word: str) -> str:
    """An English word without its ending."""
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)] + ("y" if ending in ("ies", "ied") else "")
    return word


class Index:
    """BM25 over a fixed list of texts."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._documents = [Counter(terms(text)) for text in texts]
        self._mean = sum(map(Counter.total, self._documents)) / max(len(texts), 1) or 1.0
        self._in = Counter(term for document in self._documents for term in document)

    def search(self, question: str, *, limit: int = 3) -> list[Match]:
        """Best documents first; those without a common term are left out."""
        asked = set(terms(question))
        weights = {term: self._rarity(term) for term in asked}
        total = sum(weights.values())
        found = []
        for index, document in enumerate(self._documents):
            if common := asked & document.keys():
                score = sum(weights[term] * self._saturated(document, term) for term in common)
                evidence = sum(weights[term] for term in common)
                found.append(Match(index, score, evidence / total, evidence))
        return sorted(found, key=lambda match: (-match.score, match.index))[:limit]

    def _rarity(self, term: str) -> float:
        """Inverse document frequency; a term no document has counts in full against the coverage."""
        return math.log(1 + (len(self._documents) - self._in[term] + 0.5) / (self._in[term] + 0.5))

    def _saturated(self, document: Counter[str], term: str) -> float:
        length = 1 - _B + _B * document.total() / self._mean
        return document[term] * (_K1 + 1) / (document[term] + _K1 * length)
