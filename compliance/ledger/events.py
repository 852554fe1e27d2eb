"""What is worth a line in the log.

Names read ``source:subject:action``; a name once used never changes its meaning. Source is the app that
decides, subject the kind of thing whose id the entry carries.
"""

from __future__ import annotations

from enum import StrEnum


class Event(StrEnum):
    """One kind of logged decision or act."""

    CONSENT_GRANT_GIVEN = "consent:grant:given"
    CONSENT_GRANT_SUPERSEDED = "consent:grant:superseded"
    CONSENT_GRANT_WITHDRAWN = "consent:grant:withdrawn"
    CONSENT_GRANT_EXPIRED = "consent:grant:expired"
    CONSENT_RECEIPT_SIGNED = "consent:receipt:signed"
    CONSENT_CASCADE_STEP = "consent:cascade:step"
    CONSENT_CASCADE_FINISHED = "consent:cascade:finished"

    RELEASE_REVIEW_ASKED = "release:review:asked"
    RELEASE_REVIEW_DECIDED = "release:review:decided"
    RELEASE_TAKE_ORDERED = "release:take:ordered"
    RELEASE_TAKE_HELD = "release:take:held"
    RELEASE_TAKE_CANCELLED = "release:take:cancelled"
    RELEASE_PERMIT_ISSUED = "release:permit:issued"
    RELEASE_PERMIT_REFUSED = "release:permit:refused"
    RELEASE_PERMIT_REVOKED = "release:permit:revoked"
    RELEASE_ASSET_RELEASED = "release:asset:released"
    RELEASE_ASSET_QUARANTINED = "release:asset:quarantined"
    RELEASE_ASSET_TAKEDOWN_LISTED = "release:asset:takedown_listed"
    RELEASE_ASSET_TAKEN_DOWN = "release:asset:taken_down"

    AVATARS_FOOTAGE_RECEIVED = "avatars:footage:received"
    AVATARS_FOOTAGE_REFUSED = "avatars:footage:refused"
    AVATARS_FOOTAGE_DESTROYED = "avatars:footage:destroyed"
    AVATARS_AVATAR_BUILT = "avatars:avatar:built"
    AVATARS_AVATAR_DESTROYED = "avatars:avatar:destroyed"
    AVATARS_KEY_DESTROYED = "avatars:key:destroyed"

    STREAMING_ROOM_ON_AIR = "streaming:room:on_air"
    STREAMING_ROOM_ENDED = "streaming:room:ended"
    STREAMING_ARCHIVE_SIGNED = "streaming:archive:signed"
    STREAMING_ARCHIVE_REFUSED = "streaming:archive:refused"
    STREAMING_ARCHIVE_HELD = "streaming:archive:held"
    STREAMING_ARCHIVE_HOLD_LIFTED = "streaming:archive:hold_lifted"
    STREAMING_ARCHIVE_ERASED = "streaming:archive:erased"
    STREAMING_ARCHIVE_VIEWED = "streaming:archive:viewed"
    STREAMING_ARCHIVE_EXPORTED = "streaming:archive:exported"

    AUDIT_RELEASE_VIEWED = "audit:release:viewed"
    AUDIT_BUNDLE_EXPORTED = "audit:bundle:exported"
    AUDIT_COMMITMENT_OPENED = "audit:commitment:opened"

    LEDGER_SALTS_ERASED = "ledger:salts:erased"

    @property
    def source(self) -> str:
        return self.value.split(":")[0]

    @property
    def subject(self) -> str:
        return self.value.split(":")[1]

    @property
    def action(self) -> str:
        return self.value.split(":")[2]
