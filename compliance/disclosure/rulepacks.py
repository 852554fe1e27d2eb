"""Rule packs: the law as data. Types only.

`packreader` reads them strictly, `packstore` keeps the versions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any

from .expressions import Expression

EVERYWHERE = "*"
LANGUAGES = frozenset({"en", "zh"})


class Status(StrEnum):
    """Where an instrument stands. Drafts and plans are evaluated only when the facts ask for them."""

    IN_FORCE = "in_force"
    DRAFT = "draft"
    PLAN = "plan"
    REPEALED = "repealed"


class Confidence(StrEnum):
    """How well the rule is known: primary text, two secondary sources, one, background knowledge, draft."""

    PRIMARY = "P"
    SECONDARY = "S2"
    SINGLE = "S1"
    KNOWLEDGE = "K"
    DRAFT = "D"


# A rule nobody has read at its source may warn a person; it may not stop their work.
MAY_STOP = frozenset({Confidence.PRIMARY, Confidence.SECONDARY})


class Effect(StrEnum):
    """What an unmet requirement does."""

    BLOCK = "block"
    INSUFFICIENT = "insufficient_evidence"
    HOLD = "hold"
    WARN = "warn"


class Stage(StrEnum):
    """When a requirement is judged. Duties are imposed at both."""

    PLAN = "plan"
    FINISHED = "finished"
    BOTH = "both"


GROUPS = frozenset(
    {
        "applicability",
        "time",
        "visible_label",
        "audible_label",
        "script",
        "machine_marking",
        "consent",
        "records",
        "verification_tool",
        "clocks",
        "filings",
        "enforcement",
        "decision",
        "notice",
    }
)


@dataclass(frozen=True, slots=True)
class Citation:
    """Where a rule is written. `url` is the law's own public address, or empty when none was seen."""

    instrument: str
    article: str
    url: str
    read_on: date


@dataclass(frozen=True, slots=True)
class Otherwise:
    """What follows when a requirement is not met: effect, code, and texts per language."""

    effect: Effect
    code: str
    text: Mapping[str, str]
    remedy: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Grace:
    """Not enforced before `until` where `when` holds."""

    until: date
    when: Expression


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: when it applies, the duty it imposes, what must hold, and what follows otherwise."""

    id: str
    group: str
    title: Mapping[str, str]
    when: Expression
    stage: Stage
    duty_kind: str | None
    duty_parameters: Mapping[str, Any]
    require: Expression | None
    otherwise: Otherwise | None
    grace: Grace | None
    confidence: Confidence
    citation: Citation
    valid_from: date | None
    valid_to: date | None
    enforcement: Mapping[str, Any]

    def in_force(self, day: date) -> bool:
        """Whether the rule binds on that day (`valid_to` is the first day it no longer does)."""
        return (self.valid_from is None or self.valid_from <= day) and (self.valid_to is None or day < self.valid_to)


@dataclass(frozen=True, slots=True)
class RulePack:
    """One version of one instrument for one jurisdiction. `digest` is SHA-256 over its RFC 8785 bytes."""

    id: str
    version: str
    issued: date
    maintainer: str
    jurisdiction: str
    jurisdiction_name: Mapping[str, str]
    languages: tuple[str, ...]
    valid_from: date | None
    valid_to: date | None
    status: Status
    confidence: Confidence
    citation: Citation
    supersedes: str | None
    rules: tuple[Rule, ...]
    digest: str

    @property
    def is_draft(self) -> bool:
        """Not law (yet): evaluated only when the facts ask for it."""
        return self.status in (Status.DRAFT, Status.PLAN)
