"""What a withdrawal reaches here: permits, takes on their way, released files. See settings.AVOW_WITHDRAWAL_STEPS."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from compliance import storage
from compliance.ledger.events import Event
from compliance.ledger.services import record
from compliance.release.models import Permit, Release, ReleaseState, Take, TakeState
from compliance.release.reasons import Json, reason


def end_take(take: Take, why: Json) -> None:
    """A take that will not be released; its rendering, if there is one, is destroyed."""
    storage.delete(take.rendering)
    take.state, take.reasons = TakeState.CANCELLED, [why]
    take.rendering = ""
    take.save()


def revoke(permits: Iterable[Permit], cause: str) -> int:
    """End these permits now; the patterns of their marks are destroyed. Returns how many there were."""
    for permit in (alive := list(permits)):
        permit.revoked_at, permit.revoked_because = timezone.now(), cause[:200]
        permit.save(update_fields=["revoked_at", "revoked_because"])
        storage.delete(permit.pattern)
        record(
            event=Event.RELEASE_PERMIT_REVOKED,
            subject_id=permit.id,
            organisation_id=permit.take.organisation_id,
            actor_id=None,
            data={"cause": cause[:200]},
        )
    return len(alive)


@transaction.atomic
def revoke_permits_of_grant(grant_id: UUID, cause: str) -> int:
    """Withdrawal step: no permit of the grant is in force any longer."""
    return revoke(
        Permit.objects.select_related("take").filter(grant_id=grant_id, revoked_at__isnull=True), cause
    )


@transaction.atomic
def cancel_takes_of_grant(grant_id: UUID, cause: str) -> int:
    """Withdrawal step: every take that was still on its way ends; its rendering is destroyed."""
    count = 0
    for take in Take.objects.select_for_update().filter(grant_id=grant_id):
        if take.open:
            end_take(take, reason("consent_withdrawn", _("The person has withdrawn their consent.")))
            count += 1
    return count


@transaction.atomic
def list_for_takedown(grant_id: UUID, cause: str) -> int:
    """Withdrawal step: every release of the grant is marked and listed for takedown; it is served no more."""
    releases = Release.objects.select_for_update().filter(grant_id=grant_id, state=ReleaseState.RELEASED)
    for release in (found := list(releases)):
        release.state, release.takedown_at = ReleaseState.TAKEDOWN, timezone.now()
        release.takedown_because = cause[:200]
        release.save(update_fields=["state", "takedown_at", "takedown_because"])
        record(
            event=Event.RELEASE_ASSET_TAKEDOWN_LISTED,
            subject_id=release.id,
            organisation_id=release.organisation_id,
            actor_id=None,
            data={"sha256": release.sha256, "markets": release.markets},
        )
    return len(found)
