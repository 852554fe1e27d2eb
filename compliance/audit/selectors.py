"""What an authority reads: every release, by whatever lead it holds."""

from __future__ import annotations

import re
from uuid import UUID

from django.db.models import Q, QuerySet

from compliance.ledger.models import LogEntry
from compliance.ledger.selectors import entries_for_subjects
from compliance.release.models import Release, Review

_MARK = re.compile(r"^[0-9a-f]{16}$")
_SHA256 = re.compile(r"^[0-9a-f]{64}$")


def releases() -> QuerySet[Release]:
    """All releases of all organisations."""
    return Release.objects.select_related("take", "grant", "grant__principal", "organisation", "mark", "permit")


def find_releases(lead: str) -> QuerySet[Release]:
    """Releases a lead points to: a mark, a SHA-256, an id of release, take or grant, a manifest label, a word."""
    lead = lead.strip()
    if not lead:
        return releases()
    if _MARK.match(lead.lower()):
        return releases().filter(mark_id=lead.lower())
    if _SHA256.match(lead.lower()):
        return releases().filter(sha256=lead.lower())
    if (identifier := _uuid(lead)) is not None:
        return releases().filter(Q(id=identifier) | Q(take_id=identifier) | Q(grant_id=identifier))
    words = Q(take__title__icontains=lead) | Q(organisation__name__icontains=lead)
    return releases().filter(words | Q(manifest_label=lead))


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def reviews_behind(release: Release) -> list[Review]:
    """Brand legal's decisions on what the release shows, by digest."""
    take = release.take
    digests = (take.avatar_digest, take.script_digest, take.campaign_digest)
    found = Review.objects.filter(organisation=release.organisation, digest__in=digests)
    return list(found.select_related("decided_by"))


def log_of(release: Release) -> list[LogEntry]:
    """Every entry of the public log about the release and what led to it, in log order."""
    subjects = [release.id, release.take_id, release.grant_id, release.permit_id, release.take.avatar_id]
    return entries_for_subjects([*subjects, *(review.id for review in reviews_behind(release))])
