"""The page's own player in a real Chromium: it advances, and shows no byte that was not verified."""

from __future__ import annotations

import shutil
from collections.abc import Callable

import pytest
from playwright.sync_api import Page

from tests.streaming.packager.scenes import SMALL, SPEC, START_NS, session
from tests.streaming.player.conftest import ROOT, Room

pytestmark = pytest.mark.browser

SCRIPT = """
import { LivePlayer } from './live_player.js'
const known = async (bytes) => {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes))
  const name = Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('')
  const genuine = await (await fetch('genuine.json')).json()
  if (!genuine[name]) throw new Error('not genuine')
  return genuine[name]
}
window.states = []
window.segments = []
window.player = new LivePlayer(document.querySelector('video'), 'room/low/media.m3u8', {
  verify: { init: known, segment: known }
})
player.addEventListener('state', (event) => states.push(event.detail))
player.addEventListener('segment', (event) => segments.push(event.detail))
player.start()
"""


@pytest.fixture
def play(room: Room, watch: Callable[[str], Page]) -> Callable[[], Page]:
    for name in ("live_media.js", "live_player.js", "live_renditions.js"):
        shutil.copy(ROOT / "static" / "avow" / name, room.folder / name)
    return lambda: watch(SCRIPT)


def until(page: Page, condition: str) -> None:
    """Playwright's own waiting evaluates strings inside the page, which the page's policy rightly forbids."""
    page.evaluate(
        f"""() => new Promise((resolve, reject) => {{
          const give_up = performance.now() + 20000
          const holds = () => window.states && ({condition})
          const look = () => {{
            if (holds()) resolve()
            else if (performance.now() > give_up) reject(new Error(JSON.stringify([window.states, window.segments])))
            else setTimeout(look, 20)
          }}
          look()
        }})"""
    )


def states(page: Page) -> list[str]:
    """What the player said, without the pauses that a busy machine makes."""
    seen = [state["state"] for state in page.evaluate("states") if state["state"] != "stalled"]
    return [state for state, before in zip(seen, [None, *seen], strict=False) if state != before]


def ranges(page: Page) -> list[tuple[float, float]]:
    """What is buffered, in seconds."""
    return page.evaluate(
        """() => {
          const { buffered } = document.querySelector('video')
          return Array.from({ length: buffered.length }, (_, n) => [buffered.start(n), buffered.end(n)])
        }"""
    )


def test_plays_near_the_live_edge_and_knows_what_is_on_screen(room: Room, play: Callable[[], Page]) -> None:
    made = session(SMALL, 150)
    room.on_air("a", made, count=5)
    page = play()
    until(page, "player.state === 'playing' && document.querySelector('video').currentTime > 0.5")
    assert page.evaluate("player.current.sequence") >= 2, "three target durations before the edge"
    room.publish(made.segments[5:])
    room.publisher.end(["low"])
    until(page, "player.current?.sequence === 5")
    shown = page.evaluate("player.current")
    offset = shown["date"].timestamp() - START_NS / 1e9
    assert 5 <= offset < 6.05 and shown["verdict"] == {"n": 5}
    until(page, "player.state === 'ended'")
    assert states(page) == ["loading", "playing", "ended"]


def test_tampered_segment_is_never_appended_and_the_next_genuine_one_is(room: Room, play: Callable[[], Page]) -> None:
    made = session(SMALL, 175)
    room.on_air("a", made, count=3)
    page = play()
    until(page, "player.state === 'playing'")
    room.publish(made.segments[3:4], tampered=True)
    until(page, "player.state === 'unverified'")
    assert page.evaluate("document.querySelector('video').buffered.end(0)") < 3.1
    room.publish(made.segments[4:])
    until(page, "player.state === 'playing' && document.querySelector('video').currentTime > 4.2")
    assert [s["sequence"] for s in page.evaluate("segments") if not s["accepted"]] == [3]
    assert [(round(start), round(end)) for start, end in ranges(page)] == [(0, 3), (4, 7)]
    assert {"state": "unverified", "reason": "segment_unverified"} in page.evaluate("states")


def test_forged_init_keeps_everything_after_it_off_the_screen(room: Room, play: Callable[[], Page]) -> None:
    made = session(SMALL, 75)
    room.on_air("a", made)
    (room.folder / "genuine.json").write_text("{}")
    page = play()
    until(page, "player.state === 'unverified'")
    until(page, "segments.length === 3")
    assert page.evaluate("document.querySelector('video').buffered.length") == 0


def test_slate_of_another_size_then_nobody_on_air_then_the_host_again(room: Room, play: Callable[[], Page]) -> None:
    host = session(SMALL, 60)
    room.on_air("a", host)
    page = play()
    until(page, "player.state === 'playing'")
    slate = session(SPEC, 50, first_sequence=3, start_ns=START_NS + 9 * 10**9)
    room.begin("b", slate.packager, slate=True)
    room.publish(slate.of("low"))
    until(page, "player.state === 'slate'")
    until(page, "player.state === 'stalled'")
    back = session(SMALL, 50, first_sequence=5, start_ns=START_NS + 11 * 10**9)
    room.on_air("c", back)
    room.publisher.end(["low"])
    until(page, "player.state === 'ended'")
    assert states(page) == ["loading", "playing", "slate", "playing", "ended"]
    duration = page.evaluate("document.querySelector('video').currentTime")
    assert abs(duration - 6.4) < 0.1, "no gap and no overlap where sessions join"
