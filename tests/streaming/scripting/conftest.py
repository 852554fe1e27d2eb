"""A brand with a producer and a reader, and a catalogue of one cream."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from django.test import Client

from compliance.accounts.models import Membership, Organisation, OrganisationKind, Role, User
from streaming.demo import FACTS
from streaming.scripting.models import ProductVersion
from streaming.scripting.services import save_product


@dataclass
class Studio:
    """Who works at the desk, and what they have."""

    brand: Organisation
    producer: User
    legal: User
    cream: ProductVersion

    def client(self, user: User) -> Client:
        client = Client()
        client.force_login(user)
        return client


@pytest.fixture
def studio(db: None) -> Studio:
    brand = Organisation.objects.create(name="Lumen", kind=OrganisationKind.BRAND)
    people = {}
    for name, role in (("Pat", Role.PRODUCER), ("Dana", Role.LEGAL)):
        people[name] = User.objects.create_user(f"{name.lower()}@example.org", None, display_name=name)
        Membership.objects.create(user=people[name], organisation=brand, role=role)
    cream = save_product(organisation=brand, by=people["Pat"], facts=FACTS)
    return Studio(brand, people["Pat"], people["Dana"], cream)
