"""The time-stamping authority and its client: what a stamp says, and every way not to get one."""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest
from asn1crypto import tsp
from cryptography.hazmat.primitives.asymmetric import ec
from rfc3161_client import HashAlgorithm, TimestampRequestBuilder

from compliance.keys.errors import KeyAccessDenied
from compliance.keys.purposes import ProcessRole
from compliance.provenance import profile, tsa_server
from compliance.provenance.errors import TsaUnavailable
from compliance.provenance.timestamp import TimeStampingUnit
from compliance.provenance.tsa import request_time_stamp
from compliance.provenance.tsa_server import MAX_REQUEST_BYTES
from tests.provenance.conftest import Installation

QUERY = {"Content-Type": "application/timestamp-query"}


@contextmanager
def answering(talk: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server that accepts one connection, reads the request's head and lets ``talk`` go on."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(65536)
            talk(connection)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
    thread.join(5)
    listener.close()
    assert not thread.is_alive(), "the client left the connection open"


def reply(body: bytes) -> Callable[[socket.socket], None]:
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    return lambda connection: connection.sendall(head + body)


def asking(url: str, installation: Installation, timeout_s: float = 2.0) -> TsaUnavailable:
    with pytest.raises(TsaUnavailable) as refusal:
        request_time_stamp(url, b"statement", anchors=installation.pki.anchors(), timeout_s=timeout_s)
    return refusal.value


def test_a_stamp_verifies_and_states_the_time(installation: Installation, tsa_url: str) -> None:
    stamp = request_time_stamp(tsa_url, b"statement", anchors=installation.pki.anchors())
    assert abs(datetime.now(UTC) - stamp.time) < timedelta(seconds=30)


def test_nobody_listens(installation: Installation) -> None:
    assert asking("http://127.0.0.1:9/", installation).code == "tsa_unreachable"


@pytest.mark.parametrize("url", ["", "ftp://127.0.0.1/", "file:///etc/passwd", "http://", "127.0.0.1:8318"])
def test_an_address_that_is_none(installation: Installation, url: str) -> None:
    assert asking(url, installation).code == "tsa_url_invalid"


def wait_until_closed(connection: socket.socket) -> None:
    while connection.recv(1024):
        pass


def test_attack_hanging_tsa(installation: Installation) -> None:
    with answering(wait_until_closed) as url:
        assert asking(url, installation, timeout_s=0.2).code == "tsa_timeout"


def test_attack_tsa_that_drips_bytes_forever(installation: Installation) -> None:
    """Each byte comes in time for a socket's own time-out; the whole must not."""

    def drip(connection: socket.socket) -> None:
        connection.settimeout(0.02)
        try:
            while True:
                connection.sendall(b"H")
                try:
                    if not connection.recv(1024):
                        return
                except TimeoutError:
                    continue
        except OSError:
            return

    with answering(drip) as url:
        assert asking(url, installation, timeout_s=0.3).code in ("tsa_timeout", "tsa_unreachable")


def test_attack_endless_answer(installation: Installation) -> None:
    with answering(lambda connection: reply(bytes(1 << 20))(connection)) as url:
        assert asking(url, installation).code == "tsa_refused"


def test_an_answer_that_is_no_answer(installation: Installation) -> None:
    with answering(reply(b"not DER")) as url:
        assert asking(url, installation).code == "tsa_answer_invalid"


def respond(unit: TimeStampingUnit, message: bytes, at: datetime | None = None) -> bytes:
    request = TimestampRequestBuilder().data(message).hash_algorithm(HashAlgorithm.SHA256).nonce().build()
    return unit.respond(request.as_bytes(), at)


def test_attack_replayed_stamp(installation: Installation) -> None:
    """An old answer over the very same bytes: right imprint, other nonce."""
    old = respond(installation.time_stamping_unit(), b"statement")
    with answering(reply(old)) as url:
        assert asking(url, installation).code == "tsa_answer_invalid"


@contextmanager
def forwarding(unit: TimeStampingUnit, at: datetime | None = None) -> Iterator[str]:
    class Fixed(TimeStampingUnit):
        def respond(self, request: bytes, now: datetime | None = None) -> bytes:
            return unit.respond(request, at)

    server = tsa_server.TsaServer(Fixed(unit.custody, unit.chain), 0)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.url
    server.shutdown()
    server.server_close()


def test_attack_clock_set_forward(installation: Installation) -> None:
    unit = installation.time_stamping_unit()
    with forwarding(unit, datetime.now(UTC) + timedelta(minutes=6)) as url:
        assert asking(url, installation).code == "tsa_clock_differs"


def test_attack_stamp_of_an_unknown_authority(installation: Installation) -> None:
    unit = installation.time_stamping_unit()
    key = ec.generate_private_key(ec.SECP384R1())
    stranger = profile.issue(
        profile.ROOT, key.public_key(), profile.Issuer(profile.ROOT.subject, key), datetime.now(UTC)
    )
    with forwarding(unit) as url, pytest.raises(TsaUnavailable) as refusal:
        request_time_stamp(url, b"statement", anchors=[stranger])
    assert refusal.value.code == "tsa_answer_invalid"


@pytest.mark.parametrize("request_bytes", [b"", b"\x30", b"\x30\x80", b"\xff" * 100, b"\x30\x03\x02\x01\x01"])
def test_a_malformed_request_is_refused_in_the_protocol(installation: Installation, request_bytes: bytes) -> None:
    answer = installation.time_stamping_unit().respond(request_bytes)
    assert b"\x02\x01\x02" in answer  # PKIStatus rejection(2)


def test_a_request_with_a_short_digest_or_a_foreign_policy_is_refused(installation: Installation) -> None:
    unit = installation.time_stamping_unit()
    imprint = {"hash_algorithm": {"algorithm": "sha256"}, "hashed_message": b"short"}
    short = tsp.TimeStampReq({"version": "v1", "message_imprint": imprint})
    good = {**imprint, "hashed_message": bytes(32)}
    foreign = tsp.TimeStampReq({"version": "v1", "message_imprint": good, "req_policy": "1.2.3.4"})
    for request in (short, foreign):
        assert len(unit.respond(request.dump())) < 32, "a refusal carries no token"


def test_the_server_speaks_only_its_protocol(tsa_url: str) -> None:
    def status(method: str, body: bytes, headers: dict[str, str]) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", urlsplit(tsa_url).port or 0, timeout=5)
        connection.request(method, "/", body, headers)
        answer = connection.getresponse()
        answer.read()
        connection.close()
        return answer.status

    assert status("GET", b"", {}) == 501
    assert status("POST", b"x", {"Content-Type": "text/plain"}) == 415
    assert status("POST", b"", {**QUERY, "Content-Length": str(MAX_REQUEST_BYTES + 1)}) == 413
    assert status("POST", b"", {**QUERY, "Content-Length": "-1"}) == 411


def test_the_server_does_not_start_without_the_tsa_role(installation: Installation, settings: object) -> None:
    settings.AVOW_KEYS_DIR = installation.keys  # type: ignore[attr-defined]
    settings.AVOW_ROLE = "worker"  # type: ignore[attr-defined]
    settings.AVOW_SECRET_FILE = installation.secrets / "tsa.secret"  # type: ignore[attr-defined]
    with pytest.raises(KeyAccessDenied):
        tsa_server.open_unit()
    settings.AVOW_ROLE = "tsa"  # type: ignore[attr-defined]
    assert tsa_server.open_unit().custody.role is ProcessRole.TSA
