"""What changed between two texts, word by word (pure).

Joining the kept and the new pieces gives the new text, the kept and the gone ones the old text, whatever the input.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import StrEnum

# Every Hanzi is a word of its own; Latin words, numbers and runs of white space stay whole.
_TOKEN = re.compile(r"[\u3400-\u9fff]|[^\W\u3400-\u9fff]+(?:['’.,]\w+)*|\s+|.", re.DOTALL)
# The matcher's time grows with the product of both lengths; beyond this a block is shown as replaced.
_MOST = 1_500_000


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
    return tuple(_joined(_by_line(old.splitlines(keepends=True), new.splitlines(keepends=True))))


def _by_line(old: Sequence[str], new: Sequence[str]) -> Iterator[Piece]:
    for kind, a, b, c, d in _blocks(old, new):
        before, after = "".join(old[a:b]), "".join(new[c:d])
        if kind == "replace":
            yield from _by_word(_TOKEN.findall(before), _TOKEN.findall(after))
        else:
            yield from _pieces(kind, before, after)


def _by_word(old: Sequence[str], new: Sequence[str]) -> Iterator[Piece]:
    for kind, a, b, c, d in _blocks(old, new):
        yield from _pieces(kind, "".join(old[a:b]), "".join(new[c:d]))


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
