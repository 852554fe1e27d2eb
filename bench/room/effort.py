"""What each step of effort saves. A room counts on a little more (`streaming.clock.Pressure.relief`): one that counted
on less would take a step up that it cannot hold.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from avatars.models import Avatar
from bench.room.house import Home
from bench.room.plan import room_on_air
from bench.room.speed import Cost, Run
from bench.table import Row
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
        share, counted_on = cost / before, Pressure.relief[above]
        measured = f"{share:.2f}x  ({cost:.2f} of {before:.2f} s a second on air)"
        yield Row(what, measured, f"{counted_on:.2f}x to 1.00x", counted_on <= share < 1)


def _cost(home: Home, room: Room, effort: Effort) -> float:
    """CPU seconds of the performer for each second on air."""
    run = Run(home, room, effort)
    run.perform(_MINUTES)
    spent = Cost.of(run.samples[1:])
    return spent.cpu["worker"] / spent.room_s


def _said(effort: Effort) -> str:
    return effort.name.lower().replace("_", " ")
