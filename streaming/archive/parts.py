"""Which stretches become one file (pure).

A file is one hour at most, without a hole, of one format, and made from so few sessions that its manifest stays small.
"""

from __future__ import annotations

from collections.abc import Sequence

from streaming.archive.models import Stretch
from streaming.archive.timeline import HOUR_NS

MAX_SESSIONS = 12
SETTLED_NS = 60_000_000_000
"""So long after its end an hour is over for everybody, whatever their clocks say."""
_HOLE_NS = 100_000_000


def closed_groups(stretches: Sequence[Stretch], *, now_ns: int, ended: bool) -> list[list[Stretch]]:
    """The groups to which nothing can be added any more, in order. `ended`: nothing follows at all."""
    groups: list[list[Stretch]] = []
    for stretch in stretches:
        if groups and _belongs(groups[-1], stretch):
            groups[-1].append(stretch)
        else:
            groups.append([stretch])
    if groups and not ended and now_ns < _hour_end(groups[-1][-1]) + SETTLED_NS:
        groups.pop()
    return groups


def _belongs(group: Sequence[Stretch], stretch: Stretch) -> bool:
    last = group[-1]
    sessions = {one.init for one in group} | {stretch.init}
    return (
        last.format == stretch.format
        and _hour_end(group[0]) == _hour_end(stretch)
        and abs(stretch.start_ns - last.end_ns) < _HOLE_NS
        and len(sessions) <= MAX_SESSIONS
    )


def _hour_end(stretch: Stretch) -> int:
    return (stretch.start_ns // HOUR_NS + 1) * HOUR_NS
