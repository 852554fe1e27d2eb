"""The condition language of rule packs: small, declarative, total, three-valued.

An expression is a JSON object with one key. `all`, `any` and `not` combine (Kleene's strong logic: one
false decides `all`, one true decides `any`, whatever else is unknown); every other key is a test of one
fact:

    {"eq": ["channel", "live_commerce"]}
    {"in": ["realism", ["photoreal"]]}
    {"has": ["markets", "CN"]}
    {"gte": ["label.glyph_share", 0.05]}
    {"before": ["as_of", "2026-12-02"]}
    {"exists": "marking.aigc"}
    {"is": ["provider_code", "provider_code"]}
    {"says": ["label.text", [["AI", "人工智能"], ["生成", "合成"]]]}

A test of an unknown fact is unknown, never true and never an exception.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from enum import Enum
from typing import Any, TypeAlias

from .errors import PackInvalid
from .facts import VOCABULARY, Facts, FactType, read_date
from .formats import FORMATS


class Truth(Enum):
    """Kleene's three truth values."""

    TRUE = "true"
    FALSE = "false"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Judgement:
    """A truth value and, when it is unknown, the facts that would be needed."""

    truth: Truth
    missing: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Combine:
    """`all` or `any` over its parts."""

    operator: str
    parts: tuple[Expression, ...]

    def judge(self, facts: Facts) -> Judgement:
        """Kleene conjunction or disjunction."""
        judged = [part.judge(facts) for part in self.parts]
        deciding = Truth.FALSE if self.operator == "all" else Truth.TRUE
        if any(j.truth is deciding for j in judged):
            return Judgement(deciding)
        missing = frozenset().union(*(j.missing for j in judged))
        if missing:
            return Judgement(Truth.UNKNOWN, missing)
        return Judgement(Truth.TRUE if self.operator == "all" else Truth.FALSE)


@dataclass(frozen=True, slots=True)
class Negate:
    """`not`: unknown stays unknown."""

    part: Expression

    def judge(self, facts: Facts) -> Judgement:
        """Swap true and false."""
        judged = self.part.judge(facts)
        swapped = {Truth.TRUE: Truth.FALSE, Truth.FALSE: Truth.TRUE, Truth.UNKNOWN: Truth.UNKNOWN}
        return Judgement(swapped[judged.truth], judged.missing)


@dataclass(frozen=True, slots=True)
class Stated:
    """`exists`: whether anything is stated under a fact or group. The one test that is never unknown."""

    path: str

    def judge(self, facts: Facts) -> Judgement:
        """True or false."""
        return Judgement(Truth.TRUE if facts.has(self.path) else Truth.FALSE)


@dataclass(frozen=True, slots=True)
class Test:
    """One fact against one literal."""

    operator: str
    path: str
    literal: Any

    def judge(self, facts: Facts) -> Judgement:
        """Unknown when the fact is."""
        value = facts.get(self.path)
        if value is None:
            return Judgement(Truth.UNKNOWN, frozenset({self.path}))
        holds = _OPERATORS[self.operator].holds(value, self.literal)
        return Judgement(Truth.TRUE if holds else Truth.FALSE)


Expression: TypeAlias = Combine | Negate | Stated | Test
ALWAYS: Expression = Combine("all", ())  # a rule without `when` applies whenever its pack does


@dataclass(frozen=True, slots=True)
class _Operator:
    types: frozenset[FactType]
    literal: Callable[[Any], Any]  # returns the checked literal, or raises ValueError
    holds: Callable[[Any, Any], bool]


def parse_expression(node: Any, path: str) -> Expression:
    """Read an expression; raises `PackInvalid` naming the place of the first mistake."""
    if not isinstance(node, dict) or len(node) != 1:
        raise PackInvalid(path, "an expression is an object with exactly one key")
    ((operator, operand),) = node.items()
    here = f"{path}.{operator}"
    if operator in ("all", "any"):
        if not isinstance(operand, list) or not operand:
            raise PackInvalid(here, "needs a list of at least one expression")
        return Combine(operator, tuple(parse_expression(n, f"{here}[{i}]") for i, n in enumerate(operand)))
    if operator == "not":
        return Negate(parse_expression(operand, here))
    if operator == "exists":
        return Stated(_stated_path(operand, here))
    return _parse_test(operator, operand, here)


