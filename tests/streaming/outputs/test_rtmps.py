"""RTMPS: the stream key goes to a server whose certificate holds, or to nobody."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from streaming.outputs.output import Output, OutputState, Patience
from streaming.outputs.practice import RtmpServer
from streaming.outputs.target import Target
from tests.streaming.outputs.conftest import wait_until
from tests.streaming.outputs.test_rtmp import KEY, offer, recorded
from tests.streaming.packager.scenes import SMALL, session


def certificate(folder: Path) -> Path:
    """A self-signed certificate for 127.0.0.1 with its key, in one PEM file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "ingest")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = folder / "server.pem"
    path.write_bytes(secret + made.public_bytes(serialization.Encoding.PEM))
    return path


class TlsFront:
    """Takes TLS, hands plain bytes to the RTMP server; remembers what arrived."""

    def __init__(self, pem: Path, behind: int) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.listener.getsockname()[1]
        self.arrived = bytearray()
        self._behind = behind
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(pem)
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                connection, _peer = self.listener.accept()
                with suppress(ssl.SSLError, OSError):
                    near = self._context.wrap_socket(connection, server_side=True)
                    far = socket.create_connection(("127.0.0.1", self._behind))
                    threading.Thread(target=self._carry, args=(far, near, False), daemon=True).start()
                    threading.Thread(target=self._carry, args=(near, far, True), daemon=True).start()

    def _carry(self, source: socket.socket, sink: socket.socket, remember: bool) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                if remember:
                    self.arrived += data
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)


@pytest.fixture
def pem(tmp_path: Path) -> Path:
    return certificate(tmp_path)


@pytest.fixture
def front(rtmp_server: RtmpServer, pem: Path) -> Iterator[TlsFront]:
    front = TlsFront(pem, rtmp_server.port)
    yield front
    front.listener.close()


def test_trusted_server_receives_every_frame(
    rtmp_server: RtmpServer, front: TlsFront, pem: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))  # OpenSSL's own way to name further roots
    output = Output(Target(f"rtmps://127.0.0.1:{front.port}/live", KEY), patience=Patience(first_s=0.05))
    offer(output, session(SMALL, 50), range(2))
    output.stop()
    assert (output.status.sent, output.status.failures) == (2, 0)
    wait_until(lambda: len(recorded(rtmp_server.recordings[0])[0]) == 50)
    assert KEY.encode() in front.arrived


def test_server_with_a_foreign_certificate_gets_no_key(rtmp_server: RtmpServer, front: TlsFront) -> None:
    output = Output(Target(f"rtmps://127.0.0.1:{front.port}/live", KEY), patience=Patience(first_s=30))
    offer(output, session(SMALL, 25), range(1))
    wait_until(lambda: output.status.failures)
    assert output.status.reason == "SSLCertVerificationError"
    assert not front.arrived and not rtmp_server.recordings
    output.stop()
    assert output.status.state is OutputState.STOPPED
