"""Verifying live video segment by segment (C2PA specification 2.4, 19.7.1 and 19.7.3). Raises, never returns False."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from compliance.errors import BadInput
from compliance.provenance.bmff import Box
from compliance.provenance.errors import ContainerInvalid
from compliance.provenance.live import cose, credentials, emsg, segment_info
from compliance.provenance.live.cose import CoseInvalid
from compliance.provenance.live.errors import LiveInvalid, LiveReason
from compliance.provenance.live.segment_info import SignedInfo
from compliance.provenance.live.session_keys import PublishedKey
from compliance.provenance.report import ProvenanceReport
from compliance.sandbox import Limits, run_sandboxed

CLOCK_SKEW = timedelta(minutes=5)
"""So far a signer's clock may run ahead of ours."""
_READ_LIMITS = Limits(cpu_s=30, wall_s=60)


@dataclass(frozen=True, slots=True)
class InitVerdict:
    """A trusted init segment: its credentials and the keys that may sign segments."""

    credentials: ProvenanceReport
    keys: tuple[PublishedKey, ...]

    @property
    def manifest_id(self) -> str:
        return self.credentials.manifest_label


@dataclass(frozen=True, slots=True)
class SegmentVerdict:
    """A segment that holds: its number, its stream's manifest, its key's id (hex) and when it says it was signed."""

    sequence: int
    manifest_id: str
    key_id: str
    signed_at: datetime | None


def _utc_now() -> datetime:
    return datetime.now(UTC)


class LiveVerifier:
    """Verifies one stream: an init segment, then its segments in order; a later init begins the next session.

    Across sessions, signing times do not go back, and a session that comes again goes on with its numbers: beyond
    the standard, but without it an old session, whole and signed, could be slipped in between two others.

    ``anchors`` are PEM files of what is trusted. ``sandboxed`` reads the manifest in a child process; only a
    process that is a sandbox itself may turn it off. ``max_age`` is for a player at the live edge: a segment
    signed longer ago is refused, which stops a recording from passing as live; None for recordings.
    """

    def __init__(
        self,
        anchors: Sequence[Path],
        *,
        sandboxed: bool = True,
        max_age: timedelta | None = None,
        now: Callable[[], datetime] = _utc_now,
    ) -> None:
        self._anchors, self._sandboxed, self._max_age, self._now = list(anchors), sandboxed, max_age, now
        self._init: InitVerdict | None = None
        self._latest: datetime | None = None
        self._last: dict[str, int] = {}

    def init(self, data: bytes) -> InitVerdict:
        """Take ``data`` as the stream's init segment; raises LiveInvalid, after which no segment holds."""
        self._init = None
        store = credentials.check_init(data)
        report = self._read(data)
        if report.state != "trusted":
            raise LiveInvalid(LiveReason.MANIFEST_NOT_TRUSTED, codes=report.codes, report=report)
        self._init = InitVerdict(report, credentials.session_keys(store, report.manifest_label))
        return self._init

    def segment(self, data: bytes, *, after_seek: bool = False) -> SegmentVerdict:
        """Verify the next segment; raises LiveInvalid.

        Numbers rise by one. ``after_seek`` allows a jump forwards that the viewer has made. A gap is refused
        once, at the segment after it, since that segment itself is whole: the refusal's details carry its
        ``verdict``.
        """
        if self._init is None:
            raise LiveInvalid(LiveReason.INIT_ABSENT)
        boxes, signed = _read_segment(data)
        info = signed.info
        if info.manifest_id != self._init.manifest_id:
            raise LiveInvalid(LiveReason.MANIFEST_OF_ANOTHER, sequence=info.sequence)
        key = self._key(signed)
        self._check_time(signed, key)
        parts = [(box.start, box.start, box.end) for box in boxes if not emsg.is_signature(data, box)]
        if emsg.content_hash(data, parts) != info.content_hash:
            raise LiveInvalid(LiveReason.CONTENT_CHANGED, sequence=info.sequence)
        verdict = SegmentVerdict(info.sequence, info.manifest_id, key.kid.hex(), info.signed_at)
        self._check_sequence(verdict, key, after_seek)
        return verdict

    def _key(self, signed: SignedInfo) -> PublishedKey:
        assert self._init is not None
        for key in self._init.keys:
            if key.kid == signed.kid:
                try:
                    cose.verify(signed.sign1, signed.sign1.payload or b"", key.public)
                except CoseInvalid as error:
                    raise LiveInvalid(LiveReason.SIGNATURE_WRONG, why=str(error)) from error
                return key
        raise LiveInvalid(LiveReason.KEY_UNKNOWN, key_id=signed.kid.hex())

    def _check_time(self, signed: SignedInfo, key: PublishedKey) -> None:
        now, sequence = self._now(), signed.info.sequence
        moment = signed.info.signed_at or now
        if moment < key.terms.created_at or moment > now + CLOCK_SKEW:
            raise LiveInvalid(LiveReason.KEY_NOT_YET_VALID, sequence=sequence, signed_at=moment)
        if moment > key.terms.expires_at:
            raise LiveInvalid(LiveReason.KEY_EXPIRED, sequence=sequence, signed_at=moment)
        if self._max_age is not None and now - moment > self._max_age:
            raise LiveInvalid(LiveReason.NOT_LIVE, sequence=sequence, signed_at=moment)

    def _check_sequence(self, verdict: SegmentVerdict, key: PublishedKey, after_seek: bool) -> None:
        sequence = verdict.sequence
        if sequence < key.terms.minimum_sequence:
            raise LiveInvalid(LiveReason.SEQUENCE_TOO_LOW, sequence=sequence)
        last = self._last.get(verdict.manifest_id)
        if last is not None and sequence <= last:
            raise LiveInvalid(LiveReason.SEQUENCE_REPEATED, sequence=sequence, after=last)
        if self._latest and verdict.signed_at and verdict.signed_at < self._latest - CLOCK_SKEW:
            raise LiveInvalid(LiveReason.SIGNED_EARLIER, sequence=sequence, after=self._latest)
        self._latest = verdict.signed_at or self._latest
        self._last[verdict.manifest_id] = sequence
        if last is not None and sequence > last + 1 and not after_seek:
            raise LiveInvalid(LiveReason.SEQUENCE_GAP, sequence=sequence, after=last, verdict=verdict)

    def _read(self, data: bytes) -> ProvenanceReport:
        with tempfile.NamedTemporaryFile(prefix="live-init-", suffix=".mp4") as file:
            file.write(data)
            file.flush()
            if not self._sandboxed:
                from compliance.provenance.read import read_file

                return read_file(Path(file.name), self._anchors)
            try:
                found = run_sandboxed(
                    "compliance.provenance.read", file.name, *map(str, self._anchors), limits=_READ_LIMITS
                )
            except BadInput as error:
                raise LiveInvalid(LiveReason.MANIFEST_NOT_TRUSTED, why=error.code) from error
        return ProvenanceReport.from_json(found)


def _read_segment(data: bytes) -> tuple[list[Box], SignedInfo]:
    try:
        boxes = emsg.root_boxes(data)
    except ContainerInvalid as error:
        raise LiveInvalid(LiveReason.SEGMENT_DAMAGED, why=error.code) from error
    signatures = [box for box in boxes if emsg.is_signature(data, box)]
    if not signatures:
        raise LiveInvalid(LiveReason.SEGMENT_UNSIGNED)
    if len(signatures) > 1:
        raise LiveInvalid(LiveReason.SEGMENT_SIGNED_TWICE)
    return boxes, segment_info.read(emsg.message_of(data, signatures[0]))
