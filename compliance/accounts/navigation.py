"""Which doors a person is shown, by role. A route that is not installed is left out, never a dead link."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.urls import NoReverseMatch, reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from compliance.accounts.models import Membership, OrganisationKind, Role


@dataclass(frozen=True)
class Door:
    """One entry of the main navigation; `role` None means it stands open for everybody."""

    label: str | Promise
    route: str
    role: Role | None = None

    @property
    def namespace(self) -> str:
        return self.route.partition(":")[0]


@dataclass(frozen=True)
class NavItem:
    """A door with its address, ready to be drawn."""

    label: str | Promise
    url: str
    current: bool


DOORS = (
    Door(_("My likeness"), "consent:list", Role.STREAMER),
    Door(_("Studio"), "studio:home", Role.PRODUCER),
    Door(_("Live rooms"), "rooms:list", Role.PRODUCER),
    Door(_("Reviews"), "legal:queue", Role.LEGAL),
    Door(_("Audit"), "audit:home", Role.REGULATOR),
    Door(_("Check a file"), "inspection:verify"),
    Door(_("Ledger"), "ledger:home"),
)


def url_of(route: str, **kwargs: object) -> str:
    """The address of `route`, or "" when it is not installed."""
    try:
        return reverse(route, kwargs=kwargs or None)
    except NoReverseMatch:
        return ""


def roles_of(memberships: Iterable[Membership]) -> frozenset[Role]:
    """The roles that open something. A regulator's counts only inside an authority."""
    return frozenset(
        Role(held.role)
        for held in memberships
        if held.role != Role.REGULATOR or held.organisation.kind == OrganisationKind.AUTHORITY
    )


def nav_items(roles: frozenset[Role], namespace: str = "") -> list[NavItem]:
    """The doors that `roles` open, the one of `namespace` marked as current."""
    shown = (door for door in DOORS if door.role is None or door.role in roles)
    return [
        NavItem(door.label, url, door.namespace == namespace) for door in shown if (url := url_of(door.route))
    ]
