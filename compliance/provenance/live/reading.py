"""What a recording of a live stream turned out to be (pure data)."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from compliance.provenance.report import ProvenanceReport

LiveState = Literal["absent", "trusted", "incomplete", "invalid"]
RangeState = Literal["verified", "refused"]


@dataclass(frozen=True, slots=True)
class LiveRange:
    """Neighbouring segments of one outcome, counted from 1 in the file.

    ``missing_before``: so many segments of the stream are not in the file before this range. Numbers and times
    are those signed, and only of verified segments; times are ISO 8601 UTC.
    """

    state: RangeState
    session: int
    first: int
    last: int
    first_sequence: int | None = None
    last_sequence: int | None = None
    signed_from: str = ""
    signed_to: str = ""
    code: str = ""
    reason: str = ""
    missing_before: int = 0


@dataclass(frozen=True, slots=True)
class LiveReading:
    """A recording, verified segment by segment.

    ``state``: "absent" (no signed live stream), "trusted" (every segment holds, none is missing between them),
    "incomplete" (every whole segment holds, but some are missing or the last is cut off), or "invalid".
    ``sessions`` are the credentials of its init segments, in order.
    """

    state: LiveState
    segments: int = 0
    verified: int = 0
    missing: int = 0
    cut_off: bool = False
    sessions: tuple[ProvenanceReport, ...] = ()
    ranges: tuple[LiveRange, ...] = ()
    ranges_left_out: int = 0

    @property
    def credentials(self) -> ProvenanceReport:
        """The recording's credentials as a whole: those of its first session, with the state of the segments."""
        if not self.sessions:
            return ProvenanceReport("absent" if self.state == "absent" else "invalid")
        first = self.sessions[0]
        holds = self.state in ("trusted", "incomplete")
        codes = tuple(dict.fromkeys([*first.codes, *(one.code for one in self.ranges if one.code)]))
        return replace(first, state=first.state if holds else "invalid", intact=holds, codes=codes)

    @property
    def marks(self) -> tuple[str, ...]:
        """The watermarks that its trusted credentials name, 16 hex digits each."""
        return tuple(dict.fromkeys(one.mark for one in self.sessions if one.mark and one.state == "trusted"))

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> LiveReading:
        """The inverse of ``to_json``, also after a trip through JSON text."""
        sessions = tuple(ProvenanceReport.from_json(one) for one in data["sessions"])
        return cls(**{**data, "sessions": sessions, "ranges": tuple(LiveRange(**one) for one in data["ranges"])})
