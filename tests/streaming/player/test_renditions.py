"""The page's player between two renditions, in a real Chromium: by hand, by what arrives, every segment verified."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.streaming.packager.scenes import SPEC, Session, session
from tests.streaming.player.conftest import ROOT, Room
from tests.streaming.player.test_live_player import SCRIPT, ranges, until

pytestmark = pytest.mark.browser
COUNT = 20


@pytest.fixture(scope="module")
def made() -> Session:
    return session(SPEC, 25 * COUNT)


@pytest.fixture
def play(room: Room, watch: Callable[[str], Page]) -> Callable[..., Page]:
    """Opens the page with both renditions, of these declared bandwidths."""
    for name in ("live_media.js", "live_player.js", "live_renditions.js"):
        shutil.copy(ROOT / "static" / "avow" / name, room.folder / name)

    def open_it(*, high: float = 1, low: float = 1, first: str = "high") -> Page:
        renditions = [
            {"name": name, "address": f"room/{name}/media.m3u8", "bandwidth": bandwidth}
            for name, bandwidth in (("high", high), ("low", low))
        ]
        script = SCRIPT.replace("'room/low/media.m3u8'", json.dumps(renditions))
        script = script.replace("segment: known }", f"segment: known }}, first: '{first}'")
        script += "window.turns = []\nplayer.addEventListener('rendition', (event) => turns.push(event.detail.name))\n"
        return watch(script.replace("player.start()", "queueMicrotask(() => player.start())", 1))

    return open_it


def put(room: Room, made: Session, first: int, last: int, **how: Any) -> None:
    room.publish_all([one for one in made.segments if first <= one.sequence < last], **how)


def seen(page: Page) -> list[tuple[int, str, bool]]:
    """Every segment that was judged: number, rendition, whether it was appended."""
    told = page.evaluate("segments.map((one) => [one.sequence, one.accepted ? one.verdict.of : '', one.accepted])")
    return [(number, of, accepted) for number, of, accepted in told]


def test_a_viewer_changes_by_hand_without_a_gap(room: Room, made: Session, play: Callable[..., Page]) -> None:
    room.begin("a", made.packager)
    put(room, made, 0, 4)
    page = play()
    until(page, "player.current?.rendition === 'high' && document.querySelector('video').videoWidth === 360")
    page.evaluate("player.choose('low')")
    put(room, made, 4, 7)
    until(page, "player.current?.rendition === 'low' && document.querySelector('video').videoWidth === 180")
    page.evaluate("player.choose('high')")
    put(room, made, 7, 10)
    room.publisher.end(["high", "low"])
    until(page, "player.state === 'ended'")
    told = seen(page)
    assert [number for number, _of, _accepted in told] == list(range(told[0][0], 10)), "none is left out or shown twice"
    assert all(accepted for _number, _of, accepted in told)
    assert [of for _number, of, _accepted in told][-1] == "high" and "low" in {of for _number, of, _accepted in told}
    assert page.evaluate("turns") == ["high", "low", "high"]
    assert len(ranges(page)) == 1, "one stretch of media, whatever its size"
    with pytest.raises(Exception, match="no rendition"):
        page.evaluate("player.choose('huge')")


def test_what_does_not_arrive_in_time_is_left_for_the_smaller_one(
    room: Room, made: Session, play: Callable[..., Page]
) -> None:
    room.begin("a", made.packager)
    put(room, made, 0, 6)
    page = play(high=1e15)
    until(page, "player.current?.rendition === 'low'")
    assert page.evaluate("turns") == ["high", "low"], "and it stays there"


def test_the_better_one_is_tried_after_calm_seconds(room: Room, made: Session, play: Callable[..., Page]) -> None:
    room.begin("a", made.packager)
    put(room, made, 0, 4)
    page = play(first="low")
    until(page, "player.state === 'playing'")
    assert page.evaluate("turns") == ["low"], "three segments are no calm"
    put(room, made, 4, 20)
    until(page, "turns.length === 2")
    assert page.evaluate("turns") == ["low", "high"]


RULE = """() => {
  const choice = new RenditionChoice([{ name: 'high', bandwidth: 1000 }, { name: 'low', bandwidth: 100 }], 'high')
  const after = (count, bits, ahead) => {
    let name = null
    for (let one = 0; one < count; one++) {
      choice.observe(bits / 8, 1)
      name = choice.next({ ahead, target: 1 })
    }
    return name
  }
  return [
    choice.next({ ahead: 0, target: 1 }), // nothing is known yet
    after(5, 3000, 3),
    after(20, 1100, 3), // just enough, and the buffer is full
    after(1, 1100, 0.5), // just enough, and it runs dry
    after(9, 3000, 3),
    after(1, 3000, 3), // the tenth calm one
    after(6, 300, 3), // it did not last
    after(12, 9000, 3), // now ten are not enough
    after(8, 9000, 3), // twenty are
    after(20, 9000, 3),
    after(8, 50, 3),
    after(10, 50, 0.1) // there is nothing below
  ]
}"""


def test_down_at_once_up_after_calm_and_ever_later(room: Room, watch: Callable[[str], Page]) -> None:
    shutil.copy(ROOT / "static" / "avow" / "live_renditions.js", room.folder)
    page = watch(
        "import { RenditionChoice } from './live_renditions.js'\n"
        "Object.assign(window, { RenditionChoice, states: [] })"
    )
    until(page, "window.RenditionChoice")
    assert page.evaluate(RULE) == [
        "high", "high", "high", "low", "low", "high", "low", "low", "high", "high", "low", "low",
    ]  # fmt: skip


def test_every_segment_of_either_is_verified(room: Room, made: Session, play: Callable[..., Page]) -> None:
    room.begin("a", made.packager)
    put(room, made, 0, 4)
    page = play()
    until(page, "player.state === 'playing'")
    page.evaluate("player.choose('low')")
    put(room, made, 4, 6, tampered="low")
    until(page, "player.state === 'unverified'")
    put(room, made, 6, 9)
    until(page, "player.state === 'playing' && player.current?.rendition === 'low'")
    refused = [number for number, _of, accepted in seen(page) if not accepted]
    assert refused and set(refused) <= {4, 5}
    accepted = {number for number, of, accepted in seen(page) if accepted and of == "low"}
    assert not accepted & {4, 5}
