"""Who may act for whom."""

from __future__ import annotations

from django.contrib.auth.models import AnonymousUser
from django.db.models import QuerySet

from compliance.accounts.models import Membership, Organisation, OrganisationKind, Role, User


def memberships_of(user: User) -> QuerySet[Membership]:
    """Every role the person holds, with its organisation loaded."""
    return Membership.objects.filter(user=user).select_related("organisation")


def has_role(user: User | AnonymousUser, organisation: Organisation, *roles: Role) -> bool:
    """Whether the person holds one of `roles` in `organisation`; any role if none is named."""
    if not user.is_authenticated:
        return False
    held = Membership.objects.filter(user=user, organisation=organisation)
    return (held.filter(role__in=roles) if roles else held).exists()


def organisations_with_role(user: User, *roles: Role) -> QuerySet[Organisation]:
    """Organisations in which the person holds one of `roles` (any role if none is named)."""
    held = Membership.objects.filter(user=user)
    held = held.filter(role__in=roles) if roles else held
    return Organisation.objects.filter(id__in=held.values("organisation_id"))


def is_regulator(user: User | AnonymousUser) -> bool:
    """Whether the person acts for an authority. The role alone, held at a brand, opens nothing."""
    return bool(
        user.is_authenticated
        and Membership.objects.filter(
            user=user, role=Role.REGULATOR, organisation__kind=OrganisationKind.AUTHORITY
        ).exists()
    )


def brands() -> QuerySet[Organisation]:
    """Organisations to which a likeness can be granted."""
    return Organisation.objects.filter(kind__in=[OrganisationKind.BRAND, OrganisationKind.AGENCY])
