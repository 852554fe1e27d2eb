"""What each step of effort saves, beside what the room believes it saves (`streaming.clock.Pressure.relief`)."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from avatars.models import Avatar
from bench.room.house import Home
from bench.room.plan import room_on_air
from bench.room.speed import Cost, Run
from bench.table import Row, at_most
from streaming.clock import Effort, Pressure
from streaming.models import Room

_STEPS = (Effort.FULL, Effort.HALF_RATE, Effort.SMALL)
_MINUTES = 0.7


def rows(home: Home, double: Avatar) -> Iterator[Row]:
    """Of one room of 720p; without the first ten seconds, in which the smaller double is loaded."""
    room = room_on_air(double)
    costs = [_cost(home, room, effort) for effort in _STEPS]
    Room.objects.filter(pk=room.pk).update(wanted_on_air=False)
    for (above, before), (effort, cost) in pairwise(zip(_STEPS, costs, strict=True)):
        what = f"room, {_said(effort)}: the performer's CPU / {_said(above)}"
        remark = f"{cost:.2f} of {before:.2f} s a second on air"
        yield at_most(what, cost / before, Pressure.relief[above], remark)


def _cost(home: Home, room: Room, effort: Effort) -> float:
    """CPU seconds of the performer for each second on air."""
    run = Run(home, room, effort)
    run.perform(_MINUTES)
    spent = Cost.of(run.samples[1:])
    return spent.cpu["worker"] / spent.room_s


def _said(effort: Effort) -> str:
    return effort.name.lower().replace("_", " ")
