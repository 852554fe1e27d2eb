"""One 720p25 room as fast as it can: real time, what compliance costs, memory, no picture lost or shown twice."""

from __future__ import annotations

import io
import statistics
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import av

from avatars.models import Avatar
from bench.room.house import Home, Impossible, children_of, cpu_s, resident_mb, wait_for
from bench.room.plan import file_of, room_on_air
from bench.room.simulated import SharedTime, read_meter
from bench.table import Row, at_most
from streaming.air.folders import room_folder
from streaming.archive.models import Stretch
from streaming.clock import Effort
from streaming.models import Room, Showing
from streaming.packager.playlist import init_name

REAL_TIME, SHARE, SIGN_MS, GROWTH = 1.15, 0.30, 2.0, 1.05
WARM_UP_S = 300
"""Of room time; after these five minutes memory must be flat."""
_SAMPLE_S = 10
SECOND_NS = 1_000_000_000


@dataclass
class Sample:
    """At a moment of the room's time (s since its first picture): wall clock, processor seconds and MiB by process, and
    what the performer's meter counts.
    """

    room_s: float
    wall_s: float
    cpu: dict[str, float]
    memory: dict[str, float]
    work: dict[str, float]


@dataclass
class Run:
    """A room that is performed as fast as it goes, with as much effort as is said."""

    home: Home
    room: Room
    effort: Effort = Effort.FULL
    samples: list[Sample] = field(default_factory=list)

    def perform(self, minutes: float) -> None:
        """Raises Impossible when it stops before."""
        shared = SharedTime(self.home.folder / "time")
        shared.set(0)
        gate = self._start("gate", "gate")
        wait_for((self.home.folder / "live.sock").exists, "the gate", seconds=60)
        worker = self._start("work", "worker")
        begun = wait_for(lambda: shared.passed_ns, "the host", seconds=300) + SECOND_NS
        wait_for(lambda: shared.passed_ns >= begun, "the first segment", seconds=300)
        while (room_s := (shared.passed_ns - begun) / SECOND_NS) < minutes * 60:
            if worker.poll() is not None or gate.poll() is not None:
                raise Impossible(f"the room stopped after {room_s:.0f} s: {self.home.said()}")
            if not self.samples or room_s >= self.samples[-1].room_s + _SAMPLE_S:
                self.samples.append(self._sample(room_s, {"worker": worker.pid, "gate": gate.pid}))
            time.sleep(0.05)
        self.samples.append(self._sample(room_s, {"worker": worker.pid, "gate": gate.pid}))
        for process in (worker, gate):
            self.home.end(process)
        (self.home.folder / "live.sock").unlink(missing_ok=True)

    def _start(self, part: str, role: str) -> subprocess.Popen[bytes]:
        return self.home.run(["-m", "bench.room.simulated", part, str(self.home.folder), self.effort.name], role)

    def _sample(self, room_s: float, pids: dict[str, int]) -> Sample:
        everyone = {**pids, **{f"measuring {n}": pid for n, pid in enumerate(children_of(pids["gate"]))}}
        cpu = {name: cpu_s(pid) for name, pid in everyone.items()}
        memory = {name: resident_mb(pid) for name, pid in everyone.items()}
        work = {name: spent for name, (spent, _wall, _calls) in read_meter(self.home.folder / "work.meter").items()}
        return Sample(room_s, time.monotonic(), cpu, memory, work)


def rows(home: Home, double: Avatar, *, minutes: float) -> Iterator[Row]:
    run = Run(home, room_on_air(double))
    run.perform(minutes)
    Room.objects.filter(pk=run.room.pk).update(wanted_on_air=False)
    cost = Cost.of(run.samples)
    yield _real_time_row(run, cost)
    yield _share_row(cost)
    yield _sign_row(home.folder)
    yield _memory_row(run)
    yield _frames_row(run.room)


@dataclass(frozen=True)
class Cost:
    """Between the first and the last sample."""

    room_s: float
    wall_s: float
    cpu: dict[str, float]
    work: dict[str, float]

    @classmethod
    def of(cls, samples: Sequence[Sample]) -> Cost:
        first, last = samples[0], samples[-1]
        cpu = {name: last.cpu[name] - first.cpu.get(name, 0.0) for name in last.cpu}
        work = {name: last.work[name] - first.work.get(name, 0.0) for name in last.work}
        return cls(last.room_s - first.room_s, last.wall_s - first.wall_s, cpu, work)

    @property
    def total(self) -> float:
        return sum(self.cpu.values())

    def said(self) -> str:
        return ", ".join(f"{name} {seconds / self.room_s:.2f}" for name, seconds in self.cpu.items())


