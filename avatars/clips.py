"""The footage of an avatar as one clip, however it came."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _

from avatars.models import Avatar
from compliance.jobs.context import JobContext
from compliance.sandbox import Limits, run_sandboxed


def footage_clip(context: JobContext, avatar: Avatar, stored: Path) -> tuple[Path, list[dict[str, Any]]]:
    """The clip and where its steps lie; takes recorded in the browser are joined for this attempt.

    Raises:
        BadInput: a take cannot be read, or the takes do not fit together; with the finding.
    """
    if not avatar.capture:
        return stored, []
    joined = context.folder / "minute.mkv"
    memory_mb, file_mb = settings.AVOW_SANDBOX_MEMORY_MB, settings.AVOW_MAX_UPLOAD_MB
    limits = Limits(memory_mb=memory_mb, cpu_s=120, wall_s=300, file_mb=file_mb)
    context.progress(0.0, _("Joining the takes"))
    times = run_sandboxed("avatars.capture.join", str(stored), str(joined), limits=limits)["steps"]
    asked = {step["key"]: step for step in avatar.capture["steps"]}
    return joined, [{**asked[time["key"]], **time} for time in times]
