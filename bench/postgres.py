"""A throw-away PostgreSQL of the bench's own, with its safe defaults: a rate without fsync would flatter."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Postgres:
    """A server of the bench's own and its empty database."""

    url: str
    _control: tuple[str, ...]
    _options: str

    def start(self) -> None:
        """Until it answers."""
        _run(*self._control, "-w", "-o", self._options, "start")

    def stop(self) -> None:
        """At once, as if the machine had lost power: every connection is cut."""
        _run(*self._control, "-m", "immediate", "stop")


@contextmanager
def throw_away_postgres() -> Iterator[Postgres | None]:
    """A running server, or None where PostgreSQL is not installed. It is gone afterwards."""
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    if not programs:
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="avow-bench-pg-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        if os.geteuid() == 0:  # the server refuses to run as root
            shutil.chown(folder, "postgres")
        data, port = str(folder / "data"), _free_port()
        _run(str(programs[-1] / "initdb"), "-D", data, "-U", "avow", "-A", "trust", "-E", "UTF8")
        control = (str(programs[-1] / "pg_ctl"), "-D", data, "-l", str(folder / "log"))
        options = f"-p {port} -k {folder} -h 127.0.0.1"
        server = Postgres(f"postgres://avow@127.0.0.1:{port}/postgres", control, options)
        server.start()
        try:
            yield server
        finally:
            server.stop()


def _run(*command: str) -> None:
    as_server = ("runuser", "-u", "postgres", "--") if os.geteuid() == 0 else ()
    subprocess.run([*as_server, *command], check=True, stdout=subprocess.DEVNULL, cwd="/")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
