"""Expression and pace of the host: follow the audience slowly, within what legal allows, never without reason.

Expression is manner, not feeling: the host may look warm, it never says that it feels (guard: personal_feeling).
Rising need or anger among viewers always leads to a calmer host, never to a more urgent one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from streaming.director.audience import AudiencePicture
from streaming.director.errors import LimitsRefused


class Expression(StrEnum):
    """Manners the avatar has footage for (avatars: mood loops)."""

    NEUTRAL = "neutral"
    WARM = "warm"
    EXCITED = "excited"
    CALM = "calm"
    CONCERNED = "concerned"


@dataclass(frozen=True, slots=True)
class ExpressionLimits:
    """What legal allows. `pace` is relative speaking speed, 1 as recorded; bounds within 0.8..1.2.

    A manner is held at least `hold_s`; at most `changes` changes happen in `per_s`; pace moves at most
    `pace_step` at a time. NEUTRAL is always allowed.
    """

    allowed: tuple[Expression, ...] = (Expression.NEUTRAL, Expression.WARM, Expression.CALM, Expression.CONCERNED)
    slowest: float = 0.9
    fastest: float = 1.08
    hold_s: float = 20.0
    changes: int = 6
    per_s: float = 600.0
    pace_step: float = 0.03

    def __post_init__(self) -> None:
        if not 0.8 <= self.slowest <= 1.0 <= self.fastest <= 1.2:
            raise LimitsRefused("pace_limits", "Pace limits must enclose 1 and lie between 0.8 and 1.2.")
        if self.hold_s <= 0 or self.changes < 1 or self.per_s <= 0 or self.pace_step <= 0:
            raise LimitsRefused("expression_limits", "Holding time, changes and steps must be above zero.")


@dataclass(frozen=True, slots=True)
class Manner:
    """A recommendation: expression, pace, and why, in English and Chinese; `scores` of all allowed expressions."""

    expression: Expression
    pace: float
    reason: Mapping[str, str]
    scores: Mapping[str, float] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """JSON-safe form for the decision log."""
        look = {"expression": str(self.expression), "pace": self.pace}
        return {**look, "reason": dict(self.reason), "scores": dict(self.scores)}


AS_RECORDED = Manner(Expression.NEUTRAL, 1.0, {"en": "as recorded", "zh": "按录制时的样子"})

_WHY = {
    "start": ("the room begins", "直播开始"),
    "held": ("the last manner is held for its least time", "保持上一种表情的最短时间"),
    "budget": ("enough changes were made in this window", "本时段内变化次数已到上限"),
    "steady": ("nothing speaks clearly for a change", "没有明显的变化理由"),
    Expression.CONCERNED: ("viewers show need or anger", "观众表现出困难或不满"),
    Expression.CALM: ("many comments at once, or a falling mood", "评论过快或情绪下降"),
    Expression.EXCITED: ("a lively room in good mood", "直播间活跃且情绪良好"),
    Expression.WARM: ("viewers join and the mood is good", "新观众进入且情绪良好"),
    Expression.NEUTRAL: ("an even room", "直播间平稳"),
}
# A new manner must beat the present one by this much (hysteresis).
_MARGIN = 0.15


class ExpressionGovernor:
    """Recommends manners for one room; deterministic in its inputs."""

    def __init__(self, limits: ExpressionLimits | None = None) -> None:
        self._limits = limits or ExpressionLimits()
        self._now_shown = Expression.NEUTRAL
        self._pace = 1.0
        self._changed_at: float | None = None
        self._changes: deque[float] = deque(maxlen=self._limits.changes)

    def recommend(self, picture: AudiencePicture) -> Manner:
        """The manner from now on. Time is the picture's."""
        allowed = {*self._limits.allowed, Expression.NEUTRAL}
        scores = {kind: score for kind, score in _scores(picture).items() if kind in allowed}
        wanted = max(scores, key=lambda kind: (scores[kind], kind == self._now_shown))
        why = self._may_change(wanted, scores, picture.ts)
        if not why:
            self._now_shown, self._changed_at = wanted, picture.ts
            self._changes.append(picture.ts)
        self._pace = self._next_pace(picture)
        en, zh = _WHY[why or wanted]
        shown = {str(kind): round(score, 3) for kind, score in scores.items()}
        return Manner(self._now_shown, self._pace, {"en": en, "zh": zh}, shown)

    def _may_change(self, wanted: Expression, scores: Mapping[Expression, float], ts: float) -> str:
        """ "" when the change may happen, otherwise the reason against it."""
        if wanted is self._now_shown or scores[wanted] - scores.get(self._now_shown, 0.0) < _MARGIN:
            return "start" if self._changed_at is None else "steady"
        # Concern never waits: looking cheerful at distress is worse than changing once too often.
        if wanted is Expression.CONCERNED:
            return ""
        if self._changed_at is not None and ts - self._changed_at < self._limits.hold_s:
            return "held"
        full = len(self._changes) == self._limits.changes
        return "budget" if full and ts - self._changes[0] < self._limits.per_s else ""

    def _next_pace(self, picture: AudiencePicture) -> float:
        """Slower when the room is busy or troubled, a little faster when it is lively and content."""
        busy = min(picture.comments / 60, 1.0)
        target = 1.0 - 0.08 * busy - 0.1 * min(picture.distress_share * 4, 1.0) + 0.06 * max(picture.sentiment, 0.0)
        target = min(max(target, self._limits.slowest), self._limits.fastest)
        step = min(max(target - self._pace, -self._limits.pace_step), self._limits.pace_step)
        return round(self._pace + step, 4)


def _scores(picture: AudiencePicture) -> dict[Expression, float]:
    """How much speaks for each manner, about 0..1."""
    mood, lively = picture.sentiment, min(picture.comment_trend / 3, 1.0)
    return {
        Expression.NEUTRAL: 0.4,
        Expression.WARM: 0.3 + 0.4 * max(mood, 0.0) + 0.2 * min(picture.joins / 30, 1.0),
        Expression.EXCITED: 0.1 + 0.5 * max(mood, 0.0) * lively + 0.2 * min(picture.likes / 200, 1.0),
        Expression.CALM: 0.2 + 0.4 * min(picture.comments / 90, 1.0) + 0.3 * max(-mood, 0.0),
        Expression.CONCERNED: min(picture.distress_share * 6, 1.0) + 0.6 * max(-mood - 0.3, 0.0),
    }
