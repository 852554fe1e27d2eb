"""One instance of real processes and one real browser for the walk, and the clip it starts from."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import av
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.e2e.instance import ROOT, Instance, running
from tests.e2e.people import DESK, PATIENCE_MS

CLIP_S = 14
REAL_CLIP = ROOT.parent / "shared" / "media" / "grid_s1_60s.mp4"


@pytest.fixture(scope="session")
def instance(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Instance]:
    """Web, workers, gate, inspector, sequencer, scheduler and time-stamper of a fresh, seeded Avow."""
    with running(tmp_path_factory.mktemp("avow")) as started:
        yield started
        if request.session.testsfailed:
            print(f"\n--- the instance's log ---\n{started.log.read_text()[-6000:]}")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("CHROMIUM ABSENT: the road was not walked in a browser")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def complaints() -> list[str]:
    """Errors in any console, scripts that threw, whatever the content security policy blocked."""
    return []


@pytest.fixture
def somebody(browser: Browser, instance: Instance, complaints: list[str]) -> Iterator[Callable[[], Page]]:
    """Each call opens the browser of another person, who has no session yet."""
    contexts: list[BrowserContext] = []

    def open_it() -> Page:
        context = browser.new_context(base_url=instance.url, viewport=DESK, color_scheme="light", accept_downloads=True)
        context.set_default_timeout(PATIENCE_MS)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda line: complaints.append(f"{page.url}: {line.text}") if line.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(f"{page.url}: {error}"))
        return page

    yield open_it
    for context in contexts:
        context.close()


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Fourteen consented seconds: of a real person where the clips of the tests lie, else of the drawn presenter."""
    target = tmp_path_factory.mktemp("clip") / "consented.mp4"
    if REAL_CLIP.exists():
        _cut(REAL_CLIP, target)
    else:
        script = str(ROOT / "scripts" / "make_presenter.py")
        size = ["--width", "640", "--height", "360"]
        subprocess.run([sys.executable, script, str(target), "--seconds", str(CLIP_S), *size], check=True)
    return target


def _cut(source: Path, target: Path) -> None:
    """The first seconds, packet by packet, nothing encoded again."""
    with av.open(str(source)) as read, av.open(str(target), "w") as write:
        streams = {stream.index: write.add_stream_from_template(stream) for stream in read.streams}
        for packet in read.demux():
            if packet.dts is None or packet.dts * packet.time_base >= CLIP_S:
                continue
            packet.stream = streams[packet.stream.index]
            write.mux(packet)
