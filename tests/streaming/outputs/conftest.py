"""A real RTMP server: nginx with its RTMP module, recording what it is sent."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

_MODULE = Path("/usr/lib/nginx/modules/ngx_rtmp_module.so")
_CONFIG = """
load_module {module};
daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log;
events {{}}
rtmp {{ server {{ listen 127.0.0.1:{port}; ping 1s; application live {{
  live on; record all; record_path {folder}/got; record_unique on;
}} }} }}
"""


def wait_until(condition: Callable[[], object], *, within_s: float = 20.0) -> None:
    """Ask again and again; the outside process gives no sign of its own."""
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "this did not come about in time"
        time.sleep(0.02)


class RtmpServer:
    """Started and killed at will; recordings of one connection each lie in `got`."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self.folder, self.address = folder, f"rtmp://127.0.0.1:{self.port}/live"
        (folder / "got").mkdir()
        self._config = folder / "nginx.conf"
        self._config.write_text(_CONFIG.format(module=_MODULE, folder=folder, port=self.port))
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = ["nginx", "-p", str(self.folder), "-c", str(self._config), "-g", "user root;"]
        self._process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        wait_until(lambda: self._listens)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    @property
    def recordings(self) -> list[Path]:
        return sorted((self.folder / "got").iterdir(), key=lambda path: path.stat().st_mtime_ns)

    @property
    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


@pytest.fixture
def rtmp_server(tmp_path: Path) -> Iterator[RtmpServer]:
    if shutil.which("nginx") is None or not _MODULE.exists():
        pytest.skip("RTMP SERVER ABSENT: apt-get install nginx-light libnginx-mod-rtmp; no output was pushed anywhere")
    server = RtmpServer(tmp_path)
    server.start()
    yield server
    server.kill()
