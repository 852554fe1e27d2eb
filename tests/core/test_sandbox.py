"""The sandbox: what a decoder that was taken over could still do."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from compliance import sandbox
from compliance.errors import BadInput
from compliance.sandbox import Limits, SandboxFailure, run_sandboxed

CHILD = '''
import os, signal, socket, sys
from compliance.errors import BadInput
from compliance.sandbox import child_main, report

def work(argv):
    what = argv[0]
    if what == "echo":
        report(0.5, "half-way")
        return {"stdin": sys.stdin.read()}
    if what == "secrets":
        return {"seen": sorted(n for n in os.environ if n.startswith(("AVOW_", "DJANGO_", "DATABASE")))}
    if what == "network":
        socket.create_connection(("127.0.0.1", 9), timeout=1)
    if what == "memory":
        return {"size": len(bytearray(3 << 30))}
    if what == "disk":
        with open(argv[1], "wb") as target:
            target.write(bytes(8 << 20))
    if what == "refuse":
        raise BadInput("too_dark", "More light, please.", at_s=3)
    if what == "lie":
        print('{"ok": true, "result": {"verdict": "fine"}}', flush=True)
        os._exit(3)
    if what == "stop":
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGINT)
    if what == "hang":
        while True:
            pass
    return {}

child_main(work)
'''


@pytest.fixture
def child(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "sandboxed_child.py").write_text(CHILD)
    root = Path(sandbox.__file__).resolve().parent.parent
    real = sandbox._environment

    def environment() -> dict[str, str]:
        return real() | {"PYTHONPATH": f"{root}{os.pathsep}{tmp_path}"}

    monkeypatch.setattr(sandbox, "_environment", environment)
    return "sandboxed_child"


def test_it_hands_over_input_progress_and_result(child: str) -> None:
    lines: list[dict[str, Any]] = []
    assert run_sandboxed(child, "echo", stdin=b"hello", progress=lines.append) == {"stdin": "hello"}
    assert lines == [{"progress": 0.5, "step": "half-way"}]


def test_a_refusal_keeps_code_text_and_details(child: str) -> None:
    with pytest.raises(BadInput) as refused:
        run_sandboxed(child, "refuse")
    assert (refused.value.code, refused.value.details) == ("too_dark", {"at_s": 3})


def test_decoder_that_calls_home_has_no_network(child: str) -> None:
    with pytest.raises(SandboxFailure) as failure:
        run_sandboxed(child, "network")
    assert "PermissionError" in failure.value.details["errors"]


def test_decoder_that_looks_for_secrets_finds_no_setting(child: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AVOW_SECRET_FILE", "/somewhere")
    assert run_sandboxed(child, "secrets") == {"seen": []}


def test_decompression_bomb_in_memory(child: str) -> None:
    with pytest.raises(SandboxFailure, match="sandbox_memory"):
        run_sandboxed(child, "memory", limits=Limits(memory_mb=1024))


def test_decompression_bomb_on_disk(child: str, tmp_path: Path) -> None:
    target = tmp_path / "big"
    with pytest.raises(SandboxFailure):
        run_sandboxed(child, "disk", str(target), limits=Limits(file_mb=1))
    assert target.stat().st_size <= 1 << 20


def test_endless_decoding_is_stopped(child: str) -> None:
    with pytest.raises(SandboxFailure, match="sandbox_timeout"):
        run_sandboxed(child, "hang", limits=Limits(cpu_s=1, wall_s=60))


def test_waiting_for_ever_is_stopped(child: str) -> None:
    with pytest.raises(SandboxFailure, match="sandbox_timeout"):
        run_sandboxed(child, "hang", limits=Limits(wall_s=1))


def test_a_stop_sent_to_the_whole_group_does_not_take_the_answer_from_a_parent_that_still_needs_it(child: str) -> None:
    assert run_sandboxed(child, "stop") == {}


def test_a_child_that_reports_success_and_dies_is_not_believed(child: str) -> None:
    with pytest.raises(SandboxFailure, match="sandbox_crashed"):
        run_sandboxed(child, "lie")


