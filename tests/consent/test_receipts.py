"""The receipt: signed by the gate only, tied to one grant, ruined by any change."""

from __future__ import annotations

import copy
import json

import pytest
from django.db import connection
from django.utils import timezone

from compliance.consent import guards, record, selectors, services
from compliance.consent.errors import GrantTampered, ReceiptInvalid
from compliance.consent.models import Grant
from compliance.consent.receipts import verify_grant, verify_receipt
from compliance.keys.custody import open_custody
from compliance.keys.errors import KeyAccessDenied
from tests.unguarded import lifted


@pytest.fixture
def signed(give, run_jobs) -> Grant:
    grant = give()
    run_jobs()
    return Grant.objects.get(pk=grant.pk)


def alter(grant: Grant, **columns: object) -> Grant:
    """What a database owner can do: drop the triggers, change the row, put them back."""
    with lifted(guards, connection):
        Grant.objects.filter(pk=grant.pk).update(**columns)
    return Grant.objects.get(pk=grant.pk)


def widened(terms: dict[str, object]) -> dict[str, object]:
    return {**terms, "territories": ["CN", "US"]}


def test_the_receipt_proves_the_terms(signed):
    payload = verify_receipt(signed.receipt)
    assert payload["grant_digest"] == signed.digest
    assert payload["instrument"]["terms"] == signed.terms
    assert payload["record"]["events"][-1]["event_state"] == "given"
    verify_grant(signed)


def test_the_receipt_survives_a_trip_through_any_json_library(signed):
    assert verify_receipt(json.loads(json.dumps(signed.receipt, indent=4)))


def test_the_receipt_names_no_person(signed, ming):
    text = json.dumps(signed.receipt)
    assert ming.email not in text
    assert ming.display_name not in text


def test_the_record_has_every_mandatory_field_of_27560(signed):
    built = record.record(signed)
    assert set(built["header"]) >= {"schema_version", "record_id", "pii_principal_id"}
    assert set(built["processing"]) >= {
        "privacy_notice",
        "language",
        "purposes",
        "pii_controllers",
        "storage_locations",
        "retention_period",
        "jurisdiction",
        "recipient_third_parties",
        "withdrawal_method",
    }
    for party in built["parties"]:
        assert set(party) >= {"party_id", "party_name", "party_address", "party_contact", "party_type"}
    for event in built["events"]:
        assert event["event_time"]
        assert event["entity_id"]
        assert event["event_type"]
    assert [data["pii_type"] for data in built["personal_data"]] == ["face", "voice"]
    assert all(data["sensitive_pii_category"] for data in built["personal_data"])


def test_signing_twice_keeps_the_first_receipt(signed, as_role):
    with as_role("gate"):
        assert services.issue_receipt(grant_id=signed.pk, custody=open_custody()) == signed.receipt


@pytest.mark.parametrize("role", ["web", "worker", "scheduler"])
def test_attack_receipt_signed_outside_the_gate(give, as_role, role):
    grant = give()
    with as_role(role), pytest.raises(KeyAccessDenied):
        services.issue_receipt(grant_id=grant.pk, custody=open_custody())


def test_attack_receipt_with_widened_scope(signed):
    forged = copy.deepcopy(signed.receipt)
    forged["payload"]["instrument"]["terms"]["territories"].append("US")
    with pytest.raises(ReceiptInvalid, match="receipt_signature_invalid"):
        verify_receipt(forged)


@pytest.mark.parametrize(
    ("damage", "code"),
    [
        (lambda r: r.pop("signature"), "receipt_malformed"),
        (lambda r: r["signature"].update(alg="none"), "receipt_malformed"),
        (lambda r: r["signature"].update(value="?"), "receipt_malformed"),
        (lambda r: r["signature"].update(value="AAAA"), "receipt_signature_invalid"),
        (lambda r: r["signature"].update(key_id="0" * 16), "receipt_key_unknown"),
        (lambda r: r["payload"].update(issued_at="2020-01-01T00:00:00Z"), "receipt_signature_invalid"),
    ],
)
def test_attack_damaged_receipt(signed, damage, code):
    forged = copy.deepcopy(signed.receipt)
    damage(forged)
    with pytest.raises(ReceiptInvalid, match=code):
        verify_receipt(forged)


def test_attack_terms_edited_in_the_database(signed):
    altered = alter(signed, terms=widened(signed.terms))
    with pytest.raises(GrantTampered, match="grant_terms_altered"):
        selectors.effective_grant(altered, now=timezone.now())


def test_attack_terms_and_digest_edited_in_the_database(signed):
    altered = copy.copy(signed)
    altered.terms = widened(signed.terms)
    digest = record.digest_of(record.instrument(altered))
    altered = alter(signed, terms=altered.terms, digest=digest)
    with pytest.raises(GrantTampered, match="grant_receipt_differs"):
        selectors.effective_grant(altered, now=timezone.now())


def test_attack_grant_moved_to_another_organisation(signed, rival):
    with pytest.raises(GrantTampered, match="grant_terms_altered"):
        verify_grant(alter(signed, grantee=rival))


def test_attack_receipt_of_another_grant(signed, give, run_jobs):
    other = give()
    run_jobs()
    other.refresh_from_db()
    with pytest.raises(GrantTampered, match="grant_receipt_differs"):
        verify_grant(alter(signed, receipt=other.receipt))


def test_an_edited_grant_is_never_signed(give, as_role):
    grant = give()
    alter(grant, separate_consent=False)
    with as_role("gate"), pytest.raises(GrantTampered):
        services.issue_receipt(grant_id=grant.pk, custody=open_custody())
