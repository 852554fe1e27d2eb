"""What a room may decide by itself (pure): part of the plan that legal approves, and never more than that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from streaming.director.errors import LimitsRefused
from streaming.director.expression import Expression, ExpressionLimits


@dataclass(frozen=True, slots=True)
class Freedom:
    """`reorder`: the director may choose the order within a round. `expression`: manners and pace it may choose from.
    `model_words`: a language model may word answers, if the operator runs one.
    """

    reorder: bool = False
    expression: ExpressionLimits = field(default_factory=lambda: ExpressionLimits((), 1.0, 1.0))
    model_words: bool = False

    def to_json(self) -> dict[str, Any]:
        """As kept in the plan, and as legal sees it."""
        return {
            "reorder": self.reorder,
            "expressions": [str(expression) for expression in self.expression.allowed],
            "slowest": self.expression.slowest,
            "fastest": self.expression.fastest,
            "model_words": self.model_words,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any] | None) -> Self:
        """Read `to_json`; a plan that does not say what the room may do gives it no freedom at all.

        Raises:
            LimitsRefused: freedom_malformed, pace_limits.
        """
        if not data:
            return cls()
        try:
            allowed = tuple(Expression(name) for name in data["expressions"])
            limits = ExpressionLimits(allowed, float(data["slowest"]), float(data["fastest"]))
            return cls(bool(data["reorder"]), limits, bool(data["model_words"]))
        except (KeyError, TypeError, ValueError) as error:
            raise LimitsRefused(
                "freedom_malformed", f"What the room may do by itself cannot be read: {error}."
            ) from error
