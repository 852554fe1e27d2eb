"""Comments in: each once, validated, merged, chosen; bounded in memory and time whatever arrives.

A flood of 1,000 comments a second fills fixed-size tables and nothing else. Every comment that is not
answered is counted under a reason. Nothing here reads a clock: the caller says what time it is.
"""

from __future__ import annotations

import heapq
import math
from collections import Counter, OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any
from zlib import crc32

from streaming.dialogue import likeness
from streaming.dialogue.comments import Comment, Kind, read_comment
from streaming.dialogue.errors import CommentRefused
from streaming.dialogue.facts import ProductFacts
from streaming.dialogue.intents import Reading, read_intent
from streaming.dialogue.ranking import Candidate, Ranked, RankWeights, rank
from streaming.dialogue.screening import Screening, Verdict, screen


@dataclass(frozen=True, slots=True)
class IntakeLimits:
    """Bounds of one room's intake.

    `ids` remembered for idempotency; with `max_age_s` it covers 1,000 comments a second, because what is
    older than `max_age_s` is refused as stale. `waiting` groups of comments are held. A user may send
    `user_burst` at once and `user_per_minute` on average. `ahead_s`: how far a platform's clock may run ahead.
    `answered_s`: for how long an answer counts against the same question.
    """

    ids: int = 131_072
    users: int = 16_384
    waiting: int = 512
    max_age_s: float = 120.0
    ahead_s: float = 30.0
    user_burst: float = 4.0
    user_per_minute: float = 12.0
    answered: int = 256
    answered_s: float = 180.0


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a comment handed in.

    `code`: accepted, merged, signal, duplicate_id, stale, rate_limited, crowded_out, wrong_room, or the code of
    `CommentRefused`.
    """

    code: str
    comment: Comment | None = None

    @property
    def is_held(self) -> bool:
        """Whether it may still be answered."""
        return self.code in ("accepted", "merged")


@dataclass(slots=True)
class _Group:
    comment: Comment
    pairs: frozenset[str]
    key: str
    hashes: tuple[int, int]
    priority: tuple[float, int]
    count: int = 1
    users: set[int] = field(default_factory=set)
    last_ts: float = 0.0
    reading: Reading | None = None

    def read(self) -> Reading:
        """How the comment is read; done once, and only for comments that get as far as this."""
        if self.reading is None:
            self.reading = read_intent(self.comment.text)
        return self.reading

    def candidate(self) -> Candidate:
        return Candidate(self.comment, self.count, len(self.users), self.last_ts)


_USERS_COUNTED = 64
_QUESTION_SIGNS = "?？吗么几多谁哪啥咋怎"
# A hint of a question is worth as much as coming half a minute later, a paid message a whole minute.
_QUESTION_S, _PAID_S = 30.0, 60.0


class CommentIntake:
    """The waiting comments of one room. Not safe for threads: one room, one owner.

    `offer` costs the same whatever waits; `take` looks at each waiting group once.
    """

    def __init__(self, room: str, limits: IntakeLimits | None = None, weights: RankWeights | None = None) -> None:
        self.room = room
        self.counts: Counter[str] = Counter()
        self._limits = limits or IntakeLimits()
        self._weights = weights or RankWeights()
        self._ids: OrderedDict[int, None] = OrderedDict()
        self._users: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._groups: dict[str, _Group] = {}
        self._near: dict[int, str] = {}
        self._heap: list[tuple[tuple[float, int], str]] = []
        self._answered: OrderedDict[str, float] = OrderedDict()

    def __len__(self) -> int:
        return len(self._groups)

    # --- in ---
    def offer(self, data: Mapping[str, Any] | str | bytes | Comment, now: float) -> Receipt:
        """Hand in one message; `now` in epoch seconds. Total: a bad message is counted, never raised."""
        try:
            comment = _comment(data)
        except CommentRefused as refusal:
            return self._count(Receipt(refusal.code))
        return self._count(Receipt(self._admit(comment, now), comment))

    def _count(self, receipt: Receipt) -> Receipt:
        self.counts[receipt.code] += 1
        return receipt

    def _admit(self, comment: Comment, now: float) -> str:
        if comment.room != self.room:
            return "wrong_room"
        if comment.is_signal:
            return "signal"
        if not now - self._limits.max_age_s <= comment.ts <= now + self._limits.ahead_s:
            return "stale"
        name = _id_hash(comment)
        if name in self._ids:
            return "duplicate_id"
        self._ids[name] = None
        _shrink(self._ids, self._limits.ids)
        if not self._user_may(f"{comment.platform}\n{comment.user_ref}", now):
            return "rate_limited"
        return self._place(comment)

    def _user_may(self, user: str, now: float) -> bool:
        """A token bucket per user."""
        tokens, at = self._users.pop(user, (self._limits.user_burst, now))
        tokens = min(self._limits.user_burst, tokens + max(now - at, 0.0) * self._limits.user_per_minute / 60)
        allowed = tokens >= 1
        self._users[user] = (tokens - allowed, now)
        _shrink(self._users, self._limits.users)
        return allowed

    def _place(self, comment: Comment) -> str:
        key = likeness.likeness_key(comment.text)
        pairs = likeness.pairs(key)
        hashes = likeness.hashes(pairs)
        user = crc32(f"{comment.platform}\n{comment.user_ref}".encode())
        if group := self._same(key, pairs, hashes):
            group.count += 1
            group.last_ts = max(group.last_ts, comment.ts)
            if len(group.users) < _USERS_COUNTED:
                group.users.add(user)
            return "merged"
        group = _Group(comment, pairs, key, hashes, _priority(comment), users={user}, last_ts=comment.ts)
        if len(self._groups) >= self._limits.waiting and not self._crowd_out(group.priority):
            return "crowded_out"
        self._groups[key] = group
        self._near.update(dict.fromkeys(hashes, key))
        heapq.heappush(self._heap, (group.priority, key))
        return "accepted"

    def _same(self, key: str, pairs: frozenset[str], hashes: tuple[int, int]) -> _Group | None:
        if group := self._groups.get(key):
            return group
        for value in hashes:
            group = self._groups.get(self._near.get(value, ""))
            if group and likeness.is_similar(group.pairs, pairs, len(key)):
                return group
        return None

    def _crowd_out(self, priority: tuple[float, int]) -> bool:
        """Drop the waiting group of least priority if it is less than `priority`."""
        lowest = self._heap[0]
        if lowest[0] >= priority:
            return False
        heapq.heappop(self._heap)
        self._forget(lowest[1])
        self.counts["displaced"] += 1
        return True

    def _forget(self, key: str) -> None:
        group = self._groups.pop(key)
        for value in group.hashes:
            if self._near.get(value) == key:
                del self._near[value]

    # --- out ---
    def take(self, now: float, products: Sequence[ProductFacts] = (), limit: int = 1) -> list[tuple[Ranked, Screening]]:
        """The best `limit` comments that may be answered, taken out of the queue.

        Comments that must not be answered are taken out on the way and counted by code; those for the
        hand-over person come first, with verdict ESCALATE.
        """
        self._drop_stale(now)
        order = sorted(self._rank_all(now, products), key=lambda item: (-item[1].score, item[0]))
        taken: list[tuple[Ranked, Screening]] = []
        for key, ranked in order:
            if len(taken) >= limit:
                break
            screening = screen(ranked.candidate.comment.text)
            self._forget(key)
            if screening.verdict is Verdict.HIDE:
                self.counts.update(screening.codes)
                continue
            self._remember_answer(key, now)
            taken.append((ranked, screening))
        self._heap = [(group.priority, key) for key, group in self._groups.items()]
        heapq.heapify(self._heap)
        return taken

    def _rank_all(self, now: float, products: Sequence[ProductFacts]) -> Iterator[tuple[str, Ranked]]:
        for key, group in self._groups.items():
            before = now - self._answered.get(key, -math.inf) < self._limits.answered_s
            yield (
                key,
                rank(
                    group.candidate(),
                    group.read(),
                    now=now,
                    products=products,
                    answered_before=before,
                    weights=self._weights,
                ),
            )

    def _drop_stale(self, now: float) -> None:
        for key in [key for key, group in self._groups.items() if now - group.last_ts > self._limits.max_age_s]:
            self._forget(key)
            self.counts["went_stale"] += 1

    def _remember_answer(self, key: str, now: float) -> None:
        self._answered.pop(key, None)
        self._answered[key] = now
        _shrink(self._answered, self._limits.answered)


def _comment(data: Mapping[str, Any] | str | bytes | Comment) -> Comment:
    if isinstance(data, Comment):
        return data
    return Comment.from_json(data) if isinstance(data, str | bytes) else read_comment(data)


def _id_hash(comment: Comment) -> int:
    """64 bits of BLAKE2b of platform and id, a fraction of the memory of the strings."""
    name = "\n".join(comment.key).encode()
    return int.from_bytes(blake2b(name, digest_size=8).digest(), "big")


def _priority(comment: Comment) -> tuple[float, int]:
    """Later comments come before earlier ones, questions and paid ones count as later (forward decay, Cormode 2009).

    The priority never changes, so a heap may keep it. Among equals a hash of the id decides: in a flood of
    like comments that is a uniform sample, and the same one on every replay.
    """
    hint = _QUESTION_S * any(sign in comment.text for sign in _QUESTION_SIGNS)
    paid = _PAID_S * (comment.kind is not Kind.CHAT)
    return math.floor(comment.ts) + hint + paid, crc32(f"{comment.platform}\n{comment.id}".encode())


def _shrink(table: OrderedDict[Any, Any], size: int) -> None:
    while len(table) > size:
        table.popitem(last=False)
