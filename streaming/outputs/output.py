"""An output of a room: a thread that keeps one child alive, fed with what was published, and never waits for it."""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from streaming.outputs.rtmp_child import NEW_CODECS
from streaming.outputs.target import Protocol, Target
from streaming.outputs.wire import Kind, message

ROOT = Path(__file__).resolve().parents[2]
WAITING_SEGMENTS = 4
"""Segments kept for a slow server; then the oldest is dropped: an output stays live or it is nothing."""


_CHILDREN = {
    Protocol.RTMP: "streaming.outputs.rtmp_child",
    Protocol.WHIP: "streaming.outputs.whip_child",
}


class OutputState(StrEnum):
    IDLE = "idle"
    CONNECTING = "connecting"
    SENDING = "sending"
    WAITING = "waiting"
    STOPPED = "stopped"


@dataclass(frozen=True)
class OutputStatus:
    """For the dashboard. `reason`: machine word of the last failure: `no_answer`, `died`, an error's name, or a
    code of `streaming.outputs.whip_child`."""

    state: OutputState = OutputState.IDLE
    sent: int = 0
    dropped: int = 0
    failures: int = 0
    reason: str | None = None


@dataclass(frozen=True)
class Patience:
    """`answer_s`: how long a segment may take beyond its own duration before the child is killed. After failure n in a
    row the next attempt waits `first_s` * 2**n, at most `longest_s`; `settled` segments sent end the row."""

    answer_s: float = 5.0
    first_s: float = 1.0
    longest_s: float = 60.0
    settled: int = 10

    def wait_s(self, failures: int) -> float:
        return float(min(self.longest_s, self.first_s * 2 ** min(failures, 16)))


@dataclass(frozen=True)
class _Item:
    init: bytes
    segment: bytes
    duration_s: float


class _Lost(Exception):
    """The child is of no use any more; the argument says why."""


class Output:
    """Sends segments to one server until stopped; reconnects by itself, at a segment's begin."""

    def __init__(
        self,
        target: Target,
        *,
        patience: Patience | None = None,
        changed: Callable[[OutputStatus], None] = lambda _status: None,
    ) -> None:
        """`changed` is called from the output's thread whenever state, failures or reason change."""
        self.target, self.patience = target, patience or Patience()
        self._changed = changed
        self._status = OutputStatus()
        self._items: deque[_Item] = deque()
        self._wake = threading.Condition()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name=f"output {target.name}", daemon=True)
        self._thread.start()

    @property
    def status(self) -> OutputStatus:
        return self._status

    def offer(self, init: bytes, segment: bytes, *, duration_s: float) -> None:
        """Hand over one published segment with the init it needs. Returns at once."""
        with self._wake:
            self._items.append(_Item(init, segment, duration_s))
            while len(self._items) > WAITING_SEGMENTS:
                self._items.popleft()
                self._status = replace(self._status, dropped=self._status.dropped + 1)
            self._wake.notify()

    def stop(self, *, wait_s: float = 10.0) -> None:
        """Send what waits, no longer than `wait_s`, and close the connection."""
        with self._wake:
            self._stopping = True
            self._wake.notify()
        self._thread.join(wait_s)

    def _run(self) -> None:
        failures = 0
        while self._peek() is not None:
            before = self._status.sent
            self._note(state=OutputState.CONNECTING)
            try:
                with _Child(self.target) as child:
                    self._feed(child)
            except _Lost as lost:
                failures = 1 if self._status.sent - before >= self.patience.settled else failures + 1
                self._note(state=OutputState.WAITING, failures=self._status.failures + 1, reason=str(lost))
                self._back_off(self.patience.wait_s(failures - 1))
        self._note(state=OutputState.STOPPED)

    def _feed(self, child: _Child) -> None:
        """Send segments to a fresh child until the output is stopped or the codecs change."""
        init: bytes | None = None
        while (item := self._peek()) is not None:
            payload = message(Kind.INIT, item.init) if item.init != init else b""
            init = item.init
            payload += message(Kind.SEGMENT, item.segment)
            if not child.exchange(payload, within_s=self.patience.answer_s + 2 * item.duration_s):
                return
            with self._wake:
                if self._items and self._items[0] is item:
                    self._items.popleft()
            self._note(state=OutputState.SENDING, sent=self._status.sent + 1)

    def _peek(self) -> _Item | None:
        """Wait for a segment; None once stopped and nothing waits."""
        with self._wake:
            self._wake.wait_for(lambda: self._items or self._stopping)
            return self._items[0] if self._items else None

    def _back_off(self, seconds: float) -> None:
        """Wait, then go on with the newest segment only: what is old by then nobody watches live."""
        with self._wake:
            if self._wake.wait_for(lambda: self._stopping, timeout=seconds):
                self._items.clear()
            while len(self._items) > 1:
                self._items.popleft()
                self._status = replace(self._status, dropped=self._status.dropped + 1)

    def _note(self, **fields: Any) -> None:
        with self._wake:
            before, self._status = self._status, replace(self._status, **fields)
        if (before.state, before.failures) != (self._status.state, self._status.failures):
            self._changed(self._status)


