"""The tile is found under any affine map and a little perspective; laws of the maps and of the measures."""

from __future__ import annotations

import math
from collections.abc import Callable

import av
import cv2
import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.watermark import scenes
from watermark import Key, MarkPattern, detect_frames
from watermark.carriers import Carriers
from watermark.evidence_map import evidence_map
from watermark.geometry import Geometry, cycles_per_pixel, pixels_per_tile
from watermark.keyed_sweep import KeyedSweep
from watermark.lattice import TILE_AT_REFERENCE, frequencies
from watermark.periodicity import Periodicity
from watermark.refinement import refined, sketched
from watermark.residual import Level, View, windows
from watermark.spectrum import carrier_lines
from watermark.synchronisation import look

Frames = list[av.VideoFrame]

TILE = (TILE_AT_REFERENCE, TILE_AT_REFERENCE)
SHAPE = (360, 640)
FINE = 512  # samples of a tile

geometries = st.builds(
    Geometry,
    scale_x=st.floats(0.75, 1.4),
    scale_y=st.floats(0.75, 1.4),
    angle=st.floats(-180, 180),
    flip=st.booleans(),
    shear=st.floats(-0.1, 0.1),
)


def pictured(phases: npt.NDArray[np.float64], geometry: Geometry, shift: tuple[float, float]) -> torch.Tensor:
    """float32[h, w]: the bare tile as it lies in a picture."""
    rows, columns = SHAPE
    y, x = np.mgrid[0:rows, 0:columns] + 0.5
    place = np.stack([x - columns / 2, y - rows / 2], axis=-1)
    nearer = 1 - place @ np.array([geometry.tilt_x / (columns / 2), geometry.tilt_y / (rows / 2)])
    tiles = (place / nearer[..., None]) @ np.linalg.inv(pixels_per_tile(TILE, geometry)).T + np.array(shift)
    spectrum = np.zeros((FINE, FINE), dtype=np.complex128)
    spectrum[frequencies()[:, 1], frequencies()[:, 0]] = np.exp(1j * phases)
    tile = np.fft.ifft2(spectrum).real.astype(np.float32)
    samples = (tiles % 1 * FINE).astype(np.float32)
    plane = cv2.remap(tile, samples[..., 0], samples[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
    return torch.from_numpy((plane / plane.std()).astype(np.float32))


@settings(max_examples=30, deadline=None)
@given(geometries)
def test_frequencies_and_places_are_dual(geometry: Geometry) -> None:
    product = cycles_per_pixel(TILE, [geometry])[0].T @ pixels_per_tile(TILE, geometry)
    assert np.allclose(product, np.eye(2), atol=1e-9)
    assert (np.linalg.det(pixels_per_tile(TILE, geometry)) < 0) == geometry.flip
    assert 0 < geometry.crop <= 1


@settings(max_examples=6, deadline=None)
@given(geometries, st.tuples(st.floats(0, 1), st.floats(0, 1)), st.floats(-0.04, 0.04), st.booleans())
def test_a_bare_tile_is_read_under_every_map(
    key: Key, geometry: Geometry, shift: tuple[float, float], tilt: float, inverted: bool
) -> None:
    carriers = Carriers(key)
    true = Geometry(
        geometry.scale_x, geometry.scale_y, geometry.angle, geometry.flip, geometry.shear, tilt, -tilt, inverted
    )
    plane = pictured(carriers.theta, true, shift) * (-1 if inverted else 1)
    plane += torch.from_numpy(np.random.default_rng(1).normal(0, 1, SHAPE).astype(np.float32))
    seen = look(View(plane, TILE), carriers, true)
    assert seen.score > 15
    agreement = (seen.still * np.exp(-1j * carriers.theta))[carriers.data].real
    assert agreement.mean() > 0.8 * np.abs(agreement).mean()


@settings(max_examples=4, deadline=None)
@given(st.floats(0.8, 1.5), st.floats(-40, 40))
def test_the_repetition_tells_size_and_angle_without_the_key(key: Key, scale: float, angle: float) -> None:
    plane = pictured(Carriers(key).theta, Geometry(scale, scale, angle), (0.3, 0.7))
    plane += torch.from_numpy(np.random.default_rng(2).normal(0, 2, SHAPE).astype(np.float32))
    best = Periodicity([plane], 0.7 * TILE[0], 1.7 * TILE[0]).best(1, (1.0,), math.pi / 4)[0]
    assert best.length == pytest.approx(scale * TILE[0], rel=0.01)
    assert math.degrees(best.angle) == pytest.approx(-angle, abs=0.5)


def test_noise_does_not_repeat() -> None:
    planes = [torch.from_numpy(np.random.default_rng(i).normal(0, 1, SHAPE).astype(np.float32)) for i in range(3)]
    assert Periodicity(planes, 90, 200).best(1, (1.0,), math.pi / 4)[0].score < 5.5


def test_weights_lie_where_the_tile_is(key: Key) -> None:
    carriers = Carriers(key)
    plane = torch.from_numpy(np.random.default_rng(3).normal(0, 1, SHAPE).astype(np.float32))
    plane[:, :320] += 0.6 * pictured(carriers.theta, Geometry(), (0.1, 0.2))[:, :320]
    weights = evidence_map(View(plane, TILE), carriers, Geometry())
    left, right = weights[:, : weights.shape[1] // 2 - 1], weights[:, weights.shape[1] // 2 + 1 :]
    assert left.mean() > 3 * right.mean()


def test_reading_upright_and_folded_agree(key: Key) -> None:
    plane = pictured(Carriers(key).theta, Geometry(), (0.0, 0.0))
    upright, _ = carrier_lines(plane, TILE, Geometry())
    folded, _ = carrier_lines(plane, TILE, Geometry(angle=1e-9))
    ratio = folded / upright
    assert np.abs(ratio / ratio.mean() - 1).mean() < 0.1


def turned(luma: scenes.Luma, degrees: float, scale: float) -> scenes.Luma:
    rows, columns = luma.shape
    matrix = cv2.getRotationMatrix2D((columns / 2, rows / 2), degrees, scale)
    out: scenes.Luma = cv2.warpAffine(luma, matrix, (columns, rows), flags=cv2.INTER_CUBIC).astype(np.uint8)
    return out


def squeezed(luma: scenes.Luma) -> scenes.Luma:
    out: scenes.Luma = cv2.resize(luma, (608, 360), interpolation=cv2.INTER_AREA).astype(np.uint8)
    return out


def tilted(luma: scenes.Luma) -> scenes.Luma:
    rows, columns = luma.shape
    corners = np.array([[0, 0], [columns, 0], [columns, rows], [0, rows]], dtype=np.float32)
    moved = corners + np.array([[8, 5], [-10, 2], [4, -6], [-3, 4]], dtype=np.float32)
    matrix = cv2.getPerspectiveTransform(corners, moved)
    out: scenes.Luma = cv2.warpPerspective(luma, matrix, (columns, rows), flags=cv2.INTER_CUBIC).astype(np.uint8)
    return out


ATTACKS: dict[str, tuple[Callable[[scenes.Luma], scenes.Luma], Geometry | None]] = {
    "turned by 10 degrees": (lambda luma: turned(luma, 10, 1.0), Geometry(angle=10)),
    "turned by 7 degrees, enlarged": (lambda luma: turned(luma, -7, 1.3), Geometry(1.3, 1.3, -7)),
    "on its side": (lambda luma: np.ascontiguousarray(np.rot90(luma)), None),
    "squeezed to 95 %": (squeezed, Geometry(0.95, 1.0)),
    "in perspective": (tilted, None),
    "a negative": (lambda luma: 255 - luma, Geometry(inverted=True)),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_distorted_clips_are_read(name: str, marked_studio: Frames, key: Key, pattern: MarkPattern) -> None:
    change, expected = ATTACKS[name]
    copy = [scenes.frame_of(change(scenes.luma_of(f)), i) for i, f in enumerate(marked_studio[:25])]
    found = detect_frames(scenes.reencoded(copy, crf="21"), key)
    assert [d.mark for d in found] == [f"{pattern.mark:016x}"]
    if expected is not None:
        seen = found[0].geometry
        assert (seen.scale_x, seen.scale_y) == pytest.approx((expected.scale_x, expected.scale_y), rel=0.05)
        assert seen.angle == pytest.approx(expected.angle, abs=0.5)
        assert (seen.flip, seen.inverted) == (expected.flip, expected.inverted)


def test_a_marked_frame_inside_a_foreign_one_is_read(marked_studio: Frames, key: Key, pattern: MarkPattern) -> None:
    around = scenes.luma_of(scenes.street(960, 540, 0.04, seed=9)[0])
    copies = []
    for index, frame in enumerate(marked_studio[:15]):
        whole = around.copy()
        whole[90:450, 200:840] = scenes.luma_of(frame)
        copies.append(scenes.frame_of(whole, index))
    assert {d.mark for d in detect_frames(copies, key)} == {f"{pattern.mark:016x}"}


def between_bars(luma: scenes.Luma) -> scenes.Luma:
    """A lying picture on a standing screen."""
    whole = np.full((640, 360), 16, np.uint8)
    whole[220:422] = cv2.resize(luma, (360, 202), interpolation=cv2.INTER_AREA)
    return whole


def test_a_second_between_bars_is_read(marked_street: Frames, key: Key, pattern: MarkPattern) -> None:
    copy = [scenes.frame_of(between_bars(scenes.luma_of(f)), i) for i, f in enumerate(marked_street[:25])]
    found = detect_frames(scenes.reencoded(copy, crf="21"), key)
    assert [d.mark for d in found] == [f"{pattern.mark:016x}"]
    seen = found[0].geometry
    assert (seen.scale_x, seen.scale_y) == pytest.approx((0.5625, 202 / 360), rel=0.01)


def test_a_plain_wall_is_no_loss_where_it_looks_like_bars(
    marked_studio: Frames, key: Key, pattern: MarkPattern
) -> None:
    """Half of the picture was painted over before it was marked, so that the tile's size is that of the whole."""
    painted = []
    for index, frame in enumerate(marked_studio[:25]):
        luma = scenes.luma_of(frame)
        luma[:90] = luma[-90:] = 70
        painted.append(scenes.frame_of(luma, index))
    found = detect_frames(scenes.reencoded(painted, crf="23"), key)
    assert [d.mark for d in found] == [f"{pattern.mark:016x}"]
    assert found[0].geometry.scale == pytest.approx(1.0, rel=0.01)


def test_the_first_seconds_are_kept_in_all_detail(studio: Frames) -> None:
    """A short clip has no other frames; of a longer one, one of each second has to do."""
    kept = list(windows(scenes.shifted([*studio, *studio]), tile_at_reference=TILE_AT_REFERENCE))
    assert [len(window.fine) for window in kept] == [5, 5, 5, 1, 1, 1]
    assert len(kept[0].in_less_detail(2).fine) == 2
    one, all_five = (w.view(Level.FINE).residual for w in (kept[0].in_less_detail(1), kept[0]))
    assert float((all_five - one).abs().max()) > 0


def test_a_reader_is_fed_frame_by_frame(marked_studio: Frames, key: Key, pattern: MarkPattern) -> None:
    told: list[tuple[float, int]] = []
    frames = scenes.shifted([*marked_studio] * 6)
    found = detect_frames(
        frames, key, stop_when_found=True, progress=lambda read_s, so_far: told.append((read_s, len(so_far)))
    )
    (read_s, count), *later = told
    assert read_s == pytest.approx(12.0, abs=0.1)
    assert (count, later) == (len(found), [])
    assert {d.mark for d in found} == {f"{pattern.mark:016x}"}
    assert found[-1].to_s <= 12.1


def test_the_ascent_is_not_caught_on_a_side_ridge(marked_studio: Frames, key: Key) -> None:
    start = Geometry(0.961, 0.96, -0.44, shear=-0.007)
    copy = [scenes.frame_of(squeezed(scenes.luma_of(f)), i) for i, f in enumerate(marked_studio[:25])]
    window = next(windows(scenes.reencoded(copy, crf="21"), tile_at_reference=TILE_AT_REFERENCE))
    view, carriers = window.view(Level.REFERENCE), Carriers(key)
    found, _ = refined(sketched(start, KeyedSweep(view, carriers))[0], view, carriers)
    assert (found.angle, found.shear) == (0.0, 0.0)
    assert (found.scale_x, found.scale_y) == pytest.approx((0.95, 1.0), rel=0.01)
