"""Working folders of running jobs: private, named after the job and its fence, gone with the attempt.

A process that is killed cannot clear away, and what it leaves is a person's face: a model half made, a file not yet
signed. So every folder names the attempt it belongs to, and whoever comes next removes those whose attempt is over.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import UUID

from django.conf import settings

from compliance.jobs.models import Job, JobState
from compliance.storage import forget_copies


@contextmanager
def working_folder(job: Job) -> Iterator[Path]:
    """An empty folder for this attempt of the job; it is removed with all it holds when the attempt ends."""
    folder = _root() / str(job.id) / str(job.fence)
    folder.mkdir(parents=True, mode=0o700)
    try:
        yield folder
    finally:
        _remove(folder)


def forget_abandoned() -> int:
    """Remove the folders of attempts that have ended or were taken over, and copies nobody holds. Returns how many.

    Listed first and asked about second: a folder is made after its attempt was claimed, so an attempt that is not
    running by then has ended.
    """
    folders = list(_root().glob("*/*"))
    jobs = {UUID(folder.parent.name) for folder in folders}
    running = set(Job.objects.filter(pk__in=jobs, state=JobState.RUNNING).values_list("pk", "fence"))
    left = [folder for folder in folders if (UUID(folder.parent.name), int(folder.name)) not in running]
    for folder in left:
        _remove(folder)
    forget_copies()
    return len(left)


def _root() -> Path:
    return Path(settings.VAR_DIR) / "scratch"


def _remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)  # another process may be removing it too
    with suppress(OSError):
        folder.parent.rmdir()
