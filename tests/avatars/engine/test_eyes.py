"""The iris slides between the lids; nothing else moves, and closed eyes stay closed."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from avatars.engine.eyes import EYES, GAZE_ROOM, gaze_room, turn_eyes

HEIGHT, WIDTH, RADIUS = 120, 320, 9.0
MIDDLES = (90 + 60j, 230 + 60j)


def eyes_at(height: float) -> np.ndarray:
    """Two eyes, 54 pixels wide and `height` high, with irises in their middle; complex [len(EYES)]."""
    around = np.exp(1j * (np.pi + np.arange(16) * 2 * np.pi / 16))
    lids = 27 * around.real + 0.5j * height * around.imag
    iris = np.array([0, RADIUS, -1j * RADIUS, -RADIUS, 1j * RADIUS])
    return np.concatenate([np.concatenate([middle + lids, middle + iris]) for middle in MIDDLES])


def picture(height: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Skin, whites and dark irises as the lids show them, with a little texture everywhere."""
    x, y = np.meshgrid(np.arange(WIDTH), np.arange(HEIGHT))
    luma = 150 + np.random.default_rng(1).integers(-6, 7, (HEIGHT, WIDTH))
    for middle in MIDDLES:
        across, down = x - middle.real, y - middle.imag
        open_ = (across / 27) ** 2 + (down / (height / 2)) ** 2 < 1
        luma[open_] = 220
        luma[open_ & (np.hypot(across, down) < RADIUS)] = 40
    half = np.full((HEIGHT // 2, WIDTH // 2), 128, np.uint8)
    return luma.astype(np.uint8), half, half.copy()


def dark(luma: np.ndarray, side: slice) -> complex:
    """The middle of what is dark in the columns `side`."""
    rows, columns = np.nonzero(luma[:, side] < 100)
    return complex(columns.mean(), rows.mean())


SIDES = (slice(0, WIDTH // 2), slice(WIDTH // 2, WIDTH))


@settings(max_examples=60, deadline=None)
@given(st.floats(-3.5, 3.5), st.floats(-3.5, 3.5))
def test_both_irises_go_where_they_are_told_and_nothing_else_does(aside: float, down: float) -> None:
    before, after = picture(22.0), picture(22.0)
    turn_eyes(after, eyes_at(22.0), complex(aside, down))
    for side in SIDES:
        moved = dark(after[0], side) - dark(before[0], side)
        assert abs(moved.real - aside) < 0.5
        assert 0.3 * abs(down) - 0.35 <= abs(moved.imag) <= abs(down) + 0.35
        assert abs(moved.imag) < 0.35 or moved.imag * down > 0
    x, y = np.meshgrid(np.arange(WIDTH), np.arange(HEIGHT))
    apart = np.min([((x - m.real) / 28) ** 2 + ((y - m.imag) / 12) ** 2 for m in MIDDLES], axis=0)
    assert np.array_equal(after[0][apart > 1], before[0][apart > 1])


@given(st.floats(-3.5, 3.5), st.floats(-3.5, 3.5), st.floats(0.0, 4.0))
def test_closed_eyes_stay_as_they_are(aside: float, down: float, height: float) -> None:
    before, after = picture(height + 0.5), picture(height + 0.5)
    turn_eyes(after, eyes_at(height), complex(aside, down))
    assert all(np.array_equal(*pair) for pair in zip(before, after, strict=True))


def test_eyes_at_the_edge_of_the_picture_are_turned_as_far_as_they_show() -> None:
    before, after = picture(22.0), picture(22.0)
    turn_eyes(after, eyes_at(22.0) - 95, 2 + 1j)  # the left one half outside, the right one on skin and white
    assert not np.array_equal(after[0], before[0])
    turn_eyes(after, eyes_at(22.0) + 500 + 200j, 2 + 1j)  # nowhere near


def test_how_far_somebody_looks_about_is_learnt_within_bounds() -> None:
    random = np.random.default_rng(2)
    unit = (eyes_at(22.0) - 160 - 60j) / 194  # outer corners 1 apart
    still = np.tile(unit, (200, 1))
    assert gaze_room(still) == GAZE_ROOM[0]
    looks = still.copy()
    shift = 0.009 * (random.normal(size=200) + 1j * random.normal(size=200))
    irises = [place for place, number in enumerate(EYES) if number >= 468]
    looks[:, irises] += shift[:, None]
    assert GAZE_ROOM[0] < gaze_room(looks) < GAZE_ROOM[1]
    looks[:, irises] += 9 * shift[:, None]
    assert gaze_room(looks) == GAZE_ROOM[1]
