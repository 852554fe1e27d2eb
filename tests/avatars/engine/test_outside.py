"""Engines that are not ours: real processes and a real HTTP service, good and bad."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from avatars.engine.errors import OutsideEngineFailed
from avatars.engine.lines import HttpLine, ProcessLine
from avatars.engine.outside import JOB_FRAMES, OutsideEngine
from avatars.engine.wire import job_messages, packed, read_frames
from avatars.engines import engine_named, engine_of
from avatars.speech import Speech, speak

from .conftest import Built, say

EXAMPLE = Path(__file__).resolve().parents[3] / "scripts" / "outside_engine_example.py"
SHORT = say(("sil", 0.1), ("aa", 0.3))
SIZE = 640 * 360 * 3 // 2

BAD_ENGINE = """
import json, os, struct, sys, time
def read(n):
    data = b""
    while len(data) < n:
        part = sys.stdin.buffer.read(n - len(data))
        if not part: sys.exit(0)
        data += part
    return data
def message():
    kind, length = struct.unpack(">4sI", read(8))
    return kind, read(length)
def send(kind, payload=b""):
    sys.stdout.buffer.write(struct.pack(">4sI", kind, len(payload)) + payload); sys.stdout.buffer.flush()
job = json.loads(message()[1]); message()
frames = [message()[1] for _ in range(job["frames"])]; message()
"""


@pytest.fixture(scope="module")
def service() -> Iterator[str]:
    with subprocess.Popen([sys.executable, str(EXAMPLE), "--serve", "0"], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout
        yield f"http://127.0.0.1:{int(child.stdout.readline())}/"
        child.kill()


def process(*command: str, timeout_s: float = 120) -> ProcessLine:
    return ProcessLine((sys.executable, *command), timeout_s)


def bad(tmp_path: Path, does: str, timeout_s: float = 120) -> OutsideEngine:
    script = tmp_path / "bad.py"
    script.write_text(BAD_ENGINE + textwrap.dedent(does))
    return OutsideEngine("bad", "1", process(str(script), timeout_s=timeout_s))


def perform(engine: OutsideEngine, built: Built, speech: Speech = SHORT) -> list[np.ndarray]:
    frames = engine.perform(built.path, speech, width=640, height=360, fps=25)
    return [frame.to_ndarray() for frame in frames]


def refusal(engine: OutsideEngine, built: Built, speech: Speech = SHORT) -> str:
    with pytest.raises(OutsideEngineFailed) as caught:
        perform(engine, built, speech)
    return caught.value.code


def test_a_real_process_refines_a_speech_job_by_job_and_its_lips_pass(built: Built) -> None:
    speech = speak("Mama may buy a map, and papa may open a big bag of apples.", "en")
    frames = perform(OutsideEngine("example", "1", process(str(EXAMPLE)), gets="performed"), built, speech)
    assert len(frames) > JOB_FRAMES
    assert len(frames) == int(np.ceil(speech.duration_s * 25 - 1e-6))
    assert {frame.shape for frame in frames} == {(540, 640)}


def test_a_service_refines_what_the_built_in_engine_performed(built: Built, service: str) -> None:
    refined = perform(OutsideEngine("example", "1", HttpLine(service, 120), gets="performed"), built)
    plain = perform(OutsideEngine("echo", "1", _Echo(), gets="performed"), built)
    detail = [np.abs(np.diff(frames[5][:360].astype(int), axis=1)).mean() for frames in (refined, plain)]
    assert len(refined) == len(plain) == 10
    assert detail[0] > 1.06 * detail[1]


class _Echo:
    """Gives back what it gets, without a process: the plain pictures to compare with."""

    def ask(self, messages: Iterator[bytes], size: int, count: int) -> Iterator[bytes]:
        return (one[8:] for one in list(messages) if one[:4] == b"FRM_")

    def close(self) -> None:
        """Holds nothing."""


@pytest.mark.parametrize(
    ("does", "code"),
    [
        ("for f in frames: send(b'FRM_', f[:-2])", "outside_engine_garbage"),
        ("for f in frames[:-1]: send(b'FRM_', f)\nsend(b'END_')", "outside_engine_garbage"),
        ("for f in [*frames, frames[0]]: send(b'FRM_', f)", "outside_engine_garbage"),
        ("send(b'FRM_' , b'')", "outside_engine_garbage"),
        ("print('loading weights ...', flush=True)", "outside_engine_garbage"),
        ("for f in frames[:3]: send(b'FRM_', f)", "outside_engine_crashed"),
        ("send(b'ERR_', json.dumps({'text': 'no GPU'}).encode())", "outside_engine_refused"),
        ("for f in frames: send(b'FRM_', bytes(len(f)))\nsend(b'END_')", "outside_face_count"),
    ],
)
def test_an_engine_that_breaks_the_protocol_is_refused(built: Built, tmp_path: Path, does: str, code: str) -> None:
    assert refusal(bad(tmp_path, does), built) == code


def test_an_engine_that_hangs_is_ended(built: Built, tmp_path: Path) -> None:
    engine = bad(tmp_path, "time.sleep(600)", timeout_s=3)
    assert refusal(engine, built) == "outside_engine_timeout"
    assert isinstance(engine.line, ProcessLine) and engine.line._child is None


def test_lips_that_do_not_speak_are_refused(built: Built, tmp_path: Path) -> None:
    """The untouched idle footage, handed back as if it were a performance."""
    engine = bad(tmp_path, "for f in frames: send(b'FRM_', f)\nsend(b'END_')")
    sounds = say(("sil", 0.1), ("aa", 0.6), ("m", 0.1), ("aa", 0.6), ("p", 0.1), ("aa", 0.4), ("sil", 0.1))
    assert refusal(engine, built, sounds) == "outside_lips_unrelated"


def test_an_engine_sees_no_secret_and_no_network(built: Built, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AVOW_SECRET_KEY", "the-secret")
    does = """
    import socket
    try:
        socket.socket(socket.AF_INET); net = "net"
    except OSError:
        net = "no net"
    send(b"ERR_", json.dumps({"text": net + " " + str("the-secret" in str(os.environ))}).encode())
    """
    with pytest.raises(OutsideEngineFailed) as caught:
        perform(bad(tmp_path, does), built)
    assert caught.value.details["what"] == "no net False"


def test_the_example_says_what_it_cannot_do(built: Built) -> None:
    with pytest.raises(OutsideEngineFailed) as caught:
        perform(OutsideEngine("example", "1", process(str(EXAMPLE))), built)
    assert "only refines" in caught.value.details["what"]


def test_a_service_that_is_not_there(built: Built) -> None:
    assert refusal(OutsideEngine("x", "1", HttpLine("http://127.0.0.1:9/", 3)), built) == "outside_engine_unreachable"


def test_settings_name_engines_and_the_model_names_its_own(built: Built, settings) -> None:  # type: ignore[no-untyped-def]
    settings.AVOW_OUTSIDE_ENGINES = {"mine": {"command": ["/bin/true"], "version": "7", "gets": "performed"}}
    mine = engine_named("mine")
    assert isinstance(mine, OutsideEngine) and (mine.name, mine.version, mine.gets) == ("mine", "7", "performed")
    assert engine_of(built.path).name == "warp"
    with pytest.raises(OutsideEngineFailed) as caught:
        engine_named("another")
    assert caught.value.code == "outside_engine_unknown"


def test_messages_are_read_as_written() -> None:
    data = b"".join([packed(b"FRM_", b"abc"), packed(b"FRM_", b"def"), packed(b"END_")])
    position = 0

    def read(length: int) -> bytes:
        nonlocal position
        position += length
        return data[position - length : position]

    assert list(read_frames(read, 3, 2)) == [b"abc", b"def"]
    assert b"".join(job_messages({}, b"", [b"abc"])).endswith(packed(b"FRM_", b"abc") + packed(b"END_"))
