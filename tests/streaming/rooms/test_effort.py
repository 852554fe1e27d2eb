"""A machine that is too slow: every step is seen by the gate as it sees all else, and none is unmarked."""

from __future__ import annotations

import base64
import threading
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import pytest
from av import VideoFrame

from avatars.speech import Speech, speak
from compliance.release.live_measure import Measurer
from streaming.air.effort import Exertion, quickened
from streaming.air.lines import Line
from streaming.air.performer import Stage
from streaming.air.sound_marking import SoundMarker
from streaming.clock import Effort, Pressure, RoomClock
from streaming.director.expression import Manner
from streaming.models import Source
from streaming.packager.packager import Packager, Segment
from streaming.packager.spec import Rendition, StreamSpec
from tests.road import scenery
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
        return Line("今天为大家介绍润肤霜，每瓶五十毫升。", Source.RUNDOWN, "a", pause_s=0.2)

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
