"""What changed between two texts, word by word (pure).

Joining the kept and the new pieces gives the new text, the kept and the gone ones the old text, whatever the input.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import StrEnum

# From coarse to fine: lines, then sentences of lines that differ, then words; every Hanzi is a word of its own.
_LINES = re.compile(r"[^\n]*\n|[^\n]+")
_SENTENCES = re.compile(r"[^。！？!?.;；]*[。！？!?.;；]+\s*|[^。！？!?.;；]+")
_WORDS = re.compile(r"[\u3400-\u9fff]|[^\W\u3400-\u9fff]+(?:['’.,]\w+)*|\s+|.", re.DOTALL)
_LEVELS = (_LINES, _SENTENCES, _WORDS)
# The matcher's time grows with more than the product of both lengths; beyond this a place is shown as replaced.
_MOST = 300_000


class Change(StrEnum):
    """What happened to a piece."""

    KEPT = "kept"
    GONE = "gone"
    NEW = "new"


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of text that was kept, has gone, or is new. Never empty."""

    change: Change
    text: str


def diff(old: str, new: str) -> tuple[Piece, ...]:
    """The pieces in reading order; within a replaced place what has gone comes first.

    Chinese is compared by character, other writing by word; lines that did not change are matched first.
    """
    return tuple(_joined(_compared(old, new, 0)))


def _compared(before: str, after: str, level: int) -> Iterator[Piece]:
    old, new = _LEVELS[level].findall(before), _LEVELS[level].findall(after)
    for kind, a, b, c, d in _blocks(old, new):
        gone, came = "".join(old[a:b]), "".join(new[c:d])
        if kind == "replace" and level + 1 < len(_LEVELS):
            yield from _compared(gone, came, level + 1)
        else:
            yield from _pieces(kind, gone, came)


def _blocks(old: Sequence[str], new: Sequence[str]) -> Sequence[tuple[str, int, int, int, int]]:
    if len(old) * len(new) > _MOST:
        return [("replace", 0, len(old), 0, len(new))]
    return SequenceMatcher(None, old, new, autojunk=False).get_opcodes()


def _pieces(kind: str, before: str, after: str) -> Iterator[Piece]:
    if kind == "equal":
        yield Piece(Change.KEPT, before)
        return
    if before:
        yield Piece(Change.GONE, before)
    if after:
        yield Piece(Change.NEW, after)


def _joined(pieces: Iterator[Piece]) -> Iterator[Piece]:
    """Neighbours of the same kind as one piece."""
    held: Piece | None = None
    for piece in pieces:
        if held and held.change == piece.change:
            held = Piece(held.change, held.text + piece.text)
            continue
        if held:
            yield held
        held = piece
    if held:
        yield held
