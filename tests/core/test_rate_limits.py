"""Rate limits where several processes serve the pages."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import pytest

ROOT = Path(__file__).resolve().parents[2]
POST = """
import django; django.setup()
from django.test import Client
print(Client().post("/api/v1/inspections/").status_code)
"""


def answer(cache: dict[str, str]) -> int:
    """The status that a process of its own gives an upload without a file."""
    environment = {**os.environ, "AVOW_INSPECTION_RATE": "1/hour", "AVOW_ALLOWED_HOSTS": "testserver", **cache}
    done = subprocess.run(
        [sys.executable, "-c", POST], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    return int(done.stdout.split()[-1])


# marked so that the pass on PostgreSQL and Redis takes it, too
@pytest.mark.django_db
def test_two_web_processes_count_together_in_a_server() -> None:
    broker = os.environ.get("BROKER_URL", "")
    if not broker.startswith("redis:"):
        pytest.skip("REDIS ABSENT: counting together was not tested")
    shared = {"CACHE_URL": f"{broker.rsplit('/', 1)[0]}/8?key_prefix={uuid4().hex}"}
    assert [answer(shared), answer(shared)] == [400, 429]
