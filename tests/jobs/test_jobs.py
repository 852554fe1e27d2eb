"""A job is done once, whoever dies in the middle."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import transaction
from django.utils import timezone

from compliance.errors import BadInput, Unavailable
from compliance.jobs.context import JobContext
from compliance.jobs.errors import JobCancelled, JobPaused, LeaseLost
from compliance.jobs.models import Job, JobState
from compliance.jobs.services import cancel, cancel_jobs_of_grant, enqueue, pause, redispatch, resume, run, try_again

pytestmark = pytest.mark.django_db

Behaviour = Callable[[JobContext], dict[str, Any] | None]
calls: list[dict[str, Any]] = []
behaviour: list[Behaviour] = []


def handler(context: JobContext, **args: Any) -> dict[str, Any] | None:
    calls.append(args)
    return behaviour[-1](context)


@pytest.fixture(autouse=True)
def _kind(settings: Any) -> None:
    settings.AVOW_JOBS = {"test": ("default", f"{__name__}.handler")}
    calls.clear()
    behaviour[:] = [lambda context: {"done": True}]


def queued(**fields: Any) -> Job:
    return enqueue(kind="test", args={"a": 1}, **fields)


def test_it_runs_once_and_keeps_its_result() -> None:
    job = queued()
    run(job.id)
    run(job.id)
    job.refresh_from_db()
    assert (job.state, job.result, job.progress, len(calls)) == (JobState.SUCCEEDED, {"done": True}, 1.0, 1)


def test_the_same_key_is_queued_once() -> None:
    assert queued(key="k").id == queued(key="k").id


def test_a_refusal_keeps_its_code_and_text_and_is_not_tried_again() -> None:
    def refuse(context: JobContext) -> None:
        raise BadInput("too_dark", "More light, please.")

    behaviour.append(refuse)
    job = queued()
    run(job.id)
    run(job.id)
    job.refresh_from_db()
    assert (job.state, job.error_code, job.error_text, len(calls)) == (
        JobState.FAILED,
        "too_dark",
        "More light, please.",
        1,
    )


def test_long_work_nobody_waits_for_steps_aside_for_other_work_and_goes_on_after_it() -> None:
    def patient(context: JobContext) -> dict[str, Any]:
        context.give_way()
        return {"done": True}

    behaviour.append(patient)
    job, other = queued(), queued()
    run(job.id)
    job.refresh_from_db()
    assert (job.state, job.attempts) == (JobState.QUEUED, 0)
    behaviour.append(lambda context: {"done": True})
    run(other.id)
    behaviour.append(patient)
    queued(delay_s=3600)  # what is not due yet waits for nobody
    assert redispatch() == 1
    run(job.id)
    job.refresh_from_db()
    assert job.state == JobState.SUCCEEDED


@pytest.mark.parametrize("error", [Unavailable("tsa_down", "later"), RuntimeError("bug")])
def test_what_may_pass_is_tried_again_with_pauses_and_then_given_up(error: Exception, settings: Any) -> None:
    def fail(context: JobContext) -> None:
        raise error

    settings.AVOW_JOB_MAX_ATTEMPTS = 3
    behaviour.append(fail)
    job = queued()
    for _attempt in range(5):
        run(job.id)
        Job.objects.filter(pk=job.pk).update(not_before=None)
    job.refresh_from_db()
    assert (job.state, len(calls)) == (JobState.FAILED, 3)
    assert job.error_code in ("tsa_down", "internal_error")
    assert "bug" not in job.error_text


def test_a_worker_that_died_is_replaced_after_its_lease() -> None:
    job = queued()
    Job.objects.filter(pk=job.pk).update(
        state=JobState.RUNNING, attempts=1, fence=1, lease_expires_at=timezone.now() - timedelta(seconds=1)
    )
    assert redispatch() == 1
    run(job.id)
    job.refresh_from_db()
    assert (job.state, job.fence) == (JobState.SUCCEEDED, 2)


def test_a_running_job_is_not_stolen() -> None:
    job = queued()
    Job.objects.filter(pk=job.pk).update(
        state=JobState.RUNNING, fence=1, lease_expires_at=timezone.now() + timedelta(seconds=30)
    )
    run(job.id)
    assert (redispatch(), calls) == (0, [])


def test_a_job_that_kills_every_worker_is_given_up(settings: Any) -> None:
    job = queued()
    Job.objects.filter(pk=job.pk).update(attempts=settings.AVOW_JOB_MAX_ATTEMPTS)
    run(job.id)
    job.refresh_from_db()
    assert (job.state, job.error_code, calls) == (JobState.FAILED, "job_gave_up", [])


def test_a_job_that_was_given_up_can_be_tried_again(settings: Any) -> None:
    job = queued()
    Job.objects.filter(pk=job.pk).update(attempts=settings.AVOW_JOB_MAX_ATTEMPTS)
    run(job.id)
    try_again(job=job)
    run(job.id)
    job.refresh_from_db()
    assert (job.state, job.attempts, job.error_code) == (JobState.SUCCEEDED, 1, "")


def test_trying_again_does_nothing_to_a_job_that_was_cancelled() -> None:
    job = queued()
    cancel(jobs=Job.objects.filter(pk=job.pk))
    try_again(job=job)
    job.refresh_from_db()
    assert job.state == JobState.CANCELLED


def test_a_worker_that_wakes_up_after_its_lease_was_lost_cannot_write() -> None:
    def sleep_through_the_lease(context: JobContext) -> None:
        Job.objects.filter(pk=context.job_id).update(fence=context.fence + 1)
        with transaction.atomic(), pytest.raises(LeaseLost):
            context.confirm()
        context.confirm()

    behaviour.append(sleep_through_the_lease)
    job = queued()
    run(job.id)
    job.refresh_from_db()
    assert (job.state, job.result) == (JobState.RUNNING, None)


def test_withdrawal_stops_waiting_and_running_jobs_of_the_grant_only() -> None:
    grant, other = uuid4(), uuid4()
    waiting, running, untouched = queued(grant_id=grant), queued(grant_id=grant), queued(grant_id=other)
    stopped: list[str] = []

    def be_withdrawn(context: JobContext) -> None:
        cancel_jobs_of_grant(grant, "withdrawn")
        try:
            context.progress(0.5, "half-way")
        except JobCancelled:
            stopped.append("here")
            raise

    behaviour.append(be_withdrawn)
    run(running.id)
    states = dict(Job.objects.values_list("id", "state"))
    assert states == {
        waiting.id: JobState.CANCELLED,
        running.id: JobState.CANCELLED,
        untouched.id: JobState.QUEUED,
    }
    assert stopped == ["here"]


def test_a_lost_message_is_sent_again() -> None:
    job = queued()
    Job.objects.filter(pk=job.pk).update(dispatched_at=timezone.now() - timedelta(minutes=5))
    assert redispatch() == 1


# --- set aside ---
def of(job: Job) -> Any:
    return Job.objects.filter(pk=job.pk)


def test_a_waiting_job_is_paused_and_goes_on_when_told() -> None:
    job = queued()
    assert pause(jobs=of(job)) == 1
    run(job.id)
    assert of(job).get().state == JobState.PAUSED and not calls
    resume(job=job)
    run(job.id)
    assert of(job).get().state == JobState.SUCCEEDED


def test_a_running_job_notices_the_pause_and_loses_no_attempt() -> None:
    def work(context: JobContext) -> None:
        if context.fence == 1:
            pause(jobs=of(job))
            context.progress(1.0)

    behaviour.append(work)
    job = queued()
    run(job.id)
    found = of(job).get()
    assert (found.state, found.attempts, found.pause_requested_at) == (JobState.PAUSED, 0, None)
    assert redispatch() == 0
    resume(job=job)
    run(job.id)
    assert of(job).get().state == JobState.SUCCEEDED


def test_a_pause_taken_back_before_it_was_noticed_stops_nothing_for_long() -> None:
    def work(context: JobContext) -> None:
        if context.fence == 1:
            resume(job=job)
            raise JobPaused

    behaviour.append(work)
    job = queued()
    run(job.id)
    assert of(job).get().state == JobState.QUEUED
    assert redispatch() == 1


def test_a_pause_told_to_a_worker_that_dies_is_kept() -> None:
    job = queued()
    of(job).update(state=JobState.RUNNING, lease_expires_at=timezone.now() - timedelta(seconds=1))
    pause(jobs=of(job))
    redispatch()
    run(job.id)
    assert of(job).get().state == JobState.PAUSED and not calls


def test_a_withdrawal_ends_a_paused_job_at_once() -> None:
    grant = uuid4()
    job = queued(grant_id=grant)
    pause(jobs=of(job))
    assert cancel_jobs_of_grant(grant, "withdrawn") == 1
    resume(job=job)
    run(job.id)
    assert of(job).get().state == JobState.CANCELLED and not calls


def test_the_processor_time_of_every_attempt_is_added_up() -> None:
    def work(context: JobContext) -> None:
        total = sum(number * number for number in range(300_000))
        assert total
        if context.attempt == 1:
            raise Unavailable("tsa_down", "later")

    behaviour.append(work)
    job = queued()
    run(job.id)
    first = of(job).get().cpu_s
    of(job).update(not_before=None)
    run(job.id)
    assert 0 < first < of(job).get().cpu_s
