"""The cast: an owner, a colleague without rights over the organisation, and a stranger."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from django.test import Client

from compliance.accounts.models import Membership, Organisation, OrganisationKind, Role, User


@dataclass(frozen=True)
class Cast:
    brand: Organisation
    other_brand: Organisation
    owner: User
    colleague: User
    stranger: User

    def client_of(self, user: User) -> Client:
        client = Client()
        client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
        return client


@pytest.fixture
def cast(db: None) -> Cast:
    brand = Organisation.objects.create(name="Qingshan Tea", kind=OrganisationKind.BRAND)
    other_brand = Organisation.objects.create(name="Other Tea", kind=OrganisationKind.BRAND)
    owner = User.objects.create_user("owner@example.org", display_name="Owner")
    colleague = User.objects.create_user("colleague@example.org", display_name="Colleague")
    stranger = User.objects.create_user("stranger@example.org", display_name="Stranger")
    for user, organisation, role in (
        (owner, brand, Role.ADMINISTRATOR),
        (colleague, brand, Role.PRODUCER),
        (stranger, other_brand, Role.ADMINISTRATOR),
    ):
        Membership.objects.create(user=user, organisation=organisation, role=role)
    return Cast(brand, other_brand, owner, colleague, stranger)
