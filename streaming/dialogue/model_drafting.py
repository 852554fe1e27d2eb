"""Script drafts worded by a language model: only sentences that rest on facts and pass the guard get in.

Disclosure, price and warnings stay the house's own words. Without a usable reply the built-in draft is given.
"""

from __future__ import annotations

from datetime import datetime

from streaming.dialogue.drafting import Draft, Tone, draft_script
from streaming.dialogue.facts import ProductFacts
from streaming.dialogue.guard import Guard, GuardContext
from streaming.dialogue.model_lines import ModelAccess, collect
from streaming.dialogue.prompts import draft_messages
from streaming.dialogue.speaking import Sentence

_MOST_SENTENCES = 40


def draft_with_model(
    facts: ProductFacts,
    *,
    access: ModelAccess,
    guard: Guard,
    now: datetime,
    language: str,
    tone: Tone = Tone.PLAIN,
    audience: str = "",
    seconds: float = 60.0,
) -> tuple[Draft, tuple[tuple[str, str], ...]]:
    """A draft as `draft_script` gives it, worded by the model where it may be; and what went wrong.

    Raises:
        DraftRefused: as `draft_script`; never for what the model does.
    """

    def compose(body: list[Sentence]) -> Draft:
        return draft_script(
            facts, guard=guard, now=now, language=language, tone=tone, audience=audience, seconds=seconds, body=body
        )

    built_in = compose([])
    messages = draft_messages(facts, guard.policy, language=language, tone=tone, audience=audience, now=now)
    ticket = access.desk.ask(access.client, messages)
    found = collect(ticket, facts, guard, GuardContext((facts,), now), language=language, most=_MOST_SENTENCES)
    body = [sentence for sentence in found.sentences if sentence.fact_ids]
    return (compose(body) if body else built_in), tuple(found.incidents)
