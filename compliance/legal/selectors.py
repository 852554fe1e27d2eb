"""What brand legal reads: reviews and quarantine of the organisations they act for."""

from __future__ import annotations

from django.db.models import QuerySet

from compliance.accounts.models import Role, User
from compliance.accounts.selectors import organisations_with_role
from compliance.release.models import Quarantine, Release, Review


def reviews_for(user: User) -> QuerySet[Review]:
    """Reviews of every organisation for which the person is brand legal."""
    organisations = organisations_with_role(user, Role.LEGAL)
    return Review.objects.filter(organisation__in=organisations).select_related(
        "organisation", "requested_by", "decided_by"
    )


def quarantine_for(user: User) -> QuerySet[Quarantine]:
    """Refused renderings; producers see them too, because they have to do something about them."""
    organisations = organisations_with_role(user, Role.LEGAL, Role.PRODUCER)
    return Quarantine.objects.filter(organisation__in=organisations).select_related("take")


def takedowns_for(user: User) -> QuerySet[Release]:
    """Releases whose consent was withdrawn: what has to be taken down wherever it was published."""
    organisations = organisations_with_role(user, Role.LEGAL, Role.PRODUCER)
    return Release.objects.filter(organisation__in=organisations, takedown_at__isnull=False).select_related("take")
