"""From a withdrawal to the last second of the host that was published, with several rooms on air at once."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from dataclasses import dataclass

from avatars.models import Avatar
from bench.room.figures import quantile
from bench.room.house import GATE, WORKER, Home, run_jobs, wait_for
from bench.room.plan import SMALL, first_after, last_of, room_on_air, wait_for_host
from bench.table import Row
from compliance.consent.services import withdraw_grant
from streaming.models import Room, Showing

LIMIT_S = 2.0
"""One segment and a second."""
ROOMS = 3


@dataclass(frozen=True)
class Trial:
    """Seconds after the withdrawal: the host's last segment was published, the slate's first one was."""

    host_s: float
    slate_s: float


def rows(home: Home, double: Avatar, *, trials: int) -> Iterator[Row]:
    processes = [home.start(GATE), *(home.start(WORKER) for _room in range(ROOMS))]
    try:
        done = _trials(double, trials)
    finally:
        for process in processes:
            home.end(process)
    last = [trial.host_s for trial in done]
    p50, p99 = quantile(last, 0.5), quantile(last, 0.99)
    slate = quantile([trial.slate_s for trial in done], 0.99)
    what = f"withdrawal to the host's last segment, {len(done)} trials, {ROOMS} rooms of 640x360"
    measured = f"p50 {p50:.2f} s, p99 {p99:.2f} s; the slate followed within {slate:.1f} s"
    yield Row(what, measured, f"p99 at most {LIMIT_S:g} s", p99 <= LIMIT_S)


def _trials(double: Avatar, count: int) -> list[Trial]:
    """The rooms take turns; whichever was ended is followed by a new one while the others go on."""
    chance, done = random.Random(7), list[Trial]()
    rooms = [room_on_air(double, size=SMALL) for _room in range(ROOMS)]
    while len(done) < count:
        room = rooms.pop(0)
        wait_for_host(room, segments=2)
        time.sleep(chance.random())  # at any moment of a segment
        done.append(_withdraw(room))
        if len(done) + len(rooms) < count:
            rooms.append(room_on_air(double, size=SMALL))
    return done


def _withdraw(room: Room) -> Trial:
    grant = room.take.grant
    begun = time.time()
    withdraw_grant(grant=grant, by=grant.principal, reason="bench")
    newest = last_of(room, Showing.HOST)
    assert newest is not None
    _sequence, slate_at = wait_for(
        lambda: first_after(room, newest[0].first_sequence, Showing.SLATE), "the slate", seconds=30
    )
    host = last_of(room, Showing.HOST)
    assert host is not None
    run_jobs()  # the rest of what a withdrawal reaches: the room ends, its double is destroyed
    return Trial(max(0.0, host[1] - begun), slate_at - begun)
