"""Run untrusted decoding in a child process: limited memory, time and file size, no network, no secrets.

`python -m compliance.sandbox LIMITS MODULE ARGS...` is the child: it shuts the doors first and only then
imports the module that touches the untrusted bytes.
"""

from __future__ import annotations

import ctypes
import json
import os
import platform
import resource
import runpy
import select
import selectors
import signal
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from compliance.errors import BadInput

Progress = Callable[[dict[str, Any]], None]
ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Limits:
    """Address space in MiB, CPU and wall seconds, largest file the child may write in MiB."""

    memory_mb: int = 8192
    cpu_s: int = 300
    wall_s: int = 600
    file_mb: int = 64


class SandboxFailure(BadInput):
    """The child did not survive its input. Codes: sandbox_crashed, sandbox_timeout, sandbox_memory."""


_TEXTS = {
    "sandbox_crashed": "The file made the decoder stop. It is damaged or not what it claims to be; "
    "please export it again as MP4 (H.264/AAC) and try once more.",
    "sandbox_timeout": "Checking the file took longer than allowed. Please use a shorter or smaller file.",
    "sandbox_memory": "Checking the file needed more memory than allowed. Please use a smaller picture size.",
}


def run_sandboxed(
    module: str,
    *args: str,
    stdin: bytes = b"",
    limits: Limits | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Run `module` in the sandbox and return its `result`.

    Raises:
        SandboxFailure: the child crashed or exceeded a limit.
        BadInput: the child refused the input, with its own code and text.
    """
    limits = limits or Limits()
    command = [sys.executable, "-m", "compliance.sandbox", json.dumps(asdict(limits)), module, *args]
    with subprocess.Popen(
        command, cwd=ROOT, env=_environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as child:
        try:
            last, errors = _converse(child, stdin, limits.wall_s, progress)
        finally:
            child.kill()
    return _outcome(last, child.returncode, errors)


class SandboxedProcess:
    """A sandboxed module that stays and answers question after question; its `main` calls `child_serve`.

    For live work, where starting a child costs more than what it does. Not for concurrent use. A child that crashed or
    took too long is gone: the next question starts another.
    """

    def __init__(self, module: str, *args: str, limits: Limits | None = None) -> None:
        limits = limits or Limits()
        self._command = [sys.executable, "-m", "compliance.sandbox", json.dumps(asdict(limits)), module, *args]
        self._child: subprocess.Popen[bytes] | None = None
        self._buffer = b""

    def start(self) -> None:
        """Have the child load its code while something else is done; `ask` starts it too."""
        self._running()

    def ask(self, question: dict[str, Any], payload: bytes = b"", *, timeout_s: float) -> dict[str, Any]:
        """The child's answer.

        Raises:
            SandboxFailure: sandbox_crashed, sandbox_timeout; the child was ended.
            BadInput: the child refused the input, with its own code and text.
        """
        child = self._running()
        assert child.stdin
        try:
            child.stdin.write(_packed(question, payload))
            child.stdin.flush()
            message = self._answer(child, time.monotonic() + timeout_s)
        except BrokenPipeError:
            message = None
        if message is None:
            status = self.close()
            raise SandboxFailure("sandbox_crashed", _TEXTS["sandbox_crashed"], status=status)
        return _outcome(message, 0, "")

    def close(self) -> int | None:
        """End the child, if there is one. Returns its exit status."""
        child, self._child, self._buffer = self._child, None, b""
        if child is None:
            return None
        child.kill()
        for stream in (child.stdin, child.stdout):
            if stream is not None:
                with suppress(BrokenPipeError):
                    stream.close()
        return child.wait()

    def _running(self) -> subprocess.Popen[bytes]:
        if self._child is None:
            self._child = subprocess.Popen(
                self._command, cwd=ROOT, env=_environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE
            )
        return self._child

    def _answer(self, child: subprocess.Popen[bytes], deadline: float) -> dict[str, Any] | None:
        """The next message; None when the child has ended."""
        assert child.stdout
        while True:
            *lines, self._buffer = self._buffer.split(b"\n")
            if message := next(filter(None, map(_message, lines)), None):
                return message
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([child.stdout], [], [], left)[0]:
                self.close()
                raise SandboxFailure("sandbox_timeout", _TEXTS["sandbox_timeout"])
            if not (chunk := os.read(child.stdout.fileno(), 65536)):
                return None
            self._buffer += chunk


_LENGTHS = struct.Struct(">II")


def _packed(question: dict[str, Any], payload: bytes) -> bytes:
    header = json.dumps(question).encode()
    return _LENGTHS.pack(len(header), len(payload)) + header + payload


def _environment() -> dict[str, str]:
    """No variable of ours reaches the child: settings may hold secrets."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "OMP_NUM_THREADS") if name in os.environ}
    return {**kept, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", "HOME": "/nonexistent",
            "MPLCONFIGDIR": tempfile.gettempdir(), "GLOG_minloglevel": "3"}


def _converse(
    child: subprocess.Popen[bytes], stdin: bytes, wall_s: float, progress: Progress | None
) -> tuple[dict[str, Any] | None, str]:
    """Feed the child, hand on its progress lines, return its last line and the tail of its error output."""
    assert child.stdin and child.stdout and child.stderr
    deadline = time.monotonic() + wall_s
    try:
        child.stdin.write(stdin)
        child.stdin.close()
    except BrokenPipeError:
        pass  # the child died early; its exit status tells more
    buffers: dict[str, bytes] = {"out": b"", "err": b""}
    last: dict[str, Any] | None = None
    with selectors.DefaultSelector() as selector:
        selector.register(child.stdout, selectors.EVENT_READ, "out")
        selector.register(child.stderr, selectors.EVENT_READ, "err")
        while selector.get_map():
            if (left := deadline - time.monotonic()) <= 0:
                child.kill()
                raise SandboxFailure("sandbox_timeout", _TEXTS["sandbox_timeout"])
            for key, _events in selector.select(timeout=min(left, 1.0)):
                chunk = os.read(key.fd, 65536)
                if not chunk:
                    selector.unregister(key.fileobj)
                    continue
                buffers[key.data] = buffers[key.data][-1_000_000:] + chunk
            *lines, buffers["out"] = buffers["out"].split(b"\n")
            for message in filter(None, map(_message, lines)):
                if "progress" in message and "ok" not in message:
                    if progress:
                        progress(message)
                else:
                    last = message
    child.wait()
    return last, buffers["err"][-2000:].decode("utf-8", "replace")


def _message(line: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(line)
    except ValueError:
        return None  # a library that prints to stdout must not be able to speak for the child
    return value if isinstance(value, dict) else None


def _outcome(last: dict[str, Any] | None, status: int, errors: str) -> dict[str, Any]:
    if last is not None and last.get("ok") is True and status == 0:
        result: dict[str, Any] = last["result"]
        return result
    if last is not None and last.get("ok") is False:
        raise BadInput(str(last["code"]), str(last["text"]), **last.get("details", {}))
    if "MemoryError" in errors or "Cannot allocate memory" in errors or "bad_alloc" in errors:
        raise SandboxFailure("sandbox_memory", _TEXTS["sandbox_memory"])
    if status in (-24, 152):  # SIGXCPU
        raise SandboxFailure("sandbox_timeout", _TEXTS["sandbox_timeout"])
    raise SandboxFailure("sandbox_crashed", _TEXTS["sandbox_crashed"], status=status, errors=errors[-500:])


def child_main(work: Callable[[list[str]], dict[str, Any]]) -> None:
    """Entry of a sandboxed module: print the result or the refusal as the last line of JSON."""
    from compliance.errors import AvowError

    try:
        message: dict[str, Any] = {"ok": True, "result": work(sys.argv[1:])}
    except AvowError as error:
        message = {"ok": False, "code": error.code, "text": error.text, "details": error.details}
    print(json.dumps(message, default=str), flush=True)


def child_serve(handle: Callable[[dict[str, Any], bytes], dict[str, Any]]) -> None:
    """Answer questions of a `SandboxedProcess` until it hangs up."""
    from compliance.errors import AvowError

    source = sys.stdin.buffer
    while lengths := source.read(_LENGTHS.size):
        header, payload = (source.read(length) for length in _LENGTHS.unpack(lengths))
        try:
            message: dict[str, Any] = {"ok": True, "result": handle(json.loads(header), payload)}
        except AvowError as error:
            message = {"ok": False, "code": error.code, "text": error.text, "details": error.details}
        print(json.dumps(message, default=str), flush=True)


def report(fraction: float, step: str) -> None:
    """Progress line from inside the sandbox."""
    print(json.dumps({"progress": fraction, "step": step}), flush=True)


# --- inside the child ---
_PR_SET_PDEATHSIG = 1
_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _SECCOMP_MODE_FILTER = 38, 22, 2
_SOCKET_CALL = {"x86_64": 41, "aarch64": 198}
_AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_RET_ALLOW, _RET_ERRNO_EPERM, _RET_KILL = 0x7FFF0000, 0x00050001, 0x80000000
_AF_UNIX = 1


def _limit(limits: Limits) -> None:
    mebi = 1 << 20
    for kind, value in (
        (resource.RLIMIT_AS, limits.memory_mb * mebi),
        (resource.RLIMIT_FSIZE, limits.file_mb * mebi),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(kind, (value, value))
    # One second between the two, so that the process dies of SIGXCPU, which tells the parent why.
    resource.setrlimit(resource.RLIMIT_CPU, (limits.cpu_s, limits.cpu_s + 1))


def _statement(code: int, jump_true: int, jump_false: int, value: int) -> bytes:
    return struct.pack("HBBI", code, jump_true, jump_false, value)


def _forbid_network() -> None:
    """A seccomp filter (seccomp(2), classic BPF) under which socket(2) works for AF_UNIX only.

    It needs no privilege and cannot be lifted again by the process or its children.
    """
    machine = platform.machine()
    if machine not in _SOCKET_CALL:
        raise SystemExit(f"sandbox: no network filter for {machine}")
    load, jump_equal, give = 0x20, 0x15, 0x06
    program = b"".join(
        (
            _statement(load, 0, 0, 4),  # seccomp_data.arch
            _statement(jump_equal, 1, 0, _AUDIT_ARCH[machine]),
            _statement(give, 0, 0, _RET_KILL),
            _statement(load, 0, 0, 0),  # seccomp_data.nr
            _statement(jump_equal, 0, 3, _SOCKET_CALL[machine]),
            _statement(load, 0, 0, 16),  # low word of the first argument: the address family
            _statement(jump_equal, 1, 0, _AF_UNIX),
            _statement(give, 0, 0, _RET_ERRNO_EPERM),
            _statement(give, 0, 0, _RET_ALLOW),
        )
    )
    code = ctypes.create_string_buffer(program)
    filter_program = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(code))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or libc.prctl(
        _PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.create_string_buffer(filter_program)
    ):
        raise SystemExit("sandbox: the network could not be shut off")


def _die_with_parent() -> None:
    """A child must not outlive a killed gate: it may hold the watermark key in memory (prctl(2))."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def confine(limits: Limits, *, network: bool) -> None:
    """Put this process under limits that it cannot lift and that outlive exec(2)."""
    _die_with_parent()
    _limit(limits)
    if not network:
        _forbid_network()


def _outlast_the_group() -> None:
    """Ctrl-C and a supervisor's stop reach a whole process group. The parent may still need an answer before it goes:
    it alone says when this child ends, and takes it along when it dies.
    """
    for asked_to_stop in (signal.SIGINT, signal.SIGTERM):
        signal.signal(asked_to_stop, signal.SIG_IGN)


def _enter(limits_json: str, module: str, args: list[str]) -> None:
    _outlast_the_group()
    confine(Limits(**json.loads(limits_json)), network=False)
    sys.argv = [module, *args]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    _enter(sys.argv[1], sys.argv[2], sys.argv[3:])
