"""Why a job stops early."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from compliance.errors import AvowError


class JobCancelled(AvowError):
    """The job was told to stop: consent was withdrawn, or its owner cancelled it."""

    def __init__(self) -> None:
        super().__init__("job_cancelled", _("This job was stopped before it was done."))


class JobPaused(AvowError):
    """The job was set aside; it goes on when somebody says so."""

    def __init__(self) -> None:
        super().__init__("job_paused", _("This job is paused."))


class LeaseLost(AvowError):
    """Another process has taken this job over; whatever this one still wanted to write is void."""

    def __init__(self) -> None:
        super().__init__("lease_lost", _("Another process has taken this job over."))
