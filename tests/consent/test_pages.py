"""The pages as the people use them: owner, colleague, stranger, nobody."""

from __future__ import annotations

import json
from datetime import timedelta
from html import unescape
from uuid import uuid4

import pytest
import time_machine
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from compliance.accounts.models import Role
from compliance.consent import asking, services
from compliance.consent.ceremony import Ceremony
from compliance.consent.models import CascadeStep, ConsentEvent, Grant, UseApproval
from compliance.consent.receipts import verify_receipt
from compliance.ledger.sequencer import sequence_once

from .conftest import person, terms_for


@pytest.fixture
def sign_in():
    def login(user) -> Client:
        client = Client(enforce_csrf_checks=False)
        client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
        return client

    return login


def filled(ming, lumen, **changes) -> dict[str, object]:
    today = timezone.localdate()
    return {
        "principal": str(ming.pk),
        "grantee": str(lumen.pk),
        "brands": [str(lumen.pk)],
        "modalities": ["face", "voice"],
        "product_categories": ["cosmetics"],
        "purposes": ["product_presentation"],
        "platforms": ["douyin"],
        "territories": ["CN", "EU"],
        "other_territories": ["BR"],
        "languages": ["zh"],
        "modes": ["recorded"],
        "starts_on": today.isoformat(),
        "ends_on": (today + timedelta(days=30)).isoformat(),
        "max_hours": "10",
        "time_zone": "Asia/Shanghai",
        "approvals_needed": ["script", "avatar"],
        "training_use": "notAllowed",
        "intended_uses": "Clips on skin care.",
        "age_band": "adult",
        "separate_consent": "on",
        "agreed": "on",
        "notice": services.current_notice(language="en").sha256,
        **changes,
    }


def review(client: Client, data: dict[str, object], query: str = "") -> str:
    """Send the form and take the sealed ceremony from the review page."""
    response = client.post(reverse("consent:give") + query, data)
    assert response.status_code == 200, response.content.decode()
    return str(response.context["sealed"])


def confirm(client: Client, sealed: str):
    return client.post(reverse("consent:confirm"), {"sealed": sealed})


# --- Giving ---
def test_the_notice_comes_before_the_form(sign_in, ming, lumen, keystore):
    page = sign_in(ming).get(reverse("consent:give")).content.decode()
    notice = services.current_notice(language="en")
    assert notice.sha256 in page
    assert unescape(page).index(notice.content["sections"][0]["text"]) < page.index('name="modalities"')


def test_from_form_to_signed_receipt(sign_in, ming, lumen, keystore, run_jobs):
    client = sign_in(ming)
    sealed = review(client, filled(ming, lumen))
    assert not Grant.objects.exists(), "the review page records nothing"
    response = confirm(client, sealed)
    grant = Grant.objects.get()
    assert response.url == reverse("consent:detail", args=[grant.pk])
    assert grant.terms["territories"] == ["BR", "CN", "EU"]
    assert client.get(reverse("consent:receipt", args=[grant.pk])).status_code == 404
    run_jobs()
    download = client.get(reverse("consent:receipt", args=[grant.pk]))
    assert verify_receipt(json.loads(download.content))["grant_digest"] == grant.digest
    assert "attachment" in download["Content-Disposition"]
    page = client.get(response.url).content.decode()
    assert grant.digest in page
    assert reverse("consent:withdraw", args=[grant.pk]) in page


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"separate_consent": ""}, "separate_consent"),
        ({"agreed": ""}, "agreed"),
        ({"age_band": "under_14"}, "age_band"),
        ({"modalities": []}, "modalities"),
        ({"territories": [], "other_territories": []}, "territories"),
        ({"territories": ["ZZ"]}, "territories"),
        ({"starts_on": "2020-01-01"}, "starts_on"),
        ({"ends_on": "2020-01-01"}, "ends_on"),
        ({"ends_on": "2199-01-01"}, "__all__"),
        ({"hours_from": "08:00"}, "hours_to"),
        ({"hours_from": "08:00", "hours_to": "08:00"}, "__all__"),
        ({"max_hours": "0"}, "max_hours"),
        ({"intended_uses": " "}, "intended_uses"),
        ({"notice": "0" * 64}, "__all__"),
        ({"principal": str(uuid4())}, "principal"),
    ],
)
def test_an_incomplete_form_says_where(sign_in, ming, lumen, keystore, change, field):
    response = sign_in(ming).post(reverse("consent:give"), filled(ming, lumen, **change))
    assert response.status_code == 422
    assert field in response.context["form"].errors
    assert not Grant.objects.exists()


