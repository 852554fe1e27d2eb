"""The live picture of the audience: rates in exponentially fading windows, bounded whatever arrives.

A rate with time constant tau is the sum of exp(-(now - t) / tau) / tau over its events: events of the last tau
seconds count most, none is stored.
"""

from __future__ import annotations

import json
import math
from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Self

from streaming.director.sentiment import read_mood

FAST_S, SLOW_S = 30.0, 300.0


class SignalKind(StrEnum):
    """What is counted."""

    JOIN = "join"
    LEAVE = "leave"
    LIKE = "like"
    COMMENT = "comment"
    ORDER = "order"
    RETURNED = "returned_order"
    CLICK = "click"


@dataclass(frozen=True, slots=True)
class Signal:
    """One event of the audience. `ts` epoch seconds; `count` events at once (1..10^6); `text` of a comment."""

    kind: SignalKind
    ts: float
    count: int = 1
    text: str = ""


@dataclass(frozen=True, slots=True)
class AudiencePicture:
    """The audience at one moment. Rates are events a minute in the fast window, `*_trend` fast over slow (1 = steady).

    `sentiment` -1..1 over the slow window, `distress_share` 0..1 of comments that show need or despair,
    `stay` 0..1 of those who were there and did not leave in the fast window.
    """

    ts: float
    viewers: int
    joins: float
    leaves: float
    likes: float
    comments: float
    orders: float
    comment_trend: float
    viewer_trend: float
    sentiment: float
    distress_share: float
    stay: float

    def to_json(self) -> str:
        """Canonical JSON."""
        return json.dumps(asdict(self), sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read `to_json`."""
        return cls(**json.loads(text))


class _Fading:
    """A sum of events that fades with time constant `tau_s`."""

    __slots__ = ("_at", "_sum", "_tau")

    def __init__(self, tau_s: float) -> None:
        self._tau, self._sum, self._at = tau_s, 0.0, -math.inf

    def add(self, amount: float, ts: float) -> None:
        self._sum = self.sum_at(ts) + amount
        self._at = max(self._at, ts)

    def sum_at(self, ts: float) -> float:
        """The faded sum; a clock that jumped back fades nothing."""
        return self._sum * math.exp(-max(ts - self._at, 0.0) / self._tau) if self._sum else 0.0

    def per_minute(self, ts: float) -> float:
        return self.sum_at(ts) * 60 / self._tau


_MOODS_KEPT_PER_S = 20


class AudienceMeter:
    """Takes signals in, gives pictures out. One per room; times are handed in."""

    def __init__(self) -> None:
        self._fast = {kind: _Fading(FAST_S) for kind in SignalKind}
        self._slow = {kind: _Fading(SLOW_S) for kind in SignalKind}
        self._mood, self._moods, self._distressed = _Fading(SLOW_S), _Fading(SLOW_S), _Fading(SLOW_S)
        self.totals: Counter[SignalKind] = Counter()
        """How many of each kind came since the meter was made."""
        self._viewers = 0
        self._viewers_slow: deque[tuple[float, int]] = deque(maxlen=64)
        self._second, self._read_in_second = -1, 0

    def add(self, signal: Signal) -> None:
        """Count one signal. In a flood only 20 comments a second are read for their mood; all are counted."""
        count = max(0, min(signal.count, 1_000_000))
        self.totals[signal.kind] += count
        self._fast[signal.kind].add(count, signal.ts)
        self._slow[signal.kind].add(count, signal.ts)
        if signal.kind is SignalKind.JOIN:
            self._viewers += count
        elif signal.kind is SignalKind.LEAVE:
            self._viewers = max(0, self._viewers - count)
        elif signal.kind is SignalKind.COMMENT and signal.text and self._may_read(signal.ts):
            mood = read_mood(signal.text)
            self._moods.add(1, signal.ts)
            self._mood.add(mood.value, signal.ts)
            self._distressed.add(mood.is_distressed, signal.ts)

    def add_all(self, signals: Iterable[Signal]) -> None:
        """Count several signals in order."""
        for signal in signals:
            self.add(signal)

    def set_viewers(self, viewers: int) -> None:
        """Correct the count by the platform's own number (>= 0)."""
        self._viewers = max(0, viewers)

    def _may_read(self, ts: float) -> bool:
        if int(ts) != self._second:
            self._second, self._read_in_second = int(ts), 0
        self._read_in_second += 1
        return self._read_in_second <= _MOODS_KEPT_PER_S

    def picture(self, now: float) -> AudiencePicture:
        """The picture at `now` (epoch seconds)."""
        rates = {kind: self._fast[kind].per_minute(now) for kind in SignalKind}
        moods = self._moods.sum_at(now)
        left = self._fast[SignalKind.LEAVE].sum_at(now)
        return AudiencePicture(
            ts=now,
            viewers=self._viewers,
            joins=round(rates[SignalKind.JOIN], 3),
            leaves=round(rates[SignalKind.LEAVE], 3),
            likes=round(rates[SignalKind.LIKE], 3),
            comments=round(rates[SignalKind.COMMENT], 3),
            orders=round(max(rates[SignalKind.ORDER] - rates[SignalKind.RETURNED], 0.0), 3),
            comment_trend=round(self._trend(SignalKind.COMMENT, now), 3),
            viewer_trend=round(self._viewer_trend(now), 3),
            sentiment=round(self._mood.sum_at(now) / moods, 3) if moods > 0 else 0.0,
            distress_share=round(self._distressed.sum_at(now) / moods, 3) if moods > 0 else 0.0,
            stay=round(self._viewers / (self._viewers + left), 3) if self._viewers + left > 0 else 1.0,
        )

    def _trend(self, kind: SignalKind, now: float) -> float:
        """Fast rate over slow rate, one event a minute added to both so that silence is steady."""
        return (self._fast[kind].per_minute(now) + 1) / (self._slow[kind].per_minute(now) + 1)

    def _viewer_trend(self, now: float) -> float:
        if not self._viewers_slow or now - self._viewers_slow[-1][0] >= SLOW_S / 60:
            self._viewers_slow.append((now, self._viewers))
        since = [viewers for ts, viewers in self._viewers_slow if now - ts <= SLOW_S]
        mean = sum(since) / len(since) if since else self._viewers
        return (self._viewers + 1) / (mean + 1)
