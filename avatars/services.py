"""The verbs of the studio: build an avatar from consented footage, write a script, perform a take, destroy."""

from __future__ import annotations

from typing import Any, BinaryIO
from uuid import UUID, uuid4

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from avatars.advice import advise
from avatars.errors import AvatarNotReady, ScriptRefused
from avatars.models import Avatar, AvatarState, Script
from avatars.speech import estimate_duration_s
from avatars.speech.errors import SpeechError
from compliance import storage
from compliance.accounts.models import Organisation, User
from compliance.consent.models import Grant
from compliance.consent.rules import permits_build
from compliance.consent.selectors import effective_grant
from compliance.errors import BadInput, Refused
from compliance.jobs.services import enqueue
from compliance.ledger.events import Event
from compliance.ledger.services import record
from compliance.release.models import Take
from compliance.release.services import (
    AvatarUse,
    Campaign,
    ScriptUse,
    order_take,
)

# What the built-in engine copies of a person; a voice is copied only by engines that say so.
MODALITIES = ("face", "voice")
FORMATS = {"landscape": (1280, 720), "portrait": (720, 1280)}


# --- avatars ---
def start_avatar(
    *,
    organisation: Organisation,
    created_by: User,
    grant: Grant,
    name: str,
    upload: BinaryIO,
    upload_name: str,
    upload_size: int,
) -> Avatar:
    """Keep the uploaded clip and queue checks and build.

    Raises:
        BadInput: footage_empty, footage_too_large.
        Refused: consent_denies_build, with every reason of the grant.
    """
    if upload_size == 0:
        raise BadInput("footage_empty", _("The file is empty. Please choose the recording again."))
    if upload_size > settings.AVOW_MAX_UPLOAD_MB * 1024 * 1024:
        text = _("The file is larger than %(limit)d MB. Please upload a shorter or smaller clip.")
        raise BadInput("footage_too_large", text % {"limit": settings.AVOW_MAX_UPLOAD_MB})
    require_consent_to_build(grant)
    avatar_id = uuid4()
    stored, sha256 = storage.keep_upload(upload, f"footage/{avatar_id}")
    with transaction.atomic():
        avatar = Avatar.objects.create(
            id=avatar_id,
            organisation=organisation,
            created_by=created_by,
            grant=grant,
            name=name[:120],
            footage=stored,
            footage_name=storage.display_name(upload_name, "clip"),
            footage_sha256=sha256,
        )
        enqueue(
            kind="avatars.build",
            args={"avatar_id": str(avatar.id)},
            organisation=organisation,
            grant_id=grant.id,
            subject_id=avatar.id,
        )
    return avatar


def require_consent_to_build(grant: Grant) -> None:
    """Raise Refused (consent_denies_build) with every reason the grant has against making a model."""
    now = timezone.now()
    decision = permits_build(effective_grant(grant, now=now), MODALITIES, now)
    if not decision:
        raise Refused(
            "consent_denies_build",
            " ".join(reason.text for reason in decision.reasons),
            reasons=[reason.code for reason in decision.reasons],
        )


# --- scripts ---
def write_script(
    *,
    organisation: Organisation,
    created_by: User,
    title: str,
    language: str,
    text: str,
    previous: Script | None = None,
    provenance: dict[str, Any] | None = None,
) -> Script:
    """Keep a text as a new script, or as the next version of `previous`.

    `provenance`: what each line rests on; without it the text counts as written by hand by `created_by`, and what the
    check of speech finds in it is kept beside it, for legal to decide on.

    Raises:
        ScriptRefused: the synthesiser cannot speak it, the text says why; script_superseded, provenance_differs.
    """
    try:
        seconds = estimate_duration_s(text, language)
    except SpeechError as error:
        raise ScriptRefused(error.code, error.text) from error
    if provenance is None:
        provenance = advise(organisation=organisation, author=str(created_by), language=language, text=text)
    if "\n".join(line["text"] for line in provenance["lines"]) != "\n".join(text.splitlines()):
        raise ScriptRefused("provenance_differs", _("The lines and their sources are not those of this text."))
    if previous and Script.objects.filter(previous=previous).exists():
        raise ScriptRefused("script_superseded", _("A colleague has saved a newer version. Open that one."))
    return Script.objects.create(
        organisation=organisation,
        created_by=created_by,
        previous=previous,
        title=title[:120],
        language=language,
        text=text,
        provenance=provenance,
        estimated_s=seconds,
    )


# --- takes ---
def order_performance(
    *, created_by: User, avatar: Avatar, script: Script, campaign: Campaign, picture: str
) -> Take:
    """Order a take of `script` by `avatar`. `picture` is a key of FORMATS.

    Raises:
        AvatarNotReady: there is no usable model.
    """
    if not avatar.ready:
        raise AvatarNotReady("avatar_not_ready", _("This avatar is not ready; choose another or wait for it."))
    width, height = FORMATS[picture]
    return order_take(
        organisation=avatar.organisation,
        created_by=created_by,
        grant=avatar.grant,
        title=f"{script.title} · {avatar.name}",
        avatar=AvatarUse(avatar.id, avatar.digest, avatar.name, avatar_content(avatar)),
        script=ScriptUse(script.id, script.title, script.content(), script.estimated_s),
        campaign=campaign,
        width=width,
        height=height,
    )


def avatar_content(avatar: Avatar) -> dict[str, Any]:
    """What legal looks at before approving the figure."""
    return {
        "avatar": str(avatar.id),
        "name": avatar.name,
        "engine": avatar.engine,
        "grant": str(avatar.grant_id),
        "card": avatar.card,
    }


# --- what a withdrawal reaches ---
def destroy_avatars_of_grant(grant_id: UUID, reason: str) -> int:
    """Withdrawal step: every model made under the grant is deleted. Returns how many still existed."""
    return sum(_destroy(avatar, reason) for avatar in Avatar.objects.filter(grant_id=grant_id))


def _destroy(avatar: Avatar, reason: str) -> bool:
    """Delete the files first: a row that says "destroyed" must never be ahead of the truth."""
    if avatar.state == AvatarState.DESTROYED:
        return False
    for name in (avatar.model, avatar.poster, avatar.footage):
        storage.delete(name)
    with transaction.atomic():
        Avatar.objects.filter(pk=avatar.pk).update(
            state=AvatarState.DESTROYED, model="", poster="", footage="", destroyed_at=timezone.now()
        )
        record(
            event=Event.AVATARS_AVATAR_DESTROYED,
            subject_id=avatar.id,
            organisation_id=avatar.organisation_id,
            actor_id=None,
            data={"model": avatar.digest, "reason": reason[:200]},
        )
    return True
