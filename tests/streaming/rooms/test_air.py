"""Performer and gate: sound in step with pictures, messages on the wire, the slate."""

from __future__ import annotations

import socket
import struct
from fractions import Fraction

import numpy as np
import pytest
from av import VideoFrame
from hypothesis import given, settings
from hypothesis import strategies as st

from compliance.errors import BadInput
from streaming.air.slate import Slate
from streaming.air.sound_marking import SoundMarker
from streaming.air.wire import MAX_HEADER, Wire
from streaming.packager.spec import Rendition, StreamSpec
from watermark import Key, make_patterns

KEY = Key("test", bytes(range(32)))
SPEC = StreamSpec((Rendition("high", 256, 144, 300_000), Rendition("low", 128, 72, 100_000)))


@pytest.fixture
def ends() -> tuple[Wire, socket.socket]:
    here, there = socket.socketpair()
    return Wire(here), there


@settings(max_examples=20)
@given(st.lists(st.integers(0, 40), min_size=1, max_size=4))
def test_every_picture_comes_with_its_own_length_of_sound_in_order(parts: list[int]) -> None:
    marker = SoundMarker(SPEC, make_patterns(KEY, 1).sound)
    step, seen, given_ = SPEC.sample_rate // SPEC.fps, [], 0
    noise = np.random.default_rng(1)
    for number, part in enumerate(parts):
        if number:
            marker.change(make_patterns(KEY, number + 1).sound)
        for _picture in range(part):
            frame = VideoFrame(64, 64, "yuv420p")
            frame.pts = given_
            given_ += 1
            sound = noise.normal(0, 0.1, (1, step)).astype(np.float32)
            seen += [(shown.pts, samples.shape) for shown, samples in marker.take(frame, sound)]
    assert seen == [(number, (1, step)) for number in range(len(seen))]
    assert marker.waiting == given_ - len(seen)
    assert marker.waiting / SPEC.fps <= 1.0


def test_silence_on_air_stays_silence() -> None:
    marker, step = SoundMarker(SPEC, make_patterns(KEY, 1).sound), SPEC.sample_rate // SPEC.fps
    for _picture in range(50):
        for _frame, samples in marker.take(VideoFrame(64, 64, "yuv420p"), np.zeros((1, step), np.float32)):
            assert not samples.any()


@settings(max_examples=30)
@given(st.dictionaries(st.text(max_size=8), st.integers()), st.dictionaries(st.text("ab", max_size=3), st.binary()))
def test_what_is_sent_is_received(header: dict[str, int], parts: dict[str, bytes]) -> None:
    here, there = socket.socketpair()
    header.pop("parts", None)
    Wire(here).send(header, parts)
    message = Wire(there).receive()
    assert message is not None and (message.header, message.parts) == (header, parts)
    here.close()
    assert Wire(there).receive() is None
    there.close()


@pytest.mark.parametrize(
    "sent",
    [
        struct.pack(">I", MAX_HEADER + 1),
        struct.pack(">I", 4) + b"null",
        struct.pack(">I", 2) + b"{}",
        struct.pack(">I", 3) + b"\xff\xff\xff",
        struct.pack(">I", 27) + b'{"parts": {"a": 999999999}}',
        struct.pack(">I", 18) + b'{"parts":{"a":-1}}',
    ],
    ids=["header without end", "no object", "no parts", "no text", "a part of a gigabyte", "a negative length"],
)
def test_garbage_on_the_wire_is_refused(ends: tuple[Wire, socket.socket], sent: bytes) -> None:
    wire, other = ends
    other.sendall(sent)
    with pytest.raises(BadInput, match="wire_garbage"):
        wire.receive()


def test_a_message_cut_short_is_none(ends: tuple[Wire, socket.socket]) -> None:
    wire, other = ends
    other.sendall(struct.pack(">I", 50) + b'{"parts"')
    other.close()
    assert wire.receive() is None


def test_the_slate_goes_on_in_whole_segments() -> None:
    slate = Slate.begin(SPEC, None, make_patterns(KEY, 1).picture, start_ns=1_000_000_000)
    made = [slate.segments() for _segment in range(3)]
    assert [[one.rendition for one in group] for group in made] == [["high", "low"]] * 3
    assert [group[0].start_ns for group in made] == [1_000_000_000, 2_000_000_000, 3_000_000_000]
    assert all(one.duration == Fraction(1) for group in made for one in group)
