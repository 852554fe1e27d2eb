"""A private Avow of real processes, under the supervisor configuration `make run` uses."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
START_S = 300
STOP_S = 60
# What tests/environment.py sets for the process of the tests must not reach the instance, nor may a database of others.
_FOREIGN = ("AVOW_", "DJANGO_", "BROKER_URL", "DATABASE_URL", "PYTEST_")


@dataclass(frozen=True)
class Instance:
    """A running Avow: where its pages are, and the folder of its state."""

    url: str
    state: Path

    @property
    def log(self) -> Path:
        """What all processes have printed."""
        return self.state / "processes.log"


@contextmanager
def running(state: Path, **settings: str) -> Iterator[Instance]:
    """Set up, seed and start an instance in `state`; all its processes end with the block. `settings`: more variables.

    Raises:
        CalledProcessError: a command of the first run failed.
        RuntimeError: the web server did not answer in time; the text ends with the log.
    """
    state.mkdir(parents=True, exist_ok=True)
    port, tsa_port = _free_port(), _free_port()
    instance = Instance(f"http://127.0.0.1:{port}", state)
    environment = _environment(instance, port, tsa_port) | settings
    seeding = (["manage.py", "seed_demo"], ["manage.py", "room", "demonstrate"])
    for step in (["scripts/first_secret.py"], ["manage.py", "bootstrap"], *seeding):
        subprocess.run([sys.executable, *step], cwd=ROOT, env=environment, check=True, stdout=subprocess.DEVNULL)
    with instance.log.open("ab") as log:
        command = [sys.executable, "-m", "supervisor.supervisord", "--nodaemon", "--configuration"]
        config = str(ROOT / "deploy" / "supervisord.conf")
        supervisor = subprocess.Popen([*command, config], cwd=ROOT, env=environment, stdout=log, stderr=log)
        try:
            _wait_for_pages(instance, supervisor)
            yield instance
        finally:
            supervisor.send_signal(signal.SIGTERM)
            supervisor.wait(timeout=STOP_S)


def _environment(instance: Instance, port: int, tsa_port: int) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)}
    return inherited | {
        "AVOW_VAR_DIR": str(instance.state),
        "AVOW_PUBLIC_URL": instance.url,
        "AVOW_DEMO": "1",
        "AVOW_ORIGIN_SEARCH_S": "0",
        "AVOW_EMAIL_VERIFICATION": "none",
        "AVOW_VIDEO_PRESET": "veryfast",
        "AVOW_WEB": "true",
        "AVOW_RENDER_WORKERS": "1",
        "AVOW_PORT": str(port),
        "AVOW_TSA_PORT": str(tsa_port),
        "AVOW_TSA_URL": f"http://127.0.0.1:{tsa_port}/",
        "PYTHONPATH": str(ROOT),
    }


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for_pages(instance: Instance, supervisor: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and supervisor.poll() is None:
        try:
            with urllib.request.urlopen(instance.url, timeout=START_S):
                return
        except urllib.error.URLError:
            time.sleep(0.1)  # nothing to subscribe to before the server listens
    raise RuntimeError(f"{instance.url} did not answer within {START_S} s:\n{instance.log.read_text()[-4000:]}")
