"""A recording of a live stream among the findings: what its segments say, and how that is told (pure)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _
from django.utils.translation import override

from compliance.inspection.reasons import Reason, Strength
from compliance.provenance.live.errors import REASON_TEXTS, LiveReason
from compliance.provenance.live.reading import LiveReading


@dataclass(frozen=True)
class LiveFindings:
    """How many segments were looked at, hold, and are missing; ``marks`` are those its credentials name."""

    state: str  # trusted, incomplete, invalid
    segments: int
    verified: int
    missing: int
    cut_off: bool
    marks: tuple[str, ...]

    @classmethod
    def of(cls, reading: LiveReading) -> LiveFindings | None:
        """The findings of ``reading``, or None when the file is no recording of a signed stream."""
        if reading.state == "absent":
            return None
        return cls(reading.state, reading.segments, reading.verified, reading.missing, reading.cut_off, reading.marks)

    @property
    def holds(self) -> bool:
        """Whether every whole segment of the recording holds, whatever is missing between them."""
        return self.state in ("trusted", "incomplete")

    def reason(self) -> Reason:
        """What the segments' signatures say."""
        numbers = {"verified": self.verified, "segments": self.segments, "missing": self.missing}
        if self.state == "trusted":
            text = _("All %(segments)d segments are signed, unchanged and follow each other without a gap.")
            return Reason("live_verified", Strength.PROOF, str(text) % numbers)
        if not self.holds:
            text = _("Only %(verified)d of %(segments)d segments hold: the others were changed, moved or never signed.")
            return Reason("live_broken", Strength.AGAINST, str(text) % numbers)
        if self.cut_off:
            text = _("%(verified)d segments are signed and unchanged; the last is cut off and could not be checked.")
            return Reason("live_cut_off", Strength.STRONG, str(text) % numbers)
        text = _(
            "All %(segments)d segments are signed and unchanged, but %(missing)d between them are not in the file."
        )
        return Reason("live_incomplete", Strength.STRONG, str(text) % numbers)

    def watermark_reason(self, marks: tuple[str, ...], registered: tuple[str, ...]) -> Reason | None:
        """What the mark adds in a recording that holds; a live room's marks change, so none speaks against it."""
        if not self.holds:
            return None
        if set(marks) & set(self.marks):
            text = str(_("The invisible watermark is the one that the stream's credentials name."))
            return Reason("watermark_of_stream", Strength.STRONG, text)
        if registered:
            text = str(_("The invisible watermark was given out by this service."))
            return Reason("watermark_registered", Strength.SUPPORTING, text)
        return None


def live_json(reading: LiveReading) -> dict[str, Any] | None:
    """The recording for programs and for the page, every range with its reason in English and Chinese."""
    if reading.state == "absent":
        return None
    found = reading.to_json()
    for one in found["ranges"]:
        one["text"], one["text_zh"] = _texts(one["reason"])
    return found


def _texts(reason: str) -> tuple[str, str]:
    if not reason:
        return "", ""
    text = REASON_TEXTS[LiveReason(reason)]
    with override("en"):
        english = str(text)
    with override("zh-hans"):
        return english, str(text)
