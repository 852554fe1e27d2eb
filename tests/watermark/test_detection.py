"""What is found after what the world does to a clip, and that nothing else is ever found."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import pairwise

import av
import pytest

from tests.watermark import scenes
from tests.watermark.conftest import MARK
from watermark import Key, MarkMissing, MarkPattern, best_mark, detect_frames, embed_frames, make_pattern, verify_mark

HEX = f"{MARK:016x}"
Frames = list[av.VideoFrame]
Attack = Callable[[Frames], Iterable[av.VideoFrame]]

MUST: dict[str, Attack] = {
    "as it is": lambda f: f,
    "CRF 18": lambda f: scenes.reencoded(f, crf="18"),
    "CRF 20": lambda f: scenes.reencoded(f, crf="20"),
    "scaled to 1080": lambda f: scenes.scaled(f, 1080),
    "scaled to 480": lambda f: scenes.reencoded(scenes.scaled(f, 480), crf="20"),
    "scaled to 270 and back": lambda f: scenes.scaled(scenes.scaled(f, 270), 360),
    "cut to 80 %": lambda f: scenes.reencoded(scenes.cut(f, 0.8, x=0.2, y=0.9), crf="18"),
    "cut to 66 %": lambda f: scenes.reencoded(scenes.cut(f, 0.66), crf="18"),
    "mirrored": lambda f: scenes.reencoded(scenes.mirrored(f), crf="18"),
    "beginning cut off": lambda f: scenes.reencoded(scenes.shifted(f[17:]), crf="18"),
    "played backwards": lambda f: scenes.shifted(f[::-1]),
    "every other frame": lambda f: scenes.reencoded(f[::2], crf="18"),
}
HARD: dict[str, Attack] = {
    "studio, CRF 40": lambda f: scenes.reencoded(f[:25], crf="40"),
    "street, scaled to 90": lambda f: scenes.reencoded(scenes.scaled(f[:25], 90), crf="35"),
}


@pytest.mark.parametrize("attack", MUST.values(), ids=MUST.keys())
@pytest.mark.parametrize("scene", ["street", "studio"])
def test_the_mark_survives(scene: str, attack: Attack, key: Key, request: pytest.FixtureRequest) -> None:
    marked: Frames = request.getfixturevalue(f"marked_{scene}")
    found = detect_frames(attack(marked), key)
    assert best_mark(found) == HEX
    assert {d.mark for d in found} == {HEX}
    assert all(d.p_false <= 1e-12 and d.track == "picture" and d.from_s < d.to_s for d in found)


@pytest.mark.parametrize("name", HARD)
def test_too_hard_an_attack_gives_nothing_or_the_mark(name: str, key: Key, request: pytest.FixtureRequest) -> None:
    marked: Frames = request.getfixturevalue(f"marked_{name.split(',')[0]}")
    assert {d.mark for d in detect_frames(HARD[name](marked), key)} <= {HEX}


def test_half_the_bitrate_at_three_quarters_of_the_size(pattern: MarkPattern, key: Key) -> None:
    """The copy that the platform promises to trace: 720p to 540p at half the bitrate, metadata gone."""
    for scene in (scenes.street, scenes.studio):
        marked = list(embed_frames(scene(1280, 720, 3.0), pattern))
        release = scenes.encoded(marked, crf="18")
        half = len(release) * 8 // 3 // 2
        copy = scenes.reencoded(scenes.scaled(list(scenes.decoded(release)), 540), b=str(half))
        assert best_mark(detect_frames(copy, key)) == HEX, scene.__name__


def test_another_key_finds_nothing(marked_studio: Frames, other_key: Key) -> None:
    assert detect_frames(marked_studio[:25], other_key) == []


def test_nothing_is_found_where_nothing_is(street: Frames, studio: Frames, key: Key) -> None:
    assert detect_frames(scenes.reencoded(street, crf="30"), key, search=False) == []
    assert detect_frames(scenes.reencoded(studio[:25], crf="30"), key) == []
    assert best_mark([]) is None


def test_a_real_unmarked_clip_shows_nothing(shared_media, key: Key) -> None:
    with av.open(str(shared_media / "ai_man_idle.mp4")) as container:
        assert detect_frames(container.decode(video=0), key) == []


def test_a_real_clip_keeps_its_mark(shared_media, pattern: MarkPattern, key: Key) -> None:
    with av.open(str(shared_media / "ai_two_men_talking.mp4")) as container:
        given = [f for f, _ in zip(container.decode(video=0), range(72), strict=False)]
    marked = list(embed_frames(given, pattern))
    assert scenes.psnr(given, marked) >= 46
    copy = scenes.reencoded(scenes.scaled(marked, 540), crf="30")
    assert best_mark(detect_frames(copy, key)) == HEX


def test_a_clip_that_changes_its_mark_shows_both_and_the_boundary(studio: Frames, key: Key) -> None:
    frames = scenes.shifted(studio + studio[::-1])
    marked = [
        *embed_frames(frames[:70], make_pattern(key, 1)),
        *embed_frames(frames[70:], make_pattern(key, 2)),
    ]
    found = detect_frames(scenes.reencoded(marked, crf="21"), key)
    assert [d.mark for d in found] == ["0000000000000001", "0000000000000002"]
    assert found[0].to_s == pytest.approx(70 / 25, abs=1.0)
    assert found[1].from_s == pytest.approx(70 / 25, abs=1.0)


def test_marks_of_one_key_do_not_merge_when_overlaid(studio: Frames, key: Key) -> None:
    """A thief marks a marked clip again: either mark may win, a third never appears."""
    twice = list(embed_frames(embed_frames(studio, make_pattern(key, 1)), make_pattern(key, 2)))
    assert {d.mark for d in detect_frames(twice, key)} <= {"0000000000000001", "0000000000000002"}


def test_three_patterns_combined_by_a_thief_show_no_mark(studio: Frames, key: Key) -> None:
    """Half-cycle sums of three patterns are the pattern of another code word, which stands for no mark."""
    one, two, three = (make_pattern(key, mark) for mark in (11, 12, 13))
    forged = MarkPattern(key.id, 0, one.phases + two.phases - three.phases, one.hops, one.slot_s)
    assert detect_frames(embed_frames(studio[:50], forged), key, search=False) == []


def test_verification_names_the_slices(marked_studio: Frames, key: Key) -> None:
    result = verify_mark(scenes.reencoded(marked_studio, crf="23"), key, MARK)
    assert (result.mark, result.key_id) == (HEX, "test-key")
    assert all(part.p_false <= 1e-6 for part in result.slices)
    assert all(a.to_s == b.from_s for a, b in pairwise(result.slices))
    assert (result.slices[0].from_s, result.slices[-1].to_s) == (0.0, pytest.approx(3.0))


def test_another_mark_of_the_same_key_is_not_the_expected_one(marked_studio: Frames, key: Key) -> None:
    for other in (MARK ^ 1, 0, 7):
        with pytest.raises(MarkMissing, match="mark_missing"):
            verify_mark(marked_studio, key, other)


def test_a_stretch_without_the_mark_is_named(street: Frames, marked_street: Frames, key: Key) -> None:
    """A worker that stops marking half-way, or splices in footage, is caught."""
    frames = scenes.shifted(marked_street[:50] + street[:50] + marked_street[:50])
    with pytest.raises(MarkMissing) as refusal:
        verify_mark(scenes.reencoded(frames, crf="18"), key, MARK)
    assert (refusal.value.from_s, refusal.value.to_s) == (pytest.approx(2.0), pytest.approx(4.0))


def test_no_frames_no_mark(key: Key) -> None:
    with pytest.raises(MarkMissing, match="no_picture"):
        verify_mark([], key, MARK)
    assert detect_frames([], key) == []
