"""Where the tile stands out, the last third of a pixel of its geometry."""

from __future__ import annotations

import av
import pytest

import watermark
from tests.watermark import scenes
from watermark.carriers import Carriers
from watermark.closer_look import closer_look
from watermark.geometry import Geometry
from watermark.lattice import TILE_AT_REFERENCE
from watermark.residual import Window, windows


@pytest.fixture(scope="module")
def second(marked_studio: list[av.VideoFrame]) -> Window:
    return next(iter(windows(marked_studio[:25], tile_at_reference=TILE_AT_REFERENCE)))


@pytest.mark.parametrize("astray", [0.9975, 1.0, 1.0025])
def test_it_climbs_to_where_the_tile_is(second: Window, key: watermark.Key, astray: float) -> None:
    best, *_ = closer_look([second], Geometry(astray, astray), Carriers(key))
    assert best.scale == pytest.approx(1.0, abs=0.0008)
    assert best.upright


def test_it_looks_at_no_more_than_it_may(second: Window, other_key: watermark.Key) -> None:
    places = list(closer_look([second], Geometry(), Carriers(other_key)))
    assert 1 <= len(places) <= 38
    assert len(set(places)) == len(places)


def test_a_turned_picture_is_turned_a_little_too(
    marked_studio: list[av.VideoFrame], key: watermark.Key
) -> None:
    turned = scenes.mirrored(marked_studio[:25])
    second = next(iter(windows(turned, tile_at_reference=TILE_AT_REFERENCE)))
    best, *_ = closer_look([second], Geometry(flip=True, angle=0.12), Carriers(key))
    assert abs(best.angle) < 0.08
