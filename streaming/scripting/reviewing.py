"""What brand legal is shown beside a script: its sources, what the guard says today, and what changed since the last
version that was approved (`AVOW_REVIEW_NOTES`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.utils import timezone

from avatars.models import Script
from compliance.release.models import Review, ReviewKind, ReviewState
from compliance.textdiff import Piece, diff
from streaming.dialogue.facts import ProductFacts
from streaming.scripting.advice import as_advice
from streaming.scripting.lines import Line
from streaming.scripting.provenance import check_now, line_from, products_in, versions_of
from streaming.scripting.selectors import addresses

Json = dict[str, Any]


@dataclass(frozen=True)
class ScriptNotes:
    """`lines`: as bound into the content, or as checked today where the content binds none. `today`: lines with
    findings of today that are not among those bound. `links`: page of each product's facts. `approved`: the review of
    the newest earlier version that was approved, `pieces` what changed since."""

    lines: list[Json]
    lacks: list[Json]
    today: list[Json]
    links: dict[str, str]
    approved: Review | None
    pieces: tuple[Piece, ...]

    @property
    def findings(self) -> int:
        """How many lines something was found in."""
        return sum(bool(line["findings"]) for line in self.lines)


def notes_on(review: Review) -> ScriptNotes:
    """Notes on the script, or the rundown, a review is about."""
    content: Json = review.content
    bound: Json = content.get("provenance") or {}
    versions = versions_of(review.organisation, bound)
    products = tuple(version.facts() for version in versions) or products_in(content)
    now_found = _found_today(review, bound, products)
    lines: list[Json] = bound.get("lines", now_found)
    approved = _approved_before(review)
    return ScriptNotes(
        lines,
        bound.get("lacks", []),
        list(_new_findings(lines, now_found)),
        addresses(versions),
        approved,
        diff(approved.content["text"], content["text"]) if approved else (),
    )


def _found_today(review: Review, bound: Json, products: Sequence[ProductFacts]) -> list[Json]:
    content = review.content
    lines = [line_from(item) for item in bound.get("lines", ())]
    lines = lines or [Line(text, name=str(review.requested_by)) for text in content["text"].splitlines()]
    checked = check_now(review.organisation, lines, products, content["language"], timezone.now())
    return as_advice([line.to_json() for line in checked.lines])


def _new_findings(bound: Sequence[Json], today: Sequence[Json]) -> list[Json]:
    """Lines in which the guard finds today what it did not find when the script was written: a price that has ended."""
    changed = []
    for before, now in zip(bound, today, strict=False):
        known = {finding["code"] for finding in before["findings"]}
        if new := [finding for finding in now["findings"] if finding["code"] not in known]:
            changed.append({**now, "findings": new})
    return changed


def _approved_before(review: Review) -> Review | None:
    """The approved review of the newest earlier version of the same script."""
    script = Script.objects.filter(pk=review.subject_id).select_related("previous").first()
    while script is not None and (script := script.previous) is not None:
        approved = Review.objects.filter(
            organisation=review.organisation, kind=ReviewKind.SCRIPT, subject_id=script.pk, state=ReviewState.APPROVED
        )
        if (found := approved.first()) is not None:
            return found
    return None
