"""Script drafts from product facts: each claim with its source, each line with what the guard finds in it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from streaming.dialogue.errors import DraftRefused
from streaming.dialogue.facts import Fact, ProductFacts, Topic
from streaming.dialogue.findings import Finding
from streaming.dialogue.guard import Guard, GuardContext
from streaming.dialogue.retrieval import Index
from streaming.dialogue.speaking import Sentence, SpokenMemory, phrases, price_lines

# Reading speed for planning: 240 Hanzi, 150 English words a minute. The voice's own estimate decides later.
_HANZI_PER_S, _WORDS_PER_S = 4.0, 2.5
SHORTEST_S, LONGEST_S = 15.0, 600.0


class Tone(StrEnum):
    """How a script sounds; it changes the words between the facts, never the facts."""

    PLAIN = "plain"
    WARM = "warm"
    CALM = "calm"


@dataclass(frozen=True, slots=True)
class DraftLine:
    """One line of a draft: its section, (fact id, source) of each claim, and what the guard found."""

    section: str
    sentence: Sentence
    sources: tuple[tuple[str, str], ...]
    findings: tuple[Finding, ...]

    def to_json(self) -> dict[str, Any]:
        """JSON-safe form."""
        sources = [{"fact_id": fact_id, "source": source} for fact_id, source in self.sources]
        findings = [finding.to_json() for finding in self.findings]
        return {"section": self.section, **self.sentence.to_json(), "sources": sources, "findings": findings}


@dataclass(frozen=True, slots=True)
class Draft:
    """A script to be reviewed. `seconds` is estimated speech; `omitted` are ids of facts that did not fit."""

    lines: tuple[DraftLine, ...]
    language: str
    tone: Tone
    audience: str
    seconds: float
    omitted: tuple[str, ...]
    facts_digest: str

    @property
    def text(self) -> str:
        """The script as it is spoken, one line a paragraph."""
        return "\n".join(line.sentence.text for line in self.lines)

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of language and text, as scripts are named elsewhere."""
        plain = json.dumps({"language": self.language, "text": self.text}, ensure_ascii=False, sort_keys=True)
        return hashlib.sha256(plain.encode()).hexdigest()

    def to_json(self) -> dict[str, Any]:
        """JSON-safe form for legal's page."""
        about = {"language": self.language, "tone": str(self.tone), "audience": self.audience, "seconds": self.seconds}
        lines = [line.to_json() for line in self.lines]
        return {**about, "lines": lines, "omitted": list(self.omitted), "facts_digest": self.facts_digest}


def estimate_seconds(text: str, language: str) -> float:
    """Speaking time of a text in seconds at an even pace."""
    hanzi = sum("\u3400" <= char <= "\u9fff" or char.isdigit() for char in text)
    words = sum(word[0].isascii() and word[0].isalnum() for word in text.split())
    return hanzi / _HANZI_PER_S if language == "zh" else words / _WORDS_PER_S


def draft_script(
    facts: ProductFacts,
    *,
    guard: Guard,
    now: datetime,
    language: str,
    tone: Tone = Tone.PLAIN,
    audience: str = "",
    seconds: float = 60.0,
    estimate: Callable[[str, str], float] = estimate_seconds,
    body: Sequence[Sentence] = (),
) -> Draft:
    """A script of about `seconds` (15..600) for `facts`, warnings and disclosure always in it.

    `audience` is free text ("dry skin, students"): facts that touch it come first. Facts that break a rule are
    kept with their finding, so that legal sees what to change in the facts. `body`: a writer's sentences with
    their fact ids, used in place of the facts' own texts.

    Raises:
        DraftRefused: draft_language, draft_length, draft_without_facts.
    """
    if language not in guard.policy.languages or language not in facts.name:
        raise DraftRefused(
            "draft_language", f"Neither policy nor facts are in {language!r}. Add the texts or choose another."
        )
    if not SHORTEST_S <= seconds <= LONGEST_S:
        raise DraftRefused("draft_length", f"Choose a length of {SHORTEST_S:.0f} to {LONGEST_S:.0f} seconds.")
    fixed, optional = list(_fixed(facts, guard, language, tone, now)), _optional(facts, language, audience)
    if not optional:
        raise DraftRefused("draft_without_facts", "There is no approved fact in this language to speak of.")
    left = seconds - sum(estimate(sentence.text, language) for _, sentence in fixed)
    written = [(_section(sentence, facts), sentence) for sentence in body] or [
        (_SECTIONS[fact.topic], Sentence(fact.text[language], language, (fact.id,))) for fact in optional
    ]
    chosen = _fill(written, left, language, estimate)
    told = {fact_id for _, sentence in chosen for fact_id in sentence.fact_ids}
    omitted = tuple(fact.id for fact in optional if fact.id not in told)
    ordered = sorted([*fixed, *chosen], key=lambda item: _ORDER.index(item[0]))
    context = GuardContext((facts,), now)
    lines = tuple(_line(section, sentence, facts, guard, context) for section, sentence in ordered)
    total = sum(estimate(line.sentence.text, language) for line in lines)
    return Draft(lines, language, tone, audience, round(total, 1), omitted, facts.digest)


