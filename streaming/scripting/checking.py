"""What a script's lines rest on, break and fulfil: the guard of live speech, read for scripts (pure)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from streaming.dialogue.facts import ProductFacts, Topic
from streaming.dialogue.findings import Finding
from streaming.dialogue.folding import fold
from streaming.dialogue.guard import Guard, GuardContext
from streaming.dialogue.identity import says_it_is_ai
from streaming.dialogue.policy import LiveSpeechPolicy
from streaming.dialogue.quantities import CURRENCIES, find_quantities
from streaming.scripting.grounds import Ground, grounds_of
from streaming.scripting.lines import Author, Line

LONGEST_LINE = 400
_SENTENCE = re.compile(r"[^。！？!?.;；\n]*[。！？!?.;；\n]+\s*|[^。！？!?.;；\n]+")


class Severity(StrEnum):
    """STOPS: the line has to change before the script is ready. LEGAL: it may stay, brand legal decides."""

    STOPS = "stops"
    LEGAL = "legal"


# A person's words that no fact carries may be a courtesy or an invention; only a reader can tell.
_FOR_LEGAL = frozenset({"unfounded", "claim_without_facts"})


class Duty(StrEnum):
    """What a line is there for by law or by the house."""

    DISCLOSURE = "disclosure"
    PRICE = "price"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Noted:
    """A finding with its weight for scripts."""

    finding: Finding
    severity: Severity

    def to_json(self) -> dict[str, Any]:
        """JSON-safe form; the safe line of live speech is no matter of scripts."""
        plain = self.finding.to_json()
        return {**{name: plain[name] for name in plain if name != "reply"}, "severity": str(self.severity)}


@dataclass(frozen=True, slots=True)
class CheckedLine:
    """A line with the facts under it, what was found in it, and the duties it fulfils."""

    line: Line
    grounds: tuple[Ground, ...]
    notes: tuple[Noted, ...]
    duties: tuple[Duty, ...]

    @property
    def stopped(self) -> bool:
        """Whether the line has to change before the script is ready."""
        return any(note.severity == Severity.STOPS for note in self.notes)

    def to_json(self) -> dict[str, Any]:
        """JSON-safe form, as it is bound into what legal approves (docs/scripts.md)."""
        line = self.line
        return {
            "text": line.text,
            "section": line.section,
            "author": {"kind": str(line.author), "name": line.name},
            "product": line.product,
            "sources": [ground.to_json() for ground in self.grounds],
            "findings": [note.to_json() for note in self.notes],
            "duties": [str(duty) for duty in self.duties],
        }


@dataclass(frozen=True, slots=True)
class Lack:
    """A duty no line fulfils. Codes: no_disclosure, warning_missing, warning_untranslated; `text` is the warning."""

    code: str
    product: str = ""
    fact: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class Checked:
    """A whole script as checked at one moment."""

    lines: tuple[CheckedLine, ...]
    lacks: tuple[Lack, ...]

    @property
    def stopped(self) -> int:
        """How many lines have to change."""
        return sum(line.stopped for line in self.lines)

    @property
    def ready(self) -> bool:
        """Whether nothing stands in the way of asking brand legal."""
        return bool(self.lines) and not self.stopped and not self.lacks


def policy_for(
    operator: str, products: Sequence[ProductFacts], language: str, *, categories: Sequence[str] = ()
) -> LiveSpeechPolicy:
    """The bounds of a script: the operator's brand, the brands and goods of its products, its language."""
    brands = dict.fromkeys([operator, *(facts.brand for facts in products)])
    goods = dict.fromkeys([*categories, *(facts.category for facts in products)])
    return LiveSpeechPolicy((language,), tuple(brands), tuple(goods), {language: operator}, max_line_chars=LONGEST_LINE)


def check_script(lines: Sequence[Line], products: Sequence[ProductFacts], guard: Guard, now: datetime) -> Checked:
    """Check every line at `now` (aware), in the one language of the guard's policy."""
    language = guard.policy.languages[0]
    checked = tuple(_check(line, products, guard, language, now) for line in lines)
    return Checked(checked, tuple(_lacks([line.text for line in lines], products, language)))


def _check(line: Line, products: Sequence[ProductFacts], guard: Guard, language: str, now: datetime) -> CheckedLine:
    about = tuple(facts for facts in products if not line.product or facts.id == line.product)
    # The composer speaks approved texts; whatever else was written is held against the facts' own words.
    context = GuardContext(about, now, is_free=line.author != Author.COMPOSER)
    notes = tuple(
        Noted(finding, Severity.LEGAL if finding.code in _FOR_LEGAL else Severity.STOPS)
        for finding in findings_in(line.text, guard, context)
    )
    grounds = grounds_of(line, products, language, now)
    return CheckedLine(line, grounds, notes, tuple(_duties(line.text, grounds, products)))


def findings_in(text: str, guard: Guard, context: GuardContext) -> Iterator[Finding]:
    """The guard's findings; text longer than one line of speech is read sentence by sentence, blank text is silence."""
    if len(text) <= guard.policy.max_line_chars:
        yield from guard.check(text, context).findings if text.strip() else ()
        return
    for sentence in _SENTENCE.finditer(text):
        for finding in guard.check(sentence[0], context).findings if sentence[0].strip() else ():
            yield _moved(finding, sentence.start())


def _moved(finding: Finding, by: int) -> Finding:
    start, end = finding.start + by, finding.end + by
    return Finding(finding.code, start, end, finding.words, finding.text, finding.law, finding.reply)


# --- duties ---
def _duties(text: str, grounds: Sequence[Ground], products: Sequence[ProductFacts]) -> Iterator[Duty]:
    folded = fold(text)
    warnings = {(facts.id, fact.id) for facts in products for fact in facts.facts if fact.topic == Topic.WARNING}
    prices = {(facts.id, facts.price.id) for facts in products if facts.price}
    under = {(ground.product, ground.fact) for ground in grounds}
    if says_it_is_ai(folded):
        yield Duty.DISCLOSURE
    if under & warnings:
        yield Duty.WARNING
    if under & prices or any(quantity.unit in CURRENCIES for quantity in find_quantities(folded)):
        yield Duty.PRICE


def _lacks(texts: Sequence[str], products: Sequence[ProductFacts], language: str) -> Iterator[Lack]:
    """Duties of a whole script: the double says once that it is AI, and every warning is said in its own words."""
    folded = [fold(text) for text in texts]
    if not any(says_it_is_ai(line) for line in folded):
        yield Lack("no_disclosure")
    said = "\n".join(line.tight.text for line in folded)
    for facts in products:
        for fact in facts.facts:
            if fact.topic == Topic.WARNING:
                yield from _lack_of(fact.id, fact.text, facts.id, said, language)


def _lack_of(fact_id: str, texts: Mapping[str, str], product: str, said: str, language: str) -> Iterator[Lack]:
    if language not in texts:
        yield Lack("warning_untranslated", product, fact_id, next(iter(texts.values()), ""))
    elif fold(texts[language]).tight.text not in said:
        yield Lack("warning_missing", product, fact_id, texts[language])
