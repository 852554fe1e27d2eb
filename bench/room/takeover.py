"""kill -9 of the process that performs a room, and of the one that publishes it: until another has it on air again."""

from __future__ import annotations

import random
import subprocess
import time
from collections.abc import Callable, Iterator

from avatars.models import Avatar
from bench.room.figures import quantile
from bench.room.house import GATE, WORKER, Home, Impossible, kill, wait_for
from bench.room.plan import published_at, room_on_air, wait_for_host
from bench.table import Row
from streaming.archive.models import Stretch
from streaming.models import Air, Room, Showing

LIMIT_S = 10.0


def rows(home: Home, double: Avatar, *, trials: int) -> Iterator[Row]:
    """One room of 720p; of the performers one stands by, and whatever was killed is started again at once, as the
    supervisor does.
    """
    gate, workers = [home.start(GATE)], [home.start(WORKER), home.start(WORKER)]
    try:
        room = room_on_air(double)
        host = [_kill_worker(home, room, workers) for _trial in _each(room, trials)]
        yield _row("performer", "the host was back", host)
        signed = [_kill_gate(home, room, gate) for _trial in _each(room, trials)]
        yield _row("gate", "signed segments went on", [first for first, _host in signed])
        back = [host for _first, host in signed]
        yield Row("the same, the host was back", f"p50 {quantile(back, 0.5):.1f} s, longest {max(back):.1f} s")
    finally:
        for process in [*gate, *workers]:
            home.end(process)


def _row(whom: str, what: str, seconds: list[float]) -> Row:
    p50, p99 = quantile(seconds, 0.5), quantile(seconds, 0.99)
    name = f"kill -9 of the {whom}: {what}, {len(seconds)} trials"
    return Row(name, f"p50 {p50:.1f} s, p99 {p99:.1f} s", f"p99 at most {LIMIT_S:g} s", p99 <= LIMIT_S)


def _each(room: Room, trials: int) -> Iterator[int]:
    chance = random.Random(3)
    for trial in range(trials):
        wait_for_host(room, segments=4)
        time.sleep(chance.random())  # at any moment of a segment
        yield trial


def _kill_worker(home: Home, room: Room, workers: list[subprocess.Popen[bytes]]) -> float:
    holder = Air.objects.get(pk=room.pk).performer
    victim = next((one for one in workers if holder.endswith(f":{one.pid}")), None)
    if victim is None:
        raise Impossible("the room is performed by an unknown process")
    before, begun = _init(room), time.time()
    kill(victim)
    workers[workers.index(victim)] = home.replace(victim, WORKER)
    return _next(room, lambda stretch: stretch.init > before and stretch.showing == Showing.HOST) - begun


def _kill_gate(home: Home, room: Room, gate: list[subprocess.Popen[bytes]]) -> tuple[float, float]:
    """Seconds to the first segment that the new gate signed, and to the host."""
    before, begun = _init(room), time.time()
    kill(gate[0])
    gate[0] = home.replace(gate[0], GATE)
    first = _next(room, lambda stretch: stretch.init > before) - begun
    return first, _next(room, lambda stretch: stretch.init > before and stretch.showing == Showing.HOST) - begun


def _init(room: Room) -> str:
    """Name of the newest session; names grow."""
    return Stretch.objects.filter(room=room).latest("first_sequence").init


def _next(room: Room, wanted: Callable[[Stretch], bool]) -> float:
    """When the first segment of such a stretch was published."""
    found = wait_for(
        lambda: next((one for one in Stretch.objects.filter(room=room) if wanted(one)), None), "a successor", seconds=60
    )
    return published_at(found, found.first_sequence)
