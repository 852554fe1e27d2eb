"""Work that must be done exactly once, whoever dies in the middle.

The row is the truth; a broker message is only a call to look at it.
"""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _


class JobState(models.TextChoices):
    QUEUED = "queued", _("Waiting")
    RUNNING = "running", _("Running")
    PAUSED = "paused", _("Paused")
    SUCCEEDED = "succeeded", _("Done")
    FAILED = "failed", _("Failed")
    CANCELLED = "cancelled", _("Stopped")


def due(now: datetime) -> models.Q:
    """Jobs that need not wait until later."""
    return models.Q(not_before__isnull=True) | models.Q(not_before__lte=now)


class Job(models.Model):
    """One unit of work. `fence` grows with every claim: a worker that lost its lease can no longer write.

    `cpu_s` is the processor time that its attempts and their children took, as far as they lived to tell.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=40)
    queue = models.CharField(max_length=20)
    args = models.JSONField(default=dict)
    key = models.CharField(max_length=120, unique=True, null=True)
    organisation = models.ForeignKey("accounts.Organisation", null=True, on_delete=models.PROTECT)
    grant_id = models.UUIDField(null=True, db_index=True)
    subject_id = models.UUIDField(null=True, db_index=True)

    state = models.CharField(max_length=10, choices=JobState.choices, default=JobState.QUEUED)
    progress = models.FloatField(default=0.0)
    step = models.CharField(max_length=200, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    not_before = models.DateTimeField(null=True)
    dispatched_at = models.DateTimeField(null=True)
    lease_owner = models.CharField(max_length=80, blank=True)
    lease_expires_at = models.DateTimeField(null=True)
    fence = models.PositiveIntegerField(default=0)

    error_code = models.CharField(max_length=60, blank=True)
    error_text = models.TextField(blank=True)
    result = models.JSONField(null=True)
    cancel_requested_at = models.DateTimeField(null=True)
    pause_requested_at = models.DateTimeField(null=True)
    cpu_s = models.FloatField(default=0.0)
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["created_at"]
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["state", "queue", "created_at"])]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=models.Q(progress__gte=0.0, progress__lte=1.0), name="job_progress_is_a_share"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.id} ({self.state})"

    @property
    def open(self) -> bool:
        """Still to be done, being done, or set aside by somebody."""
        return self.state in (JobState.QUEUED, JobState.RUNNING, JobState.PAUSED)

    @property
    def pausing(self) -> bool:
        """Told to pause, and not there yet."""
        return self.state == JobState.RUNNING and self.pause_requested_at is not None

    @property
    def percent(self) -> int:
        return round(self.progress * 100)
