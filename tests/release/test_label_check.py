"""The gate's label meter against honest labels and named attacks, through real H.264."""

from __future__ import annotations

import ast
import dataclasses
import io
import itertools
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

import compliance.release.label_check as label_check
from avatars.label import LabelOverlay
from compliance.disclosure import evaluate
from compliance.disclosure.glyphs import FONT_PATH, font_metrics
from compliance.disclosure.labels import LabelSpec, compose_label
from compliance.release.label_check import LabelCheckFailed, LabelMeasurement, LabelMeter, require_label

FPS = 25
Paint = Callable[[int, av.VideoFrame], None]


def spec_for(width: int, height: int, *markets: str) -> LabelSpec:
    decision = evaluate(
        {
            "as_of": "2026-11-22",
            "phase": "plan",
            "markets": list(markets),
            "channel": "vod",
            "realism": "photoreal",
            "avatar_kind": "real_replica_living",
            "interaction": "broadcast",
            "commercial": True,
            "frame": {"width": width, "height": height},
            "provider_code": "001191000000MA00000AB31A001",
        }
    )
    spec = compose_label(decision.duties, width=width, height=height)
    assert spec is not None
    return spec


def scene(index: int, width: int, height: int) -> av.VideoFrame:
    """A moving, textured picture with bright and dark parts and strokes that look a little like writing."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    luma = 120 + 70 * np.sin((x + 5 * index) / 37) * np.cos(y / 53) + 25 * np.sin((x - y + 3 * index) / 4)
    luma[:, : width // 4] += 60
    noise = np.random.default_rng(index).normal(0, 4, luma.shape)
    frame = av.VideoFrame(width, height, "yuv420p")
    rows(frame)[:] = np.clip(luma + noise, 16, 235).astype(np.uint8)
    for plane in frame.planes[1:]:
        np.frombuffer(plane, np.uint8)[:] = 128
    return frame


def rows(frame: av.VideoFrame) -> NDArray[np.uint8]:
    plane = frame.planes[0]
    samples = np.frombuffer(plane, np.uint8, count=plane.height * plane.line_size)
    return samples.reshape(plane.height, plane.line_size)[:, : plane.width]


def through_h264(width: int, height: int, frames: int, crf: int, paint: Paint) -> Iterator[av.VideoFrame]:
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as out:
        stream = out.add_stream("libx264", rate=FPS, options={"crf": str(crf), "preset": "veryfast", "threads": "1"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for index in range(frames):
            frame = scene(index, width, height)
            paint(index, frame)
            frame.pts, frame.time_base = index, Fraction(1, FPS)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    buffer.seek(0)
    with av.open(buffer) as container:
        yield from container.decode(video=0)


def measure(
    spec: LabelSpec,
    paint: Paint,
    *,
    size: tuple[int, int] = (640, 360),
    frames: int = 12,
    crf: int = 26,
    together: int = 5,
) -> LabelMeasurement:
    meter = LabelMeter(spec, *size)
    decoded = through_h264(*size, frames, crf, paint)
    while some := list(itertools.islice(decoded, together)):
        meter.measure([rows(frame) for frame in some], [float(frame.time) for frame in some])
    return meter.result()


def test_frames_in_groups_are_seen_as_one_by_one() -> None:
    """Through all that happens to a label: not there yet, there, too pale, gone, back."""
    overlay = LabelOverlay(BOTH, 640, 360)

    def paint(index: int, frame: av.VideoFrame) -> None:
        if 3 <= index < 9 or index >= 12:
            overlay.draw(frame, 0)
        if index in (6, 7):
            box = overlay.box
            patch = rows(frame)[box.y : box.y + box.height, box.x : box.x + box.width]
            patch[:] = (120 + (patch.astype(np.int16) - 120) // 4).astype(np.uint8)

    alone, *grouped = (measure(BOTH, paint, frames=16, together=n) for n in (1, 4, 16))
    assert len(alone.gaps) == 3 and alone.contrast is not None
    for seen in grouped:
        assert dataclasses.replace(seen, contrast=None) == dataclasses.replace(alone, contrast=None)
        assert seen.contrast == pytest.approx(alone.contrast, abs=1e-3)


def drawn(spec: LabelSpec, width: int = 640, height: int = 360) -> Paint:
    overlay = LabelOverlay(spec, width, height)
    return lambda index, frame: overlay.draw(frame, index / FPS)


def refusal(spec: LabelSpec, seen: LabelMeasurement) -> str:
    with pytest.raises(LabelCheckFailed) as failed:
        require_label(spec, seen)
    assert failed.value.text
    return failed.value.code


def at_height(spec: LabelSpec, glyph_px: int) -> LabelSpec:
    """The same label, drawn so that its ideograph face is exactly this high."""
    return dataclasses.replace(spec, min_glyph_px=glyph_px - 1)


BOTH = spec_for(640, 360, "CN", "EU")
CHINA = spec_for(640, 360, "CN")


@pytest.mark.parametrize(
    ("size", "markets", "crf"),
    [
        ((640, 360), ("CN", "EU"), 23),
        ((640, 360), ("CN", "EU"), 28),
        ((360, 640), ("CN",), 28),
        ((640, 360), ("EU",), 28),
        ((1280, 720), ("CN", "EU"), 28),
        ((720, 1280), ("CN", "KR"), 26),
    ],
)
def test_honest_label_passes_after_h264(size: tuple[int, int], markets: tuple[str, ...], crf: int) -> None:
    spec = spec_for(*size, *markets)
    overlay = LabelOverlay(spec, *size)
    seen = measure(spec, lambda i, f: overlay.draw(f, i / FPS), size=size, frames=6, crf=crf)
    require_label(spec, seen)
    assert seen.text == spec.lines and seen.gaps == () and seen.frames == 6
    assert seen.glyph_height_px == pytest.approx(overlay.drawn_glyph_px, abs=0.5)
    assert seen.box is not None
    x, y, width, height = seen.box
    box = overlay.box
    assert box.x <= x + 2 and box.y <= y + 2
    assert x + width <= box.x + box.width + 2 and y + height <= box.y + box.height + 2


@pytest.mark.parametrize(
    ("glyph_px", "code"), [(34, "label_too_small"), (35, "label_too_small"), (36, None), (40, None)]
)
def test_attack_35_pixels_where_36_are_due(glyph_px: int, code: str | None) -> None:
    due = spec_for(720, 1280, "CN")
    assert due.min_glyph_px == 36
    seen = measure(due, drawn(at_height(due, glyph_px), 720, 1280), size=(720, 1280), frames=2, crf=23)
    assert seen.glyph_height_px == pytest.approx(glyph_px, abs=0.5)
    if code is None:
        require_label(due, seen)
    else:
        assert refusal(due, seen) == code


def test_attack_text_squeezed_to_35_pixels_but_wide_enough() -> None:
    due = spec_for(720, 1280, "CN")
    overlay = LabelOverlay(at_height(due, 38), 720, 1280)

    def squeezed(index: int, frame: av.VideoFrame) -> None:
        overlay.draw(frame, 0)
        box, luma = overlay.box, rows(frame)
        label = Image.fromarray(luma[box.y : box.y + box.height, box.x : box.x + box.width])
        lower = round(box.height * 35 / 38)
        luma[box.y : box.y + lower, box.x : box.x + box.width] = np.asarray(label.resize((box.width, lower)))

    assert refusal(due, measure(due, squeezed, size=(720, 1280), frames=2, crf=23)) == "label_too_small"


def test_attack_no_label_at_all() -> None:
    seen = measure(BOTH, lambda index, frame: None)
    assert (seen.found, seen.visible_share, seen.text) == (False, 0.0, ())
    assert refusal(BOTH, seen) == "label_missing"


@pytest.mark.parametrize("missing", [0, 5, 11])
def test_attack_one_frame_without_label(missing: int) -> None:
    paint = drawn(BOTH)
    seen = measure(BOTH, lambda i, f: None if i == missing else paint(i, f))
    assert refusal(BOTH, seen) == "label_gap"
    assert seen.visible_share == pytest.approx(11 / 12)
    assert seen.gaps == ((pytest.approx(missing / FPS), pytest.approx((missing + 1) / FPS)),)


def test_attack_label_blinks() -> None:
    paint = drawn(BOTH)
    seen = measure(BOTH, lambda i, f: paint(i, f) if i % 4 < 2 else None)
    assert refusal(BOTH, seen) == "label_gap"
    assert len(seen.gaps) == 3


def test_attack_label_only_at_the_start_of_a_live_room() -> None:
    paint = drawn(BOTH)
    seen = measure(BOTH, lambda i, f: paint(i, f) if i < 4 else None)
    assert refusal(BOTH, seen) == "label_gap"
    assert seen.start_seconds == pytest.approx(4 / FPS)


@pytest.mark.parametrize("text", ["数字人", "AI生成", "数字人 · AI主成", "真人主播 · 直播中", "AI GENERATED"])
def test_attack_other_words(text: str) -> None:
    seen = measure(CHINA, drawn(dataclasses.replace(CHINA, lines=(text,))), frames=3)
    assert refusal(CHINA, seen) == "label_missing"


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        (CHINA, "不是数字人 · AI生成"),
        (CHINA, "数字人 · AI生成的"),
        (CHINA, "不 数字人 · AI生成"),
        (spec_for(640, 360, "EU"), "NOT AI GENERATED"),
        (spec_for(640, 360, "EU"), "AI GENERATED NOT"),
    ],
)
def test_attack_one_more_word_turns_the_sense(spec: LabelSpec, text: str) -> None:
    twisted = dataclasses.replace(spec, lines=(text,), secondary_ratio=1.0, dominant="")
    same_runs = dataclasses.replace(spec, lines=(text,))
    for attack in (twisted, same_runs):
        assert refusal(spec, measure(spec, drawn(attack), frames=2)) == "label_missing"


def test_attack_second_language_left_out() -> None:
    assert refusal(BOTH, measure(BOTH, drawn(CHINA), frames=3)) == "label_missing"


def test_attack_tofu_boxes_in_place_of_latin_letters() -> None:
    """A font without Latin letters draws them as boxes; the picture still looks labelled from afar."""
    overlay = LabelOverlay(CHINA, 640, 360)
    em = overlay.drawn_glyph_px / font_metrics().face_height
    font = ImageFont.truetype(str(FONT_PATH), em)
    left = overlay.box.x + 0.48 * em + font.getlength("数字人 · ")

    def tofu(index: int, frame: av.VideoFrame) -> None:
        overlay.draw(frame, 0)
        luma = rows(frame)
        picture = Image.fromarray(luma)
        pen = ImageDraw.Draw(picture)
        top, bottom = overlay.box.y + 5, overlay.box.y + overlay.box.height - 6
        width = font.getlength("AI")
        pen.rectangle((left, top, left + width, bottom), fill=40)
        for n in range(2):
            start = left + n * width / 2
            pen.rectangle((start, top + 2, start + width / 2 - 2, bottom - 2), outline=225, width=2)
        luma[:] = np.asarray(picture)

    assert refusal(CHINA, measure(CHINA, tofu, frames=3)) == "label_missing"


def test_attack_grey_on_grey() -> None:
    overlay = LabelOverlay(BOTH, 640, 360)

    def pale(index: int, frame: av.VideoFrame) -> None:
        overlay.draw(frame, 0)
        box = overlay.box
        patch = rows(frame)[box.y : box.y + box.height, box.x : box.x + box.width]
        patch[:] = (120 + (patch.astype(np.int16) - 120) // 4).astype(np.uint8)

    seen = measure(BOTH, pale, frames=3)
    assert refusal(BOTH, seen) == "label_low_contrast"
    assert seen.contrast is not None and seen.contrast < 4.5


def test_attack_label_fades_to_grey_mid_way() -> None:
    overlay = LabelOverlay(BOTH, 640, 360)

    def fading(index: int, frame: av.VideoFrame) -> None:
        overlay.draw(frame, 0)
        if index >= 6:
            box = overlay.box
            patch = rows(frame)[box.y : box.y + box.height, box.x : box.x + box.width]
            patch[:] = (120 + (patch.astype(np.int16) - 120) // 4).astype(np.uint8)

    seen = measure(BOTH, fading)
    assert seen.visible_share == pytest.approx(0.5)
    assert refusal(BOTH, seen) in ("label_low_contrast", "label_gap")


def test_attack_label_moves_elsewhere_mid_way() -> None:
    here, there = drawn(BOTH), LabelOverlay(BOTH, 640, 360)
    there.box = dataclasses.replace(there.box, y=there.box.y + 120)
    seen = measure(BOTH, lambda i, f: here(i, f) if i < 6 else there.draw(f, 0))
    assert refusal(BOTH, seen) == "label_gap"
    assert seen.gaps[0][0] == pytest.approx(6 / FPS)


def test_attack_label_in_another_corner() -> None:
    away = LabelOverlay(BOTH, 640, 360)
    away.box = dataclasses.replace(away.box, x=20, y=360 - away.box.height - 10)
    assert refusal(BOTH, measure(BOTH, lambda i, f: away.draw(f, 0), frames=3)) == "label_missing"


def test_attack_last_characters_covered_by_a_product_picture() -> None:
    overlay = LabelOverlay(CHINA, 640, 360)

    def covered(index: int, frame: av.VideoFrame) -> None:
        overlay.draw(frame, 0)
        if index >= 3:
            box = overlay.box
            rows(frame)[box.y : box.y + box.height, box.x + box.width - 40 : box.x + box.width] = 90

    assert refusal(CHINA, measure(CHINA, covered, frames=6)) == "label_gap"


def test_attack_other_words_for_half_of_the_time() -> None:
    right, wrong = drawn(CHINA), drawn(dataclasses.replace(CHINA, lines=("数字人 · AI主成",)))
    seen = measure(CHINA, lambda i, f: right(i, f) if i < 12 else wrong(i, f), frames=24)
    assert refusal(CHINA, seen) == "label_missing"


def test_attack_label_shrinks_mid_way() -> None:
    big, small = drawn(CHINA), drawn(at_height(CHINA, 15))
    assert refusal(CHINA, measure(CHINA, lambda i, f: big(i, f) if i < 3 else small(i, f), frames=6)) == "label_gap"


def test_attack_no_frames_at_all() -> None:
    seen = LabelMeter(BOTH, 640, 360).result()
    assert refusal(BOTH, seen) == "label_not_measured"
    assert seen.to_facts() == {"frames": 0}


def test_attack_picture_of_another_size() -> None:
    with pytest.raises(ValueError, match="agreed"):
        LabelMeter(BOTH, 640, 360).measure(np.zeros((720, 1280), np.uint8), 0.0)


def test_start_label_may_go_after_its_seconds() -> None:
    spec = dataclasses.replace(CHINA, mode="start", min_seconds=0.2)
    paint = drawn(CHINA)
    seen = measure(spec, lambda i, f: paint(i, f) if i < 6 else None)
    require_label(spec, seen)
    assert refusal(dataclasses.replace(spec, min_seconds=0.4), seen) == "label_too_short"


def test_measurement_decides_the_disclosure_rules() -> None:
    facts: dict[str, Any] = {
        "as_of": "2026-11-22",
        "markets": ["CN", "EU"],
        "channel": "live_commerce",
        "realism": "photoreal",
        "avatar_kind": "real_replica_living",
        "interaction": "broadcast",
        "commercial": True,
        "language": "zh",
        "frame": {"width": 640, "height": 360},
        "provider_code": "001191000000MA00000AB31A001",
        "system_placed_on_market": "2026-09-01",
        "script": {"review_recorded": True},
        "layers": {"c2pa": True, "watermark": True, "aigc": True},
    }
    good = measure(BOTH, drawn(BOTH), frames=3)
    bad = measure(BOTH, lambda i, f: None, frames=3)
    assert evaluate({**facts, "label": good.to_facts()}).outcome == "allow"
    assert evaluate({**facts, "label": bad.to_facts()}).outcome == "block"
    assert (
        evaluate({**facts, "label": LabelMeter(BOTH, 640, 360).result().to_facts()}).outcome == "insufficient_evidence"
    )


def test_meter_knows_nothing_of_the_code_that_draws() -> None:
    folder = Path(label_check.__file__).parent
    for name in ("label_check.py", "label_templates.py"):
        for node in ast.walk(ast.parse((folder / name).read_text("utf-8"))):
            module = node.module if isinstance(node, ast.ImportFrom) else ""
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else [module or ""]
            assert not any(n.startswith("avatars") for n in names)