def _stated_path(operand: Any, here: str) -> str:
    if not isinstance(operand, str) or not any(p == operand or p.startswith(f"{operand}.") for p in VOCABULARY):
        raise PackInvalid(here, f"{operand!r} is neither a fact nor a group of facts")
    return operand


def _parse_test(name: str, operand: Any, here: str) -> Test:
    operator = _OPERATORS.get(name)
    if operator is None:
        raise PackInvalid(here, f"unknown operator {name!r}")
    if not isinstance(operand, list) or len(operand) != 2:
        raise PackInvalid(here, "a test is a list of a fact and a literal")
    path, literal = operand
    fact = VOCABULARY.get(path) if isinstance(path, str) else None
    if fact is None:
        raise PackInvalid(f"{here}[0]", f"unknown fact {path!r}")
    if fact.type not in operator.types:
        raise PackInvalid(f"{here}[0]", f"{name} cannot test {path}, which is a {fact.type.value}")
    try:
        checked = operator.literal(literal)
    except ValueError as problem:
        raise PackInvalid(f"{here}[1]", str(problem)) from None
    _check_choices(name, checked, fact.choices, here)
    return Test(name, path, checked)


def _check_choices(name: str, literal: Any, choices: frozenset[str], here: str) -> None:
    wanted = literal if name == "in" else (literal,)
    if choices and name in ("eq", "in") and not set(wanted) <= choices:
        raise PackInvalid(f"{here}[1]", f"{sorted(set(wanted) - choices)} can never be the value of this fact")


def _scalar(value: Any) -> Any:
    if isinstance(value, bool | str):
        return value
    return _number(value)


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("needs a number")
    return float(value)


def _date(value: Any) -> date:
    read = read_date(value)
    if read is None:
        raise ValueError("needs a date YYYY-MM-DD")
    return read


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError("needs a text")
    return value


def _texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not value:
        raise ValueError("needs a list of texts")
    return tuple(_text(v) for v in value)


def read_elements(value: Any) -> tuple[tuple[str, ...], ...]:
    """Groups of alternatives: every group must be met by one of its texts. Raises ValueError."""
    if not isinstance(value, list | tuple) or not value:
        raise ValueError("needs a list of groups of texts")
    return tuple(_texts(list(group) if isinstance(group, tuple) else group) for group in value)


def _format(value: Any) -> str:
    if value not in FORMATS:
        raise ValueError(f"unknown format; known are {', '.join(sorted(FORMATS))}")
    return str(value)


def contains_elements(lines: tuple[str, ...], elements: tuple[tuple[str, ...], ...]) -> bool:
    """Whether the text holds one alternative of every group.

    Full-width forms and spacing of ideographs do not count, case does; a Latin alternative must be a word
    of its own ("AIR" does not say "AI"), and none may run across lines: two lines are two texts.
    """
    return all(any(_occurs(option, line) for option in group for line in lines) for group in elements)


def _occurs(option: str, line: str) -> bool:
    wanted, text = unicodedata.normalize("NFKC", option), unicodedata.normalize("NFKC", line)
    if wanted.isascii():
        return re.search(rf"(?<![A-Za-z]){re.escape(wanted)}(?![A-Za-z])", text) is not None
    return "".join(wanted.split()) in "".join(text.split())


_ANY = frozenset({FactType.FLAG, FactType.NUMBER, FactType.TEXT})
_NUMBERS = frozenset({FactType.NUMBER})
_DATES = frozenset({FactType.DATE})
_OPERATORS = {
    "eq": _Operator(_ANY, _scalar, lambda value, literal: type(value) is type(literal) and value == literal),
    "in": _Operator(frozenset({FactType.TEXT}), _texts, lambda value, literal: value in literal),
    "has": _Operator(frozenset({FactType.TEXTS}), _text, lambda value, literal: literal in value),
    "gte": _Operator(_NUMBERS, _number, lambda value, literal: value >= literal),
    "gt": _Operator(_NUMBERS, _number, lambda value, literal: value > literal),
    "lte": _Operator(_NUMBERS, _number, lambda value, literal: value <= literal),
    "lt": _Operator(_NUMBERS, _number, lambda value, literal: value < literal),
    "before": _Operator(_DATES, _date, lambda value, literal: value < literal),
    "on_or_after": _Operator(_DATES, _date, lambda value, literal: value >= literal),
    "is": _Operator(frozenset({FactType.TEXT}), _format, lambda value, literal: FORMATS[literal](value)),
    "says": _Operator(frozenset({FactType.TEXTS}), read_elements, contains_elements),
}
