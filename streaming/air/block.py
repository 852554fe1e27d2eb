"""One item of the rundown on air: the lines that are left of it, and what it has brought."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass

from streaming.director.audience import AudienceMeter, SignalKind
from streaming.director.outcome import BlockOutcome
from streaming.rundown import RundownItem


@dataclass(frozen=True)
class Sight:
    """The audience's counts at one moment."""

    viewers: int
    totals: Counter[SignalKind]
    questions: int
    distress_share: float

    @classmethod
    def of(cls, meter: AudienceMeter, questions: int, now: float) -> Sight:
        picture = meter.picture(now)
        return cls(picture.viewers, Counter(meter.totals), questions, picture.distress_share)


@dataclass
class Block:
    """An item as a decision put it on air. `began`: the audience at its begin."""

    decision_id: str
    item: RundownItem
    lines: deque[str]
    began: Sight

    def outcome(self, ended: Sight) -> BlockOutcome:
        """What it brought between its begin and `ended`: who left is taken off those who were there at its begin."""
        during = {kind: ended.totals[kind] - self.began.totals[kind] for kind in SignalKind}
        return BlockOutcome(
            viewers=self.began.viewers,
            stayed=max(0, self.began.viewers - during[SignalKind.LEAVE]),
            questions=ended.questions - self.began.questions,
            clicks=during[SignalKind.CLICK],
            orders=during[SignalKind.ORDER],
            returned=during[SignalKind.RETURNED],
            distress_share=ended.distress_share,
        )
