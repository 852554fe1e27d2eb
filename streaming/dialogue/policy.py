"""The live-speech policy: what a permit lets a host say freely (pure)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from streaming.dialogue.errors import PolicyRefused

LANGUAGES = ("zh", "en")
SCHEMA = "avow.live-speech/1"


@dataclass(frozen=True, slots=True)
class LiveSpeechPolicy:
    """Bounds of free speech, as legal approved them and the permit binds them.

    `languages` out of `LANGUAGES`; `brands`, `categories` as in product facts; `operator` is named when the
    host says who runs it; without `answer_comments` the host answers only what it must (what it is, distress)
    and hands everything else to a person; `max_line_chars` bounds one line (20 to 400).
    """

    languages: tuple[str, ...]
    brands: tuple[str, ...]
    categories: tuple[str, ...]
    operator: Mapping[str, str]
    answer_comments: bool = True
    max_line_chars: int = 220

    def __post_init__(self) -> None:
        unknown = set(self.languages) - set(LANGUAGES)
        if unknown or not self.languages:
            _refuse("policy_language", f"Choose languages out of {', '.join(LANGUAGES)}.")
        if not self.brands or not self.categories:
            _refuse("policy_too_wide", "Name the brands and the categories the host may speak of.")
        if not all(self.operator.get(language, "").strip() for language in self.languages):
            _refuse("policy_without_operator", "Name the operator in each language: viewers may ask who runs the host.")
        if not 20 <= self.max_line_chars <= 400:
            _refuse("policy_line_length", "A line may have 20 to 400 characters.")

    def to_json(self) -> str:
        """Canonical JSON."""
        data = {name: getattr(self, name) for name in self.__slots__}
        plain = {**data, "operator": dict(self.operator), "schema": SCHEMA}
        return json.dumps(plain, ensure_ascii=False, sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read `to_json`. Raises `PolicyRefused`."""
        try:
            data: dict[str, Any] = json.loads(text)
            if data.pop("schema") != SCHEMA:
                raise ValueError(f"the schema is not {SCHEMA}")
            lists = {name: tuple(data[name]) for name in ("languages", "brands", "categories")}
            return cls(**{**data, **lists})
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise PolicyRefused("policy_malformed", f"This live-speech policy cannot be read: {error}.") from error


def _refuse(code: str, text: str) -> None:
    raise PolicyRefused(code, text)
