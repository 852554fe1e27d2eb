"""What the studio reads. Everything is limited to the organisations in which a person works."""

from __future__ import annotations

from uuid import UUID

from django.db.models import Q, QuerySet

from avatars.engine_names import REFINED, WARP
from avatars.models import Avatar, AvatarState, Recording, RecordingState, Script
from compliance.accounts.models import Role, User
from compliance.accounts.selectors import organisations_with_role
from compliance.consent.models import Grant
from compliance.consent.selectors import acts_as, lineage_ids
from compliance.jobs.models import Job
from compliance.release.models import Take

# Brand legal sees what producers make; only producers make it.
STUDIO_ROLES = (Role.PRODUCER, Role.LEGAL, Role.ADMINISTRATOR)


def recordable_grants_for(user: User) -> QuerySet[Grant]:
    """Grants under which the person may record footage: as a producer, or because the likeness is theirs."""
    producing = organisations_with_role(user, Role.PRODUCER)
    mine = Q(grantee__in=producing) | Q(principal__in=acts_as(user))
    return Grant.objects.filter(mine).select_related("principal", "grantee")


def earlier_recorded(avatar: Avatar) -> Avatar | None:
    """The newest other avatar with a known face under the same consent, or one it replaces."""
    others = Avatar.objects.filter(grant_id__in=lineage_ids(avatar.grant)).exclude(pk=avatar.pk).exclude(face="")
    return others.order_by("-created_at").first()


def can_be_refined(avatar: Avatar) -> bool:
    """Whether the built-in engine has drawn it, without the longer lesson."""
    return avatar.ready and avatar.card.get("engine") == WARP


def refinements_of(avatar: Avatar) -> QuerySet[Avatar]:
    """Doubles of the same footage, ready or being built, by the engine that learns longer."""
    same = Avatar.objects.filter(grant=avatar.grant_id, footage_sha256=avatar.footage_sha256, asked_engine=REFINED)
    return same.filter(state__in=(AvatarState.BUILDING, AvatarState.READY))


def avatars_for(user: User, *roles: Role) -> QuerySet[Avatar]:
    """Avatars of the organisations in which the person holds one of `roles`; of the studio without any."""
    organisations = organisations_with_role(user, *(roles or STUDIO_ROLES))
    return Avatar.objects.filter(organisation__in=organisations).select_related("grant", "organisation")


def avatars_visible_to(user: User) -> QuerySet[Avatar]:
    """Avatars of the organisations the person works in, and those that copy them or their ward."""
    copied = Avatar.objects.filter(grant__principal__in=acts_as(user)).values("pk")
    seen = Q(pk__in=avatars_for(user).values("pk")) | Q(pk__in=copied)
    return Avatar.objects.filter(seen).select_related("grant__principal", "organisation")


def scripts_for(user: User, *roles: Role) -> QuerySet[Script]:
    """Scripts of the organisations in which the person holds one of `roles`; of the studio without any."""
    return Script.objects.filter(organisation__in=organisations_with_role(user, *(roles or STUDIO_ROLES)))


def recordings_for(user: User) -> QuerySet[Recording]:
    """Usable recordings of the organisations the person works in."""
    organisations = organisations_with_role(user, *STUDIO_ROLES)
    found = Recording.objects.filter(organisation__in=organisations, state=RecordingState.READY)
    return found.select_related("avatar", "script")


def takes_for(user: User, *roles: Role) -> QuerySet[Take]:
    """Takes of the organisations in which the person holds one of `roles`; of the studio without any."""
    organisations = organisations_with_role(user, *(roles or STUDIO_ROLES))
    return Take.objects.filter(organisation__in=organisations).select_related("grant", "organisation")


def usable_grants_for(user: User) -> QuerySet[Grant]:
    """Grants from which the person may build as a producer; whether one is in force is decided at the door."""
    organisations = organisations_with_role(user, Role.PRODUCER)
    return Grant.objects.filter(grantee__in=organisations).select_related("principal", "grantee")


def jobs_about(subject_id: UUID) -> QuerySet[Job]:
    """Every job about an avatar or a take."""
    return Job.objects.filter(subject_id=subject_id)


def current_job(subject_id: UUID) -> Job | None:
    """The newest job about an avatar or a take."""
    return Job.objects.filter(subject_id=subject_id).order_by("-created_at").first()
