"""An RTMP server to practise on: Debian's nginx with its RTMP module, started and killed at will."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from pathlib import Path

_MODULE = Path("/usr/lib/nginx/modules/ngx_rtmp_module.so")
_CONFIG = """
load_module {module};
daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log;
events {{}}
rtmp {{ server {{ listen 127.0.0.1:{port}; ping 1s; application live {{
  live on; record all; record_path {folder}/got; record_unique on;
}} }} }}
"""
_START_S = 20.0


def is_installed() -> bool:
    """Whether this machine has the server: apt-get install nginx-light libnginx-mod-rtmp."""
    return shutil.which("nginx") is not None and _MODULE.exists()


class RtmpServer:
    """One server on a free port of the loopback interface; recordings of one connection each lie in `got`."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self.folder, self.address = folder, f"rtmp://127.0.0.1:{self.port}/live"
        (folder / "got").mkdir(parents=True)
        self._config = folder / "nginx.conf"
        self._config.write_text(_CONFIG.format(module=_MODULE, folder=folder, port=self.port))
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Returns once it listens. Raises TimeoutError."""
        command = ["nginx", "-p", str(self.folder), "-c", str(self._config), "-g", "user root;"]
        self._process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + _START_S
        while not self._listens:
            if time.monotonic() > deadline:
                raise TimeoutError("the RTMP server does not listen")
            time.sleep(0.02)

    def kill(self) -> None:
        """At once, as a machine that fails."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    @property
    def recordings(self) -> list[Path]:
        """Files of what was received, oldest first."""
        return sorted((self.folder / "got").iterdir(), key=lambda path: path.stat().st_mtime_ns)

    @property
    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0
