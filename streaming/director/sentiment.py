"""The mood of a comment from word lists, Chinese and English; coarse on purpose, and never used to sell harder."""

from __future__ import annotations

import functools
import json
import re
from dataclasses import dataclass
from importlib import resources
from typing import Any

from streaming.dialogue.folding import fold


@dataclass(frozen=True, slots=True)
class Mood:
    """`value` -1..1 (0 for no mood shown); `is_distressed` when the words show need or despair."""

    value: float
    is_distressed: bool


@functools.lru_cache(maxsize=1)
def _lists() -> dict[str, Any]:
    lists: dict[str, Any] = json.loads(resources.files(__package__).joinpath("data/sentiment.json").read_text("utf-8"))
    return lists


@functools.lru_cache(maxsize=1)
def _patterns() -> tuple[re.Pattern[str], re.Pattern[str]]:
    hanzi, english = _lists()["zh"], _lists()["en"]
    zh = "|".join(f"(?P<{kind}>{'|'.join(hanzi[kind])})" for kind in ("distress", "negative", "positive"))
    en = "|".join(
        rf"\b(?P<{kind}>{'|'.join(map(re.escape, english[kind]))})\b" for kind in ("distress", "negative", "positive")
    )
    return re.compile(f"(?P<not>[{''.join(hanzi['negators'])}][太很是]?)?(?:{zh})"), re.compile(
        rf"(?P<not>\b(?:{'|'.join(english['negators'])})\b(?: \w+)? )?(?:{en})"
    )


def read_mood(text: str) -> Mood:
    """The mood of one comment; a negation right before a word turns it round."""
    folded = fold(text)
    total, count, distressed = 0, 0, False
    for pattern, view in zip(_patterns(), (folded.tight.text, folded.spaced.text), strict=True):
        for match in pattern.finditer(view):
            distressed = distressed or bool(match["distress"])
            sign = 1 if match["positive"] else -1
            total += -sign if match["not"] else sign
            count += 1
    return Mood(max(-1.0, min(1.0, total / count)) if count else 0.0, distressed)
