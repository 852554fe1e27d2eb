"""A machine that is too slow: every step is seen by the gate as it sees all else, and none is unmarked."""

from __future__ import annotations

import base64
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from av import VideoFrame

from avatars.media import frame_of, planes_of
from avatars.speech import Speech, speak
from compliance.release.live_measure import Measurer
from streaming.air.effort import Exertion, quickened
from streaming.air.gate import RoomThread
from streaming.air.lines import Line
from streaming.air.performer import GateLine, Stage
from streaming.air.sound_marking import SoundMarker
from streaming.air.spec import stream_spec
from streaming.air.wire import Wire
from streaming.clock import Effort, Pressure, RoomClock
from streaming.director.expression import Manner
from streaming.errors import RoomRefused
from streaming.leases import take_lease
from streaming.models import Air, Room, Source
from streaming.packager.packager import Packager, Segment
from streaming.packager.spec import Rendition, StreamSpec
from tests.road import World, scenery
from tests.streaming.rooms.planned import room_on_air
from watermark import Embedder, Key, make_patterns
from watermark.frames import luma_view

KEY, MARK = Key("test", bytes(range(32))), 0x5EED
SPEC = StreamSpec((Rendition("high", 640, 360, 900_000),))


class Figure:
    """Draws scenery, one picture for each time it would move; counts what it drew."""

    def __init__(self) -> None:
        self.drawn = 0

    def pictures(self, speech: Speech, _manner: Manner, effort: Effort) -> Iterator[VideoFrame]:
        times = 1 if effort is Effort.FULL else 2
        for picture in scenery(-(-int(speech.duration_s * SPEC.fps) // times), width=640, height=360):
            self.drawn += 1
            yield picture


class Script:
    def next_line(self) -> Line:
        return Line("大家好，欢迎。", Source.RUNDOWN, "a", pause_s=0.2)

    answer_waits = False

    def close(self) -> None:
        return


def play(effort: Effort, seconds: int, monkeypatch: pytest.MonkeyPatch) -> tuple[list[Segment], Packager, Figure]:
    """Segments as a stage makes them with this effort; marked as on air."""
    monkeypatch.setattr(Stage, "_note", lambda *_args: None)
    monkeypatch.setattr(Stage, "_language", "zh")
    nothing: Any = None
    exertion = Exertion(Pressure(effort=effort))
    stage = Stage(nothing, nothing, nothing, Script(), threading.Event(), RoomClock(SPEC.fps), SPEC, exertion)
    patterns, figure = make_patterns(KEY, MARK), Figure()
    packager, marker = Packager(SPEC, start_ns=0), SoundMarker(SPEC, patterns.sound)
    embedder, made = Embedder(patterns.picture, 640, 360), list[Segment]()
    double: Any = figure
    for picture, sound in stage._takes(double, packager, marker):
        embedder.embed(luma_view(picture), float(Fraction(packager.clock.frames, SPEC.fps)))
        made += packager.push(picture, sound, frames=sound.shape[1] // packager.clock.samples_for())
        if len(made) == seconds:
            return made, packager, figure
    raise AssertionError("the stage goes on")


@pytest.mark.parametrize(("effort", "pictures"), [(Effort.FULL, 25), (Effort.HALF_RATE, 13)])
def test_the_gate_accepts_every_step(effort: Effort, pictures: int, monkeypatch: pytest.MonkeyPatch) -> None:
    made, packager, figure = play(effort, 3, monkeypatch)
    measurer = Measurer()
    measurer.answer({"op": "open", "rendition": "high", "label": None}, packager.init("high"))
    question = {
        "op": "segment", "rendition": "high", "mark": f"{MARK:016x}", "key_id": KEY.id,
        "key": base64.b64encode(KEY.secret).decode(),
    }  # fmt: skip
    for number, segment in enumerate(made):
        assert (segment.frames, segment.first_frame, segment.duration) == (25, 25 * number, 1)
        seen = measurer.answer(question, segment.data)
        assert (seen["width"], seen["height"], seen["irregular_timestamps"]) == (640, 360, 0)
        assert 0 < seen["frames"] <= pictures
        assert abs(seen["sound"]["duration_s"] - 1) < 0.1
        assert seen["watermark"]["present"]
    assert figure.drawn <= 3 * pictures + 3 * 12


def test_lips_and_sound_stay_together_when_fewer_pictures_are_drawn() -> None:
    speech = speak("你好，欢迎。", "zh")
    half = quickened(speech, 2)
    assert half.duration_s == pytest.approx(speech.duration_s / 2)
    assert [phone.start_s for phone in half.phones] == pytest.approx([phone.start_s / 2 for phone in speech.phones])
    assert quickened(speech, 1) is speech


def test_from_full_to_the_slate_and_back() -> None:
    exertion, seen = Exertion(), []
    exertion.begin()
    while exertion.effort is not Effort.SLATE:
        if exertion.segment(
            lag_s=float(len(seen) + 1), media_s=1e-9
        ):  # no machine does a second's work in a nanosecond
            seen.append(exertion.effort)
        assert len(seen) < 9
    assert seen == [Effort.HALF_RATE, Effort.SMALL, Effort.SLATE]
    waited = 0
    while not exertion.recover(1.0):
        waited += 1
    assert exertion.effort is Effort.SMALL and 10 <= waited <= 60


class Drawn:
    """Stands for the double on a real stage: the same still, in full size, as often as it is asked for."""

    def __init__(self, *_given: object) -> None:
        self._still = next(scenery(1, width=640, height=360))

    def prepare(self, effort: Effort) -> None:
        return

    def pictures(self, speech: Speech, _manner: Manner, effort: Effort) -> Iterator[VideoFrame]:
        times = 1 if effort is Effort.FULL else 2
        for _number in range(-(-int(speech.duration_s * 25) // times)):
            yield frame_of(planes_of(self._still))


@dataclass
class Passing:
    """Time that passes only while somebody sleeps, and a little longer than they asked for, as it does."""

    ns: int = 10**18

    def clock(self) -> RoomClock:
        return RoomClock(25, monotonic_ns=lambda: self.ns, wall_ns=lambda: self.ns, sleep=self._sleep)

    def _sleep(self, seconds: float) -> None:
        self.ns += int(seconds * 1e9) + 100_000


@dataclass
class Gate:
    """Answers as the gate does and keeps the headers of what it was given; `stop` is set after `enough` segments."""

    granted: dict[str, Any]
    enough: int
    start_ns: int = 10**18
    now_ns: Callable[[], int] = lambda: 0
    stop: threading.Event = field(default_factory=threading.Event)
    taken: list[dict[str, Any]] = field(default_factory=list)
    taken_at: list[int] = field(default_factory=list)

    def serve(self, end: socket.socket) -> None:
        wire = Wire(end)
        while (message := wire.receive()) is not None:
            if message.header["op"] == "segment":
                self.taken.append(message.header)
                self.taken_at.append(self.now_ns())
            wire.send({"ok": True, "start_ns": self.start_ns, **self.granted})
            if len(self.taken) >= self.enough:
                self.stop.set()


def on_stage(room: Room, gate: Gate, exertion: Exertion, clock: RoomClock, folder: Path) -> None:
    lease = take_lease(room.pk, "performer")
    assert lease is not None
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(folder / "s"))
        listener.listen()
        line = GateLine(folder / "s", room, lease.fence)
        threading.Thread(target=gate.serve, args=(listener.accept()[0],), daemon=True).start()
        try:
            Stage(room, lease, line, Script(), gate.stop, clock, stream_spec(640, 360, 25), exertion).run(folder)
        finally:
            line.close()
            (folder / "s").unlink()
            lease.give_up()


@pytest.fixture
def permitted(world: World) -> tuple[Room, dict[str, Any]]:
    """A room on air, and what the gate grants its performer."""
    room = room_on_air(world)
    with world.as_role("gate"):
        return room, RoomThread(room.pk, threading.Event(), lambda _name, _data: None)._next_slice()


@pytest.mark.django_db
def test_a_room_that_cannot_keep_up_goes_down_in_steps_says_so_and_rests(
    permitted: tuple[Room, dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    room, granted = permitted
    monkeypatch.setattr("streaming.air.performer.Double", Drawn)
    quick, passing = Gate(granted, enough=3), Passing()
    on_stage(room, quick, Exertion(now=lambda: passing.ns / 1e9), passing.clock(), tmp_path)
    assert not room.events.filter(code__startswith="effort_").exists(), "a machine that keeps up is left alone"
    slow = Gate(granted, enough=99)
    with pytest.raises(RoomRefused, match="machine_too_slow"):  # whatever it does is too much
        on_stage(room, slow, Exertion(Pressure(busy=-1.0)), Passing().clock(), tmp_path)
    assert Air.objects.get(pk=room.pk).effort == Effort.SLATE
    told = room.events.filter(code__startswith="effort_").values_list("code", flat=True)
    assert list(told) == ["effort_half_rate", "effort_small", "effort_slate"]
    for gate in (quick, slow):
        assert [one["first_frame"] for one in gate.taken] == list(range(0, 25 * len(gate.taken), 25))
        assert {(one["frames"], one["ticks"]) for one in gate.taken} == {(25, 90_000)}
    assert room.lines.filter(manner__pace=1.0).exists()


@pytest.mark.django_db
def test_the_first_segment_is_made_at_once_and_handed_over_when_it_is_due(
    permitted: tuple[Room, dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A host that is slow to get going has all the time until its segment is due, and takes nobody's before that."""
    room, granted = permitted
    passing, drawn_at = Passing(), list[int]()

    class Noted(Drawn):
        def pictures(self, speech: Speech, manner: Manner, effort: Effort) -> Iterator[VideoFrame]:
            for picture in super().pictures(speech, manner, effort):
                drawn_at.append(passing.ns)
                yield picture

    monkeypatch.setattr("streaming.air.performer.Double", Noted)
    begun = passing.ns
    gate = Gate(granted, enough=3, start_ns=begun + 2 * 10**9, now_ns=lambda: passing.ns)
    on_stage(room, gate, Exertion(now=lambda: passing.ns / 1e9), passing.clock(), tmp_path)
    assert drawn_at[24] == begun
    for number, (header, at) in enumerate(zip(gate.taken, gate.taken_at, strict=True)):
        assert header["start_ns"] == gate.start_ns + number * 10**9
        assert 0.2 < (at - header["start_ns"]) / 1e9 < 0.8
