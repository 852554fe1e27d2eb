"""The condition language: total, three-valued, and blunt about words."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compliance.disclosure.expressions import Truth, contains_elements, parse_expression
from compliance.disclosure.facts import Facts
from compliance.disclosure.formats import is_annex_e_text, is_provider_code, is_uscc

GB = (("人工智能", "AI"), ("生成", "合成"))
FLAGS = ("commercial", "actual_knowledge", "uploader_declared")


def judge(expression: Any, facts: dict[str, Any]) -> Truth:
    return parse_expression(expression, "when").judge(Facts(facts)).truth


def atoms() -> st.SearchStrategy[Any]:
    return st.tuples(st.sampled_from(FLAGS), st.booleans()).map(lambda t: {"eq": list(t)})


EXPRESSIONS = st.recursive(
    atoms(),
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: {"all": parts}),
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: {"any": parts}),
        inner.map(lambda part: {"not": part}),
    ),
    max_leaves=8,
)
KNOWN = st.fixed_dictionaries({}, optional={flag: st.booleans() for flag in FLAGS})


@given(st.lists(EXPRESSIONS, min_size=1, max_size=3), KNOWN)
def test_de_morgan_holds_with_unknown_facts(parts: list[Any], facts: dict[str, bool]) -> None:
    assert judge({"not": {"all": parts}}, facts) is judge({"any": [{"not": p} for p in parts]}, facts)


@given(EXPRESSIONS, KNOWN)
def test_a_verdict_reached_without_a_fact_never_changes_when_it_becomes_known(
    expression: Any, facts: dict[str, bool]
) -> None:
    """Monotony: only unknown may change into something else when more is known."""
    before = judge(expression, facts)
    for flag in FLAGS:
        if flag not in facts and before is not Truth.UNKNOWN:
            assert judge(expression, {**facts, flag: True}) is before
            assert judge(expression, {**facts, flag: False}) is before


@given(EXPRESSIONS, KNOWN)
def test_unknown_always_names_what_is_missing(expression: Any, facts: dict[str, bool]) -> None:
    judged = parse_expression(expression, "when").judge(Facts(facts))
    assert bool(judged.missing) is (judged.truth is Truth.UNKNOWN)
    assert not judged.missing & facts.keys()


@pytest.mark.parametrize(
    ("expression", "facts", "truth"),
    [
        (
            {"gte": ["label.glyph_share", 0.05]},
            {"frame": {"width": 1080, "height": 1920}, "label": {"glyph_height_px": 54}},
            True,
        ),
        (
            {"gte": ["label.glyph_share", 0.05]},
            {"frame": {"width": 1080, "height": 1920}, "label": {"glyph_height_px": 53}},
            False,
        ),
        ({"lt": ["breaks", 2]}, {"breaks": 1}, True),
        ({"gt": ["breaks", 2]}, {"breaks": 2}, False),
        ({"lte": ["breaks", 2]}, {"breaks": 2}, True),
        ({"before": ["as_of", "2026-12-02"]}, {"as_of": "2026-12-02"}, False),
        ({"on_or_after": ["as_of", "2026-12-02"]}, {"as_of": "2026-12-02"}, True),
        ({"has": ["markets", "CN"]}, {"markets": ["EU", "CN"]}, True),
        ({"in": ["channel", ["ad", "vod"]]}, {"channel": "ad"}, True),
        ({"exists": "marking.aigc"}, {"marking": {"aigc": {"count": 0}}}, True),
        ({"exists": "marking.aigc"}, {"marking": {"aigc": None}}, False),
        ({"eq": ["commercial", True]}, {"commercial": True}, True),
    ],
)
def test_operators(expression: Any, facts: dict[str, Any], truth: bool) -> None:
    assert judge(expression, facts) is (Truth.TRUE if truth else Truth.FALSE)


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (("AI生成",), True),
        (("数字人 · AI生成",), True),
        (("人工智能合成",), True),
        (("ＡＩ 生成",), True),
        (("AI", "生成"), True),
        (("数字人",), False),
        (("生成",), False),
        (("AIR 生成",), False),
        (("MAIN生成",), False),
        (("ai生成",), False),
        (("A I生成",), False),
        (("人工", "智能生成"), False),
        ((), False),
    ],
)
def test_label_elements(lines: tuple[str, ...], said: bool) -> None:
    assert contains_elements(lines, GB) is said


@pytest.mark.parametrize(
    ("code", "valid"),
    [
        ("001191000000MA00000AB31A001", True),
        ("001191000000MA00000AB300000", True),
        ("001191000000MA00000AB310000", True),
        ("001191000000MA00000AB41A001", False),
        ("001191000000MA00000AB33A001", False),
        ("001191000000MA00000AB31a001", False),
        ("001191000000MA00000AB31A00", False),
        ("001191000000MA00000AB31A0011", False),
        ("", False),
        ("001191000000MI00000AB31A001", False),
        ("001191000000MA00000AB31A001\n", False),
        ("某" * 27, False),
    ],
)
def test_provider_code(code: str, valid: bool) -> None:
    assert is_provider_code(code) is valid


@given(st.integers(0, 16), st.sampled_from("0123456789ABCDEFGHJKLMNPQRTUWXY"))
def test_any_single_wrong_character_breaks_the_check_character(place: int, other: str) -> None:
    code = "91000000MA00000AB3"
    changed = code[:place] + other + code[place + 1 :]
    assert is_uscc(changed) is (changed == code)


@pytest.mark.parametrize(
    ("text", "fits"), [("abc-1", True), ("", False), ("a b", False), ("某", False), ("a\x7f", False)]
)
def test_annex_e_characters(text: str, fits: bool) -> None:
    assert is_annex_e_text(text) is fits
