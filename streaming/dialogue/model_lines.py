"""A model's reply, line by line: read strictly, founded in the facts, allowed by the guard, or left out."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from streaming.dialogue.chat_client import ChatClient, ModelDesk, Ticket
from streaming.dialogue.errors import ModelFailure
from streaming.dialogue.facts import ProductFacts
from streaming.dialogue.findings import GuardResult
from streaming.dialogue.guard import Guard, GuardContext
from streaming.dialogue.prompts import read_sentence
from streaming.dialogue.speaking import Sentence


@dataclass(frozen=True, slots=True)
class ModelAccess:
    """A room's way to a language model: the process's desk and the room's client."""

    desk: ModelDesk
    client: ChatClient


@dataclass(slots=True)
class Collected:
    """Sentences that may be used, the guard's verdicts on all that were read, and what went wrong."""

    sentences: list[Sentence] = field(default_factory=list)
    judged: list[GuardResult] = field(default_factory=list)
    incidents: list[tuple[str, str]] = field(default_factory=list)

    def add_failure(self, failure: ModelFailure) -> None:
        """Keep code and text of a failure."""
        self.incidents.append((failure.code, failure.text))


def collect(
    ticket: Ticket, facts: ProductFacts, guard: Guard, context: GuardContext, *, language: str, most: int
) -> Collected:
    """Read a reply as it comes, up to `most` usable sentences; blocks until then or until the reply ends.

    Never raises for what a model does.
    """
    found, free = Collected(), replace(context, is_free=True)
    for line in ticket.lines():
        try:
            sentence = read_sentence(line, facts, language=language, now=context.now) if line.strip() else None
        except ModelFailure as failure:
            found.add_failure(failure)
            # Not spoken in any case; legal shall see what the model tried to say.
            tried = guard.check(failure.details.get("line", ""), free)
            found.judged += [tried] if tried.line and not tried.allowed else []
            continue
        if sentence is None:
            continue
        result = guard.check(sentence.text, free)
        found.judged.append(result)
        found.sentences += [sentence] if result.allowed else []
        if len(found.sentences) >= most:
            ticket.cancel()
            break
    if ticket.failure is not None:
        found.add_failure(ticket.failure)
    return found
