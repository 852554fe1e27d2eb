"""A live session: one init manifest, one key in memory, segments numbered without a gap.

The gate holds it. The claim key signs the init manifest once; every segment is signed by the session key, so
neither a token nor a TSA stands between a segment and the air. After a restart there is no session to resume:
the key is gone with the process, and a new session begins with the next number.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import NoReturn, Protocol

from cryptography.hazmat.primitives import serialization
from django.utils.translation import gettext_lazy as _

from compliance.errors import Refused
from compliance.keys.custody import Custody
from compliance.keys.purposes import KeyPurpose
from compliance.provenance import bmff
from compliance.provenance.errors import ContainerInvalid, SigningFailed
from compliance.provenance.live import emsg, segment_info, timing
from compliance.provenance.live.cose import SessionAlgorithm
from compliance.provenance.live.errors import LiveInvalid
from compliance.provenance.live.init_manifest import InitOrder, SignedInit, sign_init
from compliance.provenance.live.segment_info import SegmentInfo
from compliance.provenance.live.session_keys import (
    MAX_VALIDITY,
    Dialect,
    KeyTerms,
    SessionKey,
    assertion_content,
)
from compliance.provenance.live.verify import LiveVerifier
from compliance.provenance.manifest import ManifestInput
from compliance.provenance.pki import Pki
from compliance.provenance.tsa import request_time_stamp

ROTATION_MARGIN = timedelta(hours=1)
"""So long before its key's end a session asks for a successor; a TSA has time to come back."""
MAX_CLOCK_DISAGREEMENT = timedelta(seconds=30)
"""When wall clock and elapsed time part by more, one of them has jumped and a new session starts from the truth."""


class SequenceStore(Protocol):
    """The numbers of one stream (one rendition, one track) across sessions and restarts.

    ``record`` must be on disk when it returns, and must raise when this process no longer owns the stream: a
    segment whose number is not recorded is not handed out.
    """

    def last(self) -> int:
        """The last recorded number; 0 for a new stream."""

    def record(self, sequence: int) -> None:
        """Store ``sequence`` as the last number."""


class SessionRefused(Refused):
    """The session may not sign this. Codes: session_not_started, session_started, session_expired,
    sequence_not_next."""


