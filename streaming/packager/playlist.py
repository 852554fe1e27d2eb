"""HLS playlists of a live room, and the state from which another worker carries them on (RFC 8216).

One `PlaylistState` covers all renditions of a room: they are cut at the same frames, so one line stands for one
segment in each. It holds no media and no clock; a line is added after the segment's bytes are stored.
"""

from __future__ import annotations

import json
from collections import deque
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

from streaming.packager.errors import PlaylistRefused
from streaming.packager.spec import VIDEO_TIMESCALE, StreamSpec

VERSION = 7
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Entry:
    """One line. `init`: name of the init segment it needs. `discontinuity`: media time, codec or source change here."""

    sequence: int
    init: str
    start_ns: int
    ticks: int
    discontinuity: bool

    @property
    def seconds(self) -> Fraction:
        return Fraction(self.ticks, VIDEO_TIMESCALE)


def segment_name(entry: Entry) -> str:
    """File name of a segment; the init's name keeps a worker that lost its room from writing over another's bytes."""
    return f"{entry.init}-{entry.sequence}.m4s"


def init_name(init: str) -> str:
    return f"{init}.mp4"


@dataclass
class PlaylistState:
    """The sliding window.

    `target_s`: EXT-X-TARGETDURATION, constant for the life of the room. `window_s`: how much stays listed, at least
    three target durations (RFC 8216, 6.2.2). `next_sequence`: number of the next segment, never used twice.
    """

    target_s: int
    window_s: int
    next_sequence: int = 0
    discontinuity_sequence: int = 0
    entries: deque[Entry] = field(default_factory=deque)
    ended: bool = False
    _init: str | None = None
    _break: bool = False

    def __post_init__(self) -> None:
        if self.window_s < 3 * self.target_s:
            text = "A live playlist keeps at least three target durations; ask for a longer window."
            raise PlaylistRefused("playlist_state_invalid", text)

    @property
    def media_sequence(self) -> int:
        return self.entries[0].sequence if self.entries else self.next_sequence

    @property
    def end_ns(self) -> int | None:
        """Wall time at which the last listed segment ends; None while nothing is listed."""
        if not self.entries:
            return None
        last = self.entries[-1]
        return last.start_ns + last.ticks * 1_000_000_000 // VIDEO_TIMESCALE

    def begin(self, init: str, *, continues: bool = False) -> None:
        """What follows needs the init segment `init`.

        With `continues` only the init changes (a new signing key): same encoders, media time goes on. Without, a
        discontinuity is marked: after a restart, a take-over, a change of size, a switch to the slate.

        Raises:
            PlaylistRefused: playlist_ended.
        """
        if self.ended:
            raise PlaylistRefused("playlist_ended", "This playlist has ended; a room on air again needs a new one.")
        self._init = init
        self._break = self._break or (not continues and self.next_sequence > 0)

    def line(self, *, sequence: int, start_ns: int, ticks: int) -> Entry:
        """What `append` would add, so that its files can be stored under their names first.

        Raises:
            PlaylistRefused: segment_out_of_order, segment_too_long, init_missing, playlist_ended.
        """
        if self.ended:
            raise PlaylistRefused("playlist_ended", "This playlist has ended; nothing can be added.")
        if self._init is None:
            raise PlaylistRefused("init_missing", "Call begin() with the init segment's name first.")
        if sequence != self.next_sequence:
            text = f"Segment {self.next_sequence} comes next, not {sequence}."
            raise PlaylistRefused("segment_out_of_order", text)
        seconds = Fraction(ticks, VIDEO_TIMESCALE)
        if ticks <= 0 or rounded(seconds) > self.target_s:
            text = f"A segment of {float(seconds):.3f} s does not fit the target of {self.target_s} s."
            raise PlaylistRefused("segment_too_long", text)
        return Entry(sequence, self._init, start_ns, ticks, self._break)

    def append(self, entry: Entry) -> list[Entry]:
        """List one stored segment. Returns the entries that left the window.

        Raises:
            PlaylistRefused: as `line`; segment_out_of_order also when `entry` is not what `line` gives now.
        """
        if entry != self.line(sequence=entry.sequence, start_ns=entry.start_ns, ticks=entry.ticks):
            raise PlaylistRefused("segment_out_of_order", "The room began another session meanwhile.")
        self.entries.append(entry)
        self.next_sequence, self._break = entry.sequence + 1, False
        return self._slide()

    def _slide(self) -> list[Entry]:
        left: list[Entry] = []
        listed, window = sum(entry.ticks for entry in self.entries), self.window_s * VIDEO_TIMESCALE
        while listed - self.entries[0].ticks >= window:
            gone = self.entries.popleft()
            listed -= gone.ticks
            # RFC 8216, 6.2.2: counted when the tag leaves, and the tag leaves with its segment
            self.discontinuity_sequence += gone.discontinuity
            left.append(gone)
        return left

    def files(self) -> set[str]:
        """Names of the listed segments."""
        return {segment_name(entry) for entry in self.entries}

    def inits(self) -> set[str]:
        """Names of the init segments that listed segments, or the next one, need."""
        return {entry.init for entry in self.entries} | ({self._init} if self._init else set())

    def end(self) -> None:
        """Nothing follows: EXT-X-ENDLIST."""
        self.ended = True

    def media(self) -> str:
        """The media playlist, the same for every rendition: addresses are relative to the rendition's folder."""
        lines = [
            "#EXTM3U",
            f"#EXT-X-VERSION:{VERSION}",
            f"#EXT-X-TARGETDURATION:{self.target_s}",
            f"#EXT-X-MEDIA-SEQUENCE:{self.media_sequence}",
            f"#EXT-X-DISCONTINUITY-SEQUENCE:{self.discontinuity_sequence}",
            "#EXT-X-INDEPENDENT-SEGMENTS",
        ]
        init: str | None = None
        for entry in self.entries:
            if entry.discontinuity:
                lines.append("#EXT-X-DISCONTINUITY")
            if entry.init != init:
                init = entry.init
                lines.append(f'#EXT-X-MAP:URI="{init_name(init)}"')
            lines.append(f"#EXT-X-PROGRAM-DATE-TIME:{date_time(entry.start_ns)}")
            lines += [f"#EXTINF:{float(entry.seconds):.6f},", segment_name(entry)]
        if self.ended:
            lines.append("#EXT-X-ENDLIST")
        return "\n".join(lines) + "\n"

    def to_json(self) -> str:
        """Everything another worker needs to carry on; kept with the room, in the same transaction as the listing."""
        kept = {
            "version": 1, "target_s": self.target_s, "window_s": self.window_s, "next_sequence": self.next_sequence,
            "discontinuity_sequence": self.discontinuity_sequence, "ended": self.ended,
            "entries": [asdict(entry) for entry in self.entries],
        }  # fmt: skip
        return json.dumps(kept, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> PlaylistState:
        """Take over. The next segment needs `begin` and is marked as a discontinuity.

        Raises:
            PlaylistRefused: playlist_state_invalid.
        """
        try:
            kept: dict[str, Any] = json.loads(text)
            if kept.pop("version") != 1:
                raise ValueError("version")
            entries = deque(Entry(**entry) for entry in kept.pop("entries"))
            state = cls(entries=entries, **kept)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            text = "The stored playlist cannot be read; begin a new one with a higher first sequence."
            raise PlaylistRefused("playlist_state_invalid", text) from error
        numbers = [entry.sequence for entry in state.entries]
        if numbers != list(range(state.next_sequence - len(numbers), state.next_sequence)):
            raise PlaylistRefused("playlist_state_invalid", "The stored playlist skips or repeats a segment.")
        return state


def multivariant(spec: StreamSpec, codecs: dict[str, str], *, playlist: str = "media.m3u8") -> str:
    """The multivariant playlist. `codecs`: CODECS per rendition, as `Packager.codecs` gives them."""
    lines = ["#EXTM3U", f"#EXT-X-VERSION:{VERSION}", "#EXT-X-INDEPENDENT-SEGMENTS"]
    for rendition in spec.renditions:
        attributes = (
            f"BANDWIDTH={spec.peak_bandwidth(rendition)}",
            f"AVERAGE-BANDWIDTH={spec.average_bandwidth(rendition)}",
            f'CODECS="{codecs[rendition.name]}"',
            f"RESOLUTION={rendition.width}x{rendition.height}",
            f"FRAME-RATE={spec.fps}.000",
            "CLOSED-CAPTIONS=NONE",
        )
        lines += [f"#EXT-X-STREAM-INF:{','.join(attributes)}", f"{rendition.name}/{playlist}"]
    return "\n".join(lines) + "\n"


def date_time(wall_ns: int) -> str:
    """ISO 8601 with milliseconds, UTC (RFC 8216, 4.3.2.6)."""
    moment = _EPOCH + timedelta(microseconds=wall_ns // 1000)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def rounded(seconds: Fraction) -> int:
    """To the nearest second, halves up, as players compare EXTINF with the target duration."""
    return int(seconds + Fraction(1, 2))
