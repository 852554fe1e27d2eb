"""The five people of the demonstration. They exist only where `AVOW_DEMO` is set."""

from __future__ import annotations

from dataclasses import dataclass

from allauth.account.models import EmailAddress
from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from compliance.accounts.models import Membership, Organisation, OrganisationKind, Role, User
from compliance.errors import Refused

# Known to everybody who reads this, which is why such accounts are refused outside the demonstration.
PASSWORD = "avow-demo-2026"  # noqa: S105
DOMAIN = "demo.avow.example"


@dataclass(frozen=True)
class Person:
    """One demonstration account."""

    name: str
    email: str
    role: Role
    organisation: str
    kind: OrganisationKind


def _person(name: str, role: Role, organisation: str, kind: OrganisationKind) -> Person:
    return Person(name, f"{role.value}@{DOMAIN}", role, organisation, kind)


_BRAND = "Qingshan Tea 青山茶业"
PEOPLE = (
    _person("Lin Yue 林悦", Role.STREAMER, "Lin Yue 林悦", OrganisationKind.PERSONAL),
    _person("Pia Berg", Role.PRODUCER, _BRAND, OrganisationKind.BRAND),
    _person("Zhou Lan 周岚", Role.LEGAL, _BRAND, OrganisationKind.BRAND),
    _person("Marta Novak", Role.REGULATOR, "Market Supervision (demo)", OrganisationKind.AUTHORITY),
    _person("Ada Okoro", Role.ADMINISTRATOR, _BRAND, OrganisationKind.BRAND),
)


@transaction.atomic
def seed_people() -> dict[Role, User]:
    """Create what is missing of the demonstration's people; safe to call on every start.

    Raises `Refused` outside the demonstration: accounts with a published password are a back door.
    """
    if not settings.AVOW_DEMO:
        raise Refused("not_a_demo", _("Demonstration accounts are created only where AVOW_DEMO is set."))
    return {person.role: _seed(person) for person in PEOPLE}


def _seed(person: Person) -> User:
    user = User.objects.filter(email=person.email).first()
    if user is None:
        user = User.objects.create_user(person.email, PASSWORD, display_name=person.name)
    EmailAddress.objects.get_or_create(
        user=user, email=person.email, defaults={"verified": True, "primary": True}
    )
    organisation, _is_new = Organisation.objects.get_or_create(name=person.organisation, kind=person.kind)
    Membership.objects.get_or_create(user=user, organisation=organisation, role=person.role)
    return user
