"""Motion gives the mark away: what its neighbours foretell of a frame is its picture, not the tile, which stands."""

from __future__ import annotations

import av
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import watermark
from tests.watermark import scenes
from tests.watermark.conftest import MARK
from watermark import motion_compensation
from watermark.motion_compensation import compensated


def lumas(frames: list[av.VideoFrame], step: int = 5) -> list[torch.Tensor]:
    return [torch.from_numpy(scenes.luma_of(frame)) for frame in frames[::step]]


def test_a_second_under_a_moving_camera_is_read_after_a_codec(
    marked_street: list[av.VideoFrame], key: watermark.Key
) -> None:
    second = list(scenes.reencoded(marked_street[25:50], crf="28"))
    (found,) = watermark.detect_frames(second, key)
    assert (int(found.mark, 16), found.from_s, found.to_s) == (MARK, 1.0, 2.0)
    assert found.p_false < 1e-20


def test_without_looking_at_the_motion_that_second_is_lost(
    marked_street: list[av.VideoFrame], key: watermark.Key, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(motion_compensation, "_STILL", 1.1)  # nothing ever moves that much
    second = list(scenes.reencoded(marked_street[25:50], crf="28"))
    assert watermark.detect_frames(second, key) == []


def test_a_moving_second_shows_nothing_to_another_key(
    marked_street: list[av.VideoFrame], other_key: watermark.Key
) -> None:
    assert watermark.detect_frames(marked_street[25:50], other_key, search=False) == []


def test_the_picture_goes_and_the_tile_stays(
    street: list[av.VideoFrame], marked_street: list[av.VideoFrame]
) -> None:
    second = slice(25, 50)
    plain, marked = lumas(street[second]), lumas(marked_street[second])
    tile = marked[0].float() - plain[0].float()
    foreign = next(iter(compensated(marked, ())))
    assert float(foreign.moved.mean()) > 0.5
    assert float(foreign.rest.std()) < 0.3 * float(marked[0].float().std())
    kept = float((foreign.rest * tile).sum() / (tile * tile).sum())
    assert 0.7 < kept < 1.3


def test_a_camera_at_rest_gives_nothing_away(marked_studio: list[av.VideoFrame]) -> None:
    assert list(compensated(lumas(marked_studio[:25]), ())) == []


def test_a_single_frame_has_no_neighbours(marked_street: list[av.VideoFrame]) -> None:
    assert list(compensated(lumas(marked_street[:1]), ())) == []


@settings(max_examples=15, deadline=None)
@given(
    rows=st.integers(64, 130), columns=st.integers(64, 130), count=st.integers(2, 4), beside=st.integers(0, 2),
    seed=st.integers(0, 99),
)  # fmt: skip
def test_any_pictures_give_finite_planes_of_their_size(
    rows: int, columns: int, count: int, beside: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    scene = rng.integers(0, 256, (rows + 60, columns)).astype(np.uint8)
    pictures = [torch.from_numpy(scene[9 * i : 9 * i + rows].copy()) for i in range(count + beside)]
    for foreign in compensated(pictures[:count], pictures[count:]):
        assert foreign.rest.shape == foreign.moved.shape == (rows, columns)
        assert bool(torch.isfinite(foreign.rest).all())
        assert 0 <= float(foreign.moved.min()) <= float(foreign.moved.max()) <= 1 + 1e-6
