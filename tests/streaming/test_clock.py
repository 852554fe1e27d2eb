"""Real time for days: simulated oscillators, jumps, pauses and slow machines."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.clock import SECOND_NS, Effort, MediaClock, Pressure, RoomClock, frames_to_ns

FPS = 25


class Machine:
    """A computer whose monotonic clock runs `ppm` fast against true time, and whose sleep oversleeps."""

    def __init__(self, ppm: int = 0, oversleep_ns: int = 0) -> None:
        self.true_ns, self.ppm, self.oversleep_ns, self.set_by = 10**15, ppm, oversleep_ns, 0

    def monotonic(self) -> int:
        return self.true_ns + self.true_ns * self.ppm // 1_000_000

    def wall(self) -> int:
        return 1_790_000_000 * SECOND_NS + self.true_ns + self.set_by

    def sleep(self, seconds: float) -> None:
        self.work(round(seconds * SECOND_NS * 1_000_000 / (1_000_000 + self.ppm)) + self.oversleep_ns)

    def work(self, ns: int) -> None:
        self.true_ns += ns

    def clock(self) -> RoomClock:
        return RoomClock(FPS, monotonic_ns=self.monotonic, wall_ns=self.wall, sleep=self.sleep)


@given(spans=st.lists(st.sampled_from([1, 2]), max_size=300), fps=st.sampled_from([25, 30, 50]))
def test_sound_and_picture_are_counted_together(spans: list[int], fps: int) -> None:
    clock = MediaClock(fps, 48_000)
    slots = [clock.advance(frames) for frames in spans]
    for before, after in pairwise(slots):
        assert after.first == before.first + before.frames
        assert after.sample == before.sample + before.samples
    assert clock.frames == sum(spans) and sum(slot.samples for slot in slots) * fps == clock.frames * 48_000


@pytest.mark.parametrize("ppm", [-200, -50, 0, 100, 300])
def test_a_day_of_an_imprecise_oscillator_stays_within_forty_milliseconds(ppm: int) -> None:
    machine = Machine(ppm, oversleep_ns=1_500_000)
    clock, step = machine.clock(), 250  # one frame in 250 is looked at: each paces the same way
    start = machine.true_ns
    for frame in range(0, 86_400 * FPS, step):
        tick = clock.pace(frame)
        machine.work(30_000_000)
        true_position = machine.true_ns - 30_000_000 - start
        assert abs(true_position - frames_to_ns(frame, FPS)) < 40_000_000
        assert abs(tick.wall_error_ns) < 40_000_000 and not tick.paused and tick.stepped_ns == 0


@given(jumps=st.lists(st.integers(-(10**14), 10**14), max_size=5))
def test_setting_the_wall_clock_does_not_move_the_picture(jumps: list[int]) -> None:
    machine = Machine()
    clock, start, frame = machine.clock(), machine.true_ns, 0
    for jump in jumps:
        for _ in range(50):
            clock.pace(frame := frame + 1)
        machine.set_by += jump
        tick = clock.pace(frame := frame + 1)
        assert abs(machine.true_ns - start - frames_to_ns(frame, FPS)) < 20_000_000 * (1 + len(jumps))
        assert tick.stepped_ns == jump if abs(jump) > SECOND_NS else abs(tick.wall_error_ns) < SECOND_NS
        assert not tick.paused


def test_a_late_room_catches_up_without_sleeping_and_a_stopped_one_says_so() -> None:
    machine = Machine()
    clock = machine.clock()
    clock.pace(0)
    machine.work(SECOND_NS)
    assert clock.pace(1).lag_ns == SECOND_NS - SECOND_NS // FPS
    frame, begun = 1, machine.true_ns
    while clock.pace(frame := frame + 1).lag_ns:
        machine.work(10_000_000)
    assert machine.true_ns - begun < SECOND_NS // 2
    machine.work(60 * SECOND_NS)
    assert clock.pace(frame + 1).paused
    wall = clock.rebase(frame + 2)
    assert wall == machine.wall() // 1_000_000 * 1_000_000
    assert clock.pace(frame + 2) == clock.pace(frame + 2)
    assert clock.pace(frame + 3).lag_ns == 0


class Room:
    """A simulated room: `cost` is the share of real time that full effort takes."""

    SHARE = (1.0, 0.6, 0.3, 0.09)

    def __init__(self) -> None:
        self.pressure, self.lag, self.log = Pressure(), 0.0, [Effort.FULL]

    def run(self, seconds: int, cost: float, jitter: float = 0.0) -> None:
        chance = random.Random(4)
        for _ in range(seconds):
            work = cost * self.SHARE[self.pressure.effort] + chance.uniform(-jitter, jitter)
            self.lag = max(0.0, self.lag + work - 1.0)
            effort = self.pressure.observe(lag_s=self.lag, work_s=work, media_s=1.0)
            if effort != self.log[-1]:
                self.log.append(effort)


def test_a_quick_machine_never_degrades() -> None:
    room = Room()
    room.run(3600, 0.8, jitter=0.15)
    assert room.log == [Effort.FULL]


def test_a_slow_machine_goes_down_in_stated_steps_until_it_keeps_time() -> None:
    for cost, settled in [(1.3, Effort.HALF_RATE), (2.5, Effort.SMALL), (6.0, Effort.SLATE)]:
        room = Room()
        room.run(120, cost)
        assert room.log == list(Effort)[: settled + 1]
        assert room.lag == 0.0


def test_after_the_load_is_gone_the_room_comes_back_step_by_step() -> None:
    room = Room()
    room.run(60, 6.0)
    room.run(120, 0.5)
    assert room.log == [0, 1, 2, 3, 2, 1, 0]


def test_a_load_on_the_edge_does_not_make_the_room_swing() -> None:
    room = Room()
    room.run(3600, 1.25, jitter=0.1)
    assert len(room.log) <= 3
    borderline = Pressure(relief=(0.9, 0.9, 0.9), calm=0.99)  # an estimate that is wrong on purpose
    changes, before = 0, Effort.FULL
    for _ in range(3600):
        load = 1.2 if borderline.effort == Effort.FULL else 0.5
        effort = borderline.observe(lag_s=0.0, work_s=load, media_s=1.0)
        changes, before = changes + (effort != before), effort
    assert changes < 2 * 12, "each failed return doubles the wait for the next"
