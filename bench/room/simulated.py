"""Gate and performer of one room whose time passes as fast as they work.

`python -m bench.room.simulated gate|work FOLDER EFFORT`.

Everything is the product's own; only the clocks differ. The room's time stands while a segment is made, measured and
signed, and moves on by its length when the gate has published it, so nothing is ever early or late and nobody waits.
It lies in a file that both processes map. Each process also counts what its compliance work costs.
"""

from __future__ import annotations

import json
import math
import mmap
import signal
import struct
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import django

if __name__ == "__main__":
    django.setup()

if TYPE_CHECKING:
    from streaming.clock import Effort, RoomClock
    from streaming.models import Room

_NUMBER = struct.Struct("<q")
SECOND_NS = 1_000_000_000


class SharedTime:
    """The room's time in ns since 1970; the real one until it is set for the first time."""

    def __init__(self, path: Path) -> None:
        if not path.exists():
            path.write_bytes(_NUMBER.pack(0))
        with path.open("r+b") as file:
            self._memory = mmap.mmap(file.fileno(), _NUMBER.size)

    def set(self, ns: int) -> None:
        self._memory[:] = _NUMBER.pack(ns)

    @property
    def passed_ns(self) -> int:
        """0 while real time counts."""
        return int(_NUMBER.unpack(self._memory[:])[0])

    def now_ns(self) -> int:
        return self.passed_ns or time.time_ns()


class Meter:
    """Processor and wall seconds of chosen functions in this process, by name; written to a file once a second."""

    def __init__(self, path: Path) -> None:
        self._path, self._spent = path, dict[str, list[float]]()
        threading.Thread(target=self._write, daemon=True).start()

    def watch(self, owner: Any, name: str, what: str) -> None:
        """Count every call of `owner.name` under `what`."""
        function, spent = getattr(owner, name), self._spent.setdefault(what, [0.0, 0.0, 0.0])

        def counted(*args: Any, **kwargs: Any) -> Any:
            cpu, wall = time.thread_time(), time.perf_counter()
            try:
                return function(*args, **kwargs)
            finally:
                spent[0] += time.thread_time() - cpu
                spent[1] += time.perf_counter() - wall
                spent[2] += 1

        setattr(owner, name, counted)

    def _write(self) -> None:
        while True:
            time.sleep(1)
            unfinished = self._path.with_suffix(".part")
            unfinished.write_text(json.dumps(self._spent))
            unfinished.replace(self._path)


def read_meter(path: Path) -> dict[str, tuple[float, float, float]]:
    """Processor seconds, wall seconds and calls by name."""
    return {name: (cpu, wall, calls) for name, (cpu, wall, calls) in json.loads(path.read_text()).items()}


def gate(shared: SharedTime, meter: Meter, _effort: Effort) -> None:
    """The live gate, whose clock is the room's time."""
    from django.conf import settings

    from compliance.provenance.live import LiveSession
    from streaming.air.gate import LiveGate

    meter.watch(LiveSession, "_sign", "sign")
    meter.watch(LiveSession, "sign_segment", "sign and keep the number")
    LiveGate(Path(settings.AVOW_LIVE_SOCKET), stopping=_until_asked(), now_ns=shared.now_ns).serve()


def work(shared: SharedTime, meter: Meter, effort: Effort) -> None:
    """The performer of the one room that is wanted on air, who never does more or less than this effort."""
    import torch

    from avatars.label import LabelOverlay
    from streaming.models import Room
    from watermark import Embedder
    from watermark.sound import SoundEmbedder

    torch.set_num_threads(1)  # as `room work`
    meter.watch(LabelOverlay, "draw", "label")
    meter.watch(Embedder, "embed", "watermark, picture")
    meter.watch(SoundEmbedder, "process", "watermark, sound")
    room = Room.objects.filter(wanted_on_air=True).select_related("take__grant", "avatar", "organisation").get()
    _perform(room, shared, effort, _until_asked())


def _perform(room: Room, shared: SharedTime, effort: Effort, stopping: threading.Event) -> None:
    from django.conf import settings

    from avatars import vault
    from avatars.engine.package import load_model
    from streaming.air.effort import Exertion
    from streaming.air.host import host_of
    from streaming.air.performer import GateLine, Stage
    from streaming.air.spec import stream_spec
    from streaming.clock import Pressure
    from streaming.leases import take_lease

    class Line(GateLine):
        """Moves the room's time on with every answer."""

        def ask(self, op: str, parts: dict[str, bytes] | None = None, **fields: Any) -> dict[str, Any]:
            answer = super().ask(op, parts, **fields)
            if op == "begin":
                shared.set(int(answer["start_ns"]))
            elif op == "segment":
                shared.set(int(fields["start_ns"]) + int(fields["ticks"]) * SECOND_NS // 90_000)
            return answer

    lease = take_lease(room.pk, "performer")
    assert lease is not None
    host = host_of(room, lease)
    host.start()
    spec = stream_spec(room.take.width, room.take.height, room.take.fps)
    steady = Exertion(Pressure(late_s=math.inf, busy=math.inf, calm=-math.inf, effort=effort))
    line = Line(Path(settings.AVOW_LIVE_SOCKET), room, lease.fence)
    with vault.local_copy(room.avatar.grant_id, room.avatar.model) as model:
        voice = load_model(model).voice
        Stage(room, lease, line, host, stopping, _clock_that_never_waits(spec.fps), spec, steady, voice).run(model)


def _clock_that_never_waits(fps: int) -> RoomClock:
    from streaming.clock import RoomClock

    now = [time.time_ns()]

    def passes(seconds: float) -> None:
        now[0] += int(seconds * SECOND_NS)

    return RoomClock(fps, monotonic_ns=lambda: now[0], wall_ns=lambda: now[0], sleep=passes)


def _until_asked() -> threading.Event:
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_ignored: stopping.set())
    return stopping


PARTS: dict[str, Callable[[SharedTime, Meter, Effort], None]] = {"gate": gate, "work": work}


if __name__ == "__main__":
    from streaming.clock import Effort

    part, folder, steps = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
    PARTS[part](SharedTime(folder / "time"), Meter(folder / f"{part}.meter"), Effort[steps])
