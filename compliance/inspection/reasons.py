"""One thing that speaks for or against a file, and how much (pure)."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any


class Strength(StrEnum):
    """How much a reason carries."""

    PROOF = "proof"
    STRONG = "strong"
    SUPPORTING = "supporting"
    AGAINST = "against"
    NONE = "none"


@dataclass(frozen=True)
class Reason:
    """One thing that was found or not found."""

    code: str
    strength: Strength
    text: str

    def to_json(self) -> dict[str, Any]:
        return asdict(self)
