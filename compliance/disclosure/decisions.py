"""What an evaluation gives: an outcome, duties, reasons, and all that is needed to replay it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any

import rfc8785

from .duties import Duty


class Outcome(StrEnum):
    """Strictest last in `PRECEDENCE`."""

    ALLOW = "allow"
    ALLOW_WITH_DUTIES = "allow_with_duties"
    HOLD = "hold"
    INSUFFICIENT_EVIDENCE = "insufficient_evidence"
    BLOCK = "block"

    @property
    def permits(self) -> bool:
        """Whether anything may go ahead at all."""
        return self in (Outcome.ALLOW, Outcome.ALLOW_WITH_DUTIES)


class Severity(StrEnum):
    """Weight of a reason; `WARNING` and `NOTICE` never change the outcome."""

    NOTICE = "notice"
    WARNING = "warning"
    HOLD = "hold"
    INSUFFICIENT = "insufficient_evidence"
    BLOCK = "block"


# The first severity present among the reasons decides.
PRECEDENCE: Mapping[Severity, Outcome] = MappingProxyType(
    {
        Severity.BLOCK: Outcome.BLOCK,
        Severity.INSUFFICIENT: Outcome.INSUFFICIENT_EVIDENCE,
        Severity.HOLD: Outcome.HOLD,
    }
)


@dataclass(frozen=True, slots=True)
class Reason:
    """Why: a machine code, the rule, the weight, and English and Chinese sentences with what to do next."""

    code: str
    text: str
    rule_id: str
    severity: Severity
    text_zh: str = ""
    remedy: str = ""
    remedy_zh: str = ""

    def in_language(self, language: str) -> tuple[str, str]:
        """(sentence, remedy) in Chinese for any zh tag, else in English."""
        if language.lower().startswith("zh"):
            return self.text_zh or self.text, self.remedy_zh or self.remedy
        return self.text, self.remedy

    def to_dict(self) -> dict[str, str]:
        """JSON form."""
        return {
            "code": self.code,
            "rule_id": self.rule_id,
            "severity": self.severity.value,
            "text": self.text,
            "text_zh": self.text_zh,
            "remedy": self.remedy,
            "remedy_zh": self.remedy_zh,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, str]) -> Reason:
        """Inverse of `to_dict`."""
        return cls(
            data["code"],
            data["text"],
            data["rule_id"],
            Severity(data["severity"]),
            data["text_zh"],
            data["remedy"],
            data["remedy_zh"],
        )


@dataclass(frozen=True, slots=True)
class Decision:
    """An outcome with its grounds. `packs` are (id, version, digest) of every pack that was asked; `facts`
    is the input as given, so that `evaluator.replay` needs nothing else."""

    outcome: Outcome
    phase: str
    duties: tuple[Duty, ...]
    reasons: tuple[Reason, ...]
    packs: tuple[tuple[str, str, str], ...]
    facts: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """JSON form, for a database field."""
        return {
            "outcome": self.outcome.value,
            "phase": self.phase,
            "duties": [d.to_dict() for d in self.duties],
            "reasons": [r.to_dict() for r in self.reasons],
            "packs": [list(p) for p in self.packs],
            "facts": dict(self.facts),
        }

    def to_json(self) -> str:
        """Canonical JSON (RFC 8785): equal decisions are equal texts."""
        return rfc8785.dumps(self.to_dict()).decode("utf-8")

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Decision:
        """Inverse of `to_dict`."""
        return cls(
            Outcome(data["outcome"]),
            data["phase"],
            tuple(Duty.from_dict(d) for d in data["duties"]),
            tuple(Reason.from_dict(r) for r in data["reasons"]),
            tuple((p[0], p[1], p[2]) for p in data["packs"]),
            dict(data["facts"]),
        )

    @classmethod
    def from_json(cls, text: str) -> Decision:
        """Inverse of `to_json`."""
        return cls.from_dict(json.loads(text))
