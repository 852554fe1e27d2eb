"""Withdrawal: one action, by the right people, reaching everything, with its delay on record."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from compliance.consent import cascade, selectors, services
from compliance.consent.errors import NotYours
from compliance.consent.models import CascadeStep, ConsentEvent, StepState, Withdrawal
from compliance.consent.rules import ConsentState
from compliance.jobs.models import Job, JobState
from compliance.jobs.services import enqueue
from compliance.ledger.events import Event
from compliance.ledger.models import OutboxEntry

from . import conftest
from .test_grants import codes, decide


def logged(event: Event, grant) -> int:
    return OutboxEntry.objects.filter(event=event.value, subject_id=grant.pk).count()


def test_tv45_withdrawal_stops_everything(give, ming, lumen, effects, run_jobs):
    grant = give()
    waiting = enqueue(kind="avatars.perform", args={"take_id": "x"}, grant_id=grant.pk)
    services.withdraw_grant(grant=grant, by=ming, reason="I have changed my mind")
    assert codes(grant, lumen) == ["grant_withdrawn"]
    waiting.refresh_from_db()
    assert waiting.state == JobState.CANCELLED, "waiting work stops in the same transaction"
    run_jobs()
    assert effects == [
        ("releases", str(grant.pk), "withdrawn"),
        ("avatars", str(grant.pk), "withdrawn"),
    ]
    steps = CascadeStep.objects.all()
    assert [step.name for step in steps] == ["jobs", "releases", "avatars"]
    assert all(step.state == StepState.DONE and step.delay_s >= 0 for step in steps)
    assert logged(Event.CONSENT_GRANT_WITHDRAWN, grant) == 1
    assert logged(Event.CONSENT_CASCADE_STEP, grant) == 3
    assert logged(Event.CONSENT_CASCADE_FINISHED, grant) == 1


def test_the_reason_stays_out_of_the_log(give, ming, effects):
    grant = give()
    services.withdraw_grant(grant=grant, by=ming, reason="I am ill")
    entry = OutboxEntry.objects.get(event=Event.CONSENT_GRANT_WITHDRAWN.value)
    assert "ill" not in bytes(entry.leaf).decode()


def test_withdrawing_twice_is_harmless(give, ming, effects, run_jobs):
    grant = give()
    first = services.withdraw_grant(grant=grant, by=ming)
    assert services.withdraw_grant(grant=grant, by=ming) == first
    run_jobs()
    assert len(effects) == 2
    assert Withdrawal.objects.count() == 1


def test_withdrawal_reaches_everything_the_grant_has_replaced(give, ming, lumen, effects, run_jobs):
    old = give()
    new = give(supersedes=old)
    services.withdraw_grant(grant=old, by=ming)
    run_jobs()
    assert {(name, grant_id) for name, grant_id, _cause in effects} == {
        (name, str(grant.pk)) for name in ("releases", "avatars") for grant in (old, new)
    }
    assert not decide(old, lumen)
    assert not decide(new, lumen)


@pytest.mark.parametrize("colleague", ["producer", "legal", "stranger"])
def test_attack_withdrawal_by_somebody_else(give, request, effects, colleague):
    grant = give()
    with pytest.raises(NotYours, match="withdrawal_not_yours"):
        services.withdraw_grant(grant=grant, by=request.getfixturevalue(colleague))
    assert selectors.state_of(grant, timezone.now()) == ConsentState.GIVEN


def test_an_authority_can_declare_a_grant_invalid(give, regulator, effects):
    grant = give()
    withdrawal = services.withdraw_grant(grant=grant, by=regulator, reason="Order 7")
    assert withdrawal.cause == "invalidated"
    assert ConsentEvent.objects.get(grant=grant, state="invalidated").method == "order"


def test_a_broken_step_neither_undoes_the_withdrawal_nor_is_forgotten(
    give, ming, effects, run_jobs, settings, monkeypatch
):
    def broken(grant_id: object, reason: str) -> int:
        raise OSError("disk gone")

    monkeypatch.setattr(conftest, "destroy_models", broken)
    settings.AVOW_JOB_MAX_ATTEMPTS = 1
    grant = give()
    services.withdraw_grant(grant=grant, by=ming)
    run_jobs()
    step = CascadeStep.objects.get(name="avatars")
    assert step.state == StepState.FAILED
    assert "disk gone" in step.detail
    assert selectors.state_of(grant, timezone.now()) == ConsentState.WITHDRAWN
    assert logged(Event.CONSENT_CASCADE_FINISHED, grant) == 0

    monkeypatch.undo()
    assert cascade.resume() == 1
    assert cascade.resume() == 0, "a step that is queued is not queued twice"
    run_jobs()
    step.refresh_from_db()
    assert (step.state, step.attempts, step.detail) == (StepState.DONE, 2, "")
    assert logged(Event.CONSENT_CASCADE_FINISHED, grant) == 1


def test_a_cheap_step_that_breaks_is_queued_instead(give, ming, effects, run_jobs, settings):
    settings.AVOW_WITHDRAWAL_STEPS = [("permits", "compliance.nowhere.revoke")]
    services.withdraw_grant(grant=give(), by=ming)
    assert CascadeStep.objects.get().state == StepState.PENDING
    assert Job.objects.filter(kind="consent.cascade").count() == 1


def test_a_step_done_twice_counts_once(give, ming, effects, run_jobs):
    services.withdraw_grant(grant=give(), by=ming)
    run_jobs()
    Job.objects.filter(kind="consent.cascade").update(state=JobState.QUEUED, attempts=0)
    run_jobs()
    assert len(effects) == 2


def test_a_term_that_ends_has_the_same_effects(give, lumen, effects, run_jobs):
    grant = give()
    later = timezone.now() + timedelta(days=91)
    assert services.expire_grants() == 0
    with time_machine.travel(later):
        assert "grant_expired" in codes(grant, lumen), "not only when the scheduler has come by"
        assert services.expire_grants() == 1
        assert services.expire_grants() == 0
        run_jobs()
    assert {name for name, _grant, _cause in effects} == {"releases", "avatars"}
    assert grant.withdrawal.cause == "expired"
    assert logged(Event.CONSENT_GRANT_EXPIRED, grant) == 1


def test_a_replaced_grant_does_not_expire_on_its_own(give, effects):
    old = give()
    give(supersedes=old, ends_at=timezone.now() + timedelta(days=400))
    assert services.expire_grants(timezone.now() + timedelta(days=91)) == 0
