"""A room's time: counted in frames and samples, paced by the monotonic clock, held to the wall clock.

Media time never comes from a clock. Frames and samples are counted in one place (`MediaClock`), so that sound cannot
drift from picture; clocks only decide when the next frame is due (`RoomClock`) and whether the machine keeps up
(`Pressure`).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum

from django.utils.translation import gettext as _

SECOND_NS = 1_000_000_000


@dataclass(frozen=True)
class Slot:
    """Place of one picture: `first` frame, how many `frames` it lasts, first `sample`, number of `samples`."""

    first: int
    frames: int
    sample: int
    samples: int


class MediaClock:
    """Counts frames and samples; `rate` is a multiple of `fps`, so that a frame has a whole number of samples."""

    def __init__(self, fps: int, rate: int) -> None:
        self.fps, self.rate, self.frames = fps, rate, 0

    def samples_for(self, frames: int = 1) -> int:
        """Samples that belong to the next picture when it lasts `frames` frame intervals."""
        return frames * (self.rate // self.fps)

    def advance(self, frames: int = 1) -> Slot:
        """Take the next slot."""
        slot = Slot(self.frames, frames, self.samples_for(self.frames), self.samples_for(frames))
        self.frames += frames
        return slot


def frames_to_ns(frames: int, fps: int) -> int:
    """Nanoseconds from frame 0 to the begin of frame `frames`, rounded down; never accumulates an error."""
    return frames * SECOND_NS // fps


@dataclass(frozen=True)
class Tick:
    """What pacing one frame showed.

    `lag_ns`: how late the frame began, 0 when it waited. `wall_error_ns`: wall clock minus media time, steps of the
    wall clock taken out. `stepped_ns`: the wall clock was set by this much since the last frame. `paused`: the process
    stood still for so long that catching up makes no sense; begin a new session and call `rebase`.
    """

    lag_ns: int
    wall_error_ns: int
    stepped_ns: int
    paused: bool


class RoomClock:
    """Says when a frame is due, for days.

    Pace is the monotonic clock's, corrected by at most 500 ppm towards the wall clock, so that media time and wall
    clock stay together however the machine's oscillator runs. A wall clock that is set (more than 200 ms between two
    frames) does not move the picture: the step is taken out and reported.
    """

    STEP_NS = SECOND_NS // 5
    PAUSE_NS = 5 * SECOND_NS
    _SLEW_PPM = 500

    def __init__(
        self,
        fps: int,
        *,
        monotonic_ns: Callable[[], int] = time.monotonic_ns,
        wall_ns: Callable[[], int] = time.time_ns,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.fps = fps
        self._monotonic_ns, self._wall_ns, self._sleep = monotonic_ns, wall_ns, sleep
        self.rebase(0)

    def rebase(self, frame: int) -> int:
        """Frame `frame` is due now. Returns the wall time in ns since 1970, cut to whole milliseconds."""
        self._frame0, self._mono0 = frame, self._monotonic_ns()
        self._wall0 = self._wall_ns()
        self._correction = self._offset = 0
        self._seen = self._mono0
        return self._wall0 // 1_000_000 * 1_000_000

    def due_ns(self, frame: int) -> int:
        """Monotonic time in ns at which `frame` begins."""
        return self._mono0 + frames_to_ns(frame - self._frame0, self.fps) - self._correction

    def frames_until(self, wall_ns: int) -> int:
        """Whole frame intervals from now to a time in ns since 1970; 0 when it has passed."""
        return max(0, wall_ns - self._wall_ns()) * self.fps // SECOND_NS

    def pace(self, frame: int) -> Tick:
        """Sleep until `frame` is due and report."""
        wait = self.due_ns(frame) - self._monotonic_ns()
        if wait > 0:
            self._sleep(wait / SECOND_NS)
        now = self._monotonic_ns()
        lag = max(0, now - self.due_ns(frame))
        stepped = self._discipline(now)
        error = self._offset - self._correction
        return Tick(lag, error, stepped, lag > self.PAUSE_NS)

    def _discipline(self, now: int) -> int:
        """Compare the clocks; move the correction towards the wall clock by what the slew allows."""
        offset = (self._wall_ns() - self._wall0) - (now - self._mono0)
        stepped = offset - self._offset
        if abs(stepped) >= self.STEP_NS:
            self._wall0 += stepped
        else:
            self._offset, stepped = offset, 0
        allowed = (now - self._seen) * self._SLEW_PPM // 1_000_000
        self._seen = now
        wanted = self._offset - self._correction
        self._correction += max(-allowed, min(allowed, wanted))
        return stepped


class Effort(IntEnum):
    """What the room performs, from all to the least. Each step is stated on the dashboard."""

    FULL = 0
    HALF_RATE = 1
    SMALL = 2
    SLATE = 3


def said(effort: Effort) -> str:
    """What the dashboard says of a step."""
    return {
        Effort.FULL: _("The machine keeps up: every picture is drawn in full size."),
        Effort.HALF_RATE: _("The machine is too slow: every picture is shown twice as long."),
        Effort.SMALL: _("The machine is too slow: pictures are shown twice as long and drawn in half the size."),
        Effort.SLATE: _("The machine is too slow for the host: the slate is shown for a while."),
    }[effort]


@dataclass
class Pressure:
    """Decides the effort once per segment from how late the room is and how much of real time its work took.

    Down: late by more than `late_s` and not catching up, or more than `busy` of real time used, in `patience` segments
    running. Up: not late, and the work at the better effort would stay below `calm`, for `recovery_s`. It is estimated
    from `relief`, the share each step costs of the one above it: 0.54 to 0.60 and 0.90 to 0.94 are measured on several
    processors (`bench.room`, part `effort`), and less is counted on: half the pictures are half the work at the very
    best. A step up that fails within `recovery_s` doubles the wait for the next, up to `longest_recovery_s`, so that
    a room does not swing.
    """

    late_s: float = 0.5
    busy: float = 0.97
    calm: float = 0.80
    patience: int = 2
    recovery_s: float = 20.0
    longest_recovery_s: float = 640.0
    relief: tuple[float, float, float] = (0.50, 0.85, 0.3)
    effort: Effort = Effort.FULL
    _lag_s: float = field(default=0.0, init=False)
    _strained: int = field(default=0, init=False)
    _calm_s: float = field(default=0.0, init=False)
    _wait_s: float = field(default=0.0, init=False)
    _since_up_s: float | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self._wait_s = self.recovery_s

    def observe(self, *, lag_s: float, work_s: float, media_s: float) -> Effort:
        """One segment of `media_s` seconds took `work_s` seconds to make and ended `lag_s` late."""
        if self._since_up_s is not None:
            self._since_up_s += media_s
            if self._since_up_s > self._wait_s:
                self._since_up_s, self._wait_s = None, self.recovery_s
        load = work_s / media_s
        strained = (lag_s > self.late_s and lag_s >= self._lag_s) or load > self.busy
        self._lag_s = lag_s
        self._strained = self._strained + 1 if strained else 0
        if self._strained >= self.patience:
            self._down()
        elif self.effort > Effort.FULL:
            better = load / self.relief[self.effort - 1]
            calm = not strained and lag_s <= self.late_s / 2 and better <= self.calm
            self._calm_s = self._calm_s + media_s if calm else 0.0
            if self._calm_s >= self._wait_s:
                self._up()
        return self.effort

    def _down(self) -> None:
        if self._since_up_s is not None:
            self._wait_s = min(2 * self._wait_s, self.longest_recovery_s)
        self.effort = Effort(min(self.effort + 1, Effort.SLATE))
        self._strained, self._calm_s, self._since_up_s = 0, 0.0, None

    def _up(self) -> None:
        self.effort = Effort(self.effort - 1)
        self._strained, self._calm_s, self._since_up_s = 0, 0.0, 0.0
