"""One comment answered: by the model where it helps, by the composer always, by the guard's leave only.

Whatever the model does, the room gets an answer: a late, wrong or forbidden reply costs the model's sentences
and nothing else, and the reason is kept.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from streaming.dialogue.composer import Answer, Composer
from streaming.dialogue.facts import ProductFacts
from streaming.dialogue.findings import GuardResult
from streaming.dialogue.guard import Guard, GuardContext
from streaming.dialogue.intents import Intent, read_intent
from streaming.dialogue.language import detect_language
from streaming.dialogue.model_lines import ModelAccess, collect
from streaming.dialogue.prompts import answer_messages
from streaming.dialogue.screening import quote_copy
from streaming.dialogue.speaking import Sentence

# Questions whose answer must be exact, or careful, are the composer's alone.
MODEL_INTENTS = frozenset(
    {Intent.USAGE, Intent.MATERIAL, Intent.SIZE, Intent.AUDIENCE, Intent.SHIPPING, Intent.RETURN, Intent.OTHER}
)
_MOST_SENTENCES = 3


@dataclass(frozen=True, slots=True)
class Reply:
    """What will be spoken, how the guard judged each line, and what went wrong on the way.

    `judged` holds every line that was considered, blocked ones with their findings; `incidents` are codes and
    texts of model failures, for the dashboard.
    """

    answer: Answer
    judged: tuple[GuardResult, ...]
    incidents: tuple[tuple[str, str], ...] = field(default=())

    @property
    def lines(self) -> tuple[str, ...]:
        """The lines to speak."""
        return tuple(sentence.text for sentence in self.answer.sentences)

    def to_json(self) -> dict[str, Any]:
        """JSON-safe form for the speech log."""
        incidents = [{"code": code, "text": text} for code, text in self.incidents]
        return {**self.answer.to_json(), "judged": [item.to_json() for item in self.judged], "incidents": incidents}


class Answerer:
    """Answers comments of one room."""

    def __init__(self, guard: Guard, composer: Composer, model: ModelAccess | None = None) -> None:
        self._guard, self._composer, self._model = guard, composer, model

    def answer(
        self, question: str, facts: ProductFacts, now: datetime, *, others: tuple[ProductFacts, ...] = ()
    ) -> Reply:
        """Answer `question` (a sanitised comment) about `facts`; `others` are further products on air.

        Blocks at most the model's `total_s`. Never raises for what a model does.
        """
        context = GuardContext((facts, *others), now, question)
        incidents: list[tuple[str, str]] = []
        judged: list[GuardResult] = []
        sentences = self._from_model(question, facts, context, judged, incidents)
        if sentences:
            answer = Answer(tuple(sentences), read_intent(question).intent, source="model")
            return Reply(answer, tuple(judged), tuple(incidents))
        composed = self._composer.answer(quote_copy(question), facts, now)
        spoken = self._guarded(composed.sentences, context, judged)
        return Reply(replace(composed, sentences=spoken), tuple(judged), tuple(incidents))

    def _guarded(
        self, sentences: tuple[Sentence, ...], context: GuardContext, judged: list[GuardResult]
    ) -> tuple[Sentence, ...]:
        """The sentences as they may be spoken: blocked ones replaced by their safe line."""
        spoken: list[Sentence] = []
        for place, sentence in enumerate(sentences):
            # Who is asked "are you real" must say so at once: the first sentence carries that duty.
            result = self._guard.check(sentence.text, context if place == 0 else replace(context, reply_to=None))
            judged.append(result)
            line = sentence.text if result.allowed else result.replacement or ""
            spoken.append(sentence if result.allowed else Sentence(line, detect_language(line) or sentence.language))
        return tuple(dict.fromkeys(spoken))

    def _from_model(
        self,
        question: str,
        facts: ProductFacts,
        context: GuardContext,
        judged: list[GuardResult],
        incidents: list[tuple[str, str]],
    ) -> list[Sentence]:
        policy = self._guard.policy
        intent = read_intent(question).intent
        if self._model is None or not policy.answer_comments or intent not in MODEL_INTENTS:
            return []
        language = self._composer.language_of(question)
        messages = answer_messages(quote_copy(question), facts, policy=policy, language=language, now=context.now)
        ticket = self._model.desk.ask(self._model.client, messages)
        collected = collect(ticket, facts, self._guard, context, language=language, most=_MOST_SENTENCES)
        judged += collected.judged
        incidents += collected.incidents
        kept = collected.sentences
        # Courtesies alone answer nothing.
        return kept if any(sentence.fact_ids for sentence in kept) else []
