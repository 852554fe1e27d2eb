"""A language model's server that misbehaves: hangs, streams garbage, closes in the middle of a word."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

HANGS, GARBAGE, CLOSES = "hangs", "streams garbage", "closes midway"
_LONGEST_S = 30.0


class BadModel(ThreadingHTTPServer):
    """`manner`: how the next request is answered; `asked`: how many there were."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.manner, self.asked = HANGS, 0
        self.ending = threading.Event()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"


class _Answer(BaseHTTPRequestHandler):
    server: BadModel

    def do_POST(self) -> None:
        self.server.asked += 1
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        {HANGS: self._hang, GARBAGE: self._babble, CLOSES: self._break_off}[self.server.manner]()

    def _hang(self) -> None:
        self.server.ending.wait(_LONGEST_S)

    def _babble(self) -> None:
        self._begin()
        try:
            for _line in range(2000):
                self.wfile.write(b"data: {" + os.urandom(48) + b"\n\n")
        except OSError:
            return  # whoever listens no more was right

    def _break_off(self) -> None:
        self._begin()
        self.wfile.write('data: {"choices": [{"delta": {"content": "每瓶'.encode())
        self.wfile.flush()
        self.connection.close()

    def _begin(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        return


@contextmanager
def bad_model() -> Iterator[BadModel]:
    """A running one."""
    server = BadModel()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server
    finally:
        server.ending.set()
        server.shutdown()
        server.server_close()