_ORDER = ("opening", "introduction", "claims", "usage", "price", "service", "warnings", "closing")
_SECTIONS = {
    Topic.APPROVED: "introduction",
    Topic.CLAIM: "claims",
    Topic.MATERIAL: "claims",
    Topic.AUDIENCE: "introduction",
    Topic.SIZE: "claims",
    Topic.USAGE: "usage",
    Topic.CARE: "usage",
    Topic.SHIPPING: "service",
    Topic.RETURN: "service",
}


def _fixed(
    facts: ProductFacts, guard: Guard, language: str, tone: Tone, now: datetime
) -> Iterator[tuple[str, Sentence]]:
    """Disclosure, introduction, price, every warning, closing: what no script may lack. Seeded by the facts."""
    memory, turn = SpokenMemory(), int(facts.digest[:8], 16)
    slots = {"name": facts.name[language], "operator": guard.policy.operator[language]}

    def phrase(kind: str) -> Sentence:
        variants = phrases(kind, language)
        return Sentence(variants[turn % len(variants)].format(**slots), language)

    yield "opening", phrase("opening")
    if (manner := phrase(f"tone_{tone}")).text:
        yield "opening", manner
    yield "introduction", phrase("pitch")
    if facts.price and facts.price.holds(now):
        line = memory.choose(price_lines(facts.price, facts.name[language], language), now.timestamp())
        yield "price", Sentence(line, language, (facts.price.id,))
    for fact in facts.about(Topic.WARNING, language=language):
        yield "warnings", Sentence(fact.text[language], language, (fact.id,))
    yield "closing", phrase("reminder_calm")


def _optional(facts: ProductFacts, language: str, audience: str) -> list[Fact]:
    """Facts by their order in the record; those that touch the audience come first."""
    found = facts.about(*_SECTIONS, language=language)
    matches = Index([fact.text[language] for fact in found]).search(audience, limit=len(found)) if audience else []
    first = [match.index for match in matches]
    return [found[i] for i in first] + [fact for i, fact in enumerate(found) if i not in first]


def _section(sentence: Sentence, facts: ProductFacts) -> str:
    """The section of the first fact a sentence rests on."""
    topics = {fact.id: fact.topic for fact in facts.facts}
    found = [_SECTIONS[topics[fact_id]] for fact_id in sentence.fact_ids if topics.get(fact_id) in _SECTIONS]
    return found[0] if found else "claims"


def _fill(
    written: Sequence[tuple[str, Sentence]], seconds: float, language: str, estimate: Callable[[str, str], float]
) -> list[tuple[str, Sentence]]:
    """As many sentences as fit, at least one."""
    chosen: list[tuple[str, Sentence]] = []
    for section, sentence in written:
        took = estimate(sentence.text, language)
        if not chosen or took <= seconds:
            seconds -= took
            chosen.append((section, sentence))
    return chosen


def _line(section: str, sentence: Sentence, facts: ProductFacts, guard: Guard, context: GuardContext) -> DraftLine:
    sources = tuple((fact_id, facts.source_of(fact_id) or "") for fact_id in sentence.fact_ids)
    return DraftLine(section, sentence, sources, guard.check(sentence.text, context).findings)