def _real_time_row(run: Run, cost: Cost) -> Row:
    factor = cost.room_s / cost.wall_s
    what = f"room 720p25 / real time, {cost.room_s / 60:.1f} simulated minutes"
    measured = f"{factor:.2f}x  (CPU per second on air: {cost.said()})"
    return Row(what, measured, f"at least {REAL_TIME:.2f}x", factor >= REAL_TIME)


def _share_row(cost: Cost) -> Row:
    """The gate counts as a whole, its storing and listing included, and so does the child that measures for it."""
    gate = cost.total - cost.cpu["worker"]
    share = (sum(cost.work.values()) + gate) / cost.total
    parts = {**cost.work, "gate": cost.cpu["gate"], "measuring": gate - cost.cpu["gate"]}
    remark = ", ".join(f"{name} {seconds / cost.total:.0%}" for name, seconds in parts.items())
    return at_most("room: compliance / all its CPU", share, SHARE, remark, percent=True)


def _sign_row(folder: Path) -> Row:
    meter = read_meter(folder / "gate.meter")
    (cpu, wall, calls), (_cpu, kept_wall, _calls) = meter["sign"], meter["sign and keep the number"]
    measured = (
        f"{1000 * cpu / calls:.2f} ms CPU, {1000 * wall / calls:.2f} on the wall; "
        f"with its number on disk {1000 * kept_wall / calls:.1f}"
    )
    return Row("room: signing one segment", measured, f"at most {SIGN_MS:g} ms", 1000 * cpu / calls <= SIGN_MS)


def _memory_row(run: Run) -> Row:
    """By process: the median of the last minute against that of the minute after the warm-up."""
    end_s = run.samples[-1].room_s
    what = f"room: memory after {end_s / 60:.0f} simulated min / after {WARM_UP_S / 60:.0f}"
    if end_s < WARM_UP_S + 120:
        return Row(what, f"not measured: it takes more than {WARM_UP_S / 60 + 2:.0f} min (--room-minutes)")
    early = _medians(run.samples, WARM_UP_S, WARM_UP_S + 60)
    late = _medians(run.samples, end_s - 60, end_s)
    growth = {name: late[name] / early[name] for name in late if name in early}
    remark = ", ".join(f"{name} {late[name]:.0f} of {early[name]:.0f} MiB" for name in growth)
    return at_most(what, sum(late[name] for name in growth) / sum(early[name] for name in growth), GROWTH, remark)


def _medians(samples: list[Sample], start_s: float, end_s: float) -> dict[str, float]:
    within = [sample.memory for sample in samples if start_s <= sample.room_s <= end_s]
    return {name: statistics.median(memory[name] for memory in within) for name in within[-1]}


def _frames_row(room: Room) -> Row:
    """Every published segment of the host opened: pictures by their times, numbers one by one, in both renditions."""
    faults, pictures, segments = list[str](), 0, 0
    for rendition in ("high", "low"):
        times, sequences = _published(room, rendition)
        pictures += len(times)
        segments += len(sequences)
        faults += [f"{rendition} {b - a} ticks at {a}" for a, b in pairwise(times) if b - a != 3600]
        faults += [f"{rendition} number {b} after {a}" for a, b in pairwise(sequences) if b != a + 1]
    measured = "; ".join([f"{len(faults)} of {pictures} pictures in {segments} segments", *faults[:3]])
    return Row("room: pictures lost or shown twice", measured, "none", not faults and pictures > 0)


def _published(room: Room, rendition: str) -> tuple[list[int], list[int]]:
    """Times of the host's pictures in 1/90,000 s, and the numbers of their segments."""
    times, sequences = list[int](), list[int]()
    for stretch in Stretch.objects.filter(room=room, showing=Showing.HOST):
        init = (room_folder(room.pk) / rendition / init_name(stretch.init)).read_bytes()
        for sequence in range(stretch.first_sequence, stretch.last_sequence + 1):
            sequences.append(sequence)
            times += _times(init + file_of(stretch, sequence, rendition).read_bytes())
    return times, sequences


def _times(media: bytes) -> list[int]:
    with av.open(io.BytesIO(media), "r", format="mp4") as container:
        return [packet.pts for packet in container.demux(video=0) if packet.pts is not None]
