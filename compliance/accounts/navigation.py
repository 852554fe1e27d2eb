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
    """One entry of the main navigation; `role` None means it stands open for everybody. `also`: namespaces of further
    pages that lie behind it.
    """

    label: str | Promise
    route: str
    role: Role | None = None
    also: tuple[str, ...] = ()

    def leads_to(self, namespace: str) -> bool:
        """Whether the pages of a namespace lie behind this door."""
        return namespace in (self.route.partition(":")[0], *self.also)


@dataclass(frozen=True)
class NavItem:
    """A door with its address, ready to be drawn."""

    label: str | Promise
    url: str
    current: bool


DOORS = (
    Door(_("My likeness"), "consent:list", Role.STREAMER, also=("archive",)),
    Door(_("Studio"), "studio:home", Role.PRODUCER, also=("scripting",)),
    Door(_("Live rooms"), "rooms:list", Role.PRODUCER, also=("archive",)),
    Door(_("Reviews"), "legal:queue", Role.LEGAL),
    Door(_("Audit"), "audit:home", Role.REGULATOR, also=("archive",)),
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
    """The doors that `roles` open, the first that leads to `namespace` marked as current."""
    shown = [door for door in DOORS if (door.role is None or door.role in roles) and url_of(door.route)]
    here = next((door for door in shown if door.leads_to(namespace)), None)
    return [NavItem(door.label, url_of(door.route), door is here) for door in shown]
