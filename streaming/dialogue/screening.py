"""Is a comment fit to be answered and quoted? Each result names its code and reason in both languages."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from streaming.dialogue.data_files import read_data
from streaming.dialogue.folding import Folded, display_copy, fold
from streaming.dialogue.links import find_links
from streaming.dialogue.personal_data import find_personal_data, mask
from streaming.dialogue.rules import hanzi_pattern, latin_pattern

QUOTE_CHARS = 80
_DELIMITERS = re.compile(
    r"<\|[^|>]{1,40}\|>|</?(?:system|user|assistant|instructions?|prompt)\b[^>]{0,40}>|\[/?inst\]|<<sys>>"
    r"|```|^#{2,} ?\w+|\b(?:system|assistant|user) ?:|\{\{[^}]{0,60}\}\}|[a-z0-9+/]{60,}={0,2}"
)
_BACKWARDS = ("snoitcurtsni", "tpmorp metsys", "erongi")


class Verdict(StrEnum):
    """What happens to a comment: answered and quoted, answered but quoted masked, hidden, shown to a person."""

    ACCEPT = "accept"
    MASK = "mask"
    HIDE = "hide"
    ESCALATE = "escalate"


_WEIGHT = list(Verdict)


@dataclass(frozen=True, slots=True)
class Concern:
    """One reason against a comment: where in its text, which rule, why."""

    code: str
    rule: str
    start: int
    end: int
    text: Mapping[str, str]
    verdict: Verdict

    def to_json(self) -> dict[str, Any]:
        """JSON-safe form; the words themselves are left out, they may be what must not be kept."""
        place = {"start": self.start, "end": self.end, "verdict": str(self.verdict)}
        return {"code": self.code, "rule": self.rule, "text": dict(self.text), **place}


@dataclass(frozen=True, slots=True)
class Screening:
    """The verdict, its concerns, and `quote`: the copy that may be shown on air, None where none may."""

    verdict: Verdict
    concerns: tuple[Concern, ...]
    quote: str | None

    @property
    def codes(self) -> tuple[str, ...]:
        """Codes of all concerns in order, each once."""
        return tuple(dict.fromkeys(concern.code for concern in self.concerns))

    def to_json(self) -> dict[str, Any]:
        """JSON-safe form for the room's log."""
        concerns = [concern.to_json() for concern in self.concerns]
        return {"verdict": str(self.verdict), "concerns": concerns, "quote": self.quote}


_DATA = {"en": "Holds personal data; it is masked before anybody sees it on air.", "zh": "含有个人信息，播出前会遮盖。"}
_LINK = {"en": "Leads viewers to another place.", "zh": "把观众引向其他地方。"}
_TRICK = {"en": "Holds marks by which texts pose as instructions to a program.", "zh": "含有伪装成程序指令的标记。"}


def screen(text: str) -> Screening:
    """Judge one comment's text (already a `display_copy`). Total and deterministic."""
    folded = fold(text)
    concerns = tuple(sorted(_concerns(folded), key=lambda item: (item.start, item.end, item.rule)))
    verdict = max((concern.verdict for concern in concerns), key=_WEIGHT.index, default=Verdict.ACCEPT)
    quote = quote_copy(text) if verdict in (Verdict.ACCEPT, Verdict.MASK) else None
    return Screening(verdict, concerns, quote)


def quote_copy(text: str) -> str:
    """The copy of a comment that may be shown: sanitised, personal data masked, at most `QUOTE_CHARS` long."""
    return display_copy(mask(text, find_personal_data(fold(text))), max_chars=QUOTE_CHARS)


def _concerns(folded: Folded) -> Iterator[Concern]:
    for item in find_personal_data(folded):
        yield Concern("personal_data", item.kind, item.start, item.end, _DATA, Verdict.MASK)
    for start, end in find_links(folded):
        yield Concern("link", "link", start, end, _LINK, Verdict.HIDE)
    for match in _DELIMITERS.finditer(folded.spaced.text):
        yield Concern("prompt_injection", "delimiter", *folded.spaced.span(*match.span()), _TRICK, Verdict.HIDE)
    if any(word in folded.spaced.text for word in _BACKWARDS):
        yield Concern("prompt_injection", "backwards", 0, len(folded.written), _TRICK, Verdict.HIDE)
    for rule in _rules():
        for start, end in rule.find(folded):
            yield Concern(rule.code, rule.id, start, end, rule.text, rule.verdict)


@dataclass(frozen=True, slots=True)
class _Rule:
    id: str
    code: str
    verdict: Verdict
    text: Mapping[str, str]
    hanzi: re.Pattern[str]
    latin: re.Pattern[str] | None

    def find(self, folded: Folded) -> Iterator[tuple[int, int]]:
        yield from (folded.tight.span(*m.span()) for m in self.hanzi.finditer(folded.tight.text) if m[0])
        views = (folded.spaced, folded.plain) if folded.plain is not folded.spaced else (folded.spaced,)
        for view in views:
            yield from (view.span(*m.span()) for m in self.latin.finditer(view.text)) if self.latin else ()


@functools.lru_cache(maxsize=1)
def _rules() -> tuple[_Rule, ...]:
    return tuple(
        _Rule(
            item["id"],
            item["code"],
            Verdict(item["effect"]),
            item["text"],
            hanzi_pattern(item["zh"]),
            latin_pattern(item["en"]),
        )
        for item in read_data("screening")["rules"]
    )
