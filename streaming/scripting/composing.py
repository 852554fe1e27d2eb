"""A draft about one or several products, by the composer or by a language model (pure but for the model's network)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from streaming.dialogue.drafting import LONGEST_S, SHORTEST_S, Draft, DraftLine, Tone, draft_script
from streaming.dialogue.errors import DraftRefused
from streaming.dialogue.facts import ProductFacts
from streaming.dialogue.guard import Guard
from streaming.dialogue.model_drafting import draft_with_model
from streaming.dialogue.model_lines import ModelAccess
from streaming.scripting.lines import Author, Line

# Said once in a script, however many products it has.
_FRAME = ("opening", "closing")
# The house's own words, whoever writes the rest.
_HOUSE = ("price", "warnings")


@dataclass(frozen=True, slots=True)
class Wish:
    """What is wanted: `seconds` of speech in all, 15 to 600, shared evenly by the products."""

    language: str
    tone: Tone
    audience: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Composed:
    """Lines in speaking order, (product, fact) that did not fit, and (code, text) of what the model did wrong."""

    lines: tuple[Line, ...]
    omitted: tuple[tuple[str, str], ...]
    incidents: tuple[tuple[str, str], ...]


def compose(
    products: Sequence[ProductFacts], wish: Wish, *, guard: Guard, now: datetime, access: ModelAccess | None = None
) -> Composed:
    """Draft a script; without a usable answer of the model the composer's words stand.

    Raises:
        DraftRefused: draft_language, draft_length, draft_without_facts; draft_products for none or for more than the
            length allows.
    """
    if not products or (len(products) > 1 and wish.seconds / len(products) < SHORTEST_S):
        text = "Choose at least one product, and at least 15 seconds of speech for each."
        raise DraftRefused("draft_products", text)
    if not SHORTEST_S <= wish.seconds <= LONGEST_S:
        raise DraftRefused("draft_length", f"Choose a length of {SHORTEST_S:.0f} to {LONGEST_S:.0f} seconds.")
    share = replace(wish, seconds=wish.seconds / len(products))
    drafts = [_draft(facts, share, guard, now, access) for facts in products]
    lines = [line for composed in drafts for line in composed.lines]
    first, last = drafts[0].lines, drafts[-1].lines
    ordered = [
        *(line for line in first if line.section == "opening"),
        *(line for line in lines if line.section not in _FRAME),
        *(line for line in last if line.section == "closing"),
    ]
    omitted = tuple(item for composed in drafts for item in composed.omitted)
    incidents = tuple(dict.fromkeys(item for composed in drafts for item in composed.incidents))
    return Composed(tuple(ordered), omitted, incidents)


def _draft(facts: ProductFacts, wish: Wish, guard: Guard, now: datetime, access: ModelAccess | None) -> Composed:
    language, tone, audience, seconds = wish.language, wish.tone, wish.audience, wish.seconds
    built_in = draft_script(
        facts, guard=guard, now=now, language=language, tone=tone, audience=audience, seconds=seconds
    )
    draft, incidents, model = built_in, tuple[tuple[str, str], ...](), ""
    if access is not None:
        model = access.client.settings.model
        draft, incidents = draft_with_model(
            facts, access=access, guard=guard, now=now, language=language, tone=tone, audience=audience,
            seconds=seconds,
        )  # fmt: skip
    by_model = model if draft.lines != built_in.lines else ""
    lines = tuple(_line(line, facts, by_model) for line in draft.lines)
    return Composed(lines, _omitted(draft, facts), incidents)


def _line(line: DraftLine, facts: ProductFacts, model: str) -> Line:
    """Of a model's draft the body is the model's: lines that rest on facts, but for price and warnings."""
    sentence = line.sentence
    worded = bool(model and sentence.fact_ids) and line.section not in _HOUSE
    author, name = (Author.MODEL, model) if worded else (Author.COMPOSER, "")
    product = "" if line.section in _FRAME else facts.id
    return Line(sentence.text, author, name, product, sentence.fact_ids, line.section)


def _omitted(draft: Draft, facts: ProductFacts) -> tuple[tuple[str, str], ...]:
    return tuple((facts.id, fact_id) for fact_id in draft.omitted)
