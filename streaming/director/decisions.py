"""Records of what the director did: every choice with its inputs, scores and reason; every way back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self

REASONS: Mapping[str, tuple[str, str]] = {
    "frozen": ("Legal fixed the planned order; {item} is next in it.", "法务已锁定顺序，下一项是{item}。"),
    "pinned": ("Legal pinned {item} to this position.", "法务将{item}固定在此位置。"),
    "duty": ("{item} is due: it must not come later than this.", "{item}到期，必须现在播出。"),
    "after_revert": (
        "A decision was taken back, so the plan's next block follows.",
        "有决定被撤销，按原计划播出下一项{item}。",
    ),
    "first_round": (
        "The first round is played as planned, to see what each block brings; {item} is next in it.",
        "第一轮按计划播出，以了解各项效果，下一项是{item}。",
    ),
    "only": ("{item} is the only block that may come now.", "目前只有{item}可以播出。"),
    "learned": (
        "{item} has held viewers best of {options} blocks lately (expected {mean:.2f}).",
        "{item}近期在{options}项中效果最好（预期{mean:.2f}）。",
    ),
    "explored": (
        "{item} was chosen to learn more about it ({share:.0%} of choices are trials).",
        "为了解效果而尝试{item}（{share:.0%}的选择用于尝试）。",
    ),
    "none": (
        "No block may come now; the room idles or answers comments.",
        "目前没有可播出的内容，转为待机或回答评论。",
    ),
}


@dataclass(frozen=True, slots=True)
class Option:
    """One block as it stood at a decision: why excluded ("" if not), expected and sampled reward, propensity."""

    item_id: str
    excluded: str = ""
    mean: float = 0.0
    sampled: float = 0.0
    propensity: float = 0.0


@dataclass(frozen=True, slots=True)
class Decision:
    """One choice. `rule` is a key of `REASONS`; `inputs` the audience picture and seconds from the start."""

    id: str
    position: int
    ts: float
    rule: str
    choice: str | None
    options: tuple[Option, ...]
    inputs: Mapping[str, Any]
    reason: Mapping[str, str]

    def to_json(self) -> str:
        """Canonical JSON, as kept in the room's decision log."""
        return json.dumps(
            {"kind": "decision", **asdict(self)}, ensure_ascii=False, sort_keys=True, separators=(",", ":")
        )

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read `to_json`."""
        data = json.loads(text)
        del data["kind"]
        return cls(**{**data, "options": tuple(Option(**option) for option in data["options"])})


@dataclass(frozen=True, slots=True)
class Learned:
    """A reward that was counted for a decision and its block; `value` None when the block taught nothing."""

    decision_id: str
    item_id: str
    ts: float
    value: float | None
    outcome: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> str:
        """Canonical JSON."""
        return json.dumps({"kind": "learned", **asdict(self)}, sort_keys=True, separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class Reverted:
    """A decision a person took back."""

    decision_id: str
    ts: float
    by: str

    def to_json(self) -> str:
        """Canonical JSON."""
        return json.dumps(
            {"kind": "reverted", **asdict(self)}, ensure_ascii=False, sort_keys=True, separators=(",", ":")
        )


Record = Decision | Learned | Reverted


def read_record(text: str) -> Record:
    """Read one line of a decision log."""
    data = json.loads(text)
    if data["kind"] == "decision":
        return Decision.from_json(text)
    kind = data.pop("kind")
    return Learned(**data) if kind == "learned" else Reverted(**data)


def explain(rule: str, **values: Any) -> dict[str, str]:
    """The reason of a decision in English and Chinese."""
    en, zh = REASONS[rule]
    return {"en": en.format(**values), "zh": zh.format(**values)}