def test_without_biometric_data_no_separate_consent_is_asked(sign_in, ming, lumen, keystore):
    data = filled(ming, lumen, modalities=["name"], separate_consent="")
    client = sign_in(ming)
    confirm(client, review(client, data))
    assert Grant.objects.get().separate_consent is False


def test_attack_replayed_button(sign_in, ming, lumen, keystore):
    client = sign_in(ming)
    sealed = review(client, filled(ming, lumen))
    assert confirm(client, sealed).url == confirm(client, sealed).url
    assert Grant.objects.count() == 1


def test_attack_altered_ceremony(sign_in, ming, lumen, keystore):
    client = sign_in(ming)
    sealed = review(client, filled(ming, lumen))
    for text in (sealed[:-1] + ("A" if sealed[-1] != "A" else "B"), "", "x:y:z"):
        assert confirm(client, text).status_code == 422
    assert not Grant.objects.exists()


def test_attack_ceremony_of_another_person(sign_in, ming, lumen, stranger, keystore):
    sealed = review(sign_in(ming), filled(ming, lumen))
    assert confirm(sign_in(stranger), sealed).status_code == 422
    assert not Grant.objects.exists()


def test_attack_grant_for_another_person_in_the_form(sign_in, ming, lumen, stranger, keystore):
    response = sign_in(stranger).post(reverse("consent:give"), filled(ming, lumen))
    assert "principal" in response.context["form"].errors


def test_attack_sealed_grant_for_another_person(sign_in, ming, lumen, stranger, keystore):
    ceremony = Ceremony(
        grant_id=str(uuid4()),
        by=str(stranger.pk),
        principal=str(ming.pk),
        grantee=str(lumen.pk),
        notice=services.current_notice(language="en").sha256,
        terms=terms_for(lumen).to_json(),
        separate_consent=True,
        age_band="adult",
        starts_now=True,
    )
    assert confirm(sign_in(stranger), ceremony.seal()).status_code == 409
    assert not Grant.objects.exists()


def test_a_form_left_open_for_hours_expires(sign_in, ming, lumen, keystore):
    sealed = review(sign_in(ming), filled(ming, lumen))
    with time_machine.travel(timezone.now() + timedelta(hours=2)):
        assert confirm(sign_in(ming), sealed).status_code == 422


def test_a_start_today_is_the_moment_of_the_button(sign_in, ming, lumen, keystore):
    sealed = review(sign_in(ming), filled(ming, lumen))
    with time_machine.travel(timezone.now() + timedelta(minutes=40)):
        confirm(sign_in(ming), sealed)
    grant = Grant.objects.get()
    assert grant.starts_at == grant.created_at


def test_change_the_limits(sign_in, give, ming, lumen):
    old, client = give(), sign_in(ming)
    query = f"?replaces={old.pk}"
    page = client.get(reverse("consent:give") + query)
    assert page.context["form"].initial["platforms"] == ["douyin"]
    confirm(client, review(client, filled(ming, lumen, max_hours="1"), query))
    new = Grant.objects.get(supersedes=old)
    assert client.get(reverse("consent:detail", args=[old.pk])).context["newer"] == new
    assert not client.get(reverse("consent:detail", args=[old.pk])).context["can_withdraw"]


def test_answer_a_proposal(sign_in, ming, lumen, producer, stranger, keystore):
    proposal = asking.request_grant(principal=ming, grantee=lumen, terms=terms_for(lumen), requested_by=producer)
    client, query = sign_in(ming), f"?proposal={proposal.pk}"
    assert "Lumen" in client.get(reverse("consent:list")).content.decode()
    assert sign_in(stranger).get(reverse("consent:give") + query).status_code == 404
    assert sign_in(stranger).post(reverse("consent:refuse", args=[proposal.pk])).status_code == 404
    confirm(client, review(client, filled(ming, lumen), query))
    proposal.refresh_from_db()
    assert proposal.grant == Grant.objects.get()
    assert client.post(reverse("consent:refuse", args=[proposal.pk])).status_code == 409


def test_refuse_a_proposal(sign_in, ming, lumen, producer, keystore):
    proposal = asking.request_grant(principal=ming, grantee=lumen, terms=terms_for(lumen), requested_by=producer)
    sign_in(ming).post(reverse("consent:refuse", args=[proposal.pk]))
    proposal.refresh_from_db()
    assert proposal.refused_at is not None


def test_decide_a_single_use(sign_in, give, ming, producer):
    approval = asking.request_use(grant=give(), use_id=uuid4(), description="Autumn clip", requested_by=producer)
    url = reverse("consent:decide-use", args=[approval.pk])
    assert "Autumn clip" in sign_in(ming).get(reverse("consent:list")).content.decode()
    assert sign_in(producer).post(url, {"decision": "approve"}).status_code == 404
    assert sign_in(ming).post(url, {"decision": "perhaps"}).status_code == 400
    sign_in(ming).post(url, {"decision": "approve"})
    assert UseApproval.objects.get().approved is True


