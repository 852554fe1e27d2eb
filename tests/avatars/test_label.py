"""The burned-in label: legible over anything, exactly as high as due, or refused."""

from __future__ import annotations

import dataclasses

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from avatars.label import LabelDoesNotFit, LabelOverlay, plate_opacity
from compliance.disclosure.errors import LabelGlyphMissing
from compliance.disclosure.glyphs import font_metrics
from compliance.disclosure.labels import LabelSpec

SPEC = LabelSpec(
    lines=("数字人 · AI生成", "AI GENERATED"),
    min_glyph_px=18,
    mode="continuous",
    min_seconds=2.0,
    region="top-left",
    min_contrast=4.5,
    margin_ratio=0.03,
    dominant="AI",
    secondary_ratio=0.8,
    rule_ids=("test/label",),
    accessible_text="数字人 · AI生成; AI GENERATED",
)


def blank(width: int, height: int, luma: int, chroma: int = 128) -> av.VideoFrame:
    frame = av.VideoFrame(width, height, "yuv420p")
    for plane, level in zip(frame.planes, (luma, chroma, chroma), strict=True):
        np.frombuffer(plane, np.uint8)[:] = level
    return frame


def plane(frame: av.VideoFrame, index: int = 0) -> NDArray[np.uint8]:
    p = frame.planes[index]
    samples = np.frombuffer(p, np.uint8, count=p.height * p.line_size)
    return samples.reshape(p.height, p.line_size)[:, : p.width].copy()


def luminance(luma: float) -> float:
    level = np.clip((luma - 16) / 219, 0, 1)
    return float(level / 12.92 if level <= 0.04045 else ((level + 0.055) / 1.055) ** 2.4)


@pytest.mark.parametrize("background", [16, 60, 128, 200, 235])
def test_text_stands_out_seven_to_one_over_any_background(background: int) -> None:
    frame = blank(640, 360, background)
    overlay = LabelOverlay(SPEC, 640, 360)
    overlay.draw(frame, 0.0)
    box = overlay.box
    patch = plane(frame)[box.y + 2 : box.y + box.height - 2, box.x + 2 : box.x + box.width - 2]
    text, ground = int(patch.max()), int(np.median(patch))
    assert (luminance(text) + 0.05) / (luminance(ground) + 0.05) >= 7


@given(st.floats(1.1, 20))
def test_plate_is_opaque_enough_for_any_contrast_asked(contrast: float) -> None:
    opacity = plate_opacity(contrast)
    assert 0 <= opacity <= 1
    over_white = luminance(16 + (1 - opacity) * 219)
    assert opacity == 1 or (luminance(16 + 0.97 * 219) + 0.05) / (over_white + 0.05) >= contrast


@settings(max_examples=25)
@given(st.integers(12, 40), st.booleans(), st.sampled_from(["top-left", "top-right"]))
def test_only_the_box_changes_and_it_lies_on_even_pixels_inside_the_picture(
    glyph: int, portrait: bool, region: str
) -> None:
    width, height = (540, 960) if portrait else (962, 542)
    spec = dataclasses.replace(SPEC, min_glyph_px=glyph, region=region)
    overlay = LabelOverlay(spec, width, height)
    box = overlay.box
    assert all(v % 2 == 0 for v in (box.x, box.y, box.width, box.height))
    assert box.x >= 16 and box.y >= 16 and box.x + box.width <= width - 16 and box.y + box.height <= height - 16
    frame = blank(width, height, 140, 90)
    overlay.draw(frame, 3.0)
    for index, step, level in ((0, 1, 140), (1, 2, 90), (2, 2, 90)):
        changed = np.argwhere(plane(frame, index) != level)
        (top, left), (bottom, right) = changed.min(0), changed.max(0)
        assert top >= box.y // step and left >= box.x // step
        assert bottom < (box.y + box.height) // step and right < (box.x + box.width) // step