@dataclass(frozen=True)
class SessionTerms:
    """How a session signs. ``validity`` at most 24 hours; the dialect other than in tests is the default."""

    algorithm: SessionAlgorithm = SessionAlgorithm.ED25519
    validity: timedelta = MAX_VALIDITY
    dialect: Dialect = Dialect.SPECIFICATION

    def __post_init__(self) -> None:
        if not timedelta(minutes=1) <= self.validity <= MAX_VALIDITY:
            raise ValueError("a session key is valid for between one minute and 24 hours")


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(eq=False)
class LiveSession:
    """Signs one stream from one init segment on. Not for concurrent use; never serialised."""

    given: ManifestInput
    custody: Custody
    tsa_url: str
    sequences: SequenceStore
    terms: SessionTerms = field(default_factory=SessionTerms)
    now: Callable[[], datetime] = _utc_now
    elapsed: Callable[[], float] = time.monotonic
    init: SignedInit | None = field(default=None, init=False)
    _track: timing.TrackTiming | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self._key = SessionKey(self.terms.algorithm)
        self._began, self._began_at = self.now(), self.elapsed()
        self.key_terms = KeyTerms(self.sequences.last() + 1, self._began.replace(microsecond=0), self.terms.validity)

    @property
    def rotation_due(self) -> bool:
        """Whether a successor with a new init segment should take over at the next segment."""
        margin = min(ROTATION_MARGIN, self.terms.validity / 2)
        jumped = abs(self.now() - self._time()) > MAX_CLOCK_DISAGREEMENT
        return jumped or self._time() >= self.key_terms.expires_at - margin

    def sign_init(self, init: bytes) -> bytes:
        """``init`` (``ftyp`` and ``moov``) with the session's manifest, read back as Trusted. Once per session.

        Raises SessionRefused, ContainerInvalid, CertificateProblem, KeyAccessDenied (not the gate),
        TsaUnavailable, or SigningFailed when it does not read back as asked.
        """
        if self.init is not None:
            raise SessionRefused("session_started", _("This session has an init segment already. Begin a new one."))
        pki = Pki.from_settings()
        chain = pki.usable_chain(KeyPurpose.CLAIM, self.custody.public_key(KeyPurpose.CLAIM), self.now())
        certificate = chain[0].public_bytes(serialization.Encoding.DER)
        order = InitOrder(
            given=self.given,
            session_keys=assertion_content(self._key, self.key_terms, certificate, self.terms.dialect),
            chain=chain,
            sign=lambda data: self.custody.sign(KeyPurpose.CLAIM, data),
            stamp=lambda message: request_time_stamp(self.tsa_url, message, anchors=pki.anchors()),
        )
        signed = sign_init(init, order)
        if self.terms.dialect is Dialect.SPECIFICATION:
            self._read_back(signed, pki)
        self.init, self._track = signed, timing.read_track(init)
        return signed.data

    def sign_segment(self, segment: bytes, sequence_number: int) -> bytes:
        """``segment`` (``styp``, ``moof``, ``mdat``) with its signature, once its number is recorded.

        Raises SessionRefused (no init yet, key expired, not the next number), ContainerInvalid, and whatever
        the sequence store raises.
        """
        if self.init is None:
            raise SessionRefused("session_not_started", _("Sign the init segment before the first segment."))
        if sequence_number != self.sequences.last() + 1:
            raise SessionRefused(
                "sequence_not_next",
                _("Segments are numbered one by one: number %(next)d is next.") % {"next": self.sequences.last() + 1},
            )
        signed = self._sign(segment, sequence_number, self.init.manifest_id, self._signing_time())
        self.sequences.record(sequence_number)
        return signed

    def _time(self) -> datetime:
        """The wall time of the session's beginning, which the TSA confirmed, and what has elapsed since.

        A wall clock that jumps on air neither back-dates a signature nor sends it into the future.
        """
        return self._began + timedelta(seconds=self.elapsed() - self._began_at)

    def _signing_time(self) -> datetime:
        """Whole seconds; raises SessionRefused at the key's end."""
        moment = self._time().replace(microsecond=0)
        if moment >= self.key_terms.expires_at:
            raise SessionRefused("session_expired", _("The session's key has expired. Begin a new session."))
        return moment

    def _sign(self, segment: bytes, sequence: int, manifest_id: str, moment: datetime) -> bytes:
        boxes = _check_segment(segment)
        at = boxes[0].end if boxes[0].kind == b"styp" else 0
        duration = timing.segment_timing(segment, self._track)

        def box(content_hash: bytes) -> bytes:
            info = SegmentInfo(sequence, manifest_id, content_hash, moment)
            return emsg.build(segment_info.encode(info, self._key), duration, sequence, self.terms.dialect)

        added = len(box(bytes(32)))
        parts = [(one.start + (added if one.start >= at else 0), one.start, one.end) for one in boxes]
        return b"".join((segment[:at], box(emsg.content_hash(segment, parts)), segment[at:]))

    def _read_back(self, signed: SignedInit, pki: Pki) -> None:
        try:
            found = LiveVerifier(pki.anchor_paths()).init(signed.data)
        except LiveInvalid as error:
            raise _not_trusted(**error.details) from error
        report, receipt = found.credentials, self.given.receipt
        stated = (report.manifest_label, report.mark, report.receipt_id, report.receipt_hash)
        if stated != (signed.manifest_id, self.given.mark.hex(), receipt.receipt_id, receipt.receipt_hash):
            raise _not_trusted(stated=stated)
        if not report.time:
            raise _not_trusted(reason="no trusted time-stamp")

    def __reduce__(self) -> NoReturn:
        raise TypeError("a live session ends with its process")


def _check_segment(segment: bytes) -> list[bmff.Box]:
    boxes = emsg.root_boxes(segment)
    kinds = [box.kind for box in boxes]
    if b"moof" not in kinds or b"mdat" not in kinds or b"moov" in kinds or b"ftyp" in kinds or b"styp" in kinds[1:]:
        raise ContainerInvalid("segment_not_plain", _("A segment holds styp, moof and mdat boxes and no moov."))
    if any(emsg.is_signature(segment, box) for box in boxes):
        raise ContainerInvalid("segment_already_signed", _("The segment is signed already."))
    return boxes


def _not_trusted(**details: object) -> SigningFailed:
    return SigningFailed(
        "signed_init_not_trusted",
        _("The signed start of the stream did not read back as ours. The room must not go on air; see the log."),
        **details,
    )
