"""Read a recording of a signed live stream, in the sandbox: ``python -m compliance.provenance.live.recording PATH
ANCHORS...``.

A recording is what a viewer saved: init segments and media segments one after another. As one file it is invalid
for every validator, since no signature covers it as a whole; split again, every segment has its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

from compliance.provenance import bmff
from compliance.provenance.errors import ContainerInvalid
from compliance.provenance.live import emsg
from compliance.provenance.live.errors import LiveInvalid, LiveReason
from compliance.provenance.live.reading import LiveRange, LiveReading
from compliance.provenance.live.session_keys import SESSION_KEYS_LABEL
from compliance.provenance.live.verify import LiveVerifier, SegmentVerdict
from compliance.provenance.report import ProvenanceReport
from compliance.provenance.store import locate_store
from compliance.sandbox import child_main

MAX_RANGES = 200
MAX_SESSIONS = 100
"""A day's stream has one session an hour at worst; every init segment costs a reading of its manifest."""
_BEGINS_MEDIA = (b"styp", b"emsg", b"prft", b"sidx", b"moof")
_INDEX = b"mfra"
"""A recorder's index at the end: no media, and no part of a segment."""


@dataclass(slots=True)
class Part:
    """An init segment or a media segment as bytes ``[start, end)`` of the file; ``whole`` unless the file is cut."""

    is_init: bool
    start: int
    end: int
    has_media: bool = False
    whole: bool = True


def read_recording(path: Path, anchors: list[Path]) -> LiveReading:
    """Verify ``path`` segment by segment, trusting ``anchors`` (PEM files).

    Raises ContainerInvalid (``live_too_many_sessions``) and OSError only.
    """
    with path.open("rb") as file:
        parts = list(split(file))
        if not _is_live(file, parts):
            return LiveReading("absent")
        tally = _Tally(LiveVerifier(anchors, sandboxed=False))
        for part in parts:
            tally.take(part, _bytes(file, part))
    return tally.reading()


def has_fragments(path: Path) -> bool:
    """Whether the file at ``path`` has a movie fragment at all: a look at its boxes' heads, no more."""
    with path.open("rb") as file:
        return any(box.kind == b"moof" for box in _boxes(file))


def split(file: BinaryIO) -> Iterator[Part]:
    """The init and media segments that ``file`` is made of; a damaged end is a part that is not whole."""
    part: Part | None = None
    for box in _boxes(file):
        if part is not None and _begins(file, box, part):
            yield part
            part = None
        if box.kind == _INDEX:
            continue
        part = part or Part(box.kind == b"ftyp", box.start, box.end)
        part.end = box.end
        part.has_media |= box.kind == b"mdat"
        part.whole &= bool(box.kind)
    if part is not None:
        yield part


def _boxes(file: BinaryIO) -> Iterator[bmff.Box]:
    """Root boxes; what cannot be read at the end comes as one box without a kind."""
    end, at = file.seek(0, 2), 0
    try:
        for box in bmff.boxes(file, 0, end):
            yield box
            at = box.end
    except ContainerInvalid:
        yield bmff.Box(b"", at, at, end)


def _begins(file: BinaryIO, box: bmff.Box, part: Part) -> bool:
    if box.kind in (b"ftyp", b"styp", _INDEX):
        return True
    if part.is_init:
        return box.kind in _BEGINS_MEDIA
    return part.has_media and box.kind == b"emsg" and _is_signature(file, box)


def _is_signature(file: BinaryIO, box: bmff.Box) -> bool:
    file.seek(box.start)
    head = file.read(min(box.size, emsg.SCHEME_OFFSET + len(emsg.SCHEME)))
    return emsg.is_signature(head, bmff.Box(box.kind, 0, box.payload - box.start, len(head)))


def _is_live(file: BinaryIO, parts: list[Part]) -> bool:
    """Whether there are media segments, and a signature or a list of session keys anywhere."""
    if not any(not part.is_init and part.has_media for part in parts):
        return False
    return any(_names_keys(file, part) if part.is_init else _has_signature(file, part) for part in parts)


def _names_keys(file: BinaryIO, part: Part) -> bool:
    data = _bytes(file, part)
    try:
        location = locate_store(BytesIO(data or b""))
    except ContainerInvalid:
        return False
    return location is not None and SESSION_KEYS_LABEL.encode() in location.data


def _has_signature(file: BinaryIO, part: Part) -> bool:
    try:
        return any(_is_signature(file, box) for box in bmff.boxes(file, part.start, part.end) if box.kind == b"emsg")
    except ContainerInvalid:
        return False


