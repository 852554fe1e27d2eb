"""What the studio reads. Everything is limited to the organisations in which a person works."""

from __future__ import annotations

from uuid import UUID

from django.db.models import QuerySet

from avatars.models import Avatar, Script
from compliance.accounts.models import Role, User
from compliance.accounts.selectors import organisations_with_role
from compliance.consent.models import Grant
from compliance.jobs.models import Job
from compliance.release.models import Take

# Brand legal sees what producers make; only producers make it.
STUDIO_ROLES = (Role.PRODUCER, Role.LEGAL, Role.ADMINISTRATOR)


def avatars_for(user: User) -> QuerySet[Avatar]:
    """Avatars of the organisations the person works in."""
    organisations = organisations_with_role(user, *STUDIO_ROLES)
    return Avatar.objects.filter(organisation__in=organisations).select_related("grant", "organisation")


def scripts_for(user: User) -> QuerySet[Script]:
    """Scripts of the organisations the person works in."""
    return Script.objects.filter(organisation__in=organisations_with_role(user, *STUDIO_ROLES))


def takes_for(user: User) -> QuerySet[Take]:
    """Takes of the organisations the person works in."""
    organisations = organisations_with_role(user, *STUDIO_ROLES)
    return Take.objects.filter(organisation__in=organisations).select_related("grant", "organisation")


def usable_grants_for(user: User) -> QuerySet[Grant]:
    """Grants from which the person may build as a producer; whether one is in force is decided at the door."""
    organisations = organisations_with_role(user, Role.PRODUCER)
    return Grant.objects.filter(grantee__in=organisations).select_related("principal", "grantee")


def current_job(subject_id: UUID) -> Job | None:
    """The newest job about an avatar or a take."""
    return Job.objects.filter(subject_id=subject_id).order_by("-created_at").first()
