"""The whole last mile: signed by the gate's session, verified in the page, played. Attacks do not reach the screen."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace

import pytest
from django.test import override_settings
from playwright.sync_api import Page

from compliance.provenance.live import LiveSession
from compliance.provenance.live.selectors import viewer_options
from tests.provenance.conftest import Installation, given, installation, tsa_url  # noqa: F401 - fixtures
from tests.provenance.live.conftest import Numbers, begin  # noqa: F401 - fixtures
from tests.streaming.packager.scenes import SMALL, Session, session
from tests.streaming.player.conftest import ROOT, Room
from tests.streaming.player.test_live_player import ranges, until

pytestmark = pytest.mark.browser

SCRIPT = """
import { LivePlayer } from './live_player.js'
import { LiveVerification } from './live_verify.js'
const options = await (await fetch('options.json')).json()
let stream = null
const verify = {
  init: async (bytes) => {
    stream = await LiveVerification.create(bytes, options)
    return stream.statements
  },
  segment: async (bytes, seek) => {
    const verdict = await stream.verifySegment(bytes, seek)
    if (!verdict.ok) throw Object.assign(new Error(verdict.reason), verdict)
    return verdict
  }
}
window.segments = []
window.player = new LivePlayer(document.querySelector('video'), 'room/low/media.m3u8', { verify })
window.states = []
player.addEventListener('state', (event) => states.push(event.detail.state))
player.addEventListener('segment', ({ detail: { sequence, accepted, verdict } }) => {
  segments.push([sequence, accepted, verdict.reason])
})
player.start()
"""


class Gate:
    """Signs and publishes one stream; a new key on demand."""

    def __init__(self, room: Room, made: Session, make: Callable[..., LiveSession], keys: object) -> None:
        self.room, self.made, self._make, self._keys = room, made, make, keys
        self._numbers, self._keys_used = Numbers(), 0

    def new_key(self) -> None:
        self._session = self._make(self._numbers)
        with override_settings(AVOW_KEYS_DIR=self._keys):
            init = self._session.sign_init(self.made.packager.init("low"))
        self._keys_used += 1
        self.room.publisher.begin(f"k{self._keys_used}", {"low": init}, continues=self._keys_used > 1)

    def put(self, number: int, change: Callable[[bytes], bytes] = bytes) -> bytes:
        segment = self.made.segments[number]
        signed = self._session.sign_segment(segment.data, number + 1)
        self.room.publisher.publish([segment], {"low": change(signed)})
        return signed

    def keep_back(self, number: int) -> None:
        """Sign a segment, show viewers the one after it in its place."""
        self._session.sign_segment(self.made.segments[number].data, number + 1)
        following = self.made.segments[number + 1]
        signed = self._session.sign_segment(following.data, number + 2)
        self.room.publisher.publish([replace(following, sequence=number)], {"low": signed})


@pytest.fixture
def gate(
    room: Room,
    begin: Callable[..., LiveSession],  # noqa: F811
    installation: Installation,  # noqa: F811
) -> Gate:
    (room.folder / "options.json").write_text(json.dumps(viewer_options(pki=installation.pki)))
    for source in (ROOT / "static" / "avow").glob("live_*.js"):
        shutil.copy(source, room.folder)
    return Gate(room, session(SMALL, 225), begin, installation.keys)


def test_new_key_is_not_seen_and_attacks_are(gate: Gate, watch: Callable[[str], Page]) -> None:
    gate.new_key()
    genuine = [gate.put(number) for number in range(3)]
    page = watch(SCRIPT)
    until(page, "player.state === 'playing' && player.current.verdict.ok")
    gate.new_key()
    gate.put(3)
    gate.put(4)
    until(page, "player.current?.sequence === 4")
    assert len(ranges(page)) == 1, "a new key leaves no gap"
    gate.put(5, lambda data: data[:-9] + bytes([data[-9] ^ 1]) + data[-8:])
    until(page, "player.state === 'unverified'")
    gate.put(6, lambda _data: genuine[1])  # an old segment, replayed
    gate.put(7)
    until(page, "player.state === 'playing' && player.current?.sequence === 7")
    refused = [(number, reason) for number, accepted, reason in page.evaluate("segments") if not accepted]
    assert refused == [(5, "content_changed"), (6, "manifest_of_another")]


def test_segment_left_out_of_the_list_is_noticed(gate: Gate, watch: Callable[[str], Page]) -> None:
    gate.new_key()
    for number in range(3):
        gate.put(number)
    page = watch(SCRIPT)
    until(page, "player.state === 'playing'")
    gate.keep_back(3)
    until(page, "player.state === 'unverified'")
    assert page.evaluate("segments").pop() == [3, False, "sequence_gap"]
