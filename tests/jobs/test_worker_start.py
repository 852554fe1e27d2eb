"""What a worker has loaded before its first job comes."""

from __future__ import annotations

import subprocess
import sys

import pytest
from django.conf import settings

_ASKED = """
import sys
from compliance.celery import app
app.Worker(queues=[sys.argv[1]], pool="solo")
print(*(name for name in sys.argv[2:] if name in sys.modules))
"""


@pytest.mark.parametrize("queue", ["render", "gate", "inspect", "default"])
def test_a_worker_has_loaded_the_handlers_of_its_queues_and_no_others(queue: str) -> None:
    of_queue = {path.rpartition(".")[0]: name for name, path in settings.AVOW_JOBS.values()}
    shown = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", _ASKED, queue, *of_queue],
        cwd=settings.BASE_DIR, check=True, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    loaded = set(shown.stdout.split())
    assert {module for module, served in of_queue.items() if served == queue} <= loaded
    assert queue != "default" or "avatars.tasks" not in loaded
