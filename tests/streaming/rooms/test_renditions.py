"""A smaller picture of a room is of use only where its label can still be read, whatever mark lies under it."""

from __future__ import annotations

import io

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

from compliance.disclosure import evaluate
from compliance.release.label_check import LabelMeter, require_label
from compliance.release.measure import luma_of
from streaming.air.slate import Slate
from streaming.air.spec import drawn_label, live_label, stream_spec
from tests.disclosure.test_labels import TAKE
from watermark import Key, make_pattern

SIDES = st.integers(64, 1080).map(lambda half: 2 * half)


@given(SIDES, SIDES)
def test_every_picture_is_half_as_large_or_large_enough(width: int, height: int) -> None:
    first, *smaller = stream_spec(width, height, 25).renditions
    assert (first.width, first.height) == (width, height)
    for one in smaller:
        assert min(one.width, one.height) >= min(270, min(width, height) // 4 * 2)
        assert one.width < width and one.height < height and one.width % 2 == one.height % 2 == 0
        assert one.width / width == pytest.approx(one.height / height, abs=0.02)
    assert smaller or min(width, height) <= 270


def test_the_slate_of_a_small_room_passes_whatever_its_mark() -> None:
    """At 320 x 180 two marks in five left nothing that the gate could read, and such a room never had a picture."""
    frame = {"width": 640, "height": 360}
    duties = evaluate({**TAKE, "markets": ["CN", "EU"], "frame": frame}).duties
    spec = stream_spec(640, 360, 25)
    for mark in range(4):
        pattern = make_pattern(Key("test", bytes([mark]) * 32), mark + 1)
        slate = Slate.begin(spec, drawn_label(duties, ["zh"], spec), pattern, 0)
        for segment in slate.segments():
            rendition = spec.rendition(segment.rendition)
            wanted = live_label(duties, ["zh"], rendition.width, rendition.height)
            assert wanted is not None
            media = io.BytesIO(slate.packager.init(segment.rendition) + segment.data)
            with av.open(media) as container:
                pictures = list(container.decode(video=0))
            meter = LabelMeter(wanted, rendition.width, rendition.height)
            meter.measure([luma_of(one) for one in pictures], [float(one.time or 0) for one in pictures])
            require_label(wanted, meter.result())
