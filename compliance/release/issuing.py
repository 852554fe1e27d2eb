"""Permits are issued here, by the gate, which alone can sign them."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from django.conf import settings
from django.db import transaction

from compliance import storage
from compliance.consent.selectors import head_of
from compliance.envelope import seal
from compliance.jobs.models import Job
from compliance.jobs.services import enqueue
from compliance.keys.custody import open_custody
from compliance.keys.purposes import KeyPurpose
from compliance.ledger.events import Event
from compliance.ledger.services import record
from compliance.release.judgement import Judgement, judge_take
from compliance.release.models import Mark, Permit, Take, TakeState
from compliance.release.permits import VERSION, PermitClaims
from compliance.release.selectors import live_permit
from compliance.release.services import digest_of
from watermark import Key, make_patterns

Json = dict[str, Any]


def permit_take(*, take_id: UUID, now: datetime) -> Permit | None:
    """Decide on a take and issue its permit, or hold it with every reason. Runs in the gate only.

    Returns the permit in force, or None when the take is held or has ended meanwhile.
    """
    with transaction.atomic():
        take = _locked(take_id)
        if take.state not in _WAITING:
            return None
        permit = live_permit(take, now) or _decide(take, now, part=0)
        if permit is not None and not take.live:
            _ask_to_perform(take)
    return permit


def permit_slice(*, take_id: UUID, part: int, now: datetime) -> Permit | None:
    """Decide anew on a take that is on air and permit its slice number `part`, with a mark of its own.

    Runs in the gate only, before each slice: what has changed since the last one ends the broadcast. Returns None
    when the take is held or has ended; it is then to go off air.
    """
    with transaction.atomic():
        take = _locked(take_id)
        if not take.live or take.state not in _WAITING:
            return None
        issued = take.permits.filter(mark__slice=part, revoked_at__isnull=True, expires_at__gt=now).first()
        return issued or _decide(take, now, part=part)


_WAITING = (TakeState.ORDERED, TakeState.HELD, TakeState.PERMITTED)


def _locked(take_id: UUID) -> Take:
    return Take.objects.select_for_update(of=("self",)).select_related("grant", "organisation").get(pk=take_id)


def _decide(take: Take, now: datetime, *, part: int) -> Permit | None:
    take.grant = head_of(take.grant)  # a changed consent counts as it stands now
    judgement = judge_take(take, now)
    take.decision = judgement.decision_json
    if judgement.reasons:
        _hold(take, judgement.reasons)
        return None
    permit = _issue(take, judgement, now, part=part)
    take.state, take.reasons = TakeState.PERMITTED, []
    take.save()
    return permit


def _hold(take: Take, reasons: list[Json]) -> None:
    """Keep the take waiting; the log gets a line only when the reasons have changed."""
    news = [reason["code"] for reason in reasons] != [reason["code"] for reason in take.reasons]
    take.state, take.reasons = TakeState.HELD, reasons
    take.save()
    if news:
        record(
            event=Event.RELEASE_PERMIT_REFUSED,
            subject_id=take.id,
            organisation_id=take.organisation_id,
            actor_id=None,
            data={"take": str(take.id), "reasons": [reason["code"] for reason in reasons]},
        )


def _mark_for(take: Take, key_id: str, part: int) -> Mark:
    """A slice keeps its mark over renewals, so that all its copies lead to one place."""
    value = f"{secrets.randbits(64):016x}"
    mark, _created = Mark.objects.get_or_create(take=take, slice=part, defaults={"value": value, "key_id": key_id})
    return mark


def _life_s(take: Take) -> int:
    """How long a permit is in force. On air it outlives its slice by one: then the room goes dark by itself."""
    return int(2 * settings.AVOW_LIVE_SLICE_S if take.live else settings.AVOW_PERMIT_TTL_S)


def _issue(take: Take, judgement: Judgement, now: datetime, *, part: int) -> Permit:
    custody = open_custody()
    key_id = custody.key_id(KeyPurpose.WATERMARK)
    mark = _mark_for(take, key_id, part)
    permit_id, expires = uuid4(), now + timedelta(seconds=_life_s(take))
    claims = _claims(take, judgement, mark, permit_id=permit_id, issued=now, expires=expires)
    key = Key(id=mark.key_id, secret=custody.secret(KeyPurpose.WATERMARK, mark.key_id))
    permit = Permit.objects.create(
        id=permit_id,
        take=take,
        grant=take.grant,
        mark=mark,
        envelope=seal(
            claims.payload(),
            key_id=custody.key_id(KeyPurpose.PERMIT),
            sign=lambda message: custody.sign(KeyPurpose.PERMIT, message),
        ),
        pattern=storage.save_bytes(f"patterns/{permit_id}.bin", make_patterns(key, int(mark.value, 16)).to_bytes()),
        issued_at=now,
        expires_at=expires,
    )
    record(
        event=Event.RELEASE_PERMIT_ISSUED,
        subject_id=permit.id,
        organisation_id=take.organisation_id,
        actor_id=None,
        data={"take": str(take.id), "grant": claims.grant_digest, "mark": mark.value,
              "permit": digest_of(permit.envelope)},
    )
    return permit


def _claims(
    take: Take, judgement: Judgement, mark: Mark, *, permit_id: UUID, issued: datetime, expires: datetime
) -> PermitClaims:
    return PermitClaims(
        version=VERSION,
        permit_id=str(permit_id),
        take_id=str(take.id),
        issued_at=issued.isoformat(),
        expires_at=expires.isoformat(),
        grant_id=str(take.grant_id),
        grant_digest=take.grant.digest,
        avatar_id=str(take.avatar_id),
        avatar_digest=take.avatar_digest,
        script_id=str(take.script_id),
        script_digest=take.script_digest,
        language=take.campaign["language"],
        markets=take.markets,
        duties=judgement.duties_json,
        label=judgement.label_json,
        mark=mark.value,
        watermark_key_id=mark.key_id,
        width=take.width,
        height=take.height,
        fps=take.fps,
        outputs=["hls"] if take.live else ["file"],
    )


def _ask_to_perform(take: Take) -> Job:
    return enqueue(
        kind="avatars.perform",
        args={"take_id": str(take.id)},
        organisation=take.organisation,
        grant_id=take.grant_id,
        subject_id=take.id,
        key=f"perform:{take.id}:{take.permits.count()}",
    )
