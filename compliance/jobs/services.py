"""Queue work, run it under a lease, stop it, pick up what a dead process dropped."""

from __future__ import annotations

import logging
import os
import resource
import socket
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import models, transaction
from django.utils import timezone
from django.utils.module_loading import import_string
from django.utils.translation import gettext as _

from compliance.accounts.models import Organisation
from compliance.errors import AvowError, Unavailable
from compliance.jobs.context import JobContext
from compliance.jobs.errors import JobCancelled, JobPaused, LeaseLost
from compliance.jobs.models import Job, JobState, due
from compliance.jobs.scratch import forget_abandoned, working_folder

logger = logging.getLogger(__name__)

Handler = Callable[..., dict[str, Any] | None]
# A message that nobody has acted on for so long is presumed lost with its broker or worker.
MESSAGE_PATIENCE = timedelta(seconds=45)


def enqueue(
    *,
    kind: str,
    args: dict[str, Any],
    organisation: Organisation | None = None,
    grant_id: UUID | None = None,
    subject_id: UUID | None = None,
    key: str | None = None,
    delay_s: float = 0.0,
) -> Job:
    """Queue `kind` with `args` (ids only, never a secret) as part of the caller's transaction.

    With `key` the same work is queued once: the existing job is returned.

    Raises:
        KeyError: `kind` is not in settings.AVOW_JOBS.
    """
    queue, _handler = settings.AVOW_JOBS[kind]
    if key and (existing := Job.objects.filter(key=key).first()):
        return existing
    job = Job.objects.create(
        kind=kind,
        queue=queue,
        args=args,
        organisation=organisation,
        grant_id=grant_id,
        subject_id=subject_id,
        key=key,
        dispatched_at=timezone.now(),
        not_before=timezone.now() + timedelta(seconds=delay_s) if delay_s else None,
    )
    transaction.on_commit(partial(dispatch, job))
    return job


def dispatch(job: Job) -> None:
    """Send the wake-up message. A broker that is down delays the job, it cannot lose it: see `redispatch`."""
    from compliance.celery import app  # the broker is reached only when something is sent

    try:
        app.send_task("jobs.run", args=[str(job.id)], queue=job.queue, retry=False)
    except Exception:
        logger.exception("job %s could not be announced; it will be announced again", job.id)


def redispatch() -> int:
    """Announce again every job whose worker or message seems to be gone, and clear away what dead workers left.

    Returns how many were announced.
    """
    now = timezone.now()
    Job.objects.filter(state=JobState.RUNNING, lease_expires_at__lt=now).update(
        state=JobState.QUEUED, dispatched_at=None
    )
    silent = models.Q(dispatched_at__isnull=True) | models.Q(dispatched_at__lt=now - MESSAGE_PATIENCE)
    lost = list(Job.objects.filter(due(now), silent, state=JobState.QUEUED)[:200])
    Job.objects.filter(pk__in=[job.pk for job in lost], state=JobState.QUEUED).update(dispatched_at=now)
    for job in lost:
        dispatch(job)
    forget_abandoned()
    return len(lost)


def run(job_id: UUID) -> None:
    """Claim and do one job; does nothing if it is done, running elsewhere or not yet due."""
    job = _claim(job_id)
    if job is None:
        return
    forget_abandoned()  # on this machine, which may be another than the scheduler's
    with working_folder(job) as folder:
        _attempt(job, JobContext(job, folder))


def _attempt(job: Job, context: JobContext) -> None:
    before = _processor_s()
    try:
        _work(job, context)
    finally:
        spent = models.F("cpu_s") + max(0.0, _processor_s() - before)
        Job.objects.filter(pk=job.pk).update(cpu_s=spent)


