"""The built-in composer: answers out of approved facts, without any model.

It knows two things a model does not: every sentence names the facts it rests on, and what is not in the facts
is answered with "I do not know" and handed to a person.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from streaming.dialogue.facts import Fact, Faq, ProductFacts, Topic
from streaming.dialogue.intents import Intent, Reading, read_intent
from streaming.dialogue.language import detect_language
from streaming.dialogue.policy import LiveSpeechPolicy
from streaming.dialogue.retrieval import Index
from streaming.dialogue.speaking import Sentence, SpokenMemory, phrases, price_lines, spell_day

_COVERED = 0.45
_EVIDENCE = 1.5
_MOST_FACTS = 2


@dataclass(frozen=True, slots=True)
class HandOver:
    """A note for the person behind the room: why, and the question as it may be shown."""

    code: str
    question: str
    text: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Answer:
    """What the host says to one comment. `source`: "composer" or "model"."""

    sentences: tuple[Sentence, ...]
    intent: Intent
    source: str = "composer"
    hand_over: HandOver | None = None

    @property
    def text(self) -> str:
        """The whole answer as one text."""
        return " ".join(sentence.text for sentence in self.sentences)

    @property
    def fact_ids(self) -> tuple[str, ...]:
        """All facts it rests on, each once."""
        return tuple(dict.fromkeys(fact_id for sentence in self.sentences for fact_id in sentence.fact_ids))

    def to_json(self) -> dict[str, Any]:
        """JSON-safe form for the speech log."""
        note = {"code": self.hand_over.code, "question": self.hand_over.question} if self.hand_over else None
        sentences = [sentence.to_json() for sentence in self.sentences]
        return {"sentences": sentences, "intent": str(self.intent), "source": self.source, "hand_over": note}


_NOTES: dict[str, dict[str, str]] = {
    "not_in_facts": {"en": "The product facts do not answer this question.", "zh": "产品事实没有回答这个问题。"},
    "answers_off": {"en": "The permit does not let the host answer comments.", "zh": "许可不允许主播回答评论。"},
    "complaint": {"en": "A viewer complains and expects an answer.", "zh": "有观众投诉，需要答复。"},
    "medical": {
        "en": "A viewer asks about health; check whether help is needed.",
        "zh": "有观众询问健康问题，请确认是否需要帮助。",
    },
    "distress": {"en": "A viewer may be in danger. Read this at once.", "zh": "观众可能处于危险中，请立即查看。"},
}
# Answered even where legal lets the host answer nothing.
DUTIES = frozenset({Intent.IDENTITY, Intent.DISTRESS})
_BY_TOPIC = {
    Intent.SHIPPING: (Topic.SHIPPING,),
    Intent.RETURN: (Topic.RETURN,),
    Intent.USAGE: (Topic.USAGE,),
    Intent.MATERIAL: (Topic.MATERIAL,),
    Intent.SIZE: (Topic.SIZE,),
    Intent.AUDIENCE: (Topic.AUDIENCE,),
}
_COURTESY = {
    Intent.THANKS: "thanks",
    Intent.GREETING: "greeting",
    Intent.OFF_TOPIC: "off_topic",
    Intent.BUYING: "buying",
}


@dataclass(frozen=True, slots=True)
class _Asked:
    question: str
    reading: Reading
    facts: ProductFacts
    language: str
    now: datetime

    @property
    def name(self) -> str:
        names = self.facts.name
        return names.get(self.language) or next(iter(names.values()))

    @property
    def at(self) -> float:
        return self.now.timestamp()


class Composer:
    """Answers comments of one room. `memory` makes it vary; the same memory and input give the same answer."""

    def __init__(self, policy: LiveSpeechPolicy, memory: SpokenMemory | None = None) -> None:
        self._policy = policy
        self._memory = memory or SpokenMemory()
        self._answers: dict[Intent, Callable[[_Asked], Answer]] = {
            Intent.IDENTITY: self._identity,
            Intent.DISTRESS: self._distress,
            Intent.COMPLAINT: self._complaint,
            Intent.MEDICAL: self._medical,
            Intent.PRICE: self._price,
            Intent.DISCOUNT: self._discount,
            Intent.AVAILABILITY: self._availability,
            Intent.COMPARISON: self._comparison,
            **dict.fromkeys(_BY_TOPIC, self._by_topic),
            **dict.fromkeys(_COURTESY, self._courtesy),
        }

    def language_of(self, text: str) -> str:
        """The language to answer in: that of the comment where the policy has it, else the policy's first."""
        language = detect_language(text)
        return language if language in self._policy.languages else self._policy.languages[0]

    def answer(self, question: str, facts: ProductFacts, now: datetime) -> Answer:
        """Answer one comment about the product on air; `now` aware. Total: there is always an answer."""
        reading = read_intent(question)
        asked = _Asked(question, reading, facts, self.language_of(question), now)
        if not self._policy.answer_comments and reading.intent not in DUTIES:
            return self._say(asked, note="answers_off")
        return self._answers.get(reading.intent, self._open_question)(asked)

    # --- by intent ---
    def _identity(self, asked: _Asked) -> Answer:
        operator = self._policy.operator[asked.language]
        return self._say(
            asked, self._phrase("identity", asked, operator=operator), self._phrase("identity_more", asked)
        )

    def _distress(self, asked: _Asked) -> Answer:
        return self._say(asked, self._phrase("distress", asked), note="distress")

    def _complaint(self, asked: _Asked) -> Answer:
        return self._say(asked, self._phrase("complaint", asked), note="complaint")

    def _medical(self, asked: _Asked) -> Answer:
        warnings = [_spoken(fact, asked) for fact in asked.facts.about(Topic.WARNING, language=asked.language)[:1]]
        materials = asked.facts.about(Topic.MATERIAL, language=asked.language)[:1]
        told = (
            [self._phrase("medical_material", asked), *(_spoken(fact, asked) for fact in materials)]
            if materials
            else []
        )
        return self._say(asked, self._phrase("medical", asked), *warnings, *told, note="medical")

    def _price(self, asked: _Asked) -> Answer:
        price = asked.facts.price
        if price is None or not price.holds(asked.now):
            return self._say(asked, self._phrase("price_unknown", asked), note="not_in_facts")
        line = self._memory.choose(price_lines(price, asked.name, asked.language), asked.at)
        said = [Sentence(line, asked.language, (price.id,))]
        if price.valid_until:
            until = self._phrase("price_until", asked, until=spell_day(price.valid_until, asked.language))
            said.append(Sentence(until.text, asked.language, (price.id,)))
        return self._say(asked, *said)

    def _discount(self, asked: _Asked) -> Answer:
        price = asked.facts.price
        holds = price is not None and price.holds(asked.now)
        if price and holds and asked.language in price.offers:
            offer = Sentence(price.offers[asked.language], asked.language, (price.id,))
            return self._say(asked, *self._price(asked).sentences[:1], offer)
        known = self._price(asked).sentences[:1] if holds else ()
        return self._say(asked, *known, self._phrase("discount_none", asked))

    def _availability(self, asked: _Asked) -> Answer:
        stock = asked.facts.stock
        if stock is None or not stock.holds(asked.now) or asked.language not in stock.text:
            return self._say(asked, self._phrase("stock_unknown", asked))
        return self._say(asked, Sentence(stock.text[asked.language], asked.language, (stock.id,)))

    def _comparison(self, asked: _Asked) -> Answer:
        claims = self._least_said(asked.facts.about(Topic.CLAIM, Topic.MATERIAL, language=asked.language), asked)
        return self._say(asked, self._phrase("comparison", asked), *claims)

    def _by_topic(self, asked: _Asked) -> Answer:
        found = self._found(asked)
        if isinstance(found, Faq):
            return self._from_faq(found, asked)
        topics = _BY_TOPIC[asked.reading.intent]
        matching = self._nearest(asked, asked.facts.about(*topics, language=asked.language))
        chosen = [found] if found and found not in matching else []
        facts = [*chosen, *matching][:_MOST_FACTS]
        return self._say(asked, *self._led(facts, asked)) if facts else self._open_question(asked)

    def _courtesy(self, asked: _Asked) -> Answer:
        if asked.reading.is_question and asked.reading.intent in (Intent.THANKS, Intent.GREETING):
            answer = self._open_question(asked)
            if answer.hand_over is None:
                return answer
        return self._say(asked, self._phrase(_COURTESY[asked.reading.intent], asked))

    def _open_question(self, asked: _Asked) -> Answer:
        found = self._found(asked)
        if isinstance(found, Faq):
            return self._from_faq(found, asked)
        if found:
            return self._say(asked, *self._led([found], asked))
        if not asked.reading.is_question:
            return self._say(asked, self._phrase("thanks", asked))
        return self._say(asked, self._phrase("unknown", asked), note="not_in_facts")

    # --- building ---
    def _found(self, asked: _Asked) -> Faq | Fact | None:
        """The approved answer or fact the question is about, if it is about one at all."""
        language = asked.language
        entries = [entry for entry in asked.facts.faq if language in entry.question and language in entry.answer]
        facts = [fact for fact in asked.facts.facts if language in fact.text]
        texts = [*(entry.question[language] for entry in entries), *(fact.text[language] for fact in facts)]
        for match in Index(texts).search(asked.question, limit=1):
            if match.coverage >= _COVERED and match.evidence >= _EVIDENCE:
                found: list[Faq | Fact] = [*entries, *facts]
                return found[match.index]
        return None

    def _from_faq(self, entry: Faq, asked: _Asked) -> Answer:
        return self._say(asked, Sentence(entry.answer[asked.language], asked.language, (entry.id,)))

    def _nearest(self, asked: _Asked, facts: Sequence[Fact]) -> list[Fact]:
        """Facts of a topic, those nearest to the question first; all fit, so no coverage is asked."""
        order = [match.index for match in Index([fact.text[asked.language] for fact in facts]).search(asked.question)]
        rest = [index for index in range(len(facts)) if index not in order]
        return [facts[index] for index in (order + rest)[:_MOST_FACTS]]

    def _least_said(self, facts: Sequence[Fact], asked: _Asked) -> list[Sentence]:
        texts = {fact.text[asked.language]: fact for fact in facts}
        if not texts:
            return []
        return [_spoken(texts[self._memory.choose(list(texts), asked.at)], asked)]

    def _led(self, facts: Sequence[Fact], asked: _Asked) -> list[Sentence]:
        """Facts as sentences, the first led in by a few words that change from answer to answer."""
        lead = self._memory.choose(phrases("lead", asked.language), asked.at)
        said = [_spoken(fact, asked) for fact in facts]
        return [Sentence(lead + said[0].text, asked.language, said[0].fact_ids), *said[1:]]

    def _phrase(self, kind: str, asked: _Asked, **slots: str) -> Sentence:
        choice = self._memory.choose(phrases(kind, asked.language), asked.at)
        return Sentence(choice.format(name=asked.name, **slots), asked.language)

    def _say(self, asked: _Asked, *sentences: Sentence, note: str = "") -> Answer:
        hand_over = HandOver(note, asked.question, _NOTES[note]) if note else None
        return Answer(tuple(sentences), asked.reading.intent, hand_over=hand_over)


def _spoken(fact: Fact, asked: _Asked) -> Sentence:
    return Sentence(fact.text[asked.language], asked.language, (fact.id,))
