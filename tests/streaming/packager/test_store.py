"""Bytes are stored whole before anybody can learn their name; a full disk stops nothing for good."""

from __future__ import annotations

import errno
from collections.abc import Mapping
from pathlib import Path

import pytest

from streaming.packager.check import check_playlist
from streaming.packager.errors import StoreUnavailable
from streaming.packager.packager import Segment
from streaming.packager.playlist import PlaylistState
from streaming.packager.store import Publisher, Retention, SegmentStore
from tests.streaming.packager.scenes import Session

NAMES = ("high", "low")


class Room:
    """A store, its publisher, and the segments of a session in publishing order."""

    def __init__(self, root: Path, packaged: Session, *, window_s: int = 3) -> None:
        self.now, self.persisted, self.lost = 0.0, list[str](), False
        self.store = SegmentStore(root, retention=Retention(5), sync=False, recent=2)
        state = PlaylistState(target_s=1, window_s=window_s)
        self.publisher = Publisher(
            self.store,
            state,
            persist=self.persist,
            now_s=lambda: self.now,
        )
        self.packaged = packaged
        self.publisher.begin("a", {name: packaged.packager.init(name) for name in NAMES})

    def persist(self, state: str) -> None:
        if self.lost:
            raise PermissionError("another worker owns this room")
        self.persisted.append(state)

    def segments(self, number: int) -> tuple[list[Segment], Mapping[str, bytes]]:
        chosen = [s for s in self.packaged.segments if s.sequence == number]
        return chosen, {s.rendition: s.data for s in chosen}


def test_published_files_play_and_lists_name_only_them(tmp_path: Path, packaged: Session) -> None:
    room, previous = Room(tmp_path, packaged), None
    for number in range(3):
        room.publisher.publish(*room.segments(number))
        text = (tmp_path / "high" / "media.m3u8").read_text()
        for line in check_playlist(text, previous).lines:
            assert (tmp_path / "high" / line.address).read_bytes() == packaged.of("high")[line.sequence].data
            assert (tmp_path / "high" / line.init).exists()
        previous = text
    assert text == (tmp_path / "low" / "media.m3u8").read_text()
    assert PlaylistState.from_json(room.persisted[-1]).media() == text
    assert [entry.sequence for entry, _data in room.store.recent("high")] == [1, 2]
    assert not list(tmp_path.rglob(".*")), "no temporary file stays"
    room.publisher.end(NAMES)
    assert check_playlist((tmp_path / "low" / "media.m3u8").read_text(), text).ended


def test_full_disk_lists_nothing_and_the_same_call_succeeds_later(
    tmp_path: Path, packaged: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = Room(tmp_path, packaged)
    room.publisher.publish(*room.segments(0))
    before = (tmp_path / "high" / "media.m3u8").read_text()
    real, failing = Path.replace, [""]

    def full(self: Path, target: Path) -> Path:
        if str(target).endswith(failing[0]):
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(self, target)

    monkeypatch.setattr(Path, "replace", full)
    for failing[0] in ("low/a-1.m4s", "high/media.m3u8", "low/media.m3u8"):
        with pytest.raises(StoreUnavailable) as refusal:
            room.publisher.publish(*room.segments(1))
        assert refusal.value.code == "disk_full"
        assert (tmp_path / "low" / "media.m3u8").read_text() == before
        assert not list(tmp_path.rglob(".*"))
    monkeypatch.undo()
    room.publisher.publish(*room.segments(1))
    lists = {(tmp_path / name / "media.m3u8").read_text() for name in NAMES}
    assert [line.sequence for line in check_playlist(lists.pop(), before).lines] == [0, 1] and not lists
    assert len(room.persisted) == 2


def test_unwritable_folder_is_said(tmp_path: Path) -> None:
    (tmp_path / "high").write_text("a file where a folder should be")
    store = SegmentStore(tmp_path, retention=Retention(5))
    with pytest.raises(StoreUnavailable, match="store_failed"):
        store.put_init("high", "a", b"init")


def test_worker_that_lost_its_room_changes_no_list(tmp_path: Path, packaged: Session) -> None:
    room = Room(tmp_path, packaged)
    room.publisher.publish(*room.segments(0))
    before = (tmp_path / "high" / "media.m3u8").read_text()
    successor = PlaylistState.from_json(room.persisted[-1])
    successor.begin("b")
    room.lost = True
    with pytest.raises(PermissionError):
        room.publisher.publish(*room.segments(1))
    assert (tmp_path / "high" / "media.m3u8").read_text() == before
    assert len(room.persisted) == 1
    stale = tmp_path / "high" / "a-1.m4s"
    entry = successor.line(sequence=1, start_ns=0, ticks=90_000)
    assert room.store.put_segment("high", entry, b"of the successor") != stale, "no file is written by both"


def test_old_segments_and_inits_expire_after_the_retention(tmp_path: Path, packaged: Session) -> None:
    room = Room(tmp_path, packaged)
    one = packaged.of("low")[0]
    for number in range(12):
        if number == 6:
            room.publisher.begin("b", {"low": packaged.packager.init("low")}, continues=True)
        room.now = float(number)
        segment = Segment("low", number, 0, 25, one.start_ns + number * 10**9, 90_000, one.data)
        room.publisher.publish([segment], {"low": one.data})
    kept = sorted(int(path.stem.split("-")[1]) for path in (tmp_path / "low").glob("*.m4s"))
    assert kept == list(range(4, 12)), "three listed, five more seconds kept"
    room.store.expire(now_s=100.0)
    assert {path.name for path in (tmp_path / "low").iterdir()} == {
        "b-9.m4s", "b-10.m4s", "b-11.m4s", "b.mp4", "media.m3u8",
    }  # fmt: skip


def test_successor_sweeps_what_its_predecessor_left(tmp_path: Path, packaged: Session) -> None:
    room = Room(tmp_path, packaged)
    for number in range(3):
        room.publisher.publish(*room.segments(number))
    orphan = tmp_path / "high" / "dead-7.m4s"
    orphan.write_bytes(b"stored, never listed")
    fresh = SegmentStore(tmp_path, retention=Retention(5))
    state = PlaylistState.from_json(room.persisted[-1])
    listed = {name: state.files() for name in NAMES}
    now = orphan.stat().st_mtime
    assert fresh.sweep(listed=listed, before_s=now - 10) == 0
    assert fresh.sweep(listed=listed, before_s=now + 10) == 1
    assert not orphan.exists() and (tmp_path / "high" / "a-2.m4s").exists()
