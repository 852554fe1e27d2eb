"""What the host says between comments: opening, pitch, transition, reminders, closing; out of facts, in turns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from enum import StrEnum

from streaming.dialogue.facts import ProductFacts, Topic, text_in
from streaming.dialogue.policy import LiveSpeechPolicy
from streaming.dialogue.speaking import Sentence, SpokenMemory, phrases, price_lines

REPEAT_WINDOW_S = 600.0


class LineKind(StrEnum):
    """Places in a rundown that need words of their own."""

    OPENING = "opening"
    TRANSITION = "transition"
    REMINDER_AI = "reminder_ai"
    REMINDER_QUESTIONS = "reminder_questions"
    REMINDER_CALM = "reminder_calm"
    CLOSING = "closing"


class RundownLines:
    """Lines of one room; no line comes back within `window_s` seconds while another is left."""

    def __init__(
        self, policy: LiveSpeechPolicy, memory: SpokenMemory | None = None, *, window_s: float = REPEAT_WINDOW_S
    ) -> None:
        self._policy = policy
        self._memory = memory or SpokenMemory()
        self._window_s = window_s

    def line(self, kind: LineKind, facts: ProductFacts | None, language: str, now: datetime) -> Sentence | None:
        """One line of `kind`, or None when all of them were said within the window.

        The AI reminder is a duty (Order 117 Art. 37): it is never withheld, then the one said longest ago comes.
        """
        name = _name(facts, language) if facts else ""
        operator = self._policy.operator[language]
        variants = [text for text in phrases(kind, language) if facts or "{name}" not in text]
        filled = [text.format(name=name, operator=operator) for text in variants]
        at = now.timestamp()
        if kind in (LineKind.REMINDER_AI, LineKind.OPENING):
            return Sentence(self._memory.choose(filled, at), language)
        chosen = self._memory.choose_fresh(filled, at, self._window_s)
        return Sentence(chosen, language) if chosen else None

    def pitch(self, facts: ProductFacts, language: str, now: datetime, *, statements: int = 4) -> list[Sentence]:
        """A pitch of an introduction, up to `statements` facts said longest ago, the price, and one warning.

        Facts said within the window are left out; with nothing left to say the list is empty.
        """
        at = now.timestamp()
        fresh = [
            Sentence(fact.text[language], language, (fact.id,))
            for fact in facts.about(
                Topic.APPROVED, Topic.CLAIM, Topic.MATERIAL, Topic.AUDIENCE, Topic.SIZE, language=language
            )
            if at - self._memory.last_said(fact.text[language]) >= self._window_s
        ]
        if not fresh:
            return []
        chosen = sorted(fresh, key=lambda sentence: self._memory.last_said(sentence.text))[:statements]
        for sentence in chosen:
            self._memory.note(sentence.text, at)
        opening = self._memory.choose(
            [text.format(name=_name(facts, language)) for text in phrases("pitch", language)], at
        )
        return [
            Sentence(opening, language),
            *chosen,
            *self._price(facts, language, now),
            *self._warning(facts, language, at),
        ]

    def _price(self, facts: ProductFacts, language: str, now: datetime) -> Iterator[Sentence]:
        if facts.price and facts.price.holds(now):
            lines = price_lines(facts.price, _name(facts, language), language)
            yield Sentence(self._memory.choose(lines, now.timestamp()), language, (facts.price.id,))

    def _warning(self, facts: ProductFacts, language: str, at: float) -> Sequence[Sentence]:
        by_text = {fact.text[language]: fact for fact in facts.about(Topic.WARNING, language=language)}
        if not by_text:
            return ()
        text = self._memory.choose(list(by_text), at)
        return (Sentence(text, language, (by_text[text].id,)),)


def _name(facts: ProductFacts, language: str) -> str:
    return text_in(facts.name, language)
