"""From a comment that was accepted to the first word of its answer on air, by the built-in composer."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from uuid import uuid4

from avatars.models import Avatar
from bench.room.figures import quantile
from bench.room.house import GATE, WORKER, Home, Impossible, wait_for
from bench.room.plan import published_at, room_on_air, wait_for_host
from bench.table import Row
from streaming.archive.models import Stretch
from streaming.models import Room, RoomComment, SpokenLine
from streaming.services import receive_comments

LIMIT_S = 5.0
"""Four seconds and a segment."""
PATIENCE_S = 30.0
QUESTIONS = (
    "多少钱一瓶？", "敏感肌肤可以用吗？", "怎么使用？", "一瓶多少毫升？", "什么时候发货？", "可以退货吗？",
    "是什么味道？", "现在有优惠吗？", "适合冬天用吗？", "买两瓶多少钱？",
)  # fmt: skip


def rows(home: Home, double: Avatar, *, trials: int) -> Iterator[Row]:
    processes = [home.start(GATE), home.start(WORKER)]
    try:
        room = room_on_air(double)
        wait_for_host(room, segments=5)
        delays = _trials(room, trials)
    finally:
        for process in processes:
            home.end(process)
    p50, p95 = quantile(delays, 0.5), quantile(delays, 0.95)
    measured = f"p50 {p50:.1f} s, p95 {p95:.1f} s, longest {max(delays):.1f} s"
    yield Row(
        f"comment accepted to first word published, {len(delays)} comments, 720p",
        measured, f"p95 at most {LIMIT_S:g} s", p95 <= LIMIT_S,
    )  # fmt: skip


def _trials(room: Room, count: int) -> list[float]:
    """One question after another, each at any moment of what is being said."""
    chance, delays = random.Random(11), list[float]()
    for number in range(count):
        accepted = time.time()
        row = ask(room, QUESTIONS[number % len(QUESTIONS)])
        delays.append(wait_for(lambda row=row: _published(room, row), row.text, seconds=PATIENCE_S) - accepted)
        _let_finish(room, row)
        time.sleep(6 * chance.random())
    return delays


def ask(room: Room, text: str) -> RoomComment:
    """One viewer's comment, as a bridge hands it in. Raises Impossible when it is not taken."""
    identity = uuid4().hex
    message = {
        "platform": "bench", "room": str(room.pk), "id": identity, "user_ref": identity, "text": text,
        "ts": time.time(),
    }  # fmt: skip
    if receive_comments(room=room, messages=[message])["kept"] != 1:
        raise Impossible(f"{text} was not accepted")
    return RoomComment.objects.get(room=room, external_id=identity)


def _published(room: Room, row: RoomComment) -> float | None:
    """When the segment with the answer's first sound was published, None before."""
    line = SpokenLine.objects.filter(comment=row, blocked=False).first()
    if line is None or line.at is None:
        return None
    at_ns = int(line.at.timestamp() * 1e9)
    stretch = Stretch.objects.filter(room=room, start_ns__lte=at_ns).last()
    if stretch is None or at_ns >= stretch.end_ns:
        return None
    return published_at(stretch, stretch.first_sequence + (at_ns - stretch.start_ns) * 9 // (stretch.ticks * 100_000))


def _let_finish(room: Room, row: RoomComment) -> None:
    """Until all of the answer has been spoken, so that the next question interrupts the rundown and not this."""
    wait_for(
        lambda: SpokenLine.objects.filter(room=room, blocked=False).latest("pk").comment_id != row.pk, "the rundown",
        seconds=PATIENCE_S,
    )  # fmt: skip