class _Child:
    """The child process, written to and read from with a deadline."""

    def __init__(self, target: Target) -> None:
        # no variable of ours reaches the child: settings may hold secrets
        kept = {name: os.environ[name] for name in ("PATH", "LANG", "SSL_CERT_FILE") if name in os.environ}
        self._process = subprocess.Popen(
            [sys.executable, "-m", _CHILDREN[target.protocol]],
            cwd=ROOT,
            env={**kept, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert self._process.stdin and self._process.stdout
        self._into, self._from = self._process.stdin, self._process.stdout
        os.set_blocking(self._into.fileno(), False)
        self._pending = message(Kind.TARGET, target.to_bytes())
        self._heard = b""

    def __enter__(self) -> _Child:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_rest: object) -> None:
        """End of work: let the child say goodbye to the server; after a failure, kill it."""
        try:
            self._into.close()
            self._process.wait(0 if kind else 2.0)
        except (OSError, subprocess.TimeoutExpired):
            self._process.kill()
            self._process.wait()
        finally:
            self._from.close()

    def exchange(self, payload: bytes, *, within_s: float) -> bool:
        """Hand over one segment and wait for its answer; False when the codecs need another child.

        Raises:
            _Lost: no answer in time, the child died, or it lost its server.
        """
        self._pending += payload
        deadline = time.monotonic() + within_s
        with selectors.DefaultSelector() as selector:
            selector.register(self._from, selectors.EVENT_READ)
            selector.register(self._into, selectors.EVENT_WRITE)
            while b"\n" not in self._heard:
                left = deadline - time.monotonic()
                ready = {key.fileobj for key, _events in selector.select(max(0.0, left))} if left > 0 else set()
                if not ready:
                    raise _Lost("no_answer")
                if self._into in ready and not self._write():
                    selector.unregister(self._into)
                if self._from in ready and not self._read():
                    return self._gone()
        line, _, self._heard = self._heard.partition(b"\n")
        heard: dict[str, Any] = json.loads(line)
        if not heard["sent"]:
            raise _Lost(str(heard["reason"]))
        return True

    def _write(self) -> bool:
        """Write what fits; False when everything is written, or nobody reads."""
        try:
            self._pending = self._pending[os.write(self._into.fileno(), self._pending[:65536]) :]
        except BlockingIOError:
            return True
        except BrokenPipeError:
            self._pending = b""
        return bool(self._pending)

    def _read(self) -> bool:
        chunk = os.read(self._from.fileno(), 4096)
        self._heard += chunk
        return bool(chunk)

    def _gone(self) -> bool:
        try:
            status = self._process.wait(1.0)
        except subprocess.TimeoutExpired:
            status = -1
        if status != NEW_CODECS:
            raise _Lost("died")
        return False
