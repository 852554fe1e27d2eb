"""The first page and the navigation show each role its own doors, and only those."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from avatars.demo import seed
from compliance.accounts import demo
from compliance.accounts.models import Membership, Organisation, OrganisationKind, Role, User
from compliance.accounts.navigation import DOORS, nav_items, url_of
from tests.accounts.conftest import Cast

DOORS_OF = {
    Role.STREAMER: ("consent:list",),
    Role.PRODUCER: ("studio:home", "rooms:list"),
    Role.LEGAL: ("legal:queue",),
    Role.REGULATOR: ("audit:home",),
}


def test_every_door_leads_somewhere() -> None:
    assert [door.route for door in DOORS if not url_of(door.route)] == []


@pytest.mark.parametrize("role", list(Role))
def test_a_role_sees_its_own_door_and_what_is_open_to_everybody(role: Role) -> None:
    shown = {item.url for item in nav_items(frozenset({role}))}
    expected = set(DOORS_OF.get(role, ()))
    assert shown == {url_of(route) for route in {"inspection:verify", "ledger:home"} | expected}


@pytest.mark.parametrize(
    ("roles", "namespace", "here"),
    [
        ({Role.PRODUCER}, "rooms", ["rooms:list"]),
        ({Role.PRODUCER}, "archive", ["rooms:list"]),
        ({Role.PRODUCER}, "scripting", ["studio:home"]),
        ({Role.REGULATOR}, "archive", ["audit:home"]),
        ({Role.STREAMER}, "archive", ["consent:list"]),
        ({Role.STREAMER, Role.PRODUCER, Role.REGULATOR}, "archive", ["consent:list"]),
        ({Role.LEGAL}, "accounts", []),
    ],
)
def test_one_door_at_most_is_where_one_is(roles: set[Role], namespace: str, here: list[str]) -> None:
    current = [item.url for item in nav_items(frozenset(roles), namespace) if item.current]
    assert current == [url_of(route) for route in here]


def test_a_visitor_is_told_what_this_is_and_sees_no_workroom(client: Client, db: None) -> None:
    page = client.get("/").content.decode()
    assert "AI hosts that can prove who agreed" in page
    for route in (route for routes in DOORS_OF.values() for route in routes):
        assert f'href="{url_of(route)}"' not in page


def test_demonstration_passwords_are_shown_only_in_the_demonstration(
    client: Client, db: None, settings: object
) -> None:
    settings.AVOW_DEMO = False  # type: ignore[attr-defined]
    assert "avow.example" not in client.get("/").content.decode()
    settings.AVOW_DEMO = True  # type: ignore[attr-defined]
    assert "streamer@avow.example" in client.get("/").content.decode()


def test_the_start_page_introduces_exactly_the_people_who_are_seeded(db: None, settings: Any) -> None:
    settings.AVOW_DEMO = True
    seed()
    for person in demo.PEOPLE:
        user = User.objects.get(email=person.email)
        assert user.check_password(demo.PASSWORD)
        assert user.memberships.get().role == person.role
        assert user.memberships.get().organisation.name == person.organisation


def test_a_regulator_in_name_only_sees_no_audit(cast: Cast) -> None:
    # Written past the services, as a faulty import might.
    Membership.objects.create(user=cast.stranger, organisation=cast.other_brand, role=Role.REGULATOR)
    page = cast.client_of(cast.stranger).get("/").content.decode()
    assert f'href="{url_of("audit:home")}"' not in page


def test_a_regulator_of_an_authority_is_led_to_the_audit(cast: Cast) -> None:
    authority = Organisation.objects.create(name="Authority", kind=OrganisationKind.AUTHORITY)
    Membership.objects.create(user=cast.stranger, organisation=authority, role=Role.REGULATOR)
    page = cast.client_of(cast.stranger).get("/").content.decode()
    assert f'href="{url_of("audit:home")}"' in page


def test_a_person_without_any_role_is_told_how_to_get_one(cast: Cast) -> None:
    newcomer = User.objects.create_user("n@example.org", display_name="N")
    page = cast.client_of(newcomer).get("/").content.decode()
    assert "You belong to no organisation yet" in page


def test_a_link_checker_may_ask_for_the_head_only(client: Client, db: None) -> None:
    assert client.head("/").status_code == 200


def test_an_unknown_address_has_a_page_that_says_what_to_do(client: Client, db: None) -> None:
    response = client.get("/nothing-here/")
    assert response.status_code == 404
    assert "There is nothing here for you" in response.content.decode()
