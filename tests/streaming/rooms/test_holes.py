"""Time that nothing was published in: a clean discontinuity with the right dates, never a jump inside a session."""

from __future__ import annotations

import struct
import time
from datetime import UTC, datetime, timedelta

import pytest

from streaming.air import broadcast as on_air
from streaming.air.broadcast import SECOND_NS, WINDOW_S
from streaming.air.folders import room_folder
from streaming.archive.models import Stretch
from streaming.packager.check import Listed, check_playlist
from tests.road import World
from tests.streaming.archive.conftest import put_host
from tests.streaming.rooms.test_gate_attacks import HEADER, Held, message
from tests.streaming.rooms.test_showing import held

__all__ = ["held"]
pytestmark = pytest.mark.django_db
_NTP_EPOCH_S = 2_208_988_800


def listed(held: Held, previous: str | None = None) -> Listed:
    return check_playlist((room_folder(held.room.pk) / "high" / "media.m3u8").read_text(), previous)


def signed_date(held: Held, address: str) -> datetime:
    """The wall time under the segment's signature (`prft`, ISO/IEC 14496-12, 8.16.5)."""
    data = (room_folder(held.room.pk) / "high" / address).read_bytes()
    seconds, fraction = struct.unpack_from(">II", data, data.index(b"prft") + 12)
    return datetime.fromtimestamp(seconds - _NTP_EPOCH_S, UTC) + timedelta(seconds=fraction / 2**32)


def test_a_slate_after_a_hole_begins_anew_at_its_own_time(held: Held) -> None:
    for _second in range(2):
        held.thread._slate(held.broadcast)
    before = (room_folder(held.room.pk) / "high" / "media.m3u8").read_text()
    now = time.time_ns() + (on_air.WINDOW_S + 5) * SECOND_NS
    held.broadcast.now_ns = held.thread.now_ns = lambda: now
    assert held.broadcast.end_ns is None
    held.thread._performer_fence = HEADER["fence"]
    late = held.turn(message({"start_ns": now - (WINDOW_S + 1) * SECOND_NS}))
    assert late["code"] == "segment_late", "a second of before the hole is no news any more"
    held.thread._slate(held.broadcast)
    *_earlier, last, line = listed(held, before).lines
    assert (line.sequence, line.discontinuity) == (last.sequence + 1, last.discontinuity + 1)
    assert line.init != last.init, "media time begins anew, so does the session"
    moment = datetime.fromtimestamp(now / SECOND_NS, UTC)
    for date in (line.date, signed_date(held, line.address)):
        assert date is not None and abs(date - moment) < timedelta(milliseconds=5)
    runs = Stretch.objects.filter(room=held.room).order_by("first_sequence")
    assert [(run.first_sequence, run.count) for run in runs] == [(0, 2), (2, 1)]
    held.thread._slate(held.broadcast)
    assert listed(held).lines[-1].discontinuity == line.discontinuity, "and goes on without another"


def test_a_performer_cannot_leave_a_moment_out(held: Held, world: World) -> None:
    held.thread._slate(held.broadcast)
    put_host(held.broadcast, held.room, seconds=1)
    end = held.broadcast.end_ns
    assert end is not None and held.broadcast.host_is_listed
    held.thread._performer_fence = HEADER["fence"]
    assert held.turn(message({"start_ns": end + SECOND_NS}))["code"] == "segment_gap"
    held.thread._slate(held.broadcast)
    assert held.broadcast.end_ns == end + SECOND_NS
    assert [line.discontinuity for line in listed(held).lines] == [0, 1, 2], "dates run on through all three"
