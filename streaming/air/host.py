"""What the host says next: the approved rundown, round after round."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from streaming.models import Source
from streaming.rundown import Rundown


@dataclass(frozen=True)
class Line:
    """One line to be spoken. `pause_s`: silence after it. `comment_id`: the comment it answers, if any."""

    text: str
    source: Source
    item_id: str = ""
    product_id: str = ""
    pause_s: float = 0.4
    comment_id: int | None = None


class Host(Protocol):
    """Whoever decides on the next line."""

    def next_line(self) -> Line:
        """Never fails and never waits: a room cannot stop for an idea."""
        ...


class RundownHost:
    """Speaks the rundown in its order, for ever."""

    def __init__(self, rundown: Rundown) -> None:
        self._lines = self._walk(rundown)

    @staticmethod
    def _walk(rundown: Rundown) -> Iterator[Line]:
        while True:
            for item in rundown.round():
                for text in item.lines:
                    yield Line(text, Source.RUNDOWN, item.id, item.product_id, item.pause_s)

    def next_line(self) -> Line:
        return next(self._lines)