# --- Withdrawing ---
def test_withdrawal_is_one_button_and_shows_its_effect(sign_in, give, ming, effects, run_jobs):
    grant, client = give(), sign_in(ming)
    url = reverse("consent:withdraw", args=[grant.pk])
    page = client.get(url)
    assert page.content.decode().count('<form method="post"') >= 1
    assert ConsentEvent.objects.filter(state="withdrawn").count() == 0, "looking changes nothing"
    detail = client.post(url)
    assert detail.url == reverse("consent:detail", args=[grant.pk])
    watching = client.get(reverse("consent:effects", args=[grant.pk]))
    assert (watching.status_code, b"hx-get" in watching.content) == (200, True)
    run_jobs()
    settled = client.get(reverse("consent:effects", args=[grant.pk]))
    assert (settled.status_code, b"hx-get" in settled.content) == (286, False)
    assert CascadeStep.objects.filter(state="done").count() == 3
    assert client.get(url).status_code == 302, "nothing is left to withdraw"


def test_colleague_sees_but_cannot_withdraw(sign_in, give, legal):
    grant, client = give(), sign_in(legal)
    page = client.get(reverse("consent:detail", args=[grant.pk]))
    assert page.status_code == 200
    assert reverse("consent:withdraw", args=[grant.pk]) not in page.content.decode()
    assert client.get(reverse("consent:withdraw", args=[grant.pk])).status_code == 404
    assert client.post(reverse("consent:withdraw", args=[grant.pk])).status_code == 404
    assert client.get(reverse("consent:give") + f"?replaces={grant.pk}").status_code == 404


PAGES = ["detail", "receipt", "record", "effects", "withdraw"]


@pytest.mark.parametrize("name", PAGES)
def test_a_stranger_meets_404_everywhere(sign_in, give, stranger, run_jobs, name):
    grant = give()
    run_jobs()
    assert sign_in(stranger).get(reverse(f"consent:{name}", args=[grant.pk])).status_code == 404


@pytest.mark.parametrize("name", PAGES)
def test_nobody_is_sent_to_sign_in(give, name):
    response = Client().get(reverse(f"consent:{name}", args=[give().pk]))
    assert response.status_code == 302
    assert response.url.startswith("/accounts/login/")


def test_what_belongs_to_a_former_colleague_is_gone(sign_in, give, producer, lumen):
    grant, client = give(), sign_in(producer)
    producer.memberships.filter(role=Role.PRODUCER).delete()
    assert client.get(reverse("consent:detail", args=[grant.pk])).status_code == 404


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_every_page_can_be_drawn_in_both_languages(sign_in, give, ming, effects, language):
    grant = give(max_hours=None)
    services.record_usage(grant=grant, release_id=uuid4(), seconds=12.5, markets=["CN"])
    client = sign_in(ming)
    client.cookies["django_language"] = language
    for name in ("list", "give"):
        assert client.get(reverse(f"consent:{name}")).status_code == 200
    for name in ("detail", "record", "withdraw"):
        assert client.get(reverse(f"consent:{name}", args=[grant.pk])).status_code == 200


def test_no_inline_style_or_script(sign_in, give, ming):
    grant, client = give(), sign_in(ming)
    for url in (
        reverse("consent:list"),
        reverse("consent:give"),
        reverse("consent:detail", args=[grant.pk]),
        reverse("consent:withdraw", args=[grant.pk]),
    ):
        page = client.get(url).content.decode()
        assert "style=" not in page
        assert "<script>" not in page
        assert "onclick" not in page


def test_the_ledger_entries_of_a_grant_are_linked(sign_in, give, ming, as_role):
    grant = give()
    with as_role("sequencer"):
        sequence_once()
    page = sign_in(ming).get(reverse("consent:detail", args=[grant.pk])).content.decode()
    assert reverse("ledger:entry", args=[0]) in page


def test_many_grants_cost_as_many_queries_as_one(sign_in, give, producer, django_assert_max_num_queries):
    client, url = sign_in(producer), reverse("consent:list")
    for _ in range(12):
        give()
    with django_assert_max_num_queries(16):
        assert len(client.get(url).context["held"]) == 12


def test_a_stranger_named_in_no_membership_has_an_empty_room(sign_in, keystore, db):
    page = sign_in(person("newcomer")).get(reverse("consent:list")).content.decode()
    assert reverse("consent:give") in page
