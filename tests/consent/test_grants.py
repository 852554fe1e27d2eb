"""Giving, replacing and using grants, and the attacks on it."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest
import time_machine
from django.db import IntegrityError, transaction
from django.utils import timezone

from compliance.accounts.models import Organisation, User
from compliance.consent import asking, selectors, services
from compliance.consent.errors import ConsentNotGiven, NotInForce, NotYours, UsageExceeded
from compliance.consent.models import Grant, GrantRequest
from compliance.consent.rules import AgeBand, ConsentState, permits
from compliance.consent.terms import Approval, Brand, Modality
from compliance.jobs.models import Job
from compliance.ledger.events import Event
from compliance.ledger.models import OutboxEntry

from .conftest import LONG_AGO, person, terms_for, use_of


def decide(grant: Grant, brand: Organisation, **changes: object):
    now = timezone.now()
    use_id = changes.pop("use_id", None)
    return permits(selectors.effective_grant(grant, now=now, use_id=use_id), use_of(brand, **changes), now)


def codes(*args, **kwargs) -> list[str]:
    return [reason.code for reason in decide(*args, **kwargs).reasons]


def test_a_given_grant_allows_what_it_names_and_nothing_else(give, lumen, rival):
    grant = give()
    assert decide(grant, lumen)
    assert codes(grant, rival) == ["brand_not_granted"]
    assert selectors.state_of(grant, timezone.now()) == ConsentState.GIVEN


def test_giving_is_logged_without_the_person(give, ming):
    grant = give()
    entry = OutboxEntry.objects.get(event=Event.CONSENT_GRANT_GIVEN.value, subject_id=grant.pk)
    leaf = bytes(entry.leaf).decode()
    assert grant.digest in leaf
    assert str(ming.pk) not in leaf
    assert ming.email not in leaf
    assert "skin care" not in leaf


def test_giving_queues_a_receipt_in_the_gate(give):
    grant = give()
    job = Job.objects.get(kind="consent.receipt")
    assert job.queue == "gate"
    assert job.args == {"grant_id": str(grant.pk)}


def test_tv42_general_terms_without_separate_consent(give):
    with pytest.raises(ConsentNotGiven, match="separate_consent_missing"):
        give(separate_consent=False)
    assert not Grant.objects.exists()


def test_a_name_alone_needs_no_separate_consent(give):
    assert give(separate_consent=False, modalities=frozenset({Modality.NAME}))


def test_tv43_a_child_of_13_without_guardian(give):
    with pytest.raises(ConsentNotGiven, match="guardian_needed"):
        give(age_band=AgeBand.UNDER_14)


def test_tv43_the_database_too_refuses_a_minor_without_guardian(give):
    grant = give()
    grant.pk, grant.age_band, grant.digest, grant._state.adding = uuid4(), "under_14", "0" * 64, True
    with pytest.raises(IntegrityError), transaction.atomic():
        grant.save(force_insert=True)


def test_tv43_a_registered_guardian_may_consent_and_withdraw(give, ming, effects):
    parent = person("parent")
    staff = User.objects.create(email="staff@example.org", display_name="Staff", is_staff=True)
    with pytest.raises(NotYours, match="grant_for_another_person"):
        give(by=parent, age_band=AgeBand.UNDER_14)
    with pytest.raises(NotYours, match="guardian_by_operator"):
        services.register_guardian(ward=ming, guardian=parent, document_sha256="a" * 64, recorded_by=parent)
    services.register_guardian(ward=ming, guardian=parent, document_sha256="a" * 64, recorded_by=staff)
    grant = give(by=parent, age_band=AgeBand.UNDER_14)
    assert grant.guardian == parent
    assert services.withdraw_grant(grant=grant, by=parent).cause == "withdrawn"


def test_tv48_wrong_product_after_the_term(give, lumen):
    grant = give()
    with time_machine.travel(timezone.now() + timedelta(days=120)):
        assert codes(grant, lumen, category="electronics") == [
            "grant_expired",
            "outside_term",
            "category_not_granted",
            "outside_term",
        ]


def test_tv49_voice_licensed_face_used(give, lumen):
    assert codes(give(modalities=frozenset({Modality.VOICE})), lumen) == ["modality_not_granted"]


def test_attack_grant_for_another_person(give, producer):
    with pytest.raises(NotYours, match="grant_for_another_person"):
        give(by=producer)


def test_attack_backdated_start(give):
    with pytest.raises(ConsentNotGiven, match="start_backdated"):
        give(starts_at=LONG_AGO, ends_at=LONG_AGO + timedelta(days=3650))


def test_attack_outdated_notice(give):
    notice = services.current_notice(language="en")
    notice.version = "2020-01"
    with pytest.raises(ConsentNotGiven, match="notice_outdated"):
        give(notice=notice)


def test_attack_brand_under_a_false_name(give, rival):
    with pytest.raises(ConsentNotGiven, match="brand_unknown"):
        give(brands=frozenset({Brand(str(rival.pk), "Charity")}))
    with pytest.raises(ConsentNotGiven, match="brand_unknown"):
        give(brands=frozenset({Brand(str(uuid4()), "Nobody")}))


def test_attack_code_outside_the_vocabulary(give):
    with pytest.raises(ConsentNotGiven, match="terms_unknown_value"):
        give(product_categories=frozenset({"everything"}))


def test_an_authority_cannot_hold_a_likeness(give, regulator):
    office = Organisation.objects.get(name="Office")
    with pytest.raises(ConsentNotGiven, match="grantee_unfit"):
        give(grantee=office)


def test_attack_replayed_form_gives_one_grant(give, lumen):
    same, terms = uuid4(), terms_for(lumen)
    assert give(grant_id=same, terms=terms) == give(grant_id=same, terms=terms)
    assert Grant.objects.count() == 1
    with pytest.raises(NotInForce, match="grant_id_taken"):
        give(grant_id=same, terms=terms_for(lumen, territories=frozenset({"US"})))


def test_a_change_is_a_new_grant_and_narrows_at_once(give, lumen, ming):
    old = give(territories=frozenset({"CN", "EU"}))
    assert decide(old, lumen, territories=frozenset({"EU"}))
    new = give(supersedes=old)
    assert codes(old, lumen, territories=frozenset({"EU"})) == ["territory_not_granted"]
    assert decide(old, lumen)
    assert selectors.head_of(old) == new
    assert selectors.state_of(old, timezone.now()) == ConsentState.TERMINATED
    assert selectors.lineage_ids(new) == [new.pk, old.pk]
    with pytest.raises(NotInForce, match="grant_replaced"):
        give(supersedes=old)


def test_supersede_grant_keeps_person_and_organisation(give, lumen, ming):
    old = give()
    new = services.supersede_grant(
        grant=old,
        by=ming,
        terms=terms_for(lumen, max_hours=2),
        notice=services.current_notice(language="zh-hans"),
        separate_consent=True,
        age_band=AgeBand.ADULT,
    )
    assert (new.principal, new.grantee, new.language) == (ming, lumen, "zh-hans")


def test_attack_replacing_somebody_elses_grant(give, lumen, stranger):
    old = give()
    with pytest.raises(NotYours, match="grant_not_yours"):
        give(principal=stranger, by=stranger, supersedes=old)


def test_a_grant_that_has_ended_is_not_replaced(give, ming, effects):
    old = give()
    services.withdraw_grant(grant=old, by=ming)
    with pytest.raises(NotInForce, match="grant_ended"):
        give(supersedes=old)


def test_usage_counts_a_release_once_and_ends_at_the_limit(give, lumen):
    grant = give(max_hours=1)
    release = uuid4()
    for _ in range(2):
        services.record_usage(grant=grant, release_id=release, seconds=1800.0, markets=["CN", "EU"])
    assert selectors.used_seconds(grant) == 1800.0
    assert codes(grant, lumen, duration_s=1801.0) == ["hours_exhausted"]
    with pytest.raises(UsageExceeded, match="hours_exhausted"), transaction.atomic():
        services.record_usage(grant=grant, release_id=uuid4(), seconds=1801.0, markets=["CN"])
    assert selectors.used_seconds(grant) == 1800.0


def test_attack_release_slips_in_after_the_withdrawal(give, ming, effects):
    grant = give()
    services.withdraw_grant(grant=grant, by=ming)
    with pytest.raises(NotInForce, match="grant_ended"):
        services.record_usage(grant=grant, release_id=uuid4(), seconds=10.0, markets=["CN"])
    assert selectors.used_seconds(grant) == 0


def test_a_proposal_allows_nothing_until_the_person_answers(give, ming, lumen, producer, stranger):
    terms = terms_for(lumen)
    with pytest.raises(NotYours, match="request_without_role"):
        asking.request_grant(principal=ming, grantee=lumen, terms=terms, requested_by=stranger)
    proposal = asking.request_grant(principal=ming, grantee=lumen, terms=terms, requested_by=producer)
    assert not Grant.objects.exists()
    assert list(selectors.requests_open_for(ming)) == [proposal]
    grant = give(request=proposal)
    assert [event.state for event in grant.events.all()] == ["requested", "given"]
    assert not selectors.requests_open_for(ming).exists()
    with pytest.raises(NotInForce, match="request_answered"):
        asking.refuse_request(request=proposal, by=ming)


def test_a_proposal_can_be_refused_by_the_person_only(ming, lumen, producer, keystore):
    proposal = asking.request_grant(principal=ming, grantee=lumen, terms=terms_for(lumen), requested_by=producer)
    with pytest.raises(NotYours, match="request_not_yours"):
        asking.refuse_request(request=proposal, by=producer)
    asking.refuse_request(request=proposal, by=ming)
    assert GrantRequest.objects.get().refused_at is not None


def test_per_use_approval_is_the_persons_and_for_that_use_only(give, ming, lumen, producer):
    grant = give(approvals_needed=frozenset({Approval.PER_USE}))
    use_id = uuid4()
    approval = asking.request_use(grant=grant, use_id=use_id, description="Autumn clip", requested_by=producer)
    assert codes(grant, lumen, use_id=use_id) == ["per_use_approval_missing"]
    with pytest.raises(NotYours, match="use_not_yours"):
        asking.decide_use(approval=approval, by=producer, approve=True)
    asking.decide_use(approval=approval, by=ming, approve=True)
    assert decide(grant, lumen, use_id=use_id)
    assert codes(grant, lumen, use_id=uuid4()) == ["per_use_approval_missing"]
    with pytest.raises(NotInForce, match="use_decided"):
        asking.decide_use(approval=approval, by=ming, approve=False)


def test_colleagues_see_the_grant_strangers_do_not(give, ming, producer, legal, stranger, regulator):
    grant = give()
    for user in (ming, producer, legal):
        assert list(selectors.grants_visible_to(user)) == [grant]
    for user in (stranger, regulator):
        assert not selectors.grants_visible_to(user).exists()


def test_grants_in_force_for_an_organisation(give, lumen, rival, ming, effects):
    grant = give()
    now = timezone.now()
    assert list(selectors.grants_in_force_for(lumen, now)) == [grant]
    assert not selectors.grants_in_force_for(rival, now).exists()
    services.withdraw_grant(grant=grant, by=ming)
    assert not selectors.grants_in_force_for(lumen, now).exists()
