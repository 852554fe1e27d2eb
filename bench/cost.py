"""What a piece of work costs: processor time of this process and its finished children, and time on the wall."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import av


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds. Ratios of `cpu_s` hold on a busy machine too; those of `wall_s` only on a quiet one."""

    cpu_s: float = 0.0
    wall_s: float = 0.0

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.cpu_s + other.cpu_s, self.wall_s + other.wall_s)

    def __sub__(self, other: Cost) -> Cost:
        return Cost(self.cpu_s - other.cpu_s, self.wall_s - other.wall_s)


def so_far() -> Cost:
    """All threads of this process and all children that have been waited for, since their starts."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return Cost(time.process_time() + children.ru_utime + children.ru_stime, time.perf_counter())


def cost_of(work: Callable[[], object]) -> Cost:
    """Do `work` once."""
    begun = so_far()
    work()
    return so_far() - begun


class Supply:
    """Frames on the way to an encoder; what making them costs is counted apart, so that it can be taken off again."""

    def __init__(self, frames: Iterator[av.VideoFrame]) -> None:
        self._frames = frames
        self.cost = Cost()

    def __iter__(self) -> Iterator[av.VideoFrame]:
        return self

    def __next__(self) -> av.VideoFrame:
        begun = so_far()
        try:
            return next(self._frames)
        finally:
            self.cost += so_far() - begun
