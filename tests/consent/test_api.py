"""Grants over the API."""

from __future__ import annotations

import pytest
from rest_framework.test import APIClient

from compliance.consent.receipts import verify_receipt

ROOT = "/api/v1/grants/"


@pytest.fixture
def api():
    def client_of(user) -> APIClient:
        client = APIClient()
        client.force_authenticate(user)
        return client

    return client_of


def test_owner_and_colleague_read_the_grant(api, give, ming, legal):
    grant = give()
    for user in (ming, legal):
        listed = api(user).get(ROOT).json()
        assert [row["id"] for row in listed["results"]] == [str(grant.pk)]
        one = api(user).get(f"{ROOT}{grant.pk}/").json()
        assert (one["state"], one["digest"], one["effects"]) == ("given", grant.digest, [])


@pytest.mark.parametrize("path", ["", "receipt/"])
def test_a_stranger_meets_404(api, give, stranger, path):
    assert api(stranger).get(f"{ROOT}{give().pk}/{path}").status_code == 404
    assert api(stranger).get(ROOT).json()["results"] == []


def test_nobody_is_refused(give):
    assert APIClient().get(f"{ROOT}{give().pk}/").status_code in (401, 403)


def test_the_receipt_waits_for_the_gate(api, give, ming, run_jobs):
    grant = give()
    pending = api(ming).get(f"{ROOT}{grant.pk}/receipt/")
    assert (pending.status_code, pending.json()["code"]) == (503, "receipt_pending")
    run_jobs()
    assert verify_receipt(api(ming).get(f"{ROOT}{grant.pk}/receipt/").json())


def test_owner_withdraws(api, give, ming, effects, run_jobs):
    grant = give()
    body = api(ming).post(f"{ROOT}{grant.pk}/withdraw/", {"reason": "enough"}).json()
    assert body["state"] == "withdrawn"
    run_jobs()
    steps = api(ming).get(f"{ROOT}{grant.pk}/").json()["effects"]
    assert [step["state"] for step in steps] == ["done"] * 3


def test_attack_withdrawal_over_the_api_by_a_colleague_or_stranger(api, give, producer, stranger):
    grant = give()
    refused = api(producer).post(f"{ROOT}{grant.pk}/withdraw/", {})
    assert (refused.status_code, refused.json()["code"]) == (409, "withdrawal_not_yours")
    assert api(stranger).post(f"{ROOT}{grant.pk}/withdraw/", {}).status_code == 404
    assert api(producer).get(f"{ROOT}{grant.pk}/").json()["state"] == "given"
