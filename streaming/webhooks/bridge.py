"""`manage.py room bridge`: JSON lines of a platform's adapter, from its output or a file, posted to a room's webhook.

Needs nothing of an installation but its address and the room's secret: it may run where the adapter runs.
"""

from __future__ import annotations

import json
import os
import queue
import sys
import threading
import time
from argparse import ArgumentParser
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO
from uuid import uuid4

import httpx

from streaming.webhooks.errors import BridgeFailed
from streaming.webhooks.signing import from_text, sign

BATCH, BATCH_BYTES, GATHER_S = 1000, 384 * 1024, 0.3
WAITING = 5000
"""Lines of a feed kept while the room cannot be reached; then the oldest go: nobody answers an old comment. A file
waits instead."""
_LONGEST_WAIT_S = 30.0
_LONGEST_LINE = 8192


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--url", required=True, help="https://…/api/v1/rooms/<id>/comments, as the control room shows")
    parser.add_argument("--secret-file", type=Path, help="file with whsec_…; default: AVOW_WEBHOOK_SECRET")
    parser.add_argument("--file", type=Path, help="JSON lines; default: standard input, until it ends")


@dataclass
class Bridge:
    """Reads in one thread, posts in another; what cannot be posted in time is dropped and counted."""

    url: str
    secret: bytes
    client: httpx.Client
    stopping: threading.Event
    live: bool
    counts: Counter[str] = field(default_factory=Counter)
    _lines: queue.Queue[bytes] = field(default_factory=lambda: queue.Queue(WAITING))
    _ended: threading.Event = field(default_factory=threading.Event)

    def read(self, source: TextIO) -> None:
        """Thread entry: every line, for as long as the source lasts."""
        for line in source:
            if text := line.strip():
                self._offer(text.encode("utf-8", "replace"))
        self._ended.set()

    def _offer(self, line: bytes) -> None:
        self.counts["read"] += 1
        if len(line) > _LONGEST_LINE:
            self.counts["line_too_long"] += 1
            return
        while not self.stopping.is_set():
            try:
                self._lines.put(line, block=not self.live, timeout=0.5)
                return
            except queue.Full:
                if not self.live:
                    continue
                with suppress(queue.Empty):
                    self._lines.get_nowait()
                    self.counts["dropped"] += 1

    def run(self) -> None:
        """Post until the source has ended, or `stopping` is set.

        Raises:
            BridgeFailed: bridge_refused; the room wants no more.
        """
        while not self.stopping.is_set():
            if batch := self._gather():
                self._deliver(batch)
            elif self._ended.is_set() and self._lines.empty():
                return

    def _gather(self) -> list[bytes]:
        batch: list[bytes] = []
        until, size = time.monotonic() + GATHER_S, 0
        while len(batch) < BATCH and size < BATCH_BYTES and (left := until - time.monotonic()) > 0:
            try:
                batch.append(self._lines.get(timeout=min(left, 0.05)))
                size += len(batch[-1])
            except queue.Empty:
                if self._ended.is_set():
                    break
        return batch

    def _deliver(self, batch: list[bytes]) -> None:
        """One delivery, tried again under the same id until the room has answered."""
        body, name, wait = b"\n".join(batch), f"msg_{uuid4().hex}", 1.0
        while not self.stopping.is_set():
            headers = {**sign(self.secret, name, int(time.time()), body), "content-type": "application/x-ndjson"}
            try:
                answer = self.client.post(self.url, content=body, headers=headers)
            except httpx.HTTPError:
                self.counts["unreachable"] += 1
            else:
                if answer.status_code == 202:
                    self._count(answer.json())
                    return
                self._refused(answer)
            self.stopping.wait(wait)
            wait = min(2 * wait, _LONGEST_WAIT_S)

    def _count(self, kept: dict[str, Any]) -> None:
        self.counts["kept"] += int(kept["kept"])
        self.counts.update(kept["refused"])

    def _refused(self, answer: httpx.Response) -> None:
        """Too fast, not on air yet, or a server that is down: later. Anything else: a person has to look."""
        try:
            said = answer.json()
        except ValueError:
            said = {}
        code = str(said.get("code", f"http_{answer.status_code}")) if isinstance(said, dict) else "http_unreadable"
        self.counts[code] += 1
        if answer.status_code < 500 and answer.status_code != 429 and code != "room_off_air":
            text = f"The room answers {code}: {said.get('text', answer.reason_phrase)}"
            raise BridgeFailed("bridge_refused", text)


def bridge(options: dict[str, Any], *, stopping: threading.Event) -> str:
    """Run until the source ends; returns the counts as JSON.

    Raises:
        BridgeFailed: bridge_secret_missing, bridge_refused.
    """
    secret = _secret(options["secret_file"])
    with httpx.Client(timeout=10.0) as client:
        made = Bridge(options["url"], secret, client, stopping, live=options["file"] is None)
        source = options["file"].open(encoding="utf-8", errors="replace") if options["file"] else sys.stdin
        threading.Thread(target=made.read, args=(source,), daemon=True).start()
        made.run()
    return json.dumps(made.counts, sort_keys=True)


def _secret(path: Path | None) -> bytes:
    """Never an argument: those are seen by everybody on the machine."""
    try:
        text = path.read_text(encoding="utf-8") if path else os.environ["AVOW_WEBHOOK_SECRET"]
        return from_text(text.strip())
    except (KeyError, OSError, ValueError) as error:
        why = "Give the room's secret (whsec_…) in AVOW_WEBHOOK_SECRET or in the file that --secret-file names."
        raise BridgeFailed("bridge_secret_missing", why) from error
