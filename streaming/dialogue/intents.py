"""What a comment wants: recognised by words, in Chinese and English, with the words that showed it."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from enum import StrEnum

from streaming.dialogue.data_files import read_data
from streaming.dialogue.folding import Folded, fold
from streaming.dialogue.identity import asks_whether_human
from streaming.dialogue.rules import hanzi_pattern, latin_pattern


class Intent(StrEnum):
    """What a viewer may want of the host."""

    IDENTITY = "identity"
    DISTRESS = "distress"
    COMPLAINT = "complaint"
    MEDICAL = "medical"
    DISCOUNT = "discount"
    PRICE = "price"
    SHIPPING = "shipping"
    RETURN = "return"
    USAGE = "usage"
    MATERIAL = "material"
    SIZE = "size"
    AVAILABILITY = "availability"
    COMPARISON = "comparison"
    AUDIENCE = "audience"
    BUYING = "buying"
    THANKS = "thanks"
    GREETING = "greeting"
    OFF_TOPIC = "off_topic"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Reading:
    """How a comment was read. `confidence` 0..1; `shown_by` are the folded words that decided it."""

    intent: Intent
    confidence: float
    is_question: bool
    shown_by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Words:
    hanzi: re.Pattern[str]
    latin: re.Pattern[str] | None

    def find(self, folded: Folded) -> tuple[str, ...]:
        found = [match[0] for match in self.hanzi.finditer(folded.tight.text) if match[0]]
        if self.latin:
            found += [match[0] for match in self.latin.finditer(folded.spaced.text)]
        return tuple(found)


@functools.lru_cache(maxsize=1)
def _table() -> tuple[list[tuple[Intent, float, _Words]], _Words, _Words]:
    data = read_data("intents")
    intents = [(Intent(item["id"]), item["weight"], _words(item)) for item in data["intents"]]
    return intents, _words(data["question"]), _words(data["off_topic"])


def _words(item: dict[str, list[str]]) -> _Words:
    return _Words(hanzi_pattern(item["zh"]), latin_pattern(item["en"]))


def read_intent(text: str | Folded) -> Reading:
    """How a comment is read. Total: whatever cannot be read is OTHER with confidence 0.

    Questions of safety weigh more than those of trade: "is it on sale for pregnant women" is medical. The
    number of characters that show an intent decides between intents of one weight.
    """
    folded = fold(text) if isinstance(text, str) else text
    intents, question_words, off_topic = _table()
    question = "?" in folded.spaced.text or bool(question_words.find(folded))
    if asks_whether_human(folded.written):
        return Reading(Intent.IDENTITY, 1.0, question)
    best: tuple[float, Intent, tuple[str, ...]] = (0.0, Intent.OTHER, ())
    for intent, weight, words in intents:
        if found := words.find(folded):
            score = weight + min(sum(map(len, found)), 20) / 100
            best = max(best, (score, intent, found), key=lambda item: item[0])
    if best[1] is Intent.OTHER and (found := off_topic.find(folded)):
        return Reading(Intent.OFF_TOPIC, 0.7, question, found)
    return Reading(best[1], min(best[0], 1.0), question, best[2])
