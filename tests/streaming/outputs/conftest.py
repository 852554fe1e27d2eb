"""A real RTMP server: nginx with its RTMP module, recording what it is sent."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from streaming.outputs.practice import RtmpServer, is_installed


def wait_until(condition: Callable[[], object], *, within_s: float = 20.0) -> None:
    """Ask again and again; the outside process gives no sign of its own."""
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "this did not come about in time"
        time.sleep(0.02)


@pytest.fixture
def rtmp_server(tmp_path: Path) -> Iterator[RtmpServer]:
    if not is_installed():
        pytest.skip("RTMP SERVER ABSENT: apt-get install nginx-light libnginx-mod-rtmp; no output was pushed anywhere")
    server = RtmpServer(tmp_path)
    server.start()
    yield server
    server.kill()
