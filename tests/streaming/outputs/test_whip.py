"""Sending by WHIP to an endpoint that really receives: pictures as published, sound as Opus, the token kept."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from streaming.outputs.output import Output, OutputState, Patience
from streaming.outputs.target import Protocol, Target
from tests.streaming.outputs.conftest import wait_until
from tests.streaming.outputs.test_rtmp import offer
from tests.streaming.outputs.whip_server import WhipServer
from tests.streaming.packager.scenes import SMALL, SPEC, Session, session

KEY = "whip_5f0c2a9e-secret"
# A busy machine may let a connection fail; the output then makes another, as it does on air.
PATIENT = Patience(answer_s=60.0, first_s=0.05, longest_s=0.2)


@pytest.fixture(scope="module")
def made() -> Session:
    return session(SMALL, 75)


@pytest.fixture
def server() -> Iterator[WhipServer]:
    server = WhipServer(KEY)
    yield server
    server.stop()


def sent_one_more(output: Output, made: Session, number: int, rendition: str = "low") -> bool:
    """Hand over one segment and wait until the endpoint was sent it, or it got lost."""
    before = output.status
    offer(output, made, range(number, number + 1), rendition)
    wait_until(lambda: (output.status.sent, output.status.failures) != (before.sent, before.failures), within_s=90)
    return output.status.sent > before.sent


def test_the_endpoint_receives_pictures_and_sound(server: WhipServer, made: Session) -> None:
    target = Target(server.address, KEY)
    assert target.protocol is Protocol.WHIP and "/whip/room" not in target.name
    output = Output(target, patience=PATIENT)
    wait_until(lambda: sent_one_more(output, made, 0) and sent_one_more(output, made, 1), within_s=90)
    received = server.sessions[-1]
    wait_until(lambda: len(received.pictures) > 20 and len(received.loud) > 20, within_s=60)
    output.stop(wait_s=60)
    assert output.status.state == OutputState.STOPPED
    assert received.ended, "the session is ended at the endpoint, with the token"
    assert {seen[1:3] for seen in received.pictures} == {(180, 320)}, "nothing was scaled"
    ticks = [seconds / 0.04 for seconds, *_rest in received.pictures]
    assert all(abs(tick - round(tick)) < 0.01 for tick in ticks) and ticks == sorted(ticks)
    assert 100 < received.pictures[0][3] < 140, "the ramp"
    assert max(received.loud) > 300, "the tone"
    sdp = server.offers[-1]
    assert "sendonly" in sdp and "H264" in sdp and "opus" in sdp and "VP8" not in sdp


def test_a_wrong_token_is_said_and_told_to_nobody(server: WhipServer, made: Session) -> None:
    output = Output(Target(server.address, "another"), patience=PATIENT)
    offer(output, made, range(1))
    wait_until(lambda: output.status.failures >= 1, within_s=90)
    assert output.status.reason == "http_401" and not server.sessions
    output.stop(wait_s=1)


def test_another_size_goes_on_in_the_same_connection(server: WhipServer, made: Session) -> None:
    slate = session(SPEC, 50, first_sequence=3)
    output = Output(Target(server.address, KEY), patience=PATIENT)
    wait_until(lambda: sent_one_more(output, made, 0) and sent_one_more(output, slate, 0, "high"), within_s=90)
    received = server.sessions[-1]
    wait_until(lambda: received.pictures and received.pictures[-1][1:3] == (360, 640), within_s=60)
    output.stop(wait_s=60)
    assert (180, 320) in {seen[1:3] for seen in received.pictures}


class Endless(BaseHTTPRequestHandler):
    """Answers an offer with more than any description of a session needs."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(201)
        self.send_header("Location", "/there")
        self.end_headers()
        self.wfile.write(b"v=0\r\n" * 100_000)

    def log_message(self, *_words: object) -> None:
        return


def test_an_answer_without_end_is_not_read_to_its_end(made: Session) -> None:
    with HTTPServer(("127.0.0.1", 0), Endless) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        output = Output(Target(f"http://127.0.0.1:{server.server_port}/whip", KEY), patience=PATIENT)
        offer(output, made, range(1))
        wait_until(lambda: output.status.failures >= 1, within_s=90)
        output.stop(wait_s=1)
        server.shutdown()
    assert output.status.reason == "not_whip"
