"""What is bound into a script beside its words: who wrote each line, what it rests on, what was found in it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from avatars.models import Script
from compliance.accounts.models import Organisation
from streaming.dialogue.facts import ProductFacts
from streaming.dialogue.guard import Guard
from streaming.dialogue.policy import LANGUAGES
from streaming.scripting.checking import Checked, check_script, policy_for
from streaming.scripting.lines import Author, Line
from streaming.scripting.models import ProductVersion
from streaming.scripting.selectors import versions_by_id

Json = dict[str, Any]
SCHEMA = "avow.script-provenance/1"


def provenance_of(checked: Checked, versions: Sequence[ProductVersion], wish: Mapping[str, Any] | None = None) -> Json:
    """Provenance of a checked script; `wish`: audience, tone and seconds it was drafted for."""
    return {
        "schema": SCHEMA,
        "facts": [
            {"product": version.product.key, "version": str(version.id), "digest": version.digest}
            for version in versions
        ],
        "wish": dict(wish) if wish else None,
        "lines": [line.to_json() for line in checked.lines],
        "lacks": [asdict(lack) for lack in checked.lacks],
    }


def lines_of(script: Script) -> list[Line]:
    """A script's lines with what is known of them; of older scripts only the words."""
    stored = script.provenance.get("lines")
    if stored is None:
        return [Line(text, name=str(script.created_by)) for text in script.text.splitlines()]
    return [line_from(item) for item in stored]


def line_from(item: Mapping[str, Any]) -> Line:
    """A line out of provenance. What a person wrote names no facts: those beside it were found, and are found again."""
    author = Author(item["author"]["kind"])
    facts = () if author == Author.PERSON else tuple(source["fact"] for source in item["sources"])
    return Line(item["text"], author, item["author"]["name"], item["product"], facts, item["section"])


def versions_of(organisation: Organisation, provenance: Mapping[str, Any]) -> list[ProductVersion]:
    """The product versions a script names."""
    return versions_by_id(organisation, (item["version"] for item in provenance.get("facts", ())))


def check_now(
    organisation: Organisation, lines: Sequence[Line], products: Sequence[ProductFacts], language: str, now: datetime
) -> Checked:
    """The guard's word on a script of the organisation at `now`; languages it cannot read are not checked."""
    if language not in LANGUAGES:
        return Checked((), ())
    guard = Guard(policy_for(organisation.name, products, language, categories=_goods(products)))
    return check_script(lines, products, guard, now)


def _goods(products: Sequence[ProductFacts]) -> tuple[str, ...]:
    # Without a product nobody has said which goods it is about; those that need a licence stay outside.
    return () if products else ("unknown",)


def products_in(content: Mapping[str, Any]) -> tuple[ProductFacts, ...]:
    """The product facts that a room's plan carries with it."""
    return tuple(ProductFacts.from_json(json.dumps(item)) for item in content.get("products", ()))
