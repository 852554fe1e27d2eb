"""Pushing to a real RTMP server that lives, dies, comes back, hangs; the stream key stays where it belongs."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import av
import pytest

from streaming.outputs.output import Output, OutputState, OutputStatus, Patience
from streaming.outputs.practice import RtmpServer
from streaming.outputs.target import OutputRefused, Target
from tests.streaming.outputs.conftest import wait_until
from tests.streaming.packager.scenes import SMALL, SPEC, Session, session

KEY = "live_5f0c2a9e-secret"
QUICK = Patience(answer_s=3.0, first_s=0.05, longest_s=0.2)


@pytest.fixture(scope="module")
def made() -> Session:
    return session(SMALL, 75)


def offer(output: Output, made: Session, numbers: range, rendition: str = "low") -> None:
    for segment in made.of(rendition)[numbers.start : numbers.stop]:
        output.offer(made.packager.init(rendition), segment.data, duration_s=float(segment.duration))


def recorded(path: Path) -> tuple[list[int], list[int]]:
    """Times of picture and sound packets in milliseconds."""
    times: dict[str, list[int]] = {"video": [], "audio": []}
    try:
        with av.open(str(path)) as film:
            for packet in film.demux():
                if packet.dts is None:
                    continue
                assert times["video"] or packet.stream.type == "audio" or packet.is_keyframe
                times[packet.stream.type].append(round(1000 * packet.dts * packet.time_base))
    except av.FFmpegError:
        return [], []  # the server has only begun to write
    return times["video"], times["audio"]


def test_server_receives_every_frame_in_time(rtmp_server: RtmpServer, made: Session) -> None:
    output = Output(Target(rtmp_server.address, KEY), patience=QUICK)
    begun = time.monotonic()
    offer(output, made, range(3))
    output.stop()
    assert output.status == OutputStatus(OutputState.STOPPED, sent=3)
    assert time.monotonic() - begun > 2.5, "a server is sent media at the pace of its time stamps"
    wait_until(lambda: len(recorded(rtmp_server.recordings[0])[0]) == 75)
    video, audio = recorded(rtmp_server.recordings[0])
    assert video == list(range(0, 3000, 40))
    assert len(audio) == 141 and abs(audio[-1] - video[-1]) < 64


def test_server_gone_and_back_resumes_at_a_key_frame_without_a_person(rtmp_server: RtmpServer, made: Session) -> None:
    seen: list[OutputStatus] = []
    output = Output(Target(rtmp_server.address, KEY), patience=QUICK, changed=seen.append)
    offer(output, made, range(1))
    wait_until(lambda: output.status.sent == 1)
    rtmp_server.kill()
    wait_until(lambda: offer(output, made, range(1)) or output.status.failures >= 2)
    assert output.status.reason in {"ConnectionResetError", "ConnectionRefusedError", "BrokenPipeError"}
    rtmp_server.start()
    sent = output.status.sent
    offer(output, made, range(1, 3))
    wait_until(lambda: output.status.sent > sent)
    output.stop()
    assert {OutputState.CONNECTING, OutputState.SENDING, OutputState.WAITING} <= {status.state for status in seen}
    wait_until(lambda: len(recorded(rtmp_server.recordings[-1])[0]) >= 25)
    assert recorded(rtmp_server.recordings[-1])[0][0] == 0
    assert output.status.dropped > 0, "what was old when the server came back is not sent"


def test_new_session_with_other_codecs_gets_a_connection_of_its_own(rtmp_server: RtmpServer, made: Session) -> None:
    output = Output(Target(rtmp_server.address, KEY), patience=QUICK)
    offer(output, made, range(1))
    offer(output, session(SMALL, 25, first_sequence=1), range(1))  # begins anew: same codecs, same connection
    offer(output, session(SPEC, 25, first_sequence=2), range(1), "high")
    output.stop()
    assert output.status.failures == 0 and output.status.sent == 3
    wait_until(lambda: len(rtmp_server.recordings) == 2)
    wait_until(lambda: len(recorded(rtmp_server.recordings[1])[0]) == 25)
    video, _audio = recorded(rtmp_server.recordings[0])
    assert len(video) == 50 and all(39 <= b - a <= 64 for a, b in pairwise(video))


@pytest.fixture
def silent_peer() -> Iterator[int]:
    """Takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def test_peer_that_never_answers_is_left_and_the_room_does_not_notice(silent_peer: int, made: Session) -> None:
    failed = threading.Event()
    output = Output(
        Target(f"rtmp://127.0.0.1:{silent_peer}/live", KEY),
        patience=Patience(answer_s=0.5, first_s=30),
        changed=lambda status: failed.set() if status.failures else None,
    )
    longest, last = 0.0, time.monotonic()
    for _ in range(10):
        offer(output, made, range(3))
    while not failed.wait(0.01):
        now = time.monotonic()
        longest, last = max(longest, now - last), now
    assert output.status.reason == "no_answer" and output.status.dropped >= 26
    assert longest < 1.0, "this interpreter was never held"
    output.stop()
    assert output.status.state is OutputState.STOPPED


def test_stream_key_is_in_no_argument_variable_or_text(rtmp_server: RtmpServer, made: Session) -> None:
    target = Target(rtmp_server.address, KEY)
    output = Output(target, patience=QUICK)
    offer(output, made, range(2))
    wait_until(lambda: output.status.sent)
    seen = [path.read_bytes() for child in _children() for path in (child / "cmdline", child / "environ")]
    output.stop()
    assert any(b"rtmp_child" in line for line in seen)
    assert not any(KEY.encode() in line for line in seen)
    assert KEY not in f"{target!r} {target.name} {output.status!r} {[t.name for t in threading.enumerate()]}"


def _children() -> list[Path]:
    own = Path("/proc/self/task")
    numbers = [number for task in own.iterdir() for number in (task / "children").read_text().split()]
    return [Path("/proc") / number for number in numbers]


@pytest.mark.parametrize(
    ("address", "key"),
    [
        ("ftp://example.org/live", KEY),
        ("https://example.org", KEY),
        ("rtmp://example.org", KEY),
        ("rtmp:///live", KEY),
        ("rtmp://example.org/live", ""),
        ("rtmp://example.org/live timeout=1", KEY),
        ("rtmp://example.org/live", "key\nconn=O:1"),
        ("rtmp://example.org:99999/live", KEY),
        ("file:///etc/passwd", KEY),
    ],
)
def test_addresses_that_cannot_be_sent_to_are_refused(address: str, key: str) -> None:
    with pytest.raises(OutputRefused, match="target_invalid"):
        Target(address, key)


def test_name_for_logs_leaves_out_a_password() -> None:
    target = Target("rtmp://user:word@ingest.example.org:1936/app", KEY)
    assert target.name == "rtmp://ingest.example.org:1936/app"
    assert Target.from_bytes(target.to_bytes()) == target