def _bytes(file: BinaryIO, part: Part) -> bytes | None:
    """The part's bytes, or None when there are more than any segment has."""
    if part.end - part.start > emsg.MAX_SEGMENT_BYTES:
        return None
    file.seek(part.start)
    return file.read(part.end - part.start)


@dataclass
class _Tally:
    """Runs the verifier over the parts and gathers neighbouring outcomes into ranges."""

    verifier: LiveVerifier
    sessions: list[ProvenanceReport] = field(default_factory=list)
    ranges: list[LiveRange] = field(default_factory=list)
    segments: int = 0
    cut_off: bool = False
    init: bytes = b""
    init_refusal: LiveInvalid | None = None

    def take(self, part: Part, data: bytes | None) -> None:
        if part.is_init:
            self._init(data or b"")
            return
        self.segments += 1
        self.cut_off = not part.whole
        try:
            if data is None:
                raise LiveInvalid(LiveReason.SEGMENT_DAMAGED)
            self._verified(self.verifier.segment(data), 0)
        except LiveInvalid as refusal:
            if refusal.reason is LiveReason.SEQUENCE_GAP:
                verdict: SegmentVerdict = refusal.details["verdict"]
                self._verified(verdict, verdict.sequence - refusal.details["after"] - 1)
            else:
                self._refused(self.init_refusal if refusal.reason is LiveReason.INIT_ABSENT else refusal)

    def _init(self, data: bytes) -> None:
        if data == self.init and self.init_refusal is None:
            return  # said again by the recorder: the session goes on, and so do its numbers
        if len(self.sessions) == MAX_SESSIONS:
            raise ContainerInvalid(
                "live_too_many_sessions", "The recording begins anew more often than any honest stream."
            )
        self.init, self.init_refusal = data, None
        try:
            self.sessions.append(self.verifier.init(data).credentials)
        except LiveInvalid as refusal:
            self.init_refusal = refusal
            report = refusal.details.get("report")
            known = report if isinstance(report, ProvenanceReport) else ProvenanceReport("invalid")
            self.sessions.append(replace(known, state="invalid", codes=(*known.codes, refusal.code)))

    def _verified(self, verdict: SegmentVerdict, missing: int) -> None:
        signed_at = _iso(verdict.signed_at)
        last = self.ranges[-1] if self.ranges else None
        if last and last.state == "verified" and last.session == len(self.sessions) and not missing:
            self.ranges[-1] = replace(last, last=self.segments, last_sequence=verdict.sequence, signed_to=signed_at)
            return
        self.ranges.append(
            LiveRange(
                "verified", len(self.sessions), self.segments, self.segments, verdict.sequence, verdict.sequence,
                signed_at, signed_at, missing_before=missing,
            )
        )  # fmt: skip

    def _refused(self, refusal: LiveInvalid | None) -> None:
        refusal = refusal or LiveInvalid(LiveReason.INIT_ABSENT)
        last = self.ranges[-1] if self.ranges else None
        if last and (last.state, last.session, last.reason) == ("refused", len(self.sessions), refusal.reason):
            self.ranges[-1] = replace(last, last=self.segments)
            return
        place = (len(self.sessions), self.segments, self.segments)
        self.ranges.append(LiveRange("refused", *place, code=refusal.code, reason=refusal.reason))

    def reading(self) -> LiveReading:
        verified = sum(one.last - one.first + 1 for one in self.ranges if one.state == "verified")
        missing = sum(one.missing_before for one in self.ranges)
        cut_off = self.cut_off and verified == self.segments - 1
        whole = self.segments - cut_off
        state = "invalid" if verified < max(whole, 1) else "incomplete" if missing or cut_off else "trusted"
        return LiveReading(
            state=state,  # type: ignore[arg-type]
            segments=self.segments,
            verified=verified,
            missing=missing,
            cut_off=cut_off,
            sessions=tuple(self.sessions),
            ranges=tuple(self.ranges[:MAX_RANGES]),
            ranges_left_out=max(0, len(self.ranges) - MAX_RANGES),
        )


def _iso(moment: datetime | None) -> str:
    return moment.isoformat() if moment else ""


def _work(arguments: list[str]) -> dict[str, Any]:
    path, *anchors = map(Path, arguments)
    return read_recording(path, anchors).to_json()


if __name__ == "__main__":
    child_main(_work)
