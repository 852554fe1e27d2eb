"""A reader that holds the list of marks that were given out."""

from __future__ import annotations

import json
import random
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import watermark
from tests.watermark import scenes
from tests.watermark.conftest import MARK
from watermark.__main__ import main
from watermark.known_marks import MOST, KnownMarks
from watermark.payload import Payload
from watermark.polar import encode

STRANGERS = [random.Random(5).getrandbits(64) for _ in range(1000)]


@pytest.fixture(scope="module")
def poor_copy(marked_street: list[av.VideoFrame]) -> list[av.VideoFrame]:
    """A second that shows the tile and too little of its mark."""
    return list(scenes.reencoded(marked_street[25:50], crf="32"))


def test_what_is_too_poor_to_tell_any_mark_tells_one_of_a_thousand(
    poor_copy: list[av.VideoFrame], key: watermark.Key
) -> None:
    (found,) = watermark.detect_frames(poor_copy, key, known=[*STRANGERS, MARK], search=False)
    assert int(found.mark, 16) == MARK
    assert found.p_false <= 3e-11


@pytest.mark.parametrize("known", [[], STRANGERS])
def test_nothing_is_made_of_it_without_its_mark_in_the_list(
    poor_copy: list[av.VideoFrame], key: watermark.Key, known: list[int]
) -> None:
    assert watermark.detect_frames(poor_copy, key, known=known, search=False) == []


def test_unmarked_video_shows_none_of_the_list(street: list[av.VideoFrame], key: watermark.Key) -> None:
    assert watermark.detect_frames(street, key, known=[*STRANGERS, MARK], search=False) == []


def test_a_clear_mark_is_told_though_the_list_knows_only_others(
    marked_street: list[av.VideoFrame], key: watermark.Key
) -> None:
    found = watermark.detect_frames(marked_street, key, known=STRANGERS, search=False)
    assert {int(d.mark, 16) for d in found} == {MARK}


def test_a_mark_beyond_64_bits_is_refused(poor_copy: list[av.VideoFrame], key: watermark.Key) -> None:
    with pytest.raises(watermark.BadMark):
        watermark.detect_frames(poor_copy, key, known=[1 << 64], search=False)


def test_the_list_has_an_end(key: watermark.Key) -> None:
    assert len(KnownMarks(range(MOST + 5), Payload(key))) == MOST
    assert len(KnownMarks([7, 7, 8], Payload(key))) == 2


@settings(max_examples=25, deadline=None)
@given(
    marks=st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=30, unique=True), data=st.data(),
    noise=st.integers(0, 2**32),
)  # fmt: skip
def test_of_any_list_the_mark_that_is_there_agrees_best(
    key: watermark.Key, marks: list[int], data: st.DataObject, noise: int
) -> None:
    payload, mark = Payload(key), data.draw(st.sampled_from(marks))
    word = 1.0 - 2.0 * encode(payload.bits(mark))
    soft = word + np.random.default_rng(noise).normal(0, 1.5, len(word))
    found, agreeing = KnownMarks(marks, payload).best(soft)
    assert found == mark
    assert agreeing == pytest.approx(float(word @ soft))


def test_the_command_line_takes_a_list_and_names_what_is_wrong_with_one(
    key: watermark.Key, poor_copy: list[av.VideoFrame], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key_file, clip, known = tmp_path / "k.json", tmp_path / "poor.mp4", tmp_path / "known.txt"
    watermark.generate_key(key_file)
    scenes.write_with_sound(clip, poor_copy)
    arguments = ["detect", str(clip), "--key-file", str(key_file), "--no-search", "--json", "--known", str(known)]
    assert main(arguments) == 2
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "bad_known_marks"
    known.write_text("c0ffee\nnot a mark\n")
    assert main(arguments) == 2
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "bad_mark"
    known.write_text("c0ffee\n\n12ab\n")
    assert main(arguments) == 0
    assert json.loads(capsys.readouterr().out)["detections"] == []
