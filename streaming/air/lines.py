"""One line of the host, as it goes from whoever thought of it to whoever speaks it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from streaming.director.expression import AS_RECORDED, Manner
from streaming.models import Source


@dataclass(frozen=True)
class Line:
    """One line to be spoken in a manner, then `pause_s` seconds of silence; without text only the silence.

    `stopped`: what the guard held back before it.
    """

    text: str
    source: Source
    item_id: str = ""
    product_id: str = ""
    pause_s: float = 0.4
    comment_id: int | None = None
    stopped: tuple[dict[str, Any], ...] = ()
    manner: Manner = AS_RECORDED
