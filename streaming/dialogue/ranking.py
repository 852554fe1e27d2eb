"""Which comment to answer next, as a sum of parts a person can read."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from streaming.dialogue.comments import Comment
from streaming.dialogue.facts import ProductFacts
from streaming.dialogue.folding import fold
from streaming.dialogue.intents import Intent, Reading

_BUYING = frozenset({Intent.BUYING, Intent.PRICE, Intent.AVAILABILITY, Intent.SIZE, Intent.DISCOUNT})
# Whoever asks what the host is, or needs help, does not wait behind whoever might buy.
_DUTY = frozenset({Intent.IDENTITY, Intent.MEDICAL, Intent.COMPLAINT, Intent.DISTRESS})
_SMALL_TALK = frozenset({Intent.GREETING, Intent.THANKS, Intent.OFF_TOPIC})


@dataclass(frozen=True, slots=True)
class RankWeights:
    """Weights of the parts (>= 0). `half_life_s`: a comment's freshness halves in that time."""

    duty: float = 4.0
    question: float = 2.0
    buying: float = 1.5
    product: float = 1.0
    repeated: float = 1.0
    paid: float = 1.0
    fresh: float = 1.5
    small_talk: float = 1.0
    answered: float = 3.0
    half_life_s: float = 40.0


@dataclass(frozen=True, slots=True)
class Candidate:
    """A comment, or several that ask the same: `count` of them, `asked_by` users, the last one `last_ts`."""

    comment: Comment
    count: int
    asked_by: int
    last_ts: float


@dataclass(frozen=True, slots=True)
class Ranked:
    """A candidate with its score and what it is made of."""

    candidate: Candidate
    reading: Reading
    score: float
    parts: Mapping[str, float] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """JSON-safe form for the room's log."""
        same = {
            "platform": self.candidate.comment.platform,
            "id": self.candidate.comment.id,
            "count": self.candidate.count,
        }
        return {**same, "intent": str(self.reading.intent), "score": self.score, "parts": dict(self.parts)}


def rank(
    candidate: Candidate,
    reading: Reading,
    *,
    now: float,
    products: Sequence[ProductFacts] = (),
    answered_before: bool = False,
    weights: RankWeights | None = None,
) -> Ranked:
    """Score one candidate at `now` (epoch seconds). `answered_before`: the same was answered a short while ago."""
    w = weights or RankWeights()
    comment = candidate.comment
    parts = {
        "duty": w.duty * (reading.intent in _DUTY),
        "question": w.question * reading.is_question,
        "buying": w.buying * (reading.intent in _BUYING) * reading.confidence,
        "product": w.product * _names_product(comment.text, products),
        "repeated": w.repeated * math.log2(max(candidate.asked_by, 1)),
        "paid": w.paid * math.log10(1 + comment.value),
        "fresh": w.fresh * 0.5 ** (max(now - candidate.last_ts, 0.0) / w.half_life_s),
        "small_talk": -w.small_talk * (reading.intent in _SMALL_TALK),
        "answered_before": -w.answered * answered_before,
    }
    shown = {name: round(value, 3) for name, value in parts.items() if value}
    return Ranked(candidate, reading, round(sum(parts.values()), 3), shown)


def _names_product(text: str, products: Sequence[ProductFacts]) -> bool:
    said = fold(text).tight.text
    names = (name for facts in products for name in (*facts.name.values(), *facts.aliases))
    return any(fold(name).tight.text in said for name in names)
