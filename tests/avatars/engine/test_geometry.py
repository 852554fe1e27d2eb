"""Laws of the small parts that hold for all inputs."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from avatars.engine.bank import MouthBank, pick_mouths
from avatars.engine.base import IdleWalk, Pace
from avatars.engine.drive import commanded_lips
from avatars.engine.framing import frame_for
from avatars.engine.geometry import INNER, LIPS, OUTER, POINTS, STABLE, Similarity, gap, with_gap
from avatars.engine.habits import FEATURES, SYMBOLS, TARGETS, Habits
from avatars.engine.response import OPENINGS, WIDTHS, Response, astray, calibrate
from avatars.engine.turning import learn_turning
from avatars.engine.warp import Region, fine_from_coarse, inverse_map

from .conftest import say

FEW = settings(max_examples=40, deadline=None)


def face(opening: float) -> np.ndarray:
    """A round mouth among points that do not matter."""
    points = np.zeros(len(POINTS), complex)
    for ring, start, high in ((OUTER, 0, 0.12 + opening / 2), (INNER, len(OUTER), opening / 2)):
        angle = np.pi + np.arange(len(ring)) / len(ring) * 2 * np.pi
        points[start : start + len(ring)] = 0.25 * np.cos(angle) - 1j * high * np.sin(angle) + 0.8j
    return points


@FEW
@given(st.floats(0, 0.4), st.floats(0, 0.4))
def test_lips_open_exactly_as_far_as_asked_and_never_cross(before: float, wanted: float) -> None:
    after = with_gap(face(before), wanted)
    inner = after[len(OUTER) : LIPS]
    heights = np.array([(inner[i] - inner[-i]).imag for i in range(1, 10)])
    assert abs(float(gap(after)) - wanted) < 0.012
    assert heights.min() >= -1e-9


@FEW
@given(st.floats(0.1, 5), st.floats(-3, 3), st.floats(-100, 100), st.integers(0, 1000))
def test_similarity_is_recovered(scale: float, angle: float, shift: float, seed: int) -> None:
    points = np.random.default_rng(seed).normal(size=(6, 2)) @ np.array([1, 1j])
    true = Similarity(complex(scale * np.exp(1j * angle)), complex(shift, -shift))
    found = Similarity.between(points, true(points))
    assert np.allclose(found(points), true(points), atol=1e-6)
    assert np.allclose(found.inverse()(found(points)), points, atol=1e-6)


@FEW
@given(st.integers(2, 80), st.integers(1, 400), st.integers(0, 99))
def test_idle_motion_never_jumps(length: int, frames: int, seed: int) -> None:
    motion = np.abs(np.random.default_rng(seed).normal(size=length))
    path = Pace(IdleWalk(length, motion, seed), 25, 25).take(frames)
    assert path.min() >= 0 and path.max() < length
    assert np.abs(np.diff(path)).max(initial=0) <= 1
    again = Pace(IdleWalk(length, motion, seed), 25, 25)
    in_parts = np.concatenate([again.take(frames // 2), again.take(frames - frames // 2)])
    assert np.array_equal(path, in_parts)


@FEW
@given(st.lists(st.sampled_from(["p", "m", "aa", "iy", "uw", "s", "sil"]), min_size=1, max_size=12))
def test_commanded_lips_stay_in_range_and_close(symbols: list[str]) -> None:
    speech = say(*((symbol, 0.12) for symbol in symbols))
    lips = commanded_lips(speech, 25)
    opening, width = lips.opening, lips.width
    assert opening.min() >= 0 and opening.max() <= 1 and np.abs(width).max() <= 1
    assert np.abs(np.diff(opening)).max(initial=0) <= 11 / 25 + 1e-9
    for phone in speech.phones:
        inside = [n for n in range(len(opening)) if phone.start_s + 0.01 < (n + 0.5) / 25 < phone.end_s - 0.01]
        if phone.symbol in {"p", "m"} and inside:
            assert opening[inside].max() == 0


def test_who_is_known_draws_breath_before_a_speech_and_rests_in_pauses() -> None:
    nothing, usual = np.zeros(FEATURES), np.array([0.4, *[0.0] * (TARGETS - 1)])
    habits = Habits(nothing, nothing + 1, np.zeros((FEATURES, TARGETS)), usual, np.ones(len(SYMBOLS)))
    speech = say(("sil", 1.2), ("aa", 0.3), ("m", 0.12), ("aa", 0.3), ("sil", 1.2))
    known, unknown = (commanded_lips(speech, 25, one).opening for one in (habits, None))
    before, lips_meet, long_before, long_after = slice(22, 28), 39, slice(0, 12), slice(62, None)
    assert known[before].min() > 0.3 and unknown[22:26].max() == 0
    assert known[lips_meet] == 0
    assert known[long_before].max() == 0 and known[long_after].max() == 0


@FEW
@given(st.integers(64, 540).map(lambda n: 2 * n), st.integers(64, 540).map(lambda n: 2 * n))
def test_crop_lies_in_the_footage_and_keeps_the_aspect(width: int, height: int) -> None:
    boxes = np.array([[900.0, 500.0, 1000.0, 640.0]])
    frame = frame_for(boxes, (1920, 1080), width, height)
    assert 0 <= frame.left <= 1920 - frame.width and 0 <= frame.top <= 1080 - frame.height
    assert frame.left % 2 == frame.top % 2 == 0
    assert abs(frame.width / frame.height - width / height) < 0.05 * width / height
    assert frame.left <= 900 and frame.left + frame.width >= 1000
    assert frame.top <= 500 and frame.top + frame.height >= 640


def test_mesh_that_does_not_move_is_the_identity() -> None:
    mesh = np.array([10 + 10j, 50 + 12j, 30 + 44j, 31 + 20j])
    triangles = np.array([[0, 1, 3], [1, 2, 3], [2, 0, 3]], np.int32)
    region = Region(4, 6, 60, 44)
    for step in (1, 2):
        x, y, covered = inverse_map(mesh, mesh, triangles, region, step)
        assert covered.any() and not covered.all()
        fine_x, fine_y = fine_from_coarse(x, y, region) if step == 2 else (x, y)
        assert np.allclose(fine_x, np.arange(4, 64)[None, :], atol=1e-3)
        assert np.allclose(fine_y, np.arange(6, 50)[:, None], atol=1e-3)


def test_mouth_is_kept_while_it_fits() -> None:
    shapes = np.array([0.0, 1.0, 0.5, 0.52])
    nothing = np.zeros(4)
    crops, points = np.zeros((4, 6, 4), np.uint8), np.zeros((4, 60), np.complex64)
    bank = MouthBank(crops, points, shapes, nothing, nothing, np.arange(4))
    wanted = np.array([0.0, 0.0, 0.5, 0.52, 0.5, 0.52, 1.0, 1.0, 0.0])
    path = pick_mouths(bank, wanted, np.zeros(9))
    assert path[0] == 0 and path[-1] == 0 and path[6] == 1
    assert len(set(path[2:6])) == 1


@FEW
@given(st.integers(0, 99))
def test_what_the_turn_of_the_head_does_is_told_from_what_speech_does(seed: int) -> None:
    random = np.random.default_rng(seed)
    turns, opening = random.normal(size=(400, 2)), random.uniform(0, 0.1, 400)
    stable_axes, carried = (
        random.normal(size=(2, many, 2)) @ np.array([0.01, 0.01j]) for many in (len(STABLE), len(POINTS))
    )
    speech = np.linspace(-1j, 1j, len(POINTS))
    stable = 1 + turns @ stable_axes
    points = 2 + turns @ carried + opening[:, None] * speech
    level = points - learn_turning(stable, points, opening).effect(stable)
    assert np.abs(level - level.mean(axis=0) - (opening - opening.mean())[:, None] * speech).mean() < 1e-3


def test_drawn_mouths_make_up_for_what_the_mesh_does_not_see() -> None:
    def read(opening: float, width: float) -> tuple[float, float]:
        return max(0.0, opening - 0.1), 0.6 + 0.5 * 0.05 * width  # blind to a tenth, and to half of a widening

    seen = np.array([[read(opening, width) for opening in OPENINGS] for width in WIDTHS])
    response = calibrate(seen, 0.05, 0.05)
    opening, width = response.to_draw(0.5, 0.6)
    assert abs(read(opening, width)[0] - 0.5) < 0.02
    assert abs(width - 1.2) < 1e-6
    assert response.to_draw(0.0, 0.3)[0] == 0.0  # closed stays closed
    assert response.to_draw(0.2, 1.0)[1] <= 1.6  # and nothing is drawn beyond bounds


def test_faces_that_are_not_found_leave_the_command_as_it_is() -> None:
    response = calibrate(np.full((*Response.SHAPE, 2), np.nan), 0.05, 0.05)
    assert np.allclose(response.drawn, Response.plain().drawn)
    assert response.to_draw(float(OPENINGS[8]), 0.5) == (OPENINGS[8], 0.5)


def test_where_lips_are_read_beside_their_place_is_learnt_over_the_openings() -> None:
    openings, aside = np.tile(OPENINGS, 3), np.linspace(-0.01j, 0.02, LIPS)
    slips = aside + openings[:, None] * 2j * aside
    slips[::7] = np.nan  # no face was found
    assert np.allclose(astray(openings, slips), [aside, 2j * aside])
    assert np.allclose(Response(OPENINGS, OPENINGS, astray(openings, slips)).aim(0.5), -aside - 1j * aside)
    assert not astray(openings, np.full_like(slips, np.nan)).any()
