"""What other rooms know about the content of a review. They lie above, so they are reached by their settings name."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.utils.module_loading import import_string

from compliance.release.models import Review


def notes_on(review: Review) -> object | None:
    """Notes for the page of a review, or None for kinds nobody has something to say about."""
    path: str | None = settings.AVOW_REVIEW_NOTES.get(review.kind)
    if path is None:
        return None
    notes: Callable[[Review], object] = import_string(path)
    return notes(review)
