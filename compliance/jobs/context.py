"""What a handler is given: progress, cancellation and the right to write."""

from __future__ import annotations

import logging
import threading
import time
from contextlib import AbstractContextManager
from datetime import timedelta
from pathlib import Path
from uuid import UUID

from django.conf import settings
from django.utils import timezone

from compliance.connections import beating
from compliance.jobs.errors import JobCancelled, JobPaused, LeaseLost
from compliance.jobs.models import Job, JobState, due

logger = logging.getLogger(__name__)

# A bar that moves once a second looks alive; writing more often would only load the database.
PROGRESS_INTERVAL_S = 0.5


class JobContext:
    """The running job as its handler sees it.

    `progress()` renews the lease, so a handler that reports keeps its job; `confirm()` inside the final
    transaction makes sure that nobody else has taken over meanwhile. `folder` is empty at first and goes with the
    attempt, whatever becomes of it.
    """

    def __init__(self, job: Job, folder: Path) -> None:
        self.folder = folder
        self.job_id: UUID = job.id
        self.grant_id: UUID | None = job.grant_id
        self.fence: int = job.fence
        self._queue: str = job.queue
        self.attempt: int = job.attempts
        self._stop = threading.Event()
        self._pause = threading.Event()
        self._void = threading.Event()
        self._next_write = 0.0

    def progress(self, fraction: float, step: str = "") -> None:
        """Report `fraction` in [0, 1] and what is being done.

        Raises:
            JobCancelled: the job has been told to stop.
            JobPaused: it has been set aside; what was kept of it is used when it goes on.
            LeaseLost: another process runs it now.
        """
        self.check()
        if (now := time.monotonic()) < self._next_write and fraction < 1.0:
            return
        self._next_write = now + PROGRESS_INTERVAL_S
        self._renew(progress=min(max(fraction, 0.0), 1.0), step=step[:200])
        self.check()

    def check(self) -> None:
        """Raise if the job must not go on."""
        if self._void.is_set():
            raise LeaseLost
        if self._stop.is_set():
            raise JobCancelled
        if self._pause.is_set():
            raise JobPaused

    def give_way(self) -> None:
        """For long work that nobody waits for: step aside when other jobs are due in its queue, and go on after them.

        Raises:
            JobPaused: there are some.
        """
        if Job.objects.filter(due(timezone.now()), queue=self._queue, state=JobState.QUEUED).exists():
            raise JobPaused

    def confirm(self) -> None:
        """Call inside the final transaction: locks the job row and raises if the job is no longer ours."""
        job = Job.objects.select_for_update().get(pk=self.job_id)
        if job.fence != self.fence or job.state != JobState.RUNNING:
            raise LeaseLost
        if job.cancel_requested_at is not None:
            raise JobCancelled

    def _renew(self, **fields: object) -> None:
        expires = timezone.now() + timedelta(seconds=settings.AVOW_JOB_LEASE_S)
        ours = Job.objects.filter(pk=self.job_id, fence=self.fence, state=JobState.RUNNING)
        if not ours.update(lease_expires_at=expires, **fields):
            self._void.set()
            return
        told = ours.values_list("cancel_requested_at", "pause_requested_at").first() or (None, None)
        for event, at in zip((self._stop, self._pause), told, strict=True):
            if at is not None:
                event.set()

    def heartbeat(self) -> AbstractContextManager[None]:
        """Keep the lease through long silent stretches, from a thread of its own."""
        return beating(self._beat, settings.AVOW_JOB_LEASE_S / 3)

    def _beat(self) -> bool:
        try:
            self._renew()
        except Exception:  # a heartbeat that dies silently would cost the lease; the next beat tries again
            logger.exception("heartbeat of job %s failed", self.job_id)
        return True
