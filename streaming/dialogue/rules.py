"""Guard rules as data: loading them strictly, and finding where a text breaks one.

A rule blocks as a rule of the house (the live-speech policy a permit binds). The laws it names are why; their
confidence (P, S2, S1, K, D as in docs/disclosure.md) says how sure that reading is and never weakens the block.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from streaming.dialogue.data_files import read_data
from streaming.dialogue.errors import RulesRefused
from streaming.dialogue.folding import Folded, View

RULE_FILES = ("claims", "sales", "policy")
NO_FACTS_FILE = "no_facts"
"""Rules for lines about goods of which no fact is known: what is unknown is not said."""
_SCHEMA = "avow.guard-rules/1"
_FIELDS = {
    *("id", "code", "law", "text", "zh", "en", "unless_zh", "unless_en", "negatable", "unless_fact", "reply"),
}
_CONFIDENCES = frozenset({"P", "S2", "S1", "K", "D"})
# A new subject or consequence ends the reach of a negation as a comma does.
_CLAUSE_END = re.compile(r"[,，;；:：。.!?！？…\n我就]|时候")
_NEGATOR_ZH = re.compile(
    r"(?<!不得)不(?!仅|但|光|只|得不|由|愧|断)|没(?!事)|无法|无(?!论|比)|非(?!常)"
    r"|(?<![特分区级个])别(?![的人家处样])|未|勿|避免|拒绝"
)
_NEGATOR_EN = re.compile(r"\b(?:not(?! only| just)|never|no|cannot|without|nor|fails?|failed)\b|n't\b")
# How far a negator reaches: six Hanzi, five English words.
_REACH_ZH, _REACH_EN = 6, re.compile(r"(?:\S+\s+){0,5}\S*$")
_LONGEST_CLAUSE = 60


@dataclass(frozen=True, slots=True)
class Citation:
    """A law or rule a finding rests on, with the confidence of our reading of it."""

    instrument: str
    article: str
    confidence: str


@dataclass(frozen=True, slots=True)
class Rule:
    """One compiled rule. Patterns of `hanzi` are searched in the tight form, those of `latin` in words.

    `negatable`: "does not treat" is no promise to treat. `unless_fact`: what an approved fact says may be said.
    `reply` names the family of safe lines that replace the blocked one.
    """

    id: str
    code: str
    law: tuple[Citation, ...]
    text: Mapping[str, str]
    hanzi: re.Pattern[str]
    latin: re.Pattern[str] | None
    unless_hanzi: re.Pattern[str] | None
    unless_latin: re.Pattern[str] | None
    negatable: bool
    unless_fact: bool
    reply: str


@dataclass(frozen=True, slots=True)
class Hit:
    """Where a rule is broken: [start, end) of the written text, and the folded words that broke it."""

    start: int
    end: int
    folded: str


def citations(items: list[Mapping[str, str]]) -> tuple[Citation, ...]:
    """Citations from their JSON form. Raises `RulesRefused` (rule_malformed)."""
    try:
        found = tuple(Citation(item["instrument"], item["article"], item["confidence"]) for item in items)
    except (KeyError, TypeError) as error:
        raise RulesRefused("rule_malformed", f"A citation lacks {error}.") from error
    if not found or any(item.confidence not in _CONFIDENCES for item in found):
        raise RulesRefused("rule_malformed", "Each rule cites at least one source with confidence P, S2, S1, K or D.")
    return found


@functools.lru_cache(maxsize=1)
def load_rules() -> tuple[Rule, ...]:
    """All rules of the package. Raises `RulesRefused` naming the file and rule that cannot be used."""
    rules = [rule for name in (*RULE_FILES, NO_FACTS_FILE) for rule in _rules_in(name)]
    doubled = {rule.id for rule in rules if sum(other.id == rule.id for other in rules) > 1}
    if doubled:
        raise RulesRefused("rule_doubled", f"Rule ids are used twice: {', '.join(sorted(doubled))}.")
    return tuple(rules)


@functools.lru_cache(maxsize=2)
def rules_for(*, facts_known: bool) -> tuple[Rule, ...]:
    """The rules for a line in a room that has product facts, or none. Raises `RulesRefused`."""
    apart = frozenset() if not facts_known else frozenset(rule.id for rule in _rules_in(NO_FACTS_FILE))
    return tuple(rule for rule in load_rules() if rule.id not in apart)


@functools.cache
def _rules_in(name: str) -> tuple[Rule, ...]:
    return tuple(read_rules(read_data(f"guard/{name}"), name))


def read_rules(data: Mapping[str, Any], place: str) -> list[Rule]:
    """Rules from their JSON form; every field, no other. Raises `RulesRefused`."""
    if data.get("schema") != _SCHEMA:
        raise RulesRefused("rule_malformed", f"{place}: the schema must be {_SCHEMA}.")
    return [_compile(item, f"{place}: {item.get('id', '?')}") for item in data["rules"]]


def _compile(item: Mapping[str, Any], place: str) -> Rule:
    if set(item) != _FIELDS or {"en", "zh"} - set(item["text"]):
        raise RulesRefused(
            "rule_malformed", f"{place}: fields must be {', '.join(sorted(_FIELDS))}, text in en and zh."
        )
    try:
        return Rule(
            item["id"],
            item["code"],
            citations(item["law"]),
            item["text"],
            hanzi_pattern(item["zh"]),
            latin_pattern(item["en"]),
            hanzi_pattern(item["unless_zh"]) if item["unless_zh"] else None,
            latin_pattern(item["unless_en"]),
            item["negatable"],
            item["unless_fact"],
            item["reply"],
        )
    except re.error as error:
        raise RulesRefused("rule_malformed", f"{place}: {error}.") from error


def hanzi_pattern(parts: list[str]) -> re.Pattern[str]:
    """One pattern of several; Latin beginnings and ends inside it must not cut a Latin word."""
    return re.compile("|".join(f"(?:{_guard_latin(part)})" for part in parts))


def _guard_latin(part: str) -> str:
    before = r"(?<![a-z])" if re.match(r"\(?(?:\?:)?[a-z]", part) else ""
    after = r"(?![a-z])" if re.search(r"[a-z]\??$", part) and not part.endswith(r"\w") else ""
    return before + part + after


def latin_pattern(parts: list[str]) -> re.Pattern[str] | None:
    """One pattern of whole words; spaces stand for any run of white space."""
    if not parts:
        return None
    joined = "|".join(f"(?:{part})" for part in parts)
    return re.compile(rf"(?<![a-z0-9])(?:{joined})(?![a-z])")


def find_hits(rule: Rule, folded: Folded) -> Iterator[Hit]:
    """Every place where `folded` breaks `rule`, negated and exempt places left out."""
    yield from _hanzi_hits(rule, folded)
    if rule.latin:
        yield from _latin_hits(rule, rule.latin, folded, folded.spaced)
        if folded.plain is not folded.spaced:
            yield from _latin_hits(rule, rule.latin, folded, folded.plain)


def _hanzi_hits(rule: Rule, folded: Folded) -> Iterator[Hit]:
    exempt = _spans(rule.unless_hanzi, folded.tight.text)
    for match in rule.hanzi.finditer(folded.tight.text):
        if match.end() == match.start() or _inside(match, exempt):
            continue
        if rule.negatable and _negated_zh(folded, match.start()):
            continue
        yield Hit(*folded.tight.span(match.start(), match.end()), match[0])


def _latin_hits(rule: Rule, pattern: re.Pattern[str], folded: Folded, view: View) -> Iterator[Hit]:
    exempt = _spans(rule.unless_latin, view.text)
    for match in pattern.finditer(view.text):
        if match.end() == match.start() or _inside(match, exempt):
            continue
        if rule.negatable and _negated_en(view.text, match.start()):
            continue
        yield Hit(*view.span(match.start(), match.end()), match[0])


def _spans(pattern: re.Pattern[str] | None, text: str) -> list[tuple[int, int]]:
    return [match.span() for match in pattern.finditer(text)] if pattern else []


def _inside(match: re.Match[str], spans: list[tuple[int, int]]) -> bool:
    return any(start <= match.start() < end for start, end in spans)


def _negated_zh(folded: Folded, start: int) -> bool:
    """An odd number of negators in the same clause before the place; a comma ends the clause."""
    place = folded.tight_at[start]
    before = folded.spaced.text[max(0, place - _REACH_ZH) : place]
    clause = _CLAUSE_END.split(before)[-1]
    return len(_NEGATOR_ZH.findall(clause)) % 2 == 1


def _negated_en(text: str, start: int) -> bool:
    words = _REACH_EN.search(text[max(0, start - _LONGEST_CLAUSE) : start])
    clause = _CLAUSE_END.split(words[0] if words else "")[-1]
    return len(_NEGATOR_EN.findall(clause)) % 2 == 1
