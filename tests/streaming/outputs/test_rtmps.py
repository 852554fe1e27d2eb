"""RTMPS: the stream key goes to a server whose certificate holds, or to nobody."""

from __future__ import annotations

import asyncio
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
from streaming.outputs.tls_relay import open_tls_relay
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
        self.arrived = bytearray()
        self._behind = behind
        self._loop = asyncio.new_event_loop()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem)
        server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=context))
        self.port: int = server.sockets[0].getsockname()[1]
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    async def _serve(self, near_in: asyncio.StreamReader, near_out: asyncio.StreamWriter) -> None:
        far_in, far_out = await asyncio.open_connection("127.0.0.1", self._behind)
        await asyncio.gather(self._carry(near_in, far_out, self.arrived), self._carry(far_in, near_out, bytearray()))

    async def _carry(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, seen: bytearray) -> None:
        with suppress(OSError):
            while data := await source.read(65536):
                seen += data
                sink.write(data)
                await sink.drain()
            sink.close()


@pytest.fixture
def pem(tmp_path: Path) -> Path:
    return certificate(tmp_path)


@pytest.fixture
def front(rtmp_server: RtmpServer, pem: Path) -> Iterator[TlsFront]:
    front = TlsFront(pem, rtmp_server.port)
    yield front
    front.stop()


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


def test_session_tickets_before_the_first_byte_do_not_hold_the_client_up(
    rtmp_server: RtmpServer, front: TlsFront, pem: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """TLS 1.3 servers send tickets unasked; a relay that waits for media behind them would stand still for 10 s."""
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    port = open_tls_relay("127.0.0.1", front.port)
    with socket.create_connection(("127.0.0.1", port)) as client:
        wait_until(lambda: is_refused(port))  # the relay has taken its one connection, and reads
        client.sendall(b"C0 and C1")
        wait_until(lambda: front.arrived == b"C0 and C1", within_s=5)


def is_refused(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port)).close()
    except OSError:
        return True
    return False


def test_server_with_a_foreign_certificate_gets_no_key(rtmp_server: RtmpServer, front: TlsFront) -> None:
    output = Output(Target(f"rtmps://127.0.0.1:{front.port}/live", KEY), patience=Patience(first_s=30))
    offer(output, session(SMALL, 25), range(1))
    wait_until(lambda: output.status.failures)
    assert output.status.reason == "SSLCertVerificationError"
    assert not front.arrived and not rtmp_server.recordings
    output.stop()
    assert output.status.state is OutputState.STOPPED
