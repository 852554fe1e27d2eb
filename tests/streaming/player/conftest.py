"""A room's folder behind a local web server, with the content security policy of the pages, and Chromium."""

from __future__ import annotations

import functools
import json
import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from streaming.packager.packager import Packager, Segment
from streaming.packager.playlist import PlaylistState, multivariant
from streaming.packager.spec import StreamSpec
from streaming.packager.store import MULTIVARIANT, Publisher, Retention, SegmentStore
from tests.streaming.packager.scenes import Session

ROOT = Path(__file__).resolve().parents[3]
POLICY = "default-src 'none'; script-src 'self'; connect-src 'self'; media-src 'self' blob:; img-src data:"
PAGE = """<!doctype html><meta charset="utf-8"><title>room</title><link rel="icon" href="data:,">
<video muted playsinline width="180" height="320"></video><script type="module" src="page.js"></script>"""


@dataclass
class Room:
    """A room on air by hand: what is published, and which bytes the page will call genuine."""

    folder: Path
    address: str
    publisher: Publisher
    genuine: dict[str, dict[str, Any]] = field(default_factory=dict)

    def begin(self, init: str, packager: Packager, **verdict: Any) -> None:
        inits = {rendition.name: packager.init(rendition.name) for rendition in packager.spec.renditions}
        for data in inits.values():
            self._genuine(data, verdict)
        self.publisher.begin(init, inits)

    def publish(self, segments: list[Segment], *, tampered: bool = False) -> None:
        for segment in segments:
            self._genuine(segment.data, {"n": segment.sequence})
            data = _changed(segment.data) if tampered else segment.data
            self.publisher.publish([segment], {segment.rendition: data})

    def publish_all(self, segments: list[Segment], *, tampered: str = "") -> None:
        """Both renditions of every segment, in order; those of one of them changed after they were called genuine."""
        for number in sorted({segment.sequence for segment in segments}):
            same = [segment for segment in segments if segment.sequence == number]
            for segment in same:
                self._genuine(segment.data, {"n": segment.sequence, "of": segment.rendition})
            data = {one.rendition: _changed(one.data) if one.rendition == tampered else one.data for one in same}
            self.publisher.publish(same, data)

    def on_air(self, name: str, session: Session, *, count: int | None = None, **verdict: Any) -> None:
        self.begin(name, session.packager, **verdict)
        self.publish(session.segments[:count])

    def list_renditions(self, spec: StreamSpec, packager: Packager) -> None:
        codecs = {rendition.name: packager.codecs(rendition.name) for rendition in spec.renditions}
        self.publisher.store.put_playlist(MULTIVARIANT, multivariant(spec, codecs))

    def _genuine(self, data: bytes, verdict: dict[str, Any]) -> None:
        self.genuine[sha256(data).hexdigest()] = verdict
        # in one piece: the page asks for it meanwhile
        (self.folder / "genuine.new").write_text(json.dumps(self.genuine))
        (self.folder / "genuine.new").replace(self.folder / "genuine.json")


def _changed(data: bytes) -> bytes:
    return data[:-1] + bytes([data[-1] ^ 1])


class _Handler(SimpleHTTPRequestHandler):
    extensions_map = {**SimpleHTTPRequestHandler.extensions_map, ".js": "text/javascript"}  # noqa: RUF012

    def end_headers(self) -> None:
        self.send_header("Content-Security-Policy", POLICY)
        self.send_header("Cache-Control", "no-store")
        super().end_headers()

    def log_message(self, *_args: object) -> None:
        """Quiet."""


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    (tmp_path / "index.html").write_text(PAGE)
    handler = functools.partial(_Handler, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        store = SegmentStore(tmp_path / "room", retention=Retention(60), sync=False)
        state = PlaylistState(target_s=1, window_s=30)
        publisher = Publisher(store, state, persist=lambda _state: None)
        yield Room(tmp_path, f"http://127.0.0.1:{server.server_port}/", publisher)
        server.shutdown()


# Of a module, not of the session: only one Playwright can run in a thread, and others have tests too.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("CHROMIUM ABSENT: the player was not tried in a browser")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def watch(browser: Browser, room: Room) -> Iterator[Callable[[str], Page]]:
    """`watch(script)` opens the page with this module as its script; console errors fail the test."""
    complaints: list[str] = []
    context = browser.new_context()
    context.set_default_timeout(15_000)

    def open_it(script: str) -> Page:
        (room.folder / "page.js").write_text(script)
        page = context.new_page()
        page.on("console", lambda line: complaints.append(line.text) if line.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(room.address)
        return page

    yield open_it
    context.close()
    assert complaints == []