def test_ideographs_are_at_least_as_high_as_due() -> None:
    """The rows that hold strokes of a tall, full character span its face."""
    spec = dataclasses.replace(SPEC, lines=("国国国",), min_glyph_px=36)
    overlay = LabelOverlay(spec, 1280, 720)
    frame = blank(1280, 720, 16)
    overlay.draw(frame, 0.0)
    inked = np.flatnonzero((plane(frame) > 140).any(1))
    ink_share = (810 + 88) / 1000  # 国 in font units, a little lower than the face
    assert (inked[-1] - inked[0] + 1) * font_metrics().face_height / ink_share >= 36


def test_chroma_becomes_grey_under_the_plate() -> None:
    frame = blank(640, 360, 120, 220)
    overlay = LabelOverlay(SPEC, 640, 360)
    overlay.draw(frame, 0.0)
    box = overlay.box
    inside = plane(frame, 1)[box.y // 2 + 4 : (box.y + box.height) // 2 - 4, box.x // 2 + 4 : box.x // 2 + 60]
    assert abs(int(np.median(inside)) - 128) < 40


def test_full_range_pictures_get_full_range_white() -> None:
    frame = blank(640, 360, 0)
    frame.color_range = 2
    LabelOverlay(SPEC, 640, 360).draw(frame, 0.0)
    assert plane(frame).max() > 240


def test_start_label_goes_after_its_seconds_and_not_before() -> None:
    overlay = LabelOverlay(dataclasses.replace(SPEC, mode="start"), 640, 360)
    for t_s, drawn in ((0.0, True), (1.99, True), (2.04, True), (10.0, False)):
        frame = blank(640, 360, 128)
        overlay.draw(frame, t_s)
        assert bool((plane(frame) != 128).any()) is drawn


def test_text_that_does_not_fit_is_refused_not_shrunk() -> None:
    with pytest.raises(LabelDoesNotFit) as refused:
        LabelOverlay(dataclasses.replace(SPEC, lines=("数字人 · AI生成" * 4,)), 360, 640)
    assert refused.value.code == "label_does_not_fit"
    with pytest.raises(LabelDoesNotFit):
        LabelOverlay(dataclasses.replace(SPEC, lines=SPEC.lines * 12), 640, 360)


def test_attack_text_the_font_cannot_draw() -> None:
    with pytest.raises(LabelGlyphMissing) as refused:
        LabelOverlay(dataclasses.replace(SPEC, lines=("数字人 · AI龘成",)), 640, 360)
    assert refused.value.details["missing"] == "龘"


@pytest.mark.parametrize(("width", "height", "form"), [(320, 180, "yuv420p"), (640, 360, "rgb24")])
def test_other_pictures_than_agreed_are_refused(width: int, height: int, form: str) -> None:
    with pytest.raises(ValueError, match="agreed"):
        LabelOverlay(SPEC, 640, 360).draw(av.VideoFrame(width, height, form), 0.0)


def test_a_picture_the_decoder_still_needs_is_not_touched() -> None:
    """Two references to one buffer: drawing into the second must leave the first as it was."""
    frame = blank(640, 360, 128)
    kept = frame.reformat(format="yuv420p")
    graph = av.filter.Graph()
    source, sink = (
        graph.add_buffer(width=640, height=360, format=frame.format, time_base="1/25"),
        graph.add("buffersink"),
    )
    source.link_to(sink)
    graph.configure()
    frame.pts = 0
    source.push(frame)
    second = sink.pull()
    LabelOverlay(SPEC, 640, 360).draw(second, 0.0)
    assert (plane(kept) == 128).all()
    assert (plane(frame) == 128).all()


def test_dominant_word_is_larger_than_the_rest() -> None:
    assert SPEC.runs("AI GENERATED") == (("AI ", 1.0), ("GENERATED", 0.8))
    assert SPEC.runs("数字人 · AI生成") == (("数字人 · AI生成", 1.0),)
