"""From findings to one verdict (pure). What a detector does not find is never evidence of anything.

No verdict says "real" or "authentic": Avow can show that a file was made here, or that it contradicts what was
logged; about everything else it says what it looked for and that it found nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from compliance.inspection.live import LiveFindings
from compliance.inspection.reasons import Reason, Strength

# Of the usable seconds of a clip, so many must look like the registered release before the mark is believed.
# A transplant matches none; a crop or a mirror matches none either, so a low share alone never accuses.
SAME_PICTURE_SHARE = 0.5


class VerdictCode(StrEnum):
    """What a file turned out to be."""

    RELEASED_HERE = "released_here"
    LIVE_RECORDING = "live_recording"
    COPY_OF_RELEASE = "copy_of_release"
    COPY_OF_BROADCAST = "copy_of_broadcast"
    MARK_NOT_RELEASED = "mark_not_released"
    TRANSPLANTED = "transplanted"
    TAMPERED = "tampered"
    CREDENTIALS_OF_OTHERS = "credentials_of_others"
    DECLARED_AI = "declared_ai"
    NOTHING_FOUND = "nothing_found"


@dataclass(frozen=True)
class Findings:
    """What the analysers saw. None stands for "could not be looked for"."""

    exact_copy: bool
    credentials: str  # trusted, valid, invalid, absent
    credentials_ours: bool
    aigc_labels: int
    aigc_ours: bool
    aigc_problems: tuple[str, ...]
    marks: tuple[str, ...]
    registered_marks: tuple[str, ...]
    released_marks: tuple[str, ...]
    same_picture: float | None
    ledger_proven: bool
    live: LiveFindings | None = None
    broadcast_marks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Verdict:
    """One answer and all reasons for and against it."""

    code: VerdictCode
    reasons: tuple[Reason, ...]

    @property
    def text(self) -> Promise:
        return VERDICT_TEXTS[self.code]

    def to_json(self) -> dict[str, Any]:
        return {
            "code": self.code.value,
            "text": str(self.text),
            "reasons": [reason.to_json() for reason in self.reasons],
        }


VERDICT_TEXTS: dict[VerdictCode, Promise] = {
    VerdictCode.RELEASED_HERE: _("This is a file released by this service, unchanged."),
    VerdictCode.LIVE_RECORDING: _("This is a recording of a signed live stream: its segments hold, each by itself."),
    VerdictCode.COPY_OF_RELEASE: _("This is a copy or a part of a video released by this service."),
    VerdictCode.COPY_OF_BROADCAST: _("This carries the mark of a live broadcast of this service."),
    VerdictCode.MARK_NOT_RELEASED: _("This carries a mark of this service, but no such video was ever released."),
    VerdictCode.TRANSPLANTED: _("The mark in this picture belongs to another video: it was transplanted."),
    VerdictCode.TAMPERED: _("This file claims content credentials that do not hold."),
    VerdictCode.CREDENTIALS_OF_OTHERS: _("This file carries content credentials of somebody else."),
    VerdictCode.DECLARED_AI: _("This file is declared as AI-generated; it is not known to this service."),
    VerdictCode.NOTHING_FOUND: _("Nothing known to this service was found. That is no evidence about the file."),
}


def decide(found: Findings) -> Verdict:
    """The verdict for `found`, and every reason."""
    return Verdict(_code(found), tuple(_reasons(found)))


def _code(found: Findings) -> VerdictCode:
    if found.exact_copy and found.credentials == "trusted" and found.ledger_proven:
        return VerdictCode.RELEASED_HERE
    if found.live and found.live.holds:
        return VerdictCode.LIVE_RECORDING
    if found.released_marks:
        return _marked(found)
    if found.live:
        return VerdictCode.TAMPERED
    if found.broadcast_marks:
        return VerdictCode.COPY_OF_BROADCAST
    if found.registered_marks:
        return VerdictCode.MARK_NOT_RELEASED
    if found.credentials == "invalid":
        return VerdictCode.TAMPERED
    if found.credentials_ours or found.exact_copy:
        return VerdictCode.COPY_OF_RELEASE
    if found.credentials in ("trusted", "valid"):
        return VerdictCode.CREDENTIALS_OF_OTHERS
    return VerdictCode.DECLARED_AI if found.aigc_labels else VerdictCode.NOTHING_FOUND


def _marked(found: Findings) -> VerdictCode:
    """A mark leads here; the picture must not contradict it."""
    if found.same_picture is not None and found.same_picture == 0.0:
        return VerdictCode.TRANSPLANTED
    return VerdictCode.COPY_OF_RELEASE


def _reasons(found: Findings) -> list[Reason]:
    return [*_mark_reasons(found), *_picture_reasons(found), *_credential_reasons(found), *_aigc_reasons(found)]


def _mark_reasons(found: Findings) -> list[Reason]:
    reasons = [_watermark_reason(found)]
    if found.exact_copy:
        text = str(_("Byte for byte the file that was released."))
        reasons.insert(0, Reason("bytes_known", Strength.PROOF, text))
    if found.released_marks or found.exact_copy:
        reasons.append(_ledger_reason(found))
    return reasons


def _watermark_reason(found: Findings) -> Reason:
    if found.live and (of_stream := found.live.watermark_reason(found.marks, found.registered_marks)):
        return of_stream
    if found.released_marks:
        text = str(_("The invisible watermark was read: %(marks)s.")) % {"marks": ", ".join(found.released_marks)}
        return Reason("watermark_of_release", Strength.PROOF, text)
    if found.broadcast_marks:
        text = str(_("The invisible watermark was read: %(marks)s.")) % {"marks": ", ".join(found.broadcast_marks)}
        return Reason("watermark_of_broadcast", Strength.PROOF, text)
    if found.registered_marks:
        text = str(_("The watermark was given out by this service, but nothing was released with it."))
        return Reason("watermark_never_released", Strength.AGAINST, text)
    if found.marks:
        text = str(_("A watermark was read that is not in the registry."))
        return Reason("watermark_unknown", Strength.AGAINST, text)
    return Reason("watermark_absent", Strength.NONE, str(_("No watermark of this service was found.")))


def _ledger_reason(found: Findings) -> Reason:
    if found.ledger_proven:
        return Reason("ledger_proven", Strength.PROOF, str(_("The release is in the public log, with proof.")))
    return Reason("ledger_pending", Strength.NONE, str(_("The release is not yet covered by a signed log head.")))


def _picture_reasons(found: Findings) -> list[Reason]:
    if found.same_picture is None:
        return []
    share = {"share": round(100 * found.same_picture)}
    if found.same_picture >= SAME_PICTURE_SHARE:
        text = str(_("The picture looks like the registered release in %(share)d %% of its seconds.")) % share
        return [Reason("picture_matches", Strength.STRONG, text)]
    if found.same_picture > 0.0:
        text = str(_("The picture looks like the registered release in only %(share)d %% of its seconds.")) % share
        return [Reason("picture_matches_partly", Strength.SUPPORTING, text)]
    text = str(_("The picture does not look like the registered release."))
    return [Reason("picture_differs", Strength.AGAINST, text)]


_CREDENTIALS = {
    "trusted": ("credentials_trusted", Strength.PROOF, _("Content credentials are intact and the signer is known.")),
    "valid": ("credentials_unknown_signer", Strength.SUPPORTING,
              _("Content credentials are intact; the signer is not known to this service.")),
    "invalid": ("credentials_invalid", Strength.AGAINST,
                _("Content credentials are present but do not hold: the file was changed or they belong to another.")),
    "absent": ("credentials_absent", Strength.NONE,
               _("There are no content credentials. Most platforms remove them; that says nothing by itself.")),
}


def _credential_reasons(found: Findings) -> list[Reason]:
    code, strength, text = _CREDENTIALS[found.credentials]
    of_segments = [found.live.reason()] if found.live else []
    return [*of_segments, Reason(code, strength, str(text))]


def _aigc_reasons(found: Findings) -> list[Reason]:
    if found.aigc_problems:
        text = str(_("The AIGC metadata is faulty: %(problems)s.")) % {"problems": ", ".join(found.aigc_problems)}
        return [Reason("aigc_faulty", Strength.AGAINST, text)]
    if found.aigc_ours:
        return [Reason("aigc_of_release", Strength.SUPPORTING, str(_("The AIGC metadata names this release.")))]
    if found.aigc_labels:
        return [Reason("aigc_present", Strength.SUPPORTING, str(_("AIGC metadata declares the file as AI-generated.")))]
    return [Reason("aigc_absent", Strength.NONE, str(_("There is no AIGC metadata.")))]
