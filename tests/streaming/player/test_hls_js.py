"""The player most web pages use, hls.js from npm (Apache-2.0; a test dependency only), on a room's playlists."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.streaming.packager.scenes import SPEC, START_NS, session
from tests.streaming.player.conftest import ROOT, Room
from tests.streaming.player.test_live_player import until

pytestmark = pytest.mark.browser

VERSION = "1.7.4"
SCRIPT = """
import Hls from './hls.mjs'
window.states = []
window.segments = []
window.maps = new Set()
const hls = new Hls({ enableWorker: false, startLevel: 0 })
hls.on(Hls.Events.ERROR, (_name, data) => states.push([data.details, data.fatal]))
hls.on(Hls.Events.FRAG_BUFFERED, (_name, { frag }) => {
  segments.push(frag.sn)
  maps.add(frag.initSegment.url)
})
hls.on(Hls.Events.MANIFEST_PARSED, (_name, data) => { window.levels = data.levels.length })
hls.loadSource('room/live.m3u8')
hls.attachMedia(document.querySelector('video'))
document.querySelector('video').play()
"""


@pytest.fixture(scope="session")
def hls_js() -> Path:
    folder = ROOT / "var" / "npm"
    module = folder / "node_modules" / "hls.js" / "dist" / "hls.mjs"
    if not module.exists():
        npm = shutil.which("npm")
        if npm is None:
            pytest.skip("NPM ABSENT: hls.js could not be installed, playlists were not tried in it")
        command = [npm, "install", "--prefix", str(folder), "--no-save", "--ignore-scripts", f"hls.js@{VERSION}"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
        if done.returncode or not module.exists():
            pytest.skip(f"HLS.JS NOT INSTALLED: playlists were not tried in it ({done.stderr[-200:]})")
    return module


def test_hls_js_plays_both_sessions_to_the_end(room: Room, watch: Callable[[str], Page], hls_js: Path) -> None:
    shutil.copy(hls_js, room.folder / "hls.mjs")
    first = session(SPEC, 85)
    room.list_renditions(SPEC, first.packager)
    room.begin("a", first.packager)
    room.publish_all(first.segments)
    page = watch(SCRIPT)
    until(page, "document.querySelector('video').currentTime > 0.3")
    second = session(SPEC, 50, first_sequence=4, start_ns=START_NS + 20 * 10**9)
    room.begin("b", second.packager)
    room.publish_all(second.segments)
    room.publisher.end(["high", "low"])
    until(page, "document.querySelector('video').ended")
    assert page.evaluate("levels") == 2
    assert page.evaluate("maps.size") >= 2, "the init segment of the second session was used"
    assert {4, 5} <= set(page.evaluate("segments"))
    assert not [state for state in page.evaluate("states") if state[1]], "no fatal error"
