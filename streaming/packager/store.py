"""Where segments lie before and after they are listed."""

from __future__ import annotations

import errno
import os
import tempfile
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

from streaming.packager.errors import StoreUnavailable
from streaming.packager.packager import Segment
from streaming.packager.playlist import Entry, PlaylistState, init_name, segment_name

_FULL = {errno.ENOSPC, errno.EDQUOT}
MULTIVARIANT, MEDIA = "live.m3u8", "media.m3u8"


@dataclass(frozen=True)
class Retention:
    """How long a segment's file stays once it left the playlist, in seconds.

    RFC 8216, 6.2.2 asks for the segment's duration plus that of the longest playlist that listed it; a room keeps more
    when its archive is made from these files. While `held()` nothing goes, whatever its time; it is asked only when
    something is due.
    """

    after_listing_s: float
    held: Callable[[], bool] = lambda: False


class SegmentStore:
    """One room's folder: `live.m3u8`, and for each rendition `media.m3u8`, inits and segments.

    A file appears whole or not at all. With `sync` a file outlives a power cut before its name is told to anybody.

    Raises (every method that writes):
        StoreUnavailable: disk_full, store_failed; nothing was listed, and the same call may be repeated.
    """

    def __init__(self, root: Path, *, retention: Retention, sync: bool = True, recent: int = 8) -> None:
        """`recent`: segments of each rendition also kept in memory, for outputs that join."""
        self.root, self.retention, self.sync = root, retention, sync
        self._recent_count = recent
        self._recent: dict[str, deque[tuple[Entry, bytes]]] = {}
        self._leaving: deque[tuple[float, Path]] = deque()

    def put_init(self, rendition: str, init: str, data: bytes) -> Path:
        """Keep a (signed) init segment."""
        return self._write(self.root / rendition / init_name(init), data)

    def put_segment(self, rendition: str, entry: Entry, data: bytes) -> Path:
        """Keep a (signed) media segment. Nobody knows its name yet."""
        path = self._write(self.root / rendition / segment_name(entry), data)
        kept = self._recent.setdefault(rendition, deque(maxlen=self._recent_count))
        if not kept or kept[-1][0] != entry:
            kept.append((entry, data))
        return path

    def put_playlist(self, place: str, text: str) -> Path:
        """Replace a playlist; `place` is relative to the room's folder."""
        return self._write(self.root / place, text.encode())

    def recent(self, rendition: str) -> list[tuple[Entry, bytes]]:
        """The latest segments, oldest first, from memory."""
        return list(self._recent.get(rendition, ()))

    def retire(self, rendition: str, names: Sequence[str], *, now_s: float) -> None:
        """These files are listed no more; they go when the retention has passed."""
        due = now_s + self.retention.after_listing_s
        self._leaving += [(due, self.root / rendition / name) for name in names]

    def expire(self, *, now_s: float) -> int:
        """Delete what is due; returns how many files went. A file that is gone already is fine. Raises what the
        retention's `held` raises; then nothing was deleted.
        """
        count = 0
        if not self._leaving or self._leaving[0][0] > now_s or self.retention.held():
            return count
        while self._leaving and self._leaving[0][0] <= now_s:
            path = self._leaving.popleft()[1]
            with suppress(FileNotFoundError):
                path.unlink()
                count += 1
        return count

    def sweep(self, *, listed: Mapping[str, set[str]], before_s: float) -> int:
        """Delete segment files not in `listed` (names by rendition) and last changed before `before_s` (epoch).

        For a worker that takes a room over: what its predecessor retired, or stored and never listed, is not in its
        memory. Inits and playlists stay.
        """
        count = 0
        for rendition, names in listed.items():
            for path in (self.root / rendition).glob("*.m4s"):
                with suppress(FileNotFoundError):
                    if path.name not in names and path.stat().st_mtime < before_s:
                        path.unlink()
                        count += 1
        return count

    def _write(self, path: Path, data: bytes) -> Path:
        temporary: str | None = None
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            descriptor, temporary = tempfile.mkstemp(prefix=".", dir=path.parent)
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                os.fchmod(file.fileno(), 0o644)
                if self.sync:
                    file.flush()
                    os.fsync(file.fileno())
            Path(temporary).replace(path)
            if self.sync:
                self._sync_folder(path.parent)
        except OSError as error:
            if temporary is not None:
                with suppress(OSError):
                    Path(temporary).unlink()
            if error.errno in _FULL:
                text = "The disk that keeps live segments is full. Free space there; the room goes on by itself."
                raise StoreUnavailable("disk_full", text, path=str(path)) from error
            text = "Live segments cannot be written; check the folder and its rights."
            raise StoreUnavailable("store_failed", text, path=str(path), reason=str(error)) from error
        return path

    @staticmethod
    def _sync_folder(folder: Path) -> None:
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


class Publisher:
    """Stores every rendition of a segment first, then lists it in all of them.

    `persist` receives the playlist's state as JSON last before the playlists change, and raises when this worker no
    longer owns the room: nothing is listed then.
    """

    def __init__(
        self,
        store: SegmentStore,
        state: PlaylistState,
        *,
        persist: Callable[[str], None],
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self.store, self.state = store, state
        self._persist, self._now_s = persist, now_s

    def begin(self, init: str, inits: Mapping[str, bytes], *, continues: bool = False) -> None:
        """Store the (signed) init of every rendition under the name `init`; what follows needs it.

        `init` must never have been used in this room: a session's id with a counter.

        Raises:
            StoreUnavailable, PlaylistRefused.
        """
        for rendition, data in inits.items():
            self.store.put_init(rendition, init, data)
        self.state.begin(init, continues=continues)

    def publish(self, segments: Sequence[Segment], signed: Mapping[str, bytes]) -> Entry:
        """Publish one segment: all its renditions, with the bytes that left the gate.

        After `StoreUnavailable` nothing is listed and the same call may be repeated.

        Raises:
            StoreUnavailable, PlaylistRefused, and what `persist` raises.
        """
        names = [segment.rendition for segment in segments]
        self.store.expire(now_s=self._now_s())
        listed = self.state.entries[-1] if self.state.entries else None
        if listed is not None and listed.sequence == segments[0].sequence:
            self._list(names)  # a repeated call: listed in the state, perhaps not yet in every file
            return listed
        entry = self.state.line(sequence=segments[0].sequence, start_ns=segments[0].start_ns, ticks=segments[0].ticks)
        for segment in segments:
            self.store.put_segment(segment.rendition, entry, signed[segment.rendition])
        after = deepcopy(self.state)
        left = after.append(entry)
        self._persist(after.to_json())
        self.state = after
        unlisted = [segment_name(gone) for gone in left]
        unlisted += [init_name(init) for init in {gone.init for gone in left} - after.inits()]
        for name in names:
            self.store.retire(name, unlisted, now_s=self._now_s())
        self._list(names)
        return entry

    def end(self, renditions: Sequence[str]) -> None:
        """Say that nothing follows."""
        after = deepcopy(self.state)
        after.end()
        self._persist(after.to_json())
        self.state = after
        self._list(renditions)

    def _list(self, renditions: Sequence[str]) -> None:
        text = self.state.media()
        for rendition in renditions:
            self.store.put_playlist(f"{rendition}/{MEDIA}", text)
