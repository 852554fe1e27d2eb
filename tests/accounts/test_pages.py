"""Pages of people and organisations, opened by owner, colleague, stranger and a nameless visitor."""

from __future__ import annotations

import pytest
from django.conf import settings as django_settings
from django.core import mail
from django.test import Client
from django.urls import reverse

from compliance.accounts.access import SESSION_KEY
from compliance.accounts.models import Membership, Organisation, Role
from compliance.accounts.selectors import has_role
from tests.accounts.conftest import Cast

USCC_CODE = "00119144030071526726XG10000"


def _page(organisation: Organisation) -> str:
    return reverse("accounts:organisation", kwargs={"pk": organisation.pk})


def _doors(cast: Cast) -> list[tuple[str, str]]:
    """Every way into the owner's organisation: (method, address)."""
    owners = Membership.objects.get(user=cast.owner).pk
    pk = cast.brand.pk
    remove = reverse("accounts:remove_member", kwargs={"pk": pk, "membership_pk": owners})
    return [
        ("get", _page(cast.brand)),
        ("post", _page(cast.brand)),
        ("post", reverse("accounts:add_member", kwargs={"pk": pk})),
        ("post", remove),
    ]


@pytest.mark.parametrize("who", ["colleague", "stranger"])
def test_an_organisation_does_not_exist_for_those_who_do_not_administer_it(cast: Cast, who: str) -> None:
    client = cast.client_of(getattr(cast, who))
    form = {"name": "Taken", "email": "evil@example.org", "role": Role.ADMINISTRATOR}
    for method, address in _doors(cast):
        assert getattr(client, method)(address, form).status_code == 404, address
    cast.brand.refresh_from_db()
    assert cast.brand.name == "Qingshan Tea"
    assert cast.brand.memberships.count() == 2


def test_a_nameless_visitor_is_asked_to_sign_in(cast: Cast) -> None:
    for method, address in _doors(cast):
        response = getattr(Client(), method)(address)
        assert response.status_code == 302
        assert response["Location"].startswith(reverse("account_login"))


def test_a_member_of_another_organisation_cannot_be_removed_through_ones_own(cast: Cast) -> None:
    foreign = Membership.objects.get(user=cast.stranger)
    address = reverse("accounts:remove_member", kwargs={"pk": cast.brand.pk, "membership_pk": foreign.pk})
    assert cast.client_of(cast.owner).post(address).status_code == 404
    assert Membership.objects.filter(pk=foreign.pk).exists()


def test_the_owner_adds_a_newcomer_who_is_invited_by_mail(cast: Cast) -> None:
    client = cast.client_of(cast.owner)
    address = reverse("accounts:add_member", kwargs={"pk": cast.brand.pk})
    client.post(address, {"email": "new@example.org", "display_name": "Newcomer", "role": "legal"})
    assert Membership.objects.filter(user__email="new@example.org", role=Role.LEGAL).exists()
    assert [message.to for message in mail.outbox] == [["new@example.org"]]
    assert "/accounts/password/reset/key/" in mail.outbox[0].body


def test_a_role_that_does_not_exist_here_is_explained(cast: Cast) -> None:
    client = cast.client_of(cast.owner)
    address = reverse("accounts:add_member", kwargs={"pk": cast.brand.pk})
    response = client.post(address, {"email": "new@example.org", "role": "regulator"})
    assert response.status_code == 422
    assert "regulator" in response.content.decode()
    assert cast.brand.memberships.count() == 2


def test_a_mistyped_provider_code_is_explained_and_a_right_one_saved(cast: Cast) -> None:
    client = cast.client_of(cast.owner)
    wrong = client.post(_page(cast.brand), {"name": "Qingshan Tea", "provider_code": USCC_CODE[:-6] + "H10000"})
    assert wrong.status_code == 422
    assert "typing error" in wrong.content.decode()
    client.post(_page(cast.brand), {"name": "Qingshan Tea", "provider_code": f" {USCC_CODE.lower()} "})
    cast.brand.refresh_from_db()
    assert cast.brand.provider_code == USCC_CODE


def test_one_cannot_switch_into_an_organisation_one_does_not_belong_to(cast: Cast) -> None:
    client = cast.client_of(cast.owner)
    for organisation in (str(cast.other_brand.pk), "not-a-uuid", ""):
        assert client.post(reverse("accounts:switch"), {"organisation": organisation}).status_code == 404
    assert SESSION_KEY not in client.session


def test_switching_changes_for_whom_one_acts(cast: Cast) -> None:
    Membership.objects.create(user=cast.owner, organisation=cast.other_brand, role=Role.LEGAL)
    client = cast.client_of(cast.owner)
    response = client.post(reverse("accounts:switch"), {"organisation": str(cast.other_brand.pk)}, follow=True)
    assert "You act for Other Tea." in response.content.decode()


def test_switching_by_a_link_from_elsewhere_is_impossible(cast: Cast) -> None:
    client = cast.client_of(cast.owner)
    assert client.get(reverse("accounts:switch")).status_code == 405
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(cast.owner, backend="django.contrib.auth.backends.ModelBackend")
    response = strict.post(reverse("accounts:switch"), {"organisation": str(cast.brand.pk)})
    assert response.status_code == 403
    assert "The form was too old" in response.content.decode()


def test_opening_ones_own_place_gives_the_streamers_role(cast: Cast) -> None:
    cast.client_of(cast.colleague).post(reverse("accounts:personal"))
    personal = Organisation.objects.get(kind="personal")
    assert has_role(cast.colleague, personal, Role.STREAMER)


def test_the_profile_saves_name_and_language(cast: Cast) -> None:
    client = cast.client_of(cast.owner)
    client.post(reverse("accounts:profile"), {"display_name": "林悦", "language": "zh-hans"})
    cast.owner.refresh_from_db()
    assert (cast.owner.display_name, cast.owner.language) == ("林悦", "zh-hans")
    assert client.cookies[django_settings.LANGUAGE_COOKIE_NAME].value == "zh-hans"


def test_a_name_is_text_not_markup(cast: Cast) -> None:
    client = cast.client_of(cast.owner)
    client.post(reverse("accounts:profile"), {"display_name": "<script>x</script>", "language": "en"})
    assert "<script>x" not in client.get("/").content.decode()
