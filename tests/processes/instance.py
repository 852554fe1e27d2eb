"""A whole Avow of real processes under the supervisor, whose processes a test may kill.

The supervisor runs deploy/supervisord.conf itself, so what dies is what an operator runs, and what comes back
comes back as it would for them. A driver process in the same environment acts for the people and looks at the rows.
"""

from __future__ import annotations

import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from configparser import ConfigParser
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

import psycopg

ROOT = Path(__file__).resolve().parents[2]
CONFIG = ROOT / "deploy" / "supervisord.conf"
# What tests/environment.py sets for the process of the tests must not reach the instance.
_FOREIGN = ("AVOW_", "DJANGO_", "BROKER_URL", "DATABASE_URL", "PYTEST_")
# Another of Redis's databases than the one the other tests use.
_REDIS_DATABASE = "9"
_POLL_S = 0.02
# More than the kills one job survives here, with one to spare for a machine so busy that a lease runs out by itself.
MAX_ATTEMPTS = 6
T = TypeVar("T")


def wait_for(read: Callable[[], T | None], what: str, *, seconds: float) -> T:
    """What `read` gives once it gives something; AssertionError naming `what` when it takes too long."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if (found := read()) is not None:
            return found
        time.sleep(_POLL_S)
    raise AssertionError(f"{what} did not happen within {seconds} s")


@dataclass
class Instance:
    """A running Avow in `state`. `environment` is what all its processes share."""

    state: Path
    environment: dict[str, str]
    log: Any
    supervisor: subprocess.Popen[bytes] = field(init=False)
    driver: subprocess.Popen[str] = field(init=False)
    extra: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self) -> None:
        command = [sys.executable, "-m", "supervisor.supervisord", "--nodaemon", "--configuration", str(CONFIG)]
        self.supervisor = subprocess.Popen(
            command, cwd=ROOT, env=self.environment, stdout=self.log, stderr=self.log, start_new_session=True
        )
        self.driver = subprocess.Popen(
            [sys.executable, "-m", "tests.processes.driver"],
            cwd=ROOT,
            env=self.environment | {"AVOW_ROLE": "web"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log,
            text=True,
        )

    def stop(self) -> None:
        self.driver.stdin.close()  # type: ignore[union-attr]
        self.driver.wait(timeout=30)
        for process in self.extra:
            process.kill()
            process.wait()
        if self.supervisor.poll() is None:
            self.supervisor.terminate()
            self.supervisor.wait(timeout=60)

    # --- the driver ---
    def ask(self, verb: str, **arguments: Any) -> Any:
        """Have the driver do `verb` (see driver.py) and return its answer; AssertionError with its traceback."""
        assert self.driver.stdin and self.driver.stdout
        self.driver.stdin.write(json.dumps([verb, arguments]) + "\n")
        self.driver.stdin.flush()
        line = self.driver.stdout.readline()
        assert line, f"the driver died in {verb}:\n{self.tail()}"
        answer = json.loads(line)
        assert "error" not in answer, f"{answer['error']}\n--- processes.log ---\n{self.tail()}"
        return answer["value"]

    def tail(self) -> str:
        return (self.state / "processes.log").read_text(errors="replace")[-6000:]

    # --- the processes ---
    def pid(self, program: str) -> int | None:
        """The supervised process of `program`, None while there is none."""
        wanted = argv_of(program, self.environment)[1:]
        return next((pid for pid in children_of(self.supervisor.pid) if cmdline(pid)[1:] == wanted), None)

    def kill(self, program: str) -> int:
        """kill -9. Returns the id of the process that died, once it is gone."""
        pid = wait_for(lambda: self.pid(program), f"a process of {program}", seconds=30)
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda: None if pid in children_of(self.supervisor.pid) else True, "the kill", seconds=10)
        return pid

    def start_another(self, program: str) -> subprocess.Popen[bytes]:
        """A second process beside the supervised one, with a node name of its own."""
        argv = [argument.replace("@%h", "-another@%h") for argument in argv_of(program, self.environment)]
        process = subprocess.Popen(
            argv, cwd=ROOT, env=self.environment | environment_of(program), stdout=self.log, stderr=self.log
        )
        self.extra.append(process)
        return process


# --- deploy/supervisord.conf ---
def programs() -> list[str]:
    """Every program of the configuration."""
    return [name.removeprefix("program:") for name in _config().sections() if name.startswith("program:")]


def argv_of(program: str, environment: dict[str, str]) -> list[str]:
    """The command line of `program`'s first process, as the supervisor makes it from its own environment."""
    command = _config()[f"program:{program}"]["command"].replace("%(here)s", str(CONFIG.parent))
    command = command.replace("%(process_num)d", "0")
    for name, value in environment.items():
        command = command.replace(f"%(ENV_{name})s", value)
    argv = shlex.split(command.replace("%%", "%"))
    return argv[3:] if argv[:2] == ["nice", "-n"] else argv  # which becomes what it runs


