"""What embedding changes in a frame, and what it leaves alone."""

from __future__ import annotations

import itertools
from fractions import Fraction

import av
import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.watermark import scenes
from watermark import BadMedia, Embedder, Key, MarkPattern, embed_frames, make_pattern

PATTERN = make_pattern(Key("any", b"\x05" * 32), 5)


def test_the_change_is_small_everywhere(street, marked_street, studio, marked_studio) -> None:
    assert scenes.psnr(street, marked_street) >= 48
    assert scenes.psnr(studio, marked_studio) >= 51


@given(st.integers(0, 2**32 - 1), st.sampled_from([(320, 180), (181, 333)]), st.floats(0, 2.5))
@settings(max_examples=15, deadline=None)
def test_no_picture_loses_more_than_the_budget(seed: int, size: tuple[int, int], slope: float) -> None:
    """Pictures of any spectrum and contrast, at any time: PSNR of 48 dB at least, uniform or masked."""
    rng = np.random.default_rng(seed)
    width, height = size
    fy, fx = np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None, :]
    falloff = 1 / np.maximum(np.hypot(fy, fx), 1 / width) ** slope
    noise = rng.standard_normal((height, len(fx[0]))) * np.exp(2j * np.pi * rng.random((height, len(fx[0]))))
    still = np.fft.irfft2(noise * falloff, s=(height, width))
    picture = np.clip(rng.uniform(0, 255) + rng.uniform(0, 90) * still / still.std(), 0, 255).astype(np.uint8)
    for mask in (True, False):
        marked = picture.copy()
        Embedder(PATTERN, width, height, mask=mask).embed(marked, float(rng.uniform(-100, 100)))
        change = marked.astype(int) - picture
        assert np.mean(change**2) <= 255**2 / 10**4.8


def test_busy_and_plain_scenes_of_720_lines_keep_their_structural_similarity(pattern: MarkPattern) -> None:
    for scene in (scenes.street, scenes.studio):
        before = [scenes.luma_of(frame) for frame in scene(1280, 720, 0.08)]
        for index, luma in enumerate(before):
            marked = luma.copy()
            Embedder(pattern, 1280, 720).embed(marked, index / 25)
            assert similarity(luma, marked) >= 0.996, scene.__name__


