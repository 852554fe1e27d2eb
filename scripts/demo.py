"""`make demo`: a private Avow in a folder of its own walks the whole road once and leaves everything it made there."""

from __future__ import annotations

import argparse
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    """Start the processes, run `manage.py demo`, stop the processes. Returns the demo's exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--clip", type=Path)
    parser.add_argument("--text", default="")
    parser.add_argument("--markets", default="")
    options = parser.parse_args()
    out = options.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    environment = _environment(out / "state")
    for step in ([str(ROOT / "scripts" / "first_secret.py")], ["manage.py", "bootstrap"]):
        subprocess.run([sys.executable, *step], cwd=ROOT, env=environment, check=True)
    command = [sys.executable, "manage.py", "demo", "--out", str(out)]
    if options.clip:
        command += ["--clip", str(options.clip.resolve())]
    command += ["--text", options.text, "--markets", options.markets]
    with _processes(environment):
        return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode


def _environment(state: Path) -> dict[str, str]:
    tsa_port = _free_port()
    return {
        **os.environ,
        "AVOW_VAR_DIR": str(state),
        "AVOW_DEMO": "1",
        "AVOW_WEB": "false",
        "AVOW_RENDER_WORKERS": "1",
        "AVOW_PORT": "8000",
        "AVOW_LOG_LEVEL": "WARNING",
        "AVOW_TSA_PORT": str(tsa_port),
        "AVOW_TSA_URL": f"http://127.0.0.1:{tsa_port}/",
        "PYTHONPATH": str(ROOT),
    }


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def _processes(environment: dict[str, str]) -> Iterator[None]:
    """All processes but the web server, under the supervisor `make run` uses."""
    config = str(ROOT / "deploy" / "supervisord.conf")
    log = (Path(environment["AVOW_VAR_DIR"]) / "processes.log").open("ab")
    command = [sys.executable, "-m", "supervisor.supervisord", "--nodaemon", "--configuration", config]
    supervisor = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
    try:
        yield
    finally:
        supervisor.send_signal(signal.SIGTERM)
        supervisor.wait(timeout=60)
        log.close()


if __name__ == "__main__":
    sys.exit(main())
