"""Two ways to reach an outside engine: a process of its own, and an HTTP service."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Protocol

import httpx

from avatars.engine.errors import OutsideEngineFailed
from avatars.engine.wire import EngineSaidNo, WireGarbage, read_frames
from compliance.sandbox import Limits

_ROOT = Path(__file__).resolve().parents[2]
_CHUNK = 1 << 16
_CONNECT_S = 5.0


class Line(Protocol):
    """One conversation with an engine; job after job."""

    def ask(self, messages: Iterable[bytes], size: int, count: int) -> Iterator[bytes]:
        """Send a job, yield its `count` pictures of `size` bytes. Raises OutsideEngineFailed."""
        ...

    def close(self) -> None: ...


@dataclass
class ProcessLine:
    """An engine as a child process: nothing of our environment, its own limits, ended with us.

    `network`: whether it may open sockets other than local ones. `timeout_s`: for one job.
    """

    command: tuple[str, ...]
    timeout_s: float
    limits: Limits = field(default_factory=lambda: Limits(memory_mb=65536, cpu_s=86400, file_mb=1024))
    network: bool = False
    _child: subprocess.Popen[bytes] | None = None

    def ask(self, messages: Iterable[bytes], size: int, count: int) -> Iterator[bytes]:
        child, deadline = self._running(), time.monotonic() + self.timeout_s
        assert child.stdin and child.stdout
        writer = threading.Thread(target=_feed, args=(child.stdin, messages), daemon=True)
        writer.start()
        try:
            yield from _translated(read_frames(_reader(child.stdout.fileno(), deadline), size, count))
        except BaseException:
            self.close()  # what is left in the pipes belongs to a job that is over
            raise
        finally:
            writer.join(timeout=5)

    def close(self) -> None:
        child, self._child = self._child, None
        if child is not None:
            child.kill()
            for pipe in (child.stdin, child.stdout):
                with suppress(OSError, ValueError):
                    assert pipe
                    pipe.close()
            child.wait()

    def _running(self) -> subprocess.Popen[bytes]:
        if self._child is None:
            confined = [sys.executable, "-m", "compliance.confined", json.dumps(asdict(self.limits))]
            network = "network" if self.network else "no-network"
            try:
                self._child = subprocess.Popen(
                    [*confined, network, *self.command],
                    cwd=_ROOT,
                    env={name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ},
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    bufsize=0,
                    start_new_session=True,
                )
            except OSError as error:
                raise OutsideEngineFailed.of("outside_engine_unreachable", type(error).__name__) from error
        return self._child


@dataclass
class HttpLine:
    """An engine behind `POST {url}`: the body holds the job's messages, the answer the pictures'."""

    url: str
    timeout_s: float
    key: str = ""

    def ask(self, messages: Iterable[bytes], size: int, count: int) -> Iterator[bytes]:
        headers = {"Content-Type": "application/vnd.avow.engine"}
        if self.key:
            headers["Authorization"] = f"Bearer {self.key}"
        deadline = time.monotonic() + self.timeout_s
        wait = httpx.Timeout(self.timeout_s, connect=_CONNECT_S)
        try:
            with (
                httpx.Client(timeout=wait, follow_redirects=False, trust_env=False) as client,
                client.stream("POST", self.url, content=iter(messages), headers=headers) as answer,
            ):
                if answer.status_code != httpx.codes.OK:
                    raise OutsideEngineFailed.of("outside_engine_refused", f"HTTP {answer.status_code}")
                yield from _translated(read_frames(_stream_reader(answer, deadline), size, count))
        except httpx.TimeoutException as error:
            raise OutsideEngineFailed.of("outside_engine_timeout", type(error).__name__) from error
        except httpx.HTTPError as error:
            raise OutsideEngineFailed.of("outside_engine_unreachable", type(error).__name__) from error

    def close(self) -> None:
        """Nothing is kept between jobs."""


def _feed(pipe: object, messages: Iterable[bytes]) -> None:
    """Write a job; an engine that hangs up is noticed by whoever reads."""
    with suppress(OSError, ValueError):
        for message in messages:
            view = memoryview(message)
            while view:
                view = view[pipe.write(view) :]  # type: ignore[attr-defined]


def _reader(descriptor: int, deadline: float) -> Callable[[int], bytes]:
    def read(length: int) -> bytes:
        parts, left = [], length
        while left:
            if (wait := deadline - time.monotonic()) <= 0 or not select.select([descriptor], [], [], wait)[0]:
                raise TimeoutError
            chunk = os.read(descriptor, min(left, _CHUNK))
            if not chunk:
                raise EOFError
            parts.append(chunk)
            left -= len(chunk)
        return b"".join(parts)

    return read


def _stream_reader(answer: httpx.Response, deadline: float) -> Callable[[int], bytes]:
    chunks, held = answer.iter_raw(_CHUNK), bytearray()

    def read(length: int) -> bytes:
        while len(held) < length:
            if time.monotonic() > deadline:
                raise TimeoutError
            chunk = next(chunks, None)
            if chunk is None:
                raise EOFError
            held.extend(chunk)
        part = bytes(held[:length])
        del held[:length]
        return part

    return read


def _translated(frames: Iterator[bytes]) -> Iterator[bytes]:
    """The wire's troubles as one refusal with a code."""
    try:
        yield from frames
    except TimeoutError as error:
        raise OutsideEngineFailed.of("outside_engine_timeout", "no answer in time") from error
    except EOFError as error:
        raise OutsideEngineFailed.of("outside_engine_crashed", "it hung up in the middle of a job") from error
    except WireGarbage as error:
        raise OutsideEngineFailed.of("outside_engine_garbage", str(error)) from error
    except EngineSaidNo as error:
        raise OutsideEngineFailed.of("outside_engine_refused", str(error)) from error
