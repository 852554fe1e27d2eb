"""From published segments to what may become a file: every one verified by the live rules, in order.

The bytes that are verified are the bytes that are kept: they are written to the job's own folder in the same breath.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from compliance.provenance.live import LiveVerifier, emsg
from compliance.provenance.live.errors import LiveInvalid, LiveReason
from streaming.archive.models import Stretch

_NTP_EPOCH_S = 2_208_988_800  # from 1900 to 1970 (RFC 5905, 6)
_TOLERANCE_NS = 2_000_000


@dataclass
class Range:
    """Neighbouring segments with one outcome, by their numbers in the playlist. `code`: why they were left out."""

    state: str
    init: str
    first: int
    last: int
    code: str = ""


@dataclass
class Session:
    """What held of one live session: init and segments in one file, and the wall time of its first picture."""

    init: str
    path: Path
    init_bytes: bytes
    manifest: str
    start_ns: int
    segments: int = 0


@dataclass
class Gathering:
    """The outcome, in the order on air."""

    sessions: list[Session] = field(default_factory=list)
    ranges: list[Range] = field(default_factory=list)

    @property
    def accepted(self) -> list[Session]:
        return [session for session in self.sessions if session.segments]

    def note(self, state: str, init: str, sequence: int, code: str = "") -> None:
        last = self.ranges[-1] if self.ranges else None
        if last and (last.state, last.init, last.code, last.last) == (state, init, code, sequence - 1):
            last.last = sequence
        else:
            self.ranges.append(Range(state, init, sequence, sequence, code))

    def ranges_json(self) -> list[dict[str, Any]]:
        return [asdict(one) for one in self.ranges]


def gather(stretches: Sequence[Stretch], source: Path, folder: Path, verifier: LiveVerifier) -> Gathering:
    """Verify the segments of `stretches` that lie in `source`, and keep those that hold in `folder`.

    What does not verify, is missing, or was signed for another moment than the one it was published at, is left out
    and named. Memory holds one segment at a time.
    """
    found = Gathering()
    current, init_code = "", ""
    for stretch in stretches:
        if stretch.init != current:
            current, init_code = stretch.init, _open(found, stretch, source, folder, verifier)
        for number in range(stretch.count):
            sequence = stretch.first_sequence + number
            path = source / f"{stretch.init}-{sequence}.m4s"
            code = init_code or _take(found.sessions[-1], path, stretch.start_ns_of(number), verifier)
            found.note(
                "missing" if code == "segment_missing" else "refused" if code else "verified", current, sequence, code
            )
    return found


def _open(found: Gathering, stretch: Stretch, source: Path, folder: Path, verifier: LiveVerifier) -> str:
    """Begin a session; a code when its init segment does not hold."""
    try:
        data = (source / f"{stretch.init}.mp4").read_bytes()
        verdict = verifier.init(data)
    except FileNotFoundError:
        return "init_missing"
    except LiveInvalid as refusal:
        return refusal.code
    path = folder / f"{len(found.sessions):04d}.mp4"
    path.write_bytes(data)
    found.sessions.append(Session(stretch.init, path, data, verdict.manifest_id, stretch.start_ns))
    return ""


def _take(session: Session, path: Path, start_ns: int, verifier: LiveVerifier) -> str:
    """Keep a segment that holds; a code for one that does not."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return "segment_missing"
    try:
        verifier.segment(data)
    except LiveInvalid as refusal:
        if refusal.reason is not LiveReason.SEQUENCE_GAP:  # whole itself; what is missing before it is named on its own
            return refusal.code
    if abs(shown_at_ns(data) - start_ns) > _TOLERANCE_NS:
        return "segment_of_another_time"
    if not session.segments:
        session.start_ns = start_ns
    session.segments += 1
    with session.path.open("ab") as file:
        file.write(data)
    return ""


def shown_at_ns(segment: bytes) -> int:
    """When the segment itself says, under its signature, that it is shown: UTC, ns since 1970; -1 for no word of it
    (`prft`: ISO/IEC 14496-12, 8.16.5).
    """
    for box in emsg.root_boxes(segment):
        if box.kind == b"prft":
            (ntp,) = struct.unpack_from(">Q", segment, box.payload + 8)
            seconds, fraction = divmod(int(ntp), 1 << 32)
            return (seconds - _NTP_EPOCH_S) * 1_000_000_000 + (fraction * 1_000_000_000 >> 32)
    return -1
