"""How well the guard tells lines apart: precision and recall on labelled lines, by code and in all."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from streaming.dialogue.errors import RulesRefused
from streaming.dialogue.facts import ProductFacts
from streaming.dialogue.guard import Guard, GuardContext


@dataclass(frozen=True, slots=True)
class LabelledLine:
    """A line with its truth: `code` it must be blocked for, None where it must be allowed; `part` of the set."""

    id: str
    part: str
    text: str
    code: str | None
    reply_to: str | None = None


@dataclass(frozen=True, slots=True)
class Score:
    """Counts over a set of lines. Blocked for another code than labelled still counts as found."""

    found: int
    missed: int
    false: int
    allowed: int
    other_code: int

    @property
    def precision(self) -> float:
        """Share of blocked lines that had to be blocked; 1 when none was blocked."""
        return self.found / (self.found + self.false) if self.found + self.false else 1.0

    @property
    def recall(self) -> float:
        """Share of lines that had to be blocked and were; 1 when there was none."""
        return self.found / (self.found + self.missed) if self.found + self.missed else 1.0


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Scores by part and by code, the lines judged wrongly, and CPU milliseconds a line."""

    by_part: Mapping[str, Score]
    by_code: Mapping[str, tuple[int, int]]
    wrong: tuple[tuple[LabelledLine, tuple[str, ...]], ...]
    ms_per_line: float


def read_lines(path: Path) -> list[LabelledLine]:
    """Labelled lines of a JSON-lines file. Raises `RulesRefused` (labelled_lines_malformed)."""
    try:
        return [LabelledLine(**json.loads(line)) for line in path.read_text("utf-8").splitlines() if line.strip()]
    except (ValueError, TypeError) as error:
        raise RulesRefused("labelled_lines_malformed", f"{path.name}: {error}.") from error


def evaluate(
    lines: Iterable[LabelledLine], guard: Guard, facts: ProductFacts, now: datetime, *, is_free: bool = False
) -> Evaluation:
    """Judge every line about `facts` at `now` and count; `is_free` as lines nobody approved."""
    counts: dict[str, Counter[str]] = {}
    by_code: dict[str, list[int]] = {}
    wrong: list[tuple[LabelledLine, tuple[str, ...]]] = []
    lines = list(lines)
    began = time.process_time()
    results = [guard.check(line.text, GuardContext((facts,), now, line.reply_to, is_free)) for line in lines]
    took = time.process_time() - began
    for line, result in zip(lines, results, strict=True):
        outcome = _outcome(line, result.allowed)
        count = counts.setdefault(line.part, Counter())
        count[outcome] += 1
        count["other_code"] += outcome == "found" and line.code not in result.codes
        if line.code:
            seen = by_code.setdefault(line.code, [0, 0])
            seen[0] += outcome == "found"
            seen[1] += 1
        if outcome in ("missed", "false"):
            wrong.append((line, result.codes))
    return Evaluation(
        {part: Score(*(count[name] for name in _COUNTED)) for part, count in counts.items()},
        {code: (found, total) for code, (found, total) in sorted(by_code.items())},
        tuple(wrong),
        1000 * took / max(len(lines), 1),
    )


_COUNTED = ("found", "missed", "false", "allowed", "other_code")


def _outcome(line: LabelledLine, allowed: bool) -> str:
    if line.code:
        return "missed" if allowed else "found"
    return "allowed" if allowed else "false"


def as_table(evaluation: Evaluation) -> str:
    """The evaluation as a Markdown table."""
    rows = ["| part | lines | found | missed | false | precision | recall |", "|---|---|---|---|---|---|---|"]
    for part, score in evaluation.by_part.items():
        total = score.found + score.missed + score.false + score.allowed
        figures = f"{score.found} | {score.missed} | {score.false} | {score.precision:.3f} | {score.recall:.3f}"
        rows.append(f"| {part} | {total} | {figures} |")
    rows += ["", "| code | found | of |", "|---|---|---|"]
    rows += [f"| {code} | {found} | {total} |" for code, (found, total) in evaluation.by_code.items()]
    rows += ["", f"{evaluation.ms_per_line:.2f} ms of CPU a line"]
    rows += [f"wrong: {line.id} {line.code or 'allowed'} {list(codes)} {line.text}" for line, codes in evaluation.wrong]
    return "\n".join(rows)


def to_json(evaluation: Evaluation) -> dict[str, Any]:
    """JSON-safe form for reports."""
    parts = {
        part: {"precision": round(score.precision, 4), "recall": round(score.recall, 4)}
        for part, score in evaluation.by_part.items()
    }
    return {
        "parts": parts,
        "ms_per_line": round(evaluation.ms_per_line, 3),
        "wrong": [line.id for line, _ in evaluation.wrong],
    }
