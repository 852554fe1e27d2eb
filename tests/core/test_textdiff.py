"""Differences between texts: nothing lost, nothing invented, by character in Chinese and by word elsewhere."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from compliance.textdiff import Change, Piece, diff

# Few different words, so that texts overlap; and anything at all.
_LIKE_SCRIPTS = st.lists(
    st.sampled_from(["今天", "润肤霜", "199", "元", "。", "\n", "\r\n", "cream", " ", "it's", "1.50", "’", "\u2028"])
).map("".join)
TEXTS = st.one_of(_LIKE_SCRIPTS, st.text(max_size=60))


def applied(pieces: tuple[Piece, ...], *kept: Change) -> str:
    return "".join(piece.text for piece in pieces if piece.change in kept)


@given(TEXTS, TEXTS)
def test_the_difference_leads_from_one_text_to_the_other(old: str, new: str) -> None:
    pieces = diff(old, new)
    assert applied(pieces, Change.KEPT, Change.NEW) == new
    assert applied(pieces, Change.KEPT, Change.GONE) == old
    assert all(piece.text for piece in pieces)


@given(TEXTS)
def test_a_text_does_not_differ_from_itself(text: str) -> None:
    assert all(piece.change == Change.KEPT for piece in diff(text, text))


def test_chinese_is_compared_by_character() -> None:
    pieces = diff("质地清爽，不黏手。", "质地轻爽，不黏手。")
    assert pieces == (
        Piece(Change.KEPT, "质地"),
        Piece(Change.GONE, "清"),
        Piece(Change.NEW, "轻"),
        Piece(Change.KEPT, "爽，不黏手。"),
    )


def test_english_is_compared_by_word() -> None:
    pieces = diff("It ships within 48 hours.", "It ships within 24 hours.")
    assert [piece.text for piece in pieces if piece.change != Change.KEPT] == ["48", "24"]


def test_unchanged_lines_are_kept_whole_around_a_new_one() -> None:
    pieces = diff("one\ntwo\n", "one\nand a half\ntwo\n")
    assert pieces == (Piece(Change.KEPT, "one\n"), Piece(Change.NEW, "and a half\n"), Piece(Change.KEPT, "two\n"))


def test_a_text_made_to_be_slow_is_shown_as_replaced() -> None:
    old, new = "a b " * 4000, "b a " * 4000
    assert [piece.change for piece in diff(old, new)] == [Change.GONE, Change.NEW]
