"""Live video signed and verified segment by segment: C2PA verifiable segment info (specification 2.4, chapter 19)."""

from compliance.provenance.live.cose import SessionAlgorithm
from compliance.provenance.live.errors import LiveCode, LiveInvalid, LiveReason
from compliance.provenance.live.session import LiveSession, SequenceStore, SessionRefused, SessionTerms
from compliance.provenance.live.verify import InitVerdict, LiveVerifier, SegmentVerdict

__all__ = [
    "InitVerdict",
    "LiveCode",
    "LiveInvalid",
    "LiveReason",
    "LiveSession",
    "LiveVerifier",
    "SegmentVerdict",
    "SequenceStore",
    "SessionAlgorithm",
    "SessionRefused",
    "SessionTerms",
]
