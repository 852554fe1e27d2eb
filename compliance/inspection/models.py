"""A question somebody asked about a file."""

from __future__ import annotations

import uuid
from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _


class InspectionState(models.TextChoices):
    WAITING = "waiting", _("Being checked")
    DONE = "done", _("Checked")
    REFUSED = "refused", _("Could not be checked")


class Inspection(models.Model):
    """One check. The file is deleted when the check ends; the result is forgotten after a while.

    Its id is its only key: whoever asked keeps it, nobody can guess it.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    file = models.CharField(max_length=200, blank=True)
    file_name = models.CharField(max_length=200)
    size = models.PositiveBigIntegerField()
    sha256 = models.CharField(max_length=64)
    state = models.CharField(max_length=8, choices=InspectionState.choices, default=InspectionState.WAITING)
    result = models.JSONField(null=True)
    error_code = models.CharField(max_length=60, blank=True)
    error_text = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["-created_at"]

    def __str__(self) -> str:
        return self.file_name