def similarity(one: scenes.Luma, two: scenes.Luma) -> float:
    """Mean structural similarity over squares of eight pixels (Wang et al. 2004, with flat windows)."""

    def mean(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        sums = np.pad(values.cumsum(0).cumsum(1), ((1, 0), (1, 0)))
        return (sums[8:, 8:] - sums[:-8, 8:] - sums[8:, :-8] + sums[:-8, :-8]) / 64

    a, b = one.astype(float), two.astype(float)
    mean_a, mean_b = mean(a), mean(b)
    spread = mean(a * a) - mean_a**2 + mean(b * b) - mean_b**2 + 58.5225
    likeness = 2 * (mean(a * b) - mean_a * mean_b) + 58.5225
    return float(np.mean((2 * mean_a * mean_b + 6.5025) / (mean_a**2 + mean_b**2 + 6.5025) * likeness / spread))


def test_a_batch_is_marked_as_its_frames_are_one_by_one(pattern: MarkPattern) -> None:
    times = [7.0, 7.4, 7.6, 7.8, 8.1]
    batch = np.stack([scenes.luma_of(frame) for frame in scenes.street(322, 180, 0.2)])
    for mask in (True, False):
        embedder = Embedder(pattern, 322, 180, mask=mask)
        together = embedder.embed_tensor(torch.from_numpy(batch), times).numpy()
        for luma, t_s, expected in zip(batch.copy(), times, together, strict=True):
            embedder.embed(luma, t_s)
            assert np.array_equal(luma, expected)


def test_a_picture_of_8192_pixels_is_marked_in_full(pattern: MarkPattern) -> None:
    luma = np.full((320, 8192), 90, dtype=np.uint8)
    Embedder(pattern, 8192, 320).embed(luma, 0.0)
    assert all(part.std() > 0.3 for part in np.array_split(luma.astype(float), 16, axis=1))


def test_a_flat_wall_shows_no_pattern(pattern: MarkPattern) -> None:
    """On plain grey few pixels change by more than one step and every area keeps its mean."""
    wall = np.full((720, 1280), 120, dtype=np.uint8)
    marked = wall.copy()
    Embedder(pattern, 1280, 720).embed(marked, 0.5)
    change = marked.astype(int) - wall
    assert np.abs(change).max() <= 3
    assert np.mean(np.abs(change) > 1) < 0.06
    blocks = change.reshape(9, 80, 16, 80).mean(axis=(1, 3))
    assert np.abs(blocks).max() < 0.2


def test_the_wall_beside_an_edge_stays_as_calm_as_any_wall(pattern: MarkPattern) -> None:
    luma = np.full((720, 1280), 180, dtype=np.uint8)
    luma[:, 640:] = 60
    marked = luma.copy()
    Embedder(pattern, 1280, 720).embed(marked, 0.5)
    change = marked.astype(float) - luma
    assert change[:, 560:720].std() < 1.15 * change[:, :400].std()


def test_a_busy_picture_keeps_the_mark_where_it_is_calm(pattern: MarkPattern) -> None:
    """Its budget runs out in the texture, which hides the mark from the reader too; the calm pays nothing."""
    luma = np.full((720, 1280), 120, dtype=np.uint8)
    luma[:, 240:] = np.random.default_rng(1).integers(60, 180, (720, 1040))
    marked = luma.copy()
    Embedder(pattern, 1280, 720).embed(marked, 0.5)
    change = marked.astype(float) - luma
    assert 0.94 < np.sqrt(np.mean(change**2)) < 1.005
    assert change[:, :200].std() > 0.75
    assert change[:, 300:].std() > change[:, :200].std()


def test_no_frame_changes_at_once_when_the_tile_moves(pattern: MarkPattern) -> None:
    embedder = Embedder(pattern, 640, 360)
    wall = np.full((360, 640), 120, dtype=np.uint8)
    shown = []
    for index in range(60):
        marked = wall.copy()
        embedder.embed(marked, 7 + index / 25)
        shown.append(marked.astype(float))
    steps = [np.abs(b - a).mean() for a, b in itertools.pairwise(shown)]
    assert max(steps) < 0.12
    assert np.abs(shown[0] - shown[-1]).mean() > 0.3


@pytest.mark.parametrize("size", [(1280, 720), (720, 1280), (65, 67), (333, 191), (1920, 64)])
def test_every_size_and_direction_is_marked(pattern: MarkPattern, size: tuple[int, int]) -> None:
    width, height = size
    luma = np.full((height, width), 128, dtype=np.uint8)
    Embedder(pattern, width, height).embed(luma, 0.0)
    assert 0.2 < (luma.astype(float) - 128).std() < 1.3


@pytest.mark.parametrize("size", [(63, 720), (720, 16), (8194, 720)])
def test_sizes_that_cannot_be_marked_are_refused(pattern: MarkPattern, size: tuple[int, int]) -> None:
    with pytest.raises(BadMedia, match="frame_size"):
        Embedder(pattern, *size)


def test_black_and_white_do_not_wrap_around(pattern: MarkPattern) -> None:
    for level in (0, 255):
        luma = np.full((360, 640), level, dtype=np.uint8)
        Embedder(pattern, 640, 360).embed(luma, 0.0)
        assert np.abs(luma.astype(int) - level).max() <= 4


def test_frames_keep_times_tags_and_chroma_and_the_given_ones_stay(pattern: MarkPattern) -> None:
    given = scenes.street(322, 180, 0.2)  # 322 pixels: the lines of the planes are padded
    for index, frame in enumerate(given):
        frame.pts, frame.time_base = 1000 + 997 * index, Fraction(1, 25000)
        frame.colorspace, frame.color_range = 1, 1
    before = [scenes.luma_of(f) for f in given]
    marked = list(embed_frames(given, pattern))
    assert [(f.pts, f.time_base) for f in marked] == [(f.pts, f.time_base) for f in given]
    assert all(f.colorspace == 1 and f.color_range == 1 for f in marked)
    for old, frame, new in zip(before, given, marked, strict=True):
        assert np.array_equal(old, scenes.luma_of(frame))
        assert not np.array_equal(old, scenes.luma_of(new))
        assert np.array_equal(scenes.luma_of(frame, 1), scenes.luma_of(new, 1))
        assert new.pict_type == av.video.frame.PictureType.NONE


@pytest.mark.parametrize("pixel_format", ["yuv420p10le", "rgb24", "yuvj420p", "nv12", "gray"])
def test_other_pixel_formats_become_eight_bit_luma(pattern: MarkPattern, pixel_format: str) -> None:
    given = scenes.street(320, 180, 0.08)
    others = []
    for frame in given:
        other = frame.reformat(format=pixel_format)
        other.pts, other.time_base = frame.pts, frame.time_base
        others.append(other)
    marked = list(embed_frames(others, pattern))
    assert {f.format.name for f in marked} <= {"yuv420p", "yuvj420p"}
    assert [f.pts for f in marked] == [f.pts for f in given]
    reference = [other.reformat(format=m.format.name) for other, m in zip(others, marked, strict=True)]
    assert scenes.psnr(reference, marked) > 40


def test_frames_without_a_time_are_marked(pattern: MarkPattern) -> None:
    frame = av.VideoFrame(320, 180, "yuv420p")
    assert len(list(embed_frames([frame, frame], pattern))) == 2
