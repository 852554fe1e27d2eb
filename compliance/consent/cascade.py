"""What a withdrawal reaches: an ordered list of steps, each done at least once, each logged with its delay.

The list stands in settings.AVOW_WITHDRAWAL_STEPS, because the things to stop live in rooms above this one.
"""

from __future__ import annotations

import logging
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.module_loading import import_string

from compliance.consent import selectors
from compliance.consent.models import CascadeStep, StepState, Withdrawal
from compliance.jobs.context import JobContext
from compliance.jobs.models import Job, JobState
from compliance.jobs.services import enqueue
from compliance.ledger.events import Event
from compliance.ledger.services import record as log

logger = logging.getLogger(__name__)

# Updates of a few rows: they take effect with the withdrawal itself, not a moment later.
AT_ONCE = frozenset({"jobs", "permits", "keys"})


def start(withdrawal: Withdrawal) -> None:
    """Write down every step, do the cheap ones now and queue the others; in the caller's transaction."""
    steps = CascadeStep.objects.bulk_create(
        CascadeStep(withdrawal=withdrawal, position=position, name=name)
        for position, (name, _function) in enumerate(settings.AVOW_WITHDRAWAL_STEPS)
    )
    for step in steps:
        if step.name not in AT_ONCE or not _done_at_once(step):
            _enqueue(step)


def _done_at_once(step: CascadeStep) -> bool:
    """A step that breaks must not undo the withdrawal: it is queued instead and tried again."""
    try:
        with transaction.atomic():
            _finish(step, affected=_reach(step), started_at=timezone.now())
    except Exception:
        logger.exception("withdrawal step %s could not be done at once; it is queued", step.name)
        return False
    return True


def _enqueue(step: CascadeStep) -> Job:
    withdrawal = step.withdrawal
    return enqueue(
        kind="consent.cascade",
        args={"step_id": str(step.pk)},
        organisation=withdrawal.grant.grantee,
        grant_id=withdrawal.grant_id,
        subject_id=step.pk,
        key=f"consent.cascade:{step.pk}:{Job.objects.filter(subject_id=step.pk).count()}",
    )


def run_step(context: JobContext, *, step_id: UUID) -> int:
    """Do one queued step. Repeats safely; a failure is noted and raised, so that the job is retried."""
    step = CascadeStep.objects.select_related("withdrawal__grant").get(pk=step_id)
    if step.state == StepState.DONE:
        return step.affected or 0
    started_at = timezone.now()
    CascadeStep.objects.filter(pk=step.pk).update(
        state=StepState.RUNNING, started_at=started_at, attempts=step.attempts + 1
    )
    try:
        affected = _reach(step)
    except Exception as error:
        detail = f"{type(error).__name__}: {error}"[:500]
        CascadeStep.objects.filter(pk=step.pk).update(state=StepState.FAILED, detail=detail)
        raise
    with transaction.atomic():
        context.confirm()
        _finish(step, affected=affected, started_at=started_at)
    return affected


def _reach(step: CascadeStep) -> int:
    """Call the step's function for the grant and everything it supersedes. Returns how many things it met."""
    function = import_string(dict(settings.AVOW_WITHDRAWAL_STEPS)[step.name])
    withdrawal = step.withdrawal
    return sum(function(grant_id, withdrawal.cause) for grant_id in selectors.lineage_ids(withdrawal.grant))


def _finish(step: CascadeStep, *, affected: int, started_at: datetime) -> None:
    withdrawal, now = step.withdrawal, timezone.now()
    delay_s = max((now - withdrawal.at).total_seconds(), 0.0)
    CascadeStep.objects.filter(pk=step.pk).update(
        state=StepState.DONE,
        started_at=started_at,
        finished_at=now,
        affected=affected,
        delay_s=delay_s,
        detail="",
    )
    log(
        event=Event.CONSENT_CASCADE_STEP,
        subject_id=withdrawal.grant_id,
        organisation_id=withdrawal.grant.grantee_id,
        actor_id=None,
        data={"step": step.name, "affected": affected, "delay_ms": round(delay_s * 1000)},
    )
    if not withdrawal.steps.exclude(state=StepState.DONE).exists():
        log(
            event=Event.CONSENT_CASCADE_FINISHED,
            subject_id=withdrawal.grant_id,
            organisation_id=withdrawal.grant.grantee_id,
            actor_id=None,
            data={"steps": withdrawal.steps.count(), "delay_ms": round(delay_s * 1000)},
        )


def resume() -> int:
    """Queue again every step whose job was given up; for the scheduler. Returns how many."""
    lost = [
        step
        for step in selectors.steps_open()
        if not Job.objects.filter(subject_id=step.pk, state__in=[JobState.QUEUED, JobState.RUNNING]).exists()
    ]
    for step in lost:
        _enqueue(step)
    return len(lost)
