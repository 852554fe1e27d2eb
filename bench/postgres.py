"""A throw-away PostgreSQL of the bench's own, with its safe defaults: a rate without fsync would flatter."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def throw_away_postgres() -> Iterator[str | None]:
    """The URL of an empty database, or None where PostgreSQL is not installed. The server is gone afterwards."""
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    if not programs:
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="avow-bench-pg-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        if os.geteuid() == 0:  # the server refuses to run as root
            shutil.chown(folder, "postgres")
        control, data, port = str(programs[-1] / "pg_ctl"), str(folder / "data"), _free_port()
        _run(str(programs[-1] / "initdb"), "-D", data, "-U", "avow", "-A", "trust", "-E", "UTF8")
        _run(control, "-D", data, "-w", "-l", str(folder / "log"), "-o", f"-p {port} -k {folder} -h 127.0.0.1", "start")
        try:
            yield f"postgres://avow@127.0.0.1:{port}/postgres"
        finally:
            _run(control, "-D", data, "-m", "immediate", "stop")


def _run(*command: str) -> None:
    as_server = ("runuser", "-u", "postgres", "--") if os.geteuid() == 0 else ()
    subprocess.run([*as_server, *command], check=True, stdout=subprocess.DEVNULL, cwd="/")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
