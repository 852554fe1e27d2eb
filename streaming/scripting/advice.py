"""What the guard says about a script written by hand (`AVOW_SCRIPT_ADVISER`).

The rules of live speech bind what is said live. A clip is read by brand legal before it exists, so here every finding
is advice: it is shown to the producer, kept with the script, and bound into what legal decides on.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.utils import timezone

from compliance.accounts.models import Organisation
from streaming.dialogue.policy import LANGUAGES
from streaming.scripting.checking import CheckedLine, Severity
from streaming.scripting.lines import Line
from streaming.scripting.provenance import check_now, provenance_of
from streaming.scripting.selectors import named_in


def advise(*, organisation: Organisation, author: str, language: str, text: str) -> dict[str, Any]:
    """Provenance of a text by hand: its lines, checked against the products of the catalogue that it names."""
    lines = [Line(line, name=author) for line in text.splitlines()]
    versions = named_in(text, organisation)
    products = tuple(version.facts() for version in versions)
    checked = check_now(organisation, lines, products, language, timezone.now())
    provenance = provenance_of(checked, versions)
    if language not in LANGUAGES:
        provenance["lines"] = [CheckedLine(line, (), (), ()).to_json() for line in lines]
    provenance["lines"] = as_advice(provenance["lines"])
    return provenance


def as_advice(lines: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Checked lines whose findings all are for brand legal to weigh."""
    for line in lines:
        for finding in line["findings"]:
            finding["severity"] = str(Severity.LEGAL)
    return list(lines)
