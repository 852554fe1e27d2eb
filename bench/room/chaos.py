"""One thing after another goes wrong around a room on air: what was published meanwhile, and when the host was back."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from django.conf import settings

from avatars.models import Avatar
from bench.room.bad_model import BadModel, bad_model
from bench.room.clock_shift import ClockShift
from bench.room.house import GATE, OUTPUTS, WORKER, Home, Impossible, wait_for
from bench.room.plan import last_sequence, published_at, room_on_air, wait_for_host
from bench.table import Row
from compliance.errors import BadInput
from compliance.provenance.live import LiveInvalid, LiveVerifier
from compliance.provenance.pki import Pki
from streaming.air.folders import room_folder
from streaming.archive.models import Stretch
from streaming.models import Room, RoomEvent, Showing
from streaming.packager.playlist import init_name

SILENCE_S = 2.0
"""Between two publications; a viewer's buffer bridges less."""
_BACK_S = 120.0
_CLOCKS_AHEAD = timedelta(hours=2)


@dataclass
class Scene:
    """A room on air and what its processes hang on."""

    home: Home
    room: Room
    gate: subprocess.Popen[bytes]
    worker: subprocess.Popen[bytes]
    model: BadModel
    clock: ClockShift
    quick: bool

    def seconds(self, full: float) -> float:
        """How long the trouble lasts."""
        return min(full, 5.0) if self.quick else full


@dataclass(frozen=True)
class Trouble:
    """`make`: goes wrong and right again; what it returns is told besides. `may_leave`: the host may go meanwhile.
    `of_database`: it differs with the database, so that it is made on a server as well.
    """

    what: str
    make: Callable[[Scene], str]
    may_leave: bool
    of_database: bool = False


def rows(home: Home, double: Avatar, *, quick: bool) -> Iterator[Row]:
    from bench.room.troubles import TROUBLES, small_disk

    with ExitStack() as stack:
        model = stack.enter_context(bad_model())
        disk = stack.enter_context(small_disk())
        scene = _scene(home, double, model, quick)
        for trouble in [trouble for trouble in TROUBLES if trouble.of_database or home.server is None]:
            if trouble.what == "disk full" and not disk:
                yield Row("disk full", "not measured: no right to mount a small one", "never unsigned, back by itself")
                continue
            yield _row(scene, trouble)
        for process in (scene.gate, scene.worker):
            home.end(process)


def _scene(home: Home, double: Avatar, model: BadModel, quick: bool) -> Scene:
    clock = ClockShift(home.folder)
    home.start_tsa(**clock.environment)
    named = {"AVOW_MODEL_URL": model.address, "AVOW_MODEL_NAME": "bench", "AVOW_MODEL_KEY": "bench"}
    gate = home.start(GATE, **clock.environment)
    worker = home.start(WORKER, **clock.environment, **named)
    home.start(OUTPUTS)
    room = room_on_air(double)
    wait_for_host(room, segments=8)
    return Scene(home, room, gate, worker, model, clock, quick)


def _row(scene: Scene, trouble: Trouble) -> Row:
    wait_for_host(scene.room, segments=5)
    before, begun = last_sequence(scene.room), datetime.now(UTC)
    limit = "never unsigned, " + ("back by itself" if trouble.may_leave else "host stays")
    try:
        more = trouble.make(scene)
        ended = time.time()
        back_s = _host_back(scene.room, ended) - ended
    except Impossible as why:
        print(scene.home.said(), file=sys.stderr)
        return Row(trouble.what, str(why), limit, False)
    seen = Seen.of(scene.room, before)
    told = RoomEvent.objects.filter(room=scene.room, at__gte=begun).exclude(code__startswith="showing_")
    codes = ", ".join(dict.fromkeys(told.values_list("code", flat=True)))
    words = [seen.said(), f"host {back_s:.0f} s after it" if seen.left else "", more, f"told: {codes}" if codes else ""]
    held = not seen.unsigned and (trouble.may_leave or not seen.left)
    return Row(trouble.what, "; ".join(filter(None, words)), limit, held)


def _host_back(room: Room, ended: float) -> float:
    """When the first segment of the host was published that began after the trouble, and two more had followed it."""

    def found() -> float | None:
        newest = Stretch.objects.filter(room=room).latest("first_sequence")
        if newest.showing != Showing.HOST or newest.count < 3:
            return None
        times = [published_at(newest, number) for number in range(newest.first_sequence, newest.last_sequence + 1)]
        after = [at for at in times if at > ended]
        return after[0] if len(after) > 2 else None

    return wait_for(found, "the host", seconds=_BACK_S, every_s=0.2)


@dataclass(frozen=True)
class Seen:
    """What was published: seconds of each, the longest time without anything, segments that do not verify."""

    host_s: float
    slate_s: float
    nothing_s: float
    unsigned: int

    @property
    def left(self) -> bool:
        return self.slate_s > 0 or self.nothing_s > 0

    def said(self) -> str:
        nothing = f", nothing {self.nothing_s:.0f} s" if self.nothing_s else ""
        slate = f", slate {self.slate_s:.0f} s" if self.slate_s else ""
        unsigned = f", {self.unsigned} DO NOT VERIFY" if self.unsigned else ", each verified"
        return f"host {self.host_s:.0f} s{slate}{nothing}{unsigned}"

    @classmethod
    def of(cls, room: Room, before: int) -> Seen:
        """Of what was published behind segment `before`."""
        shown = {Showing.HOST: 0.0, Showing.SLATE: 0.0}
        times, unsigned = list[float](), 0
        for stretch in Stretch.objects.filter(room=room):
            numbers = [n for n in range(stretch.first_sequence, stretch.last_sequence + 1) if n > before]
            shown[Showing(stretch.showing)] += len(numbers) * stretch.ticks / 90_000
            listed = range(max(before, stretch.first_sequence), stretch.last_sequence + 1)
            times += [published_at(stretch, number) for number in listed]
            unsigned += _unverified(stretch, numbers)
        gaps = [later - earlier for earlier, later in pairwise(times)]
        silence = max(gaps, default=0.0)
        return cls(shown[Showing.HOST], shown[Showing.SLATE], silence if silence > SILENCE_S else 0.0, unsigned)


def _unverified(stretch: Stretch, numbers: list[int]) -> int:
    """How many of these segments a viewer's verifier refuses; its clock may be behind the one that was set."""
    from bench.room.plan import file_of

    if not numbers:
        return 0
    pki = Pki.from_settings()
    verifier = LiveVerifier(pki.anchor_paths(), now=lambda: datetime.now(UTC) + _CLOCKS_AHEAD)
    folder, refused = room_folder(stretch.room_id), 0
    verifier.init((folder / "high" / init_name(stretch.init)).read_bytes())
    for number in numbers:
        try:
            verifier.segment(file_of(stretch, number).read_bytes(), after_seek=number == numbers[0])
        except (LiveInvalid, BadInput) as error:
            print(f"segment {number}: {error}", file=sys.stderr)
            refused += 1
    return refused


def live_folder() -> str:
    """Where published bytes lie."""
    return str(settings.AVOW_LIVE_DIR)
