"""Why live video is refused: the standard's status codes, and a reason of ours for each case.

C2PA specification 2.4, section 19.7, names the codes. Those of the other live method (one manifest in every
segment: ``livevideo.assertion.invalid``, ``livevideo.continuityMethod.invalid``) cannot occur here.
"""

from __future__ import annotations

from enum import StrEnum

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from compliance.errors import VerificationFailed


class LiveCode(StrEnum):
    """Status codes of section 19.7 for verifiable segment info."""

    INIT = "livevideo.init.invalid"
    MANIFEST = "livevideo.manifest.invalid"
    SESSION_KEY = "livevideo.sessionkey.invalid"
    SEGMENT = "livevideo.segment.invalid"


class LiveReason(StrEnum):
    """What exactly does not hold."""

    INIT_DAMAGED = "init_damaged"
    INIT_HAS_MEDIA = "init_has_media"
    MANIFEST_ABSENT = "manifest_absent"
    MANIFEST_NOT_TRUSTED = "manifest_not_trusted"
    SESSION_KEYS_ABSENT = "session_keys_absent"
    SESSION_KEYS_DAMAGED = "session_keys_damaged"
    SIGNER_BINDING_WRONG = "signer_binding_wrong"
    INIT_ABSENT = "init_absent"
    SEGMENT_DAMAGED = "segment_damaged"
    SEGMENT_UNSIGNED = "segment_unsigned"
    SEGMENT_SIGNED_TWICE = "segment_signed_twice"
    SIGNATURE_DAMAGED = "signature_damaged"
    SIGNATURE_WRONG = "signature_wrong"
    KEY_UNKNOWN = "key_unknown"
    KEY_NOT_YET_VALID = "key_not_yet_valid"
    KEY_EXPIRED = "key_expired"
    NOT_LIVE = "not_live"
    SIGNED_EARLIER = "signed_earlier"
    MANIFEST_OF_ANOTHER = "manifest_of_another"
    CONTENT_CHANGED = "content_changed"
    SEQUENCE_TOO_LOW = "sequence_too_low"
    SEQUENCE_REPEATED = "sequence_repeated"
    SEQUENCE_GAP = "sequence_gap"


_CODES = {
    LiveReason.INIT_DAMAGED: LiveCode.INIT,
    LiveReason.INIT_HAS_MEDIA: LiveCode.INIT,
    LiveReason.MANIFEST_ABSENT: LiveCode.MANIFEST,
    LiveReason.MANIFEST_NOT_TRUSTED: LiveCode.MANIFEST,
    LiveReason.SESSION_KEYS_ABSENT: LiveCode.SESSION_KEY,
    LiveReason.SESSION_KEYS_DAMAGED: LiveCode.SESSION_KEY,
    LiveReason.SIGNER_BINDING_WRONG: LiveCode.SESSION_KEY,
}

REASON_TEXTS: dict[LiveReason, Promise] = {
    LiveReason.INIT_DAMAGED: _("The start of the stream is damaged. Load it again."),
    LiveReason.INIT_HAS_MEDIA: _("The start of the stream carries pictures that nothing signs."),
    LiveReason.MANIFEST_ABSENT: _("The stream carries no content credentials."),
    LiveReason.MANIFEST_NOT_TRUSTED: _("The stream's content credentials do not hold, or their signer is not known."),
    LiveReason.SESSION_KEYS_ABSENT: _("The stream's credentials name no key for its segments."),
    LiveReason.SESSION_KEYS_DAMAGED: _("The list of the stream's segment keys is damaged."),
    LiveReason.SIGNER_BINDING_WRONG: _("A segment key of the stream does not belong to the signer of its credentials."),
    LiveReason.INIT_ABSENT: _("The segment cannot be checked: no valid start of the stream was seen before it."),
    LiveReason.SEGMENT_DAMAGED: _("The segment is cut off or damaged. Load it again."),
    LiveReason.SEGMENT_UNSIGNED: _("The segment is not signed. Do not show it."),
    LiveReason.SEGMENT_SIGNED_TWICE: _("The segment carries more than one signature. Do not show it."),
    LiveReason.SIGNATURE_DAMAGED: _("The segment's signature is damaged."),
    LiveReason.SIGNATURE_WRONG: _("The segment's signature is not of the stream's key."),
    LiveReason.KEY_UNKNOWN: _("The segment is signed by a key that the stream's credentials do not name."),
    LiveReason.KEY_NOT_YET_VALID: _("The segment was signed before its key came into force."),
    LiveReason.KEY_EXPIRED: _("The segment was signed after its key had expired."),
    LiveReason.NOT_LIVE: _("The segment was not signed just now: it is a recording, or a clock is wrong."),
    LiveReason.SIGNED_EARLIER: _("The segment was signed long before the one shown last: it is a replay."),
    LiveReason.MANIFEST_OF_ANOTHER: _("The segment belongs to another stream, or to another part of this one."),
    LiveReason.CONTENT_CHANGED: _("The segment's picture or sound was changed after it was signed."),
    LiveReason.SEQUENCE_TOO_LOW: _("The segment's number is below those its key may sign."),
    LiveReason.SEQUENCE_REPEATED: _("The segment was shown before: it is repeated or out of order."),
    LiveReason.SEQUENCE_GAP: _("At least one segment before this one is missing."),
}


_BROWSER_TEXT = _("This browser cannot check the stream. Use an up-to-date one, and open the page over HTTPS.")


def viewer_texts() -> dict[str, str]:
    """A sentence per reason in the active language, for the verifier in the viewer's page."""
    texts = {reason.value: str(text) for reason, text in REASON_TEXTS.items()}
    return {**texts, "browser_cannot_verify": str(_BROWSER_TEXT)}


class LiveInvalid(VerificationFailed):
    """Live video was checked and does not hold. ``code`` is the standard's, ``reason`` says which check failed."""

    def __init__(self, reason: LiveReason, **details: object) -> None:
        super().__init__(_CODES.get(reason, LiveCode.SEGMENT).value, REASON_TEXTS[reason], reason=reason, **details)
        self.reason = reason

    def __reduce__(self) -> tuple[object, ...]:  # type: ignore[override]
        rest = {name: value for name, value in self.details.items() if name != "reason"}
        return _rebuild, (self.reason, rest)


def _rebuild(reason: LiveReason, details: dict[str, object]) -> LiveInvalid:
    return LiveInvalid(reason, **details)
