"""A script as lines: what each says, who wrote it, what it rests on (pure)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Self

_CONTROLS = dict.fromkeys((*range(32), *range(127, 160)), " ")


def one_line(text: str) -> str:
    """A text as one line: control characters and runs of white space become a space."""
    return " ".join(text.translate(_CONTROLS).split())


class Author(StrEnum):
    """Who wrote a line."""

    COMPOSER = "composer"
    MODEL = "model"
    PERSON = "person"


@dataclass(frozen=True, slots=True)
class Line:
    """One line. `product`: the id its facts carry, empty for a line about none or several; `facts`: ids within it.

    `name`: the model's or the person's name. `section`: as in `streaming.dialogue.drafting`.
    """

    text: str
    author: Author = Author.PERSON
    name: str = ""
    product: str = ""
    facts: tuple[str, ...] = ()
    section: str = ""

    def to_json(self) -> dict[str, Any]:
        """JSON-safe form."""
        return {**asdict(self), "author": str(self.author), "facts": list(self.facts)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read `to_json`."""
        return cls(**{**data, "author": Author(data["author"]), "facts": tuple(data["facts"])})

    def reworded(self, text: str, name: str) -> Line:
        """The line as a person left it: unchanged, or theirs, and then what it rests on has to be found anew."""
        return self if text == self.text else Line(text, Author.PERSON, name, self.product, section=self.section)
