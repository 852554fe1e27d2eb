"""Composing a label from duties; glyphs; the system check; the command."""

from __future__ import annotations

import io
import json
from math import ceil
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from hypothesis import given
from hypothesis import strategies as st

from compliance.disclosure import checks, evaluate
from compliance.disclosure.duties import Duty
from compliance.disclosure.errors import LabelGlyphMissing, LabelImpossible
from compliance.disclosure.glyphs import check_glyphs
from compliance.disclosure.labels import LabelSpec, compose_label, min_glyph_px

TAKE: dict[str, Any] = {
    "as_of": "2026-11-22",
    "markets": ["CN"],
    "channel": "live_commerce",
    "avatar_kind": "real_replica_living",
    "realism": "photoreal",
    "interaction": "broadcast",
    "commercial": True,
    "frame": {"width": 1080, "height": 1920},
    "provider_code": "001191000000MA00000AB31A001",
    "script": {"review_recorded": True},
    "actual_knowledge": True,
}


def label(*markets: str, width: int = 1080, height: int = 1920, languages: tuple[str, ...] = ()) -> LabelSpec:
    decision = evaluate({**TAKE, "markets": list(markets), "frame": {"width": width, "height": height}})
    spec = compose_label(decision.duties, width=width, height=height, languages=languages)
    assert spec is not None
    return spec


@pytest.mark.parametrize(
    ("width", "height", "px"),
    [
        (1080, 1920, 54),
        (720, 1280, 36),
        (1280, 720, 36),
        (540, 960, 27),
        (3840, 2160, 108),
        (1100, 1100, 55),
        (718, 1280, 36),
    ],
)
def test_china_height_floor(width: int, height: int, px: int) -> None:
    assert label("CN", width=width, height=height).min_glyph_px == px


@given(st.integers(16, 8192), st.integers(16, 8192))
def test_height_floor_is_exact_for_every_picture(width: int, height: int) -> None:
    floor = min_glyph_px(0.05, width, height)
    assert floor * 20 >= min(width, height) > (floor - 1) * 20


def test_china_says_what_it_is_and_how_it_was_made() -> None:
    spec = label("CN")
    assert spec.lines == ("数字人 · AI生成",) and spec.mode == "continuous" and spec.region == "top-left"


def test_europe_keeps_ai_dominant() -> None:
    spec = label("EU")
    assert spec.lines == ("AI GENERATED",) and spec.dominant == "AI" and spec.region == "top-right"


def test_two_markets_stack_and_the_stricter_size_holds() -> None:
    spec = label("CN", "EU")
    assert spec.lines == ("数字人 · AI生成", "AI GENERATED") and spec.min_glyph_px == 54
    assert label("CN", "EU", languages=("en",)).lines == ("AI GENERATED", "数字人 · AI生成")


def test_korea_has_its_own_line() -> None:
    assert label("CN", "KR").lines == ("数字人 · AI生成", "가상인물 · AI 생성")


def test_label_survives_the_permit() -> None:
    spec = label("CN", "EU")
    assert LabelSpec.from_dict(json.loads(json.dumps(spec.to_dict()))) == spec


def test_no_duty_no_label() -> None:
    assert compose_label([], width=720, height=1280) is None


def test_wordings_that_miss_an_element_of_another_rule_are_refused() -> None:
    texts = [
        {"language": "zh", "elements": [["AI"]], "wordings": ["AI"]},
        {"language": "zh", "elements": [["生成"]], "wordings": ["生成"]},
    ]
    with pytest.raises(LabelImpossible):
        compose_label([Duty("visible_label", {"texts": texts}, (), ())], width=720, height=1280)


def test_a_place_nobody_can_draw_is_refused() -> None:
    texts = [{"language": "en", "elements": [["AI"]], "wordings": ["AI"]}]
    duty = Duty("visible_label", {"texts": texts, "regions": ["around-player"]}, (), ())
    with pytest.raises(LabelImpossible):
        compose_label([duty], width=720, height=1280)


@pytest.mark.parametrize(
    "text", ["数字人 · AI生成", "AI GENERATED", "가상인물", "AI生成 バーチャルヒューマン", "稍后回来"]
)
def test_font_draws_all_label_texts(text: str) -> None:
    check_glyphs(text)


@pytest.mark.parametrize(("text", "missing"), [("AI龘", "龘"), ("😀", "😀"), ("A\u200bI", "\u200b")])
def test_attack_character_that_would_be_an_empty_box_or_nothing(text: str, missing: str) -> None:
    with pytest.raises(LabelGlyphMissing) as refused:
        check_glyphs(text)
    assert refused.value.details["missing"] == missing


def test_start_is_refused_when_a_label_cannot_be_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    assert checks.check_labels_can_be_drawn() == []
    monkeypatch.setattr(checks, "label_texts", lambda packs: [("xx/label", "龘")])
    (error,) = checks.check_labels_can_be_drawn()
    assert error.id == "disclosure.E002" and error.hint == "xx/label"


def run(*args: str) -> tuple[str, int]:
    out = io.StringIO()
    try:
        call_command("disclosure", *args, stdout=out)
    except SystemExit as left:
        return out.getvalue(), int(left.code or 0)
    return out.getvalue(), 0


def test_command_decides_and_replays(tmp_path: Path) -> None:
    facts = tmp_path / "facts.json"
    facts.write_text(json.dumps(TAKE), "utf-8")
    text, status = run("decide", "--facts", str(facts), "--json")
    assert status == 0 and json.loads(text)["outcome"] == "allow_with_duties"
    stored = tmp_path / "decision.json"
    stored.write_text(text, "utf-8")
    assert run("replay", str(stored), "--json") == (text, 0)
    assert "数字人" in run("decide", "--facts", str(facts), "--language", "zh-hans")[0]


def test_command_says_no_with_its_exit_status(tmp_path: Path) -> None:
    facts = tmp_path / "facts.json"
    facts.write_text(json.dumps({**TAKE, "label": {"found": False, "frames": 3}}), "utf-8")
    text, status = run("decide", "--facts", str(facts))
    assert status == 5 and "label_missing" not in text and "No visible label" in text


@pytest.mark.parametrize("content", [None, "", "[1]", "{"])
def test_command_refuses_a_bad_file(tmp_path: Path, content: str | None) -> None:
    facts = tmp_path / "facts.json"
    if content is not None:
        facts.write_text(content, "utf-8")
    with pytest.raises(CommandError):
        run("decide", "--facts", str(facts))


def test_command_lists_packs() -> None:
    rows = json.loads(run("packs", "--json")[0])
    assert {"cn-labelling", "eu-ai-act-50", "eu-code-of-practice"} <= {row["id"] for row in rows}


def test_a_ratio_that_binary_fractions_miss_is_still_exact() -> None:
    assert min_glyph_px(0.07, 100, 200) == 7 != ceil(0.07 * 100)
