"""What the guard says about a line, as values that are stored in the speech log."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from streaming.dialogue.rules import Citation, citations


@dataclass(frozen=True, slots=True)
class Finding:
    """One broken rule: where (`start`, `end` in the line), the words, why in English and Chinese, and the law."""

    code: str
    start: int
    end: int
    words: str
    text: Mapping[str, str]
    law: tuple[Citation, ...]
    reply: str

    def to_json(self) -> dict[str, Any]:
        """JSON-safe form for the log."""
        law = [{"instrument": c.instrument, "article": c.article, "confidence": c.confidence} for c in self.law]
        span = {"start": self.start, "end": self.end, "words": self.words}
        return {"code": self.code, **span, "text": dict(self.text), "law": law, "reply": self.reply}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Finding:
        """Read `to_json`."""
        return cls(**{**data, "law": citations(data["law"])})


@dataclass(frozen=True, slots=True)
class GuardResult:
    """The verdict on one line. `replacement` is None when the line is allowed."""

    line: str
    allowed: bool
    findings: tuple[Finding, ...]
    replacement: str | None

    @property
    def codes(self) -> tuple[str, ...]:
        """Codes of all findings in order, each once."""
        return tuple(dict.fromkeys(finding.code for finding in self.findings))

    def to_json(self) -> dict[str, Any]:
        """JSON-safe form for the speech log."""
        findings = [finding.to_json() for finding in self.findings]
        return {"line": self.line, "allowed": self.allowed, "findings": findings, "replacement": self.replacement}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> GuardResult:
        """Read `to_json`."""
        return cls(**{**data, "findings": tuple(map(Finding.from_json, data["findings"]))})
