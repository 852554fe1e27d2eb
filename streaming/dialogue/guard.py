"""The guard: every line is judged before it is spoken, whoever wrote it. Deterministic, no I/O, no clock.

    result = Guard(policy).check(line, GuardContext(products=(facts,), now=now, reply_to=comment.text))

A line with one finding is not spoken; `result.replacement` is a safe line of the same language.
"""

from __future__ import annotations

import functools
import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from streaming.dialogue.basis import Basis, BasisStore, unsupported_quantities
from streaming.dialogue.data_files import read_data
from streaming.dialogue.facts import ProductFacts
from streaming.dialogue.findings import Finding, GuardResult
from streaming.dialogue.folding import Folded, fold, has_bidi_control
from streaming.dialogue.grounding import is_founded
from streaming.dialogue.identity import asks_whether_human, says_it_is_ai
from streaming.dialogue.language import detect_language, foreign_scripts
from streaming.dialogue.links import find_links
from streaming.dialogue.personal_data import find_personal_data
from streaming.dialogue.policy import LiveSpeechPolicy
from streaming.dialogue.rules import (
    Citation,
    citations,
    find_hits,
    hanzi_pattern,
    latin_pattern,
    load_rules,
    rules_for,
)

_GOODS = "category_outside_policy"


@dataclass(frozen=True, slots=True)
class GuardContext:
    """What a line is about. `products` on air now; without any, prices and claims about goods are held back. `now`
    aware; `reply_to` the comment it answers, if any.

    `is_free`: nobody approved these words (a model wrote them, a person typed them), so they must be founded
    in the facts. A reviewed script's line is judged by the rules and numbers alone.
    """

    products: tuple[ProductFacts, ...]
    now: datetime
    reply_to: str | None = None
    is_free: bool = False


class Guard:
    """Judges lines under one live-speech policy. Immutable and safe to share between threads."""

    def __init__(self, policy: LiveSpeechPolicy) -> None:
        self.policy = policy
        own = {fold(name).tight.text for name in policy.brands}
        brands = [name for name in read_data("guard/brands")["brands"] if fold(name).tight.text not in own]
        self._hanzi_brands = hanzi_pattern([fold(name).tight.text for name in brands if not name.isascii()])
        self._latin_brands = latin_pattern([re.escape(fold(name).spaced.text) for name in brands if name.isascii()])
        self._categories = _categories(frozenset(policy.categories))
        self._bases = BasisStore()

    def check(self, line: str, context: GuardContext) -> GuardResult:
        """Judge one line. Total: any text gives an answer, none raises."""
        # A line too long to be spoken is judged by its length alone.
        folded = fold(line if len(line) <= self.policy.max_line_chars else "")
        basis = self._bases.get(context.products, context.now)
        found = sorted({*self._findings(folded, basis, context)}, key=lambda item: (item[1], item[2], item[0]))
        findings = tuple(_finding(line, *item) for item in found)
        language = self._reply_language(line, context)
        replacement = safe_line(findings[0].reply, language, seed=line) if findings else None
        return GuardResult(line, not findings, findings, replacement)

    def _reply_language(self, line: str, context: GuardContext) -> str:
        for text in (context.reply_to, line):
            if text and (language := detect_language(text)) in self.policy.languages:
                return language
        return self.policy.languages[0]

    def _findings(self, folded: Folded, basis: Basis, context: GuardContext) -> Iterator[tuple[str, int, int]]:
        """(key, start, end), where key names the rule or check."""
        whole = (0, len(folded.written))
        if (
            not folded.tight.text
            or len(folded.written) > self.policy.max_line_chars
            or has_bidi_control(folded.written)
        ):
            yield ("unspeakable", *whole)
            return
        yield from self._rule_findings(folded, basis, facts_known=bool(context.products))
        yield from unsupported_quantities(folded, basis)
        if context.is_free and not is_founded(folded, basis.words):
            yield ("unfounded", *whole)
        yield from (("link_or_contact", *span) for span in find_links(folded))
        yield from (("personal_data", item.start, item.end) for item in find_personal_data(folded))
        yield from self._policy_findings(folded, context, whole)

    def _rule_findings(
        self, folded: Folded, basis: Basis, *, facts_known: bool
    ) -> Iterator[tuple[str, int, int]]:
        for rule in rules_for(facts_known=facts_known):
            for hit in find_hits(rule, folded):
                if not (rule.unless_fact and basis.says(hit.folded)):
                    yield rule.id, hit.start, hit.end
        for pattern, is_tight in self._categories:
            view = folded.tight if is_tight else folded.spaced
            yield from ((_GOODS, *view.span(*match.span())) for match in pattern.finditer(view.text))

    def _policy_findings(
        self, folded: Folded, context: GuardContext, whole: tuple[int, int]
    ) -> Iterator[tuple[str, int, int]]:
        for match in self._hanzi_brands.finditer(folded.tight.text):
            yield ("brand_outside_policy", *folded.tight.span(*match.span()))
        for match in self._latin_brands.finditer(folded.spaced.text) if self._latin_brands else ():
            yield ("brand_outside_policy", *folded.spaced.span(*match.span()))
        names = frozenset(
            name for facts in context.products for name in (*facts.name.values(), facts.brand, *facts.aliases)
        )
        language = detect_language(folded.written, names=names | frozenset(self.policy.brands))
        if (language and language not in self.policy.languages) or foreign_scripts(folded.written) - _SYMBOL_SCRIPTS:
            yield ("language_outside_policy", *whole)
        if context.reply_to and asks_whether_human(context.reply_to) and not says_it_is_ai(folded):
            yield ("missing_ai_disclosure", *whole)


# Letters of units and formulae ("μm", "β-glucan") are no other language.
_SYMBOL_SCRIPTS = frozenset({"el"})


def _categories(allowed: frozenset[str]) -> list[tuple[re.Pattern[str], bool]]:
    """(pattern, whether it is for the tight form) of all goods outside `allowed`."""
    barred = [item for item in read_data("guard/categories")["categories"] if item["id"] not in allowed]
    latin = latin_pattern([part for item in barred for part in item["en"]])
    found = [(hanzi_pattern([part for item in barred for part in item["zh"]]), True)] if barred else []
    return [*found, (latin, False)] if latin else found


@functools.lru_cache(maxsize=1)
def _checks() -> dict[str, tuple[str, Mapping[str, str], tuple[Citation, ...], str]]:
    """key -> (code, text, law, reply family), for rules and for the checks done in code."""
    table = {
        item["code"]: (item["code"], item["text"], citations(item["law"]), item["reply"])
        for item in read_data("guard/checks")["checks"]
    }
    goods = read_data("guard/categories")
    table[_GOODS] = (_GOODS, goods["text"], citations(goods["law"]), "off_topic")
    return {**table, **{rule.id: (rule.code, rule.text, rule.law, rule.reply) for rule in load_rules()}}


def _finding(line: str, key: str, start: int, end: int) -> Finding:
    code, text, law, reply = _checks()[key]
    return Finding(code, start, end, line[start:end], text, law, reply)


@functools.lru_cache(maxsize=1)
def _safe_lines() -> dict[str, dict[str, list[str]]]:
    replies: dict[str, dict[str, list[str]]] = read_data("guard/replies")["replies"]
    return replies


def safe_line(family: str, language: str, *, seed: str) -> str:
    """A line that may always be said; the same for the same `seed`."""
    choices = _safe_lines()[family][language]
    return choices[hashlib.sha256(seed.encode("utf-8", "replace")).digest()[0] % len(choices)]
