"""An installation of the bench's own: the demonstration's people, a TSA, processes that may be killed."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TypeVar

from bench.postgres import Postgres

ROOT = Path(__file__).resolve().parents[2]
GATE, WORKER, OUTPUTS = ("gate", "gate"), ("worker", "work"), ("outputs", "outputs")
"""Role and verb of `manage.py room`."""
_FOREIGN = ("AVOW_", "DJANGO_", "BROKER_URL", "DATABASE_URL")
T = TypeVar("T")


class Impossible(Exception):
    """Something the bench waited for did not come: the row cannot be measured."""


def wait_for(read: Callable[[], T | None], what: str, *, seconds: float, every_s: float = 0.02) -> T:
    """What `read` gives once it gives something true. Raises Impossible."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := read():
            return found
        time.sleep(every_s)
    raise Impossible(f"{what} did not come within {seconds:g} s")


@dataclass
class Home:
    """Where the installation lies, what its processes have in common, and those that run. `server`: of its database,
    which is SQLite without.
    """

    folder: Path
    log: IO[bytes]
    server: Postgres | None = None
    _running: list[subprocess.Popen[bytes]] = field(default_factory=list)
    _tsa: subprocess.Popen[bytes] | None = None

    def start_tsa(self, **variables: str) -> None:
        """The development time-stamp authority; one that runs already is ended."""
        if self._tsa is not None:
            self.end(self._tsa)
        command = ["-m", "compliance.provenance.tsa_server", "--port", os.environ["AVOW_TSA_PORT"]]
        self._tsa = self.run(command, "tsa", **variables)

    def start(self, kind: tuple[str, str], **variables: str) -> subprocess.Popen[bytes]:
        """One process of `manage.py room`, as an operator runs it."""
        role, verb = kind
        return self.run(["manage.py", "room", verb], role, **variables)

    def run(self, command: Sequence[str], role: str, **variables: str) -> subprocess.Popen[bytes]:
        """Any Python program in this installation."""
        environment = {**os.environ, "AVOW_ROLE": role, **variables}
        argv = [sys.executable, *command]
        process = subprocess.Popen(argv, cwd=ROOT, env=environment, stdout=self.log, stderr=self.log)
        self._running.append(process)
        return process

    def end(self, process: subprocess.Popen[bytes]) -> None:
        """Ask it to end, and see to it."""
        process.terminate()
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            kill(process)
        self._running.remove(process)

    def replace(self, dead: subprocess.Popen[bytes], kind: tuple[str, str]) -> subprocess.Popen[bytes]:
        """Another in the place of one that was killed, at once, as the supervisor does."""
        self._running.remove(dead)
        return self.start(kind)

    def end_all(self) -> None:
        for process in list(self._running):
            self.end(process)

    def said(self) -> str:
        """The end of what its processes wrote."""
        return (self.folder / "processes.log").read_text(errors="replace")[-12000:]


def kill(process: subprocess.Popen[bytes]) -> None:
    """kill -9."""
    process.kill()
    process.wait()


@contextmanager
def furnished(server: Postgres | None = None) -> Iterator[Home]:
    """Environment, keys, certificates, tables and a running TSA. Must come before anything reads Django's settings."""
    with tempfile.TemporaryDirectory(prefix="avow-bench-room-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        _environment(folder, {"DATABASE_URL": server.url} if server else {})
        import django

        django.setup()
        from django.core.management import call_command

        with as_role("setup"):
            call_command("bootstrap", verbosity=0)
        with (folder / "processes.log").open("ab") as log:
            home = Home(folder, log, server)
            home.start_tsa()
            try:
                yield home
            finally:
                home.end_all()


def _environment(folder: Path, variables: dict[str, str]) -> None:
    for name in [name for name in os.environ if name.startswith(_FOREIGN)]:
        del os.environ[name]
    port = str(free_port())
    os.environ |= {
        "DJANGO_SETTINGS_MODULE": "compliance.settings",
        "AVOW_VAR_DIR": str(folder),
        "AVOW_DEMO": "1",
        "AVOW_ROLE": "web",
        "AVOW_SECRET_KEY": uuid.uuid4().hex,
        "AVOW_TSA_PORT": port,
        "AVOW_TSA_URL": f"http://127.0.0.1:{port}/",
        "AVOW_LOG_LEVEL": "WARNING",
        "AVOW_ORIGIN_SEARCH_S": "0",  # the double is of the bench's own drawing
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": str(ROOT),
        **variables,
    }


def free_port() -> int:
    """A port of the loopback interface that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def as_role(role: str) -> Iterator[None]:
    """What is done inside is done as that process, with its secret and no other."""
    from django.conf import settings

    before = settings.AVOW_ROLE, settings.AVOW_SECRET_FILE
    settings.AVOW_ROLE, settings.AVOW_SECRET_FILE = role, settings.AVOW_SECRETS_DIR / f"{role}.secret"
    try:
        yield
    finally:
        settings.AVOW_ROLE, settings.AVOW_SECRET_FILE = before


_ROLE_OF = {"gate": "gate", "inspect": "inspector", "default": "worker", "render": "worker"}


def run_jobs(*, leaving: Sequence[str] = ()) -> None:
    """Do every waiting job, each as the process its queue belongs to; not those of the queues named."""
    from compliance.jobs.models import Job, JobState
    from compliance.jobs.services import run

    served = [queue for queue in _ROLE_OF if queue not in leaving]
    due = Job.objects.filter(state=JobState.QUEUED, not_before__isnull=True, queue__in=served)
    while job := due.first():
        with as_role(_ROLE_OF[job.queue]):
            run(job.id)


# --- what the kernel counts ---
def cpu_s(pid: int) -> float:
    """Processor seconds of a living process and of its children that have ended."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def resident_mb(pid: int) -> float:
    """Resident memory that is its own (MiB): what pages of files and shared memory hold does not count."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) / 1024
    raise Impossible(f"process {pid} has ended")


def children_of(pid: int) -> list[int]:
    """Of all its threads; empty when it is gone."""
    found: list[int] = []
    with suppress(FileNotFoundError, ProcessLookupError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            found += map(int, (task / "children").read_text().split())
    return found
