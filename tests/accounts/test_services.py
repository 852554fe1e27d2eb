"""Who may be what, and what nobody may do to themselves or others."""

from __future__ import annotations

import pytest

from compliance.accounts import services
from compliance.accounts.models import Membership, OrganisationKind, Role, User
from compliance.accounts.selectors import has_role
from compliance.errors import BadInput, Refused
from tests.accounts.conftest import Cast


def test_a_known_person_gets_the_role_and_keeps_the_account(cast: Cast) -> None:
    membership, is_new = services.add_member(organisation=cast.brand, email="STRANGER@example.org", role=Role.LEGAL)
    assert membership.user == cast.stranger
    assert not is_new
    assert has_role(cast.stranger, cast.brand, Role.LEGAL)


def test_an_unknown_person_gets_an_account_that_no_password_opens(cast: Cast) -> None:
    membership, is_new = services.add_member(organisation=cast.brand, email="new@example.org", role=Role.LEGAL)
    assert is_new
    assert not membership.user.has_usable_password()
    assert membership.user.display_name == "new"


def test_the_same_role_is_not_given_twice(cast: Cast) -> None:
    with pytest.raises(BadInput) as refused:
        services.add_member(organisation=cast.brand, email=cast.owner.email, role=Role.ADMINISTRATOR)
    assert refused.value.code == "already_member"
    assert Membership.objects.filter(user=cast.owner).count() == 1


def test_a_brand_cannot_make_itself_a_regulator(cast: Cast) -> None:
    with pytest.raises(BadInput) as refused:
        services.add_member(organisation=cast.brand, email=cast.owner.email, role=Role.REGULATOR)
    assert refused.value.code == "role_not_here"
    assert not User.objects.filter(memberships__role=Role.REGULATOR).exists()


def test_the_last_administrator_stays_until_there_is_another(cast: Cast) -> None:
    only = Membership.objects.get(user=cast.owner)
    with pytest.raises(Refused) as refused:
        services.remove_member(membership=only)
    assert refused.value.code == "last_administrator"
    services.add_member(organisation=cast.brand, email=cast.colleague.email, role=Role.ADMINISTRATOR)
    services.remove_member(membership=only)
    assert not has_role(cast.owner, cast.brand)


def test_a_mistyped_provider_code_changes_nothing(cast: Cast) -> None:
    with pytest.raises(BadInput):
        services.update_organisation(organisation=cast.brand, name="Renamed", provider_code="001")
    cast.brand.refresh_from_db()
    assert (cast.brand.name, cast.brand.provider_code) == ("Qingshan Tea", "")


def test_a_streamer_opens_one_place_of_their_own_however_often_they_ask(cast: Cast) -> None:
    first = services.open_personal_organisation(user=cast.colleague)
    assert services.open_personal_organisation(user=cast.colleague) == first
    assert first.kind == OrganisationKind.PERSONAL
    assert has_role(cast.colleague, first, Role.STREAMER)
    assert not has_role(cast.owner, first)
