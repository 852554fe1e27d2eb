"""A development time-stamping authority over HTTP (RFC 3161 section 3.4), on the loopback interface only.

``python -m compliance.provenance.tsa_server --port 8318`` with ``AVOW_ROLE=tsa``. Its clock is the machine's,
so its stamps convince nobody but this installation; set ``AVOW_TSA_URL`` to a public TSA for evidence.
"""

from __future__ import annotations

import argparse
import logging
import os
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import django

from compliance.errors import AvowError
from compliance.keys.custody import open_custody
from compliance.keys.purposes import KeyPurpose
from compliance.provenance.pki import Pki
from compliance.provenance.timestamp import TimeStampingUnit

logger = logging.getLogger(__name__)
LOOPBACK = "127.0.0.1"
MAX_REQUEST_BYTES = 16 * 1024
_QUERY, _REPLY = "application/timestamp-query", "application/timestamp-reply"


class TsaServer(ThreadingHTTPServer):
    """One time-stamping unit behind a loopback socket; ``port`` 0 takes a free one."""

    daemon_threads = True

    def __init__(self, unit: TimeStampingUnit, port: int) -> None:
        super().__init__((LOOPBACK, port), _Handler)
        self.unit = unit

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.server_address[1]}/"


class _Handler(BaseHTTPRequestHandler):
    server: TsaServer
    timeout = 5.0

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "")
        if self.headers.get("Content-Type") != _QUERY:
            self.send_error(415)
        elif not length.isascii() or not length.isdigit():
            self.send_error(411)
        elif int(length) > MAX_REQUEST_BYTES:
            self.send_error(413)
        else:
            self._answer(self.server.unit.respond(self.rfile.read(int(length))))

    def _answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", _REPLY)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        logger.debug(format, *args)


def main() -> None:
    parser = argparse.ArgumentParser(prog="compliance.provenance.tsa_server", description="Development TSA.")
    parser.add_argument("--port", type=int, default=8318)
    port = parser.parse_args().port
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "compliance.settings")
    django.setup()
    try:
        server = TsaServer(open_unit(), port)
    except AvowError as error:
        raise SystemExit(str(error)) from error
    logger.info("time-stamping on %s", server.url)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        server.server_close()


def open_unit() -> TimeStampingUnit:
    """The unit of this installation; raises CertificateProblem or KeyAccessDenied at start."""
    custody = open_custody()
    custody.sign(KeyPurpose.TSA, b"start-up check")
    key = custody.public_key(KeyPurpose.TSA)
    return TimeStampingUnit(custody, Pki.from_settings().usable_chain(KeyPurpose.TSA, key, datetime.now(UTC)))


if __name__ == "__main__":
    main()