def _processor_s() -> float:
    """Seconds of processor time this process and its ended children have taken so far."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def _work(job: Job, context: JobContext) -> None:
    try:
        with context.heartbeat():  # from here on: the first import of a handler can outlast a lease
            handler: Handler = import_string(settings.AVOW_JOBS[job.kind][1])
            result = handler(context, **job.args)
    except LeaseLost:
        logger.warning("job %s was taken over by another process", job.id)
    except JobCancelled:
        _finish(context, JobState.CANCELLED, error_code="job_cancelled")
    except JobPaused:
        _set_aside(context)
    except Unavailable as error:
        _retry(job, context, error.code, error.text)
    except AvowError as error:
        logger.info("job %s refused: %s", job.id, error)
        _finish(context, JobState.FAILED, error_code=error.code, error_text=error.text)
    except Exception:
        logger.exception("job %s (%s) broke", job.id, job.kind)
        _retry(job, context, "internal_error", _("Something broke on our side. It has been noted."))
    else:
        _finish(context, JobState.SUCCEEDED, result=result, progress=1.0)


def _claim(job_id: UUID) -> Job | None:
    """Take the lease, or return None. A job that has killed its worker too often is given up."""
    now = timezone.now()
    with transaction.atomic():
        job = Job.objects.select_for_update().filter(pk=job_id).first()
        if job is None or not _claimable(job, now):
            return None
        if job.cancel_requested_at is not None:
            _close(job, JobState.CANCELLED, error_code="job_cancelled")
            return None
        if job.pause_requested_at is not None:  # told while its worker died: nobody else could set it aside
            job.state, job.lease_expires_at, job.pause_requested_at = JobState.PAUSED, None, None
            job.save()
            return None
        if job.attempts >= settings.AVOW_JOB_MAX_ATTEMPTS:
            _close(job, JobState.FAILED, error_code="job_gave_up", error_text=_gave_up_text(job))
            return None
        job.state = JobState.RUNNING
        job.attempts += 1
        job.fence += 1
        job.started_at = job.started_at or now
        job.lease_owner = f"{socket.gethostname()}:{os.getpid()}"[:80]
        job.lease_expires_at = now + timedelta(seconds=settings.AVOW_JOB_LEASE_S)
        job.save()
        return job


def _gave_up_text(job: Job) -> str:
    return job.error_text or _("This job stopped its worker several times. Please check the input or ask us.")


def _claimable(job: Job, now: datetime) -> bool:
    if job.not_before is not None and job.not_before > now:
        return False
    expired = job.lease_expires_at is not None and job.lease_expires_at < now
    return job.state == JobState.QUEUED or (job.state == JobState.RUNNING and expired)


def _close(job: Job, state: JobState, **fields: Any) -> None:
    for name, value in fields.items():
        setattr(job, name, value)
    job.state, job.finished_at, job.lease_expires_at = state, timezone.now(), None
    job.save()


def _finish(context: JobContext, state: JobState, **fields: Any) -> None:
    ours = Job.objects.filter(pk=context.job_id, fence=context.fence, state=JobState.RUNNING)
    if not ours.update(state=state, finished_at=timezone.now(), lease_expires_at=None, **fields):
        logger.warning("job %s finished here after another process had taken it", context.job_id)


def _set_aside(context: JobContext) -> None:
    """Paused, unless it was cancelled or resumed meanwhile, or stepped aside by itself and is queued behind the others.
    An attempt that was set aside has not failed.
    """
    ours = Job.objects.filter(pk=context.job_id, fence=context.fence, state=JobState.RUNNING)
    if ours.filter(cancel_requested_at__isnull=False).exists():
        _finish(context, JobState.CANCELLED, error_code="job_cancelled")
        return
    fresh = {"lease_expires_at": None, "pause_requested_at": None, "attempts": models.F("attempts") - 1}
    if not ours.filter(pause_requested_at__isnull=False).update(state=JobState.PAUSED, **fresh):
        ours.update(state=JobState.QUEUED, dispatched_at=None, **fresh)


def _retry(job: Job, context: JobContext, code: str, text: str) -> None:
    """Back to the queue with growing pauses, or failed when the attempts are used up."""
    if job.attempts >= settings.AVOW_JOB_MAX_ATTEMPTS:
        _finish(context, JobState.FAILED, error_code=code, error_text=text)
        return
    Job.objects.filter(pk=job.pk, fence=context.fence, state=JobState.RUNNING).update(
        state=JobState.QUEUED,
        not_before=timezone.now() + timedelta(seconds=2.0**job.attempts),
        dispatched_at=None,
        lease_expires_at=None,
        error_code=code,
        error_text=text,
    )


def try_again(*, job: Job) -> None:
    """Queue a job that was given up, with all its attempts before it; does nothing to any other."""
    with transaction.atomic():
        given_up = Job.objects.filter(pk=job.pk, state=JobState.FAILED, cancel_requested_at__isnull=True)
        fresh = {"attempts": 0, "not_before": None, "finished_at": None, "dispatched_at": timezone.now()}
        if given_up.update(state=JobState.QUEUED, error_code="", error_text="", **fresh):
            transaction.on_commit(partial(dispatch, job))


def pause(*, jobs: models.QuerySet[Job]) -> int:
    """Set `jobs` aside: those waiting at once, those running as soon as they look. Returns how many were told."""
    with transaction.atomic():
        waiting = jobs.filter(state=JobState.QUEUED).update(state=JobState.PAUSED)
        running = jobs.filter(state=JobState.RUNNING, cancel_requested_at__isnull=True)
        return waiting + running.update(pause_requested_at=timezone.now())


def resume(*, job: Job) -> None:
    """Queue a paused job again; one that was told to pause and has not yet goes on. Does nothing to any other."""
    with transaction.atomic():
        ours = Job.objects.filter(pk=job.pk, cancel_requested_at__isnull=True)
        ours.filter(state=JobState.RUNNING).update(pause_requested_at=None)
        fresh = {"not_before": None, "dispatched_at": timezone.now(), "pause_requested_at": None}
        if ours.filter(state=JobState.PAUSED).update(state=JobState.QUEUED, **fresh):
            transaction.on_commit(partial(dispatch, job))


def cancel(*, jobs: models.QuerySet[Job]) -> int:
    """Stop `jobs`: those waiting end at once, those running are told to. Returns how many were open."""
    now = timezone.now()
    with transaction.atomic():
        waiting = jobs.filter(state__in=(JobState.QUEUED, JobState.PAUSED)).update(
            state=JobState.CANCELLED, finished_at=now, cancel_requested_at=now, error_code="job_cancelled"
        )
        running = jobs.filter(state=JobState.RUNNING, cancel_requested_at__isnull=True).update(
            cancel_requested_at=now
        )
    return waiting + running


# What a withdrawal itself sets in motion must outlive it.
_OF_THE_WITHDRAWAL = ("consent.cascade", "consent.receipt")


def cancel_jobs_of_grant(grant_id: UUID, reason: str) -> int:
    """Withdrawal step: stop every open job that uses the grant."""
    jobs = Job.objects.filter(grant_id=grant_id).exclude(kind__in=_OF_THE_WITHDRAWAL)
    stopped = cancel(jobs=jobs)
    logger.info("%d jobs of grant %s stopped: %s", stopped, grant_id, reason)
    return stopped