def environment_of(program: str) -> dict[str, str]:
    """What the configuration adds to the environment of `program`."""
    pairs = _config()[f"program:{program}"]["environment"].split(",")
    return {name: value.strip('"') for name, value in (pair.split("=", 1) for pair in pairs)}


def _config() -> ConfigParser:
    config = ConfigParser(interpolation=None, inline_comment_prefixes=(" ;",))
    config.read(CONFIG)
    return config


# --- /proc ---
def children_of(pid: int) -> list[int]:
    """The living children of a process; empty when it is gone."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except (FileNotFoundError, ProcessLookupError):
        return []
    return [child for child in map(int, children) if alive(child)]


def alive(pid: int) -> bool:
    """Whether the process runs; one that waits to be reaped does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def cmdline(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")[:-1]
    except (FileNotFoundError, ProcessLookupError):
        return []


def processes_of(state: Path) -> dict[int, list[str]]:
    """Every process whose environment names the instance in `state`, whoever its parent is now."""
    found = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            variables = (entry / "environ").read_bytes()
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
        if f"AVOW_VAR_DIR={state}\0".encode() in variables + b"\0" and alive(int(entry.name)):
            found[int(entry.name)] = cmdline(int(entry.name))
    return found


# --- setting up ---
@contextmanager
def running(state: Path) -> Iterator[Instance]:
    """Set up and start an instance in `state`; all its processes end with the block."""
    with _database() as database:
        environment = _environment(state) | database | _broker() | _bucket()
        for step in (["scripts/first_secret.py"], ["manage.py", "bootstrap"]):
            subprocess.run([sys.executable, *step], cwd=ROOT, env=environment, check=True)
        with (state / "processes.log").open("ab") as log:
            instance = Instance(state, environment, log)
            instance.start()
            try:
                yield instance
            finally:
                instance.stop()


def _environment(state: Path) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)}
    temporary, tsa_port = state / "tmp", _free_port()
    temporary.mkdir(parents=True)
    return inherited | {
        "AVOW_VAR_DIR": str(state),
        "AVOW_WEB": "false",
        "AVOW_RENDER_WORKERS": "1",
        "AVOW_PORT": "0",
        "AVOW_TSA_PORT": str(tsa_port),
        "AVOW_TSA_URL": f"http://127.0.0.1:{tsa_port}/",
        "AVOW_VIDEO_PRESET": "veryfast",
        "AVOW_JOB_LEASE_S": "3",
        "AVOW_ORIGIN_SEARCH_S": "0",
        "AVOW_JOB_MAX_ATTEMPTS": str(MAX_ATTEMPTS),
        "AVOW_LOG_LEVEL": "INFO",
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": str(ROOT),
        "TMPDIR": str(temporary),
    }


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def _database() -> Iterator[dict[str, str]]:
    """A PostgreSQL database of our own where the test run has a server, else none: SQLite."""
    database = os.environ.get("DATABASE_URL", "")
    if not database.startswith("postgres"):
        yield {}
        return
    name = f"avow_processes_{uuid4().hex}"
    with psycopg.connect(database, autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name}")
        try:
            yield {"DATABASE_URL": database.rsplit("/", 1)[0] + f"/{name}"}
        finally:
            server.execute(f"DROP DATABASE {name} WITH (FORCE)")


def _broker() -> dict[str, str]:
    """The Redis or RabbitMQ that the test run has, else none: files."""
    broker = os.environ.get("BROKER_URL", "")
    if broker.startswith("redis:"):
        return {"BROKER_URL": broker.rsplit("/", 1)[0] + f"/{_REDIS_DATABASE}"}
    return {"BROKER_URL": broker} if broker.startswith("amqp:") else {}


def _bucket() -> dict[str, str]:
    """An S3 bucket of our own where the test run has a server, else none: files on disk."""
    if not (endpoint := os.environ.get("AVOW_S3_ENDPOINT")):
        return {}
    import boto3

    name = f"avow-processes-{uuid4().hex}"
    boto3.client("s3", endpoint_url=endpoint).create_bucket(Bucket=name)
    return {"AVOW_S3_ENDPOINT": endpoint, "AVOW_S3_BUCKET": name}
