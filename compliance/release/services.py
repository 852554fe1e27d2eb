"""The verbs before and after the gate: order a take, review what it uses, permit it, revoke, take down."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from compliance import storage
from compliance.accounts.models import Organisation, Role, User
from compliance.accounts.selectors import has_role
from compliance.consent.asking import request_use
from compliance.consent.models import Grant
from compliance.consent.selectors import head_of
from compliance.consent.terms import Approval, GrantTerms
from compliance.envelope import canonical_bytes
from compliance.errors import Refused
from compliance.jobs.models import Job, JobState
from compliance.jobs.services import cancel, enqueue
from compliance.ledger.events import Event
from compliance.ledger.services import record
from compliance.release.models import (
    Permit,
    Review,
    ReviewKind,
    ReviewState,
    Take,
    TakeState,
)
from compliance.release.reasons import reason
from compliance.release.withdrawing import end_take, revoke

Json = dict[str, Any]


def digest_of(content: Json) -> str:
    """SHA-256 over RFC 8785 bytes: the name under which content is approved."""
    return hashlib.sha256(canonical_bytes(content)).hexdigest()


# --- what a take uses ---
@dataclass(frozen=True)
class AvatarUse:
    """The exact avatar model: `digest` over its package, `content` what legal sees."""

    id: UUID
    digest: str
    title: str
    content: Json


@dataclass(frozen=True)
class ScriptUse:
    """The exact words: `digest` over `content` (text, language)."""

    id: UUID
    title: str
    content: Json
    estimated_s: float

    @property
    def digest(self) -> str:
        return digest_of(self.content)


@dataclass(frozen=True)
class Campaign:
    """For whom, for what and where the take will be shown. Values are those of the grant's vocabulary; `interactive`
    when the double answers its audience.
    """

    brand_id: str
    brand_name: str
    product_category: str
    purpose: str
    platform: str
    markets: tuple[str, ...]
    language: str
    channel: str
    mode: str = "recorded"
    interactive: bool = False

    def content(self) -> Json:
        return {**asdict(self), "markets": sorted(self.markets)}


# --- reviews ---
def request_review(
    *,
    organisation: Organisation,
    kind: ReviewKind,
    subject_id: UUID,
    digest: str,
    title: str,
    content: Json,
    requested_by: User,
) -> Review:
    """Ask brand legal to decide on this content; the same content is asked about once."""
    review, _created = Review.objects.get_or_create(
        organisation=organisation,
        kind=kind,
        digest=digest,
        defaults={
            "subject_id": subject_id,
            "title": title[:200],
            "content": content,
            "requested_by": requested_by,
        },
    )
    return review


@transaction.atomic
def decide_review(*, review: Review, decided_by: User, approve: bool, comment: str = "") -> Review:
    """Approve or reject. Only brand legal of the organisation, only once, never their own request.

    Raises:
        Refused: review_not_yours, review_own_request or review_already_decided.
    """
    review = Review.objects.select_for_update().get(pk=review.pk)
    if not has_role(decided_by, review.organisation, Role.LEGAL):
        raise Refused("review_not_yours", _("Only brand legal of this organisation can decide this."))
    if review.requested_by_id == decided_by.pk:
        raise Refused("review_own_request", _("You asked for this review, so a colleague has to decide it."))
    if review.state != ReviewState.PENDING:
        raise Refused("review_already_decided", _("This has been decided already; a decision is not changed."))
    review.state = ReviewState.APPROVED if approve else ReviewState.REJECTED
    review.decided_by, review.decided_at, review.comment = decided_by, timezone.now(), comment.strip()
    review.save()
    record(
        event=Event.RELEASE_REVIEW_DECIDED,
        subject_id=review.id,
        organisation_id=review.organisation_id,
        actor_id=decided_by.pk,
        data={"kind": review.kind, "digest": review.digest, "decision": review.state},
    )
    for take in _takes_waiting_for(review):
        ask_for_permit(take=take)
    return review


def _takes_waiting_for(review: Review) -> Sequence[Take]:
    field = {"script": "script_digest", "avatar": "avatar_digest", "campaign": "campaign_digest"}[review.kind]
    waiting = (TakeState.HELD, TakeState.ORDERED)
    return list(
        Take.objects.filter(organisation=review.organisation, state__in=waiting, **{field: review.digest})
    )


# --- takes ---
@transaction.atomic
def order_take(
    *,
    organisation: Organisation,
    created_by: User,
    grant: Grant,
    title: str,
    avatar: AvatarUse,
    script: ScriptUse,
    campaign: Campaign,
    width: int,
    height: int,
) -> Take:
    """Fix what is to be performed, ask legal for what is not yet approved, and ask the gate for a permit."""
    content = campaign.content()
    take = Take.objects.create(
        organisation=organisation,
        created_by=created_by,
        grant=head_of(grant),
        title=title[:200],
        avatar_id=avatar.id,
        avatar_digest=avatar.digest,
        script_id=script.id,
        script_digest=script.digest,
        campaign=content,
        campaign_digest=digest_of(content),
        estimated_s=script.estimated_s,
        width=width,
        height=height,
    )
    asked = (
        (ReviewKind.AVATAR, avatar.id, avatar.digest, avatar.title, avatar.content),
        (ReviewKind.SCRIPT, script.id, script.digest, script.title, script.content),
        (ReviewKind.CAMPAIGN, take.id, take.campaign_digest, title, content),
    )
    for kind, subject_id, digest, name, shown in asked:
        request_review(
            organisation=organisation,
            kind=kind,
            subject_id=subject_id,
            digest=digest,
            title=name,
            content=shown,
            requested_by=created_by,
        )
    record(
        event=Event.RELEASE_TAKE_ORDERED,
        subject_id=take.id,
        organisation_id=organisation.id,
        actor_id=created_by.pk,
        data={"grant": str(grant.id), "avatar": avatar.digest, "script": script.digest,
              "campaign": take.campaign_digest},
    )
    if Approval.PER_USE in GrantTerms.from_json(take.grant.terms).approvals_needed:
        request_use(grant=take.grant, use_id=take.id, description=take.title, requested_by=created_by)
    ask_for_permit(take=take)
    return take


def reconsider_held() -> int:
    """Scheduler: ask again for takes that wait; a consent or a rule may have come into force since."""
    busy = Job.objects.filter(kind="release.permit", state=JobState.QUEUED).values("subject_id")
    waiting = Take.objects.filter(state=TakeState.HELD).exclude(id__in=busy)
    for take in (found := list(waiting[:200])):
        with transaction.atomic():
            ask_for_permit(take=take)
    return len(found)


def ask_for_permit(*, take: Take) -> Job:
    """Have the gate decide on the take as things stand now."""
    return enqueue(
        kind="release.permit",
        args={"take_id": str(take.id)},
        organisation=take.organisation,
        grant_id=take.grant_id,
        subject_id=take.id,
    )


@transaction.atomic
def cancel_take(*, take: Take, by: User) -> Take:
    """Stop a take that has not been released; its jobs end and its permits die.

    Raises:
        Refused: take_already_ended.
    """
    take = Take.objects.select_for_update().get(pk=take.pk)
    if not take.open:
        raise Refused("take_already_ended", _("This take has ended already; nothing is left to stop."))
    cancel(jobs=Job.objects.filter(subject_id=take.id))
    end_take(take, reason("cancelled_by_producer", gettext_lazy("Stopped by %(name)s."), name=by))
    revoke(Permit.objects.filter(take=take, revoked_at__isnull=True), "take cancelled")
    return take


# --- renderings ---
@transaction.atomic
def submit_rendering(*, take_id: UUID, path: Path, fence: int) -> Take:
    """A worker hands its encoded file to the gate. The worker's part ends here."""
    take = Take.objects.select_for_update().get(pk=take_id)
    if take.state != TakeState.PERMITTED:
        raise Refused("take_not_expected", _("This take is no longer waiting for a rendering."))
    take.rendering = storage.save_file(f"renderings/{take.id}/{fence}.mp4", path)
    take.state = TakeState.RENDERED
    take.save()
    enqueue(
        kind="release.gate",
        args={"take_id": str(take.id)},
        organisation=take.organisation,
        grant_id=take.grant_id,
        subject_id=take.id,
        key=f"gate:{take.rendering}",
    )
    return take
