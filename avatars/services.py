"""The verbs of the studio: build an avatar from consented footage, write a script, perform a take, destroy."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from tempfile import TemporaryFile
from typing import IO, Any, BinaryIO, cast
from uuid import UUID, uuid4

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from avatars import vault
from avatars.advice import advise
from avatars.capture.bundle import write_bundle
from avatars.capture.plan import CapturePlan
from avatars.engine_names import REFINED
from avatars.errors import AvatarNotReady, ScriptRefused
from avatars.models import Avatar, AvatarState, Recording, Script
from avatars.recordings import destroy_recordings, require_fit
from avatars.selectors import can_be_refined, refinements_of
from avatars.speech import estimate_duration_s
from avatars.speech.errors import SpeechError
from avatars.stages import builds_with_stages, forget_stages
from compliance import storage
from compliance.accounts.models import Organisation, User
from compliance.consent.models import Grant
from compliance.consent.rules import permits_build
from compliance.consent.selectors import effective_grant
from compliance.errors import BadInput, Refused
from compliance.jobs.models import Job
from compliance.jobs.services import enqueue, pause, resume
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
ORIGIN, BUILD = "avatars.origin", "avatars.build"
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
    capture: dict[str, Any] | None = None,
) -> Avatar:
    """Keep the uploaded clip and queue what follows: its origin, then checks and build.

    `capture`: what was asked, when it was recorded here.

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
    stored, sha256 = vault.seal_upload(grant.pk, f"footage/{avatar_id}", upload)
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
            capture=capture or {},
        )
        enqueue_origin(avatar)
    return avatar


def enqueue_origin(avatar: Avatar) -> None:
    """Have the inspector look whether the footage shows a double; it queues the build of what does not."""
    _enqueue(ORIGIN, avatar)


def enqueue_build(avatar: Avatar) -> None:
    """Have a render worker check and build."""
    _enqueue(BUILD, avatar)


def _enqueue(kind: str, avatar: Avatar) -> None:
    enqueue(
        kind=kind,
        args={"avatar_id": str(avatar.id)},
        organisation=avatar.organisation,
        grant_id=avatar.grant_id,
        subject_id=avatar.id,
    )


def start_recorded_avatar(
    *,
    organisation: Organisation,
    created_by: User,
    grant: Grant,
    name: str,
    plan: CapturePlan,
    takes: Mapping[str, UploadedFile[Any]],
) -> Avatar:
    """Keep a minute recorded in the browser, take by take, and queue checks and build.

    Raises:
        BadInput: capture_incomplete, capture_altered, footage_empty, footage_too_large.
        Refused: consent_denies_build.
    """
    if plan.grant != str(grant.id):
        raise BadInput("capture_altered", _("The recording's plan was altered. Please start again."))
    steps = plan.steps()
    ordered = {step.key: takes[step.key] for step in steps if step.key in takes}
    if len(ordered) < len(steps):
        missing = ", ".join(str(step.title) for step in steps if step.key not in ordered)
        text = _("These takes are missing: %(takes)s. Please record them too.")
        raise BadInput("capture_incomplete", text % {"takes": missing})
    asked = {
        "language": plan.language,
        "sentence": plan.sentence,
        "words": list(plan.words),
        "reading": plan.reading,
        "steps": [{"key": step.key, "least_s": step.least_s, "silent": step.silent} for step in steps],
    }
    with TemporaryFile() as bundle:  # without a name: nothing of it stays when this process dies
        write_bundle(bundle, asked, {key: cast(IO[bytes], take.file) for key, take in ordered.items()})
        size = bundle.tell()
        bundle.seek(0)
        return start_avatar(
            organisation=organisation,
            created_by=created_by,
            grant=grant,
            name=name,
            upload=bundle,
            upload_name=_("recorded in the browser"),
            upload_size=size if all(take.size for take in ordered.values()) else 0,
            capture=asked,
        )


def refine_avatar(*, avatar: Avatar, created_by: User) -> Avatar:
    """Build a second double of the same footage with the engine that learns longer, behind all other work.

    The first stays as it is: it is what legal has approved. Where the second is no better by its card, it is refused.

    Raises:
        AvatarNotReady: there is no usable model.
        Refused: refining_begun, refining_not_possible, consent_denies_build.
    """
    _require_ready(avatar)
    if avatar.asked_engine or refinements_of(avatar).exists():
        raise Refused("refining_begun", _("This double has been refined, or is being refined, already."))
    if not can_be_refined(avatar):
        raise Refused("refining_not_possible", _("Only doubles that the built-in engine has drawn can be refined."))
    require_consent_to_build(avatar.grant)
    refined_id = uuid4()
    with vault.open_sealed(avatar.grant_id, avatar.footage) as footage:
        stored, _sha256 = vault.seal_upload(avatar.grant_id, f"footage/{refined_id}", footage)
    with transaction.atomic():
        kept = ("organisation", "grant", "footage_name", "footage_sha256", "capture", "origin")
        refined = Avatar.objects.create(
            id=refined_id,
            created_by=created_by,
            name=_("%(name)s, refined") % {"name": avatar.name[:100]},
            footage=stored,
            asked_engine=REFINED,
            **{field: getattr(avatar, field) for field in kept},
        )
        enqueue_build(refined)
    return refined


def _require_ready(avatar: Avatar) -> None:
    if not avatar.ready:
        raise AvatarNotReady("avatar_not_ready", _("This avatar is not ready; choose another or wait for it."))


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


def pause_build(*, avatar: Avatar) -> None:
    """Set a build aside; what it has finished is kept."""
    pause(jobs=Job.objects.filter(kind__in=(ORIGIN, BUILD), subject_id=avatar.id))


def resume_build(*, avatar: Avatar) -> None:
    """Let a paused build go on. Does nothing to one that is not paused."""
    job = Job.objects.filter(kind__in=(ORIGIN, BUILD), subject_id=avatar.id).order_by("-created_at").first()
    if job is not None and avatar.state == AvatarState.BUILDING:
        resume(job=job)


def forget_leftovers() -> int:
    """Scheduler: delete pictures of findings after a day, and stages of builds that have ended. Returns of how many."""
    limit = timezone.now() - timedelta(seconds=settings.AVOW_FINDING_PICTURES_KEEP_S)
    old = list(Avatar.objects.exclude(pictures={}).filter(created_at__lt=limit))
    for avatar in old:
        _delete_pictures(avatar)
    stored = builds_with_stages()
    building = set(Avatar.objects.filter(pk__in=stored, state=AvatarState.BUILDING).values_list("pk", flat=True))
    ended = [avatar_id for avatar_id in stored if avatar_id not in building]
    for avatar_id in ended:
        forget_stages(avatar_id)
    return len(old) + len(ended)


def _delete_pictures(avatar: Avatar) -> None:
    for name in avatar.pictures.values():
        storage.delete(name)
    Avatar.objects.filter(pk=avatar.pk).update(pictures={})


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
    *,
    created_by: User,
    avatar: Avatar,
    script: Script,
    campaign: Campaign,
    picture: str,
    recording: Recording | None = None,
) -> Take:
    """Order a take of `script` by `avatar`. `picture` is a key of FORMATS; `recording`: the person's own voice.

    Raises:
        AvatarNotReady: there is no usable model.
        Refused: script_of_another_brand; or the recording may not be used, see `recordings.require_fit`.
    """
    _require_ready(avatar)
    if script.organisation_id != avatar.organisation_id:
        # What one brand wrote is none of the business of another's legal team.
        text = _("This script and this avatar belong to different organisations; choose two of the same.")
        raise Refused("script_of_another_brand", text)
    if recording is not None:
        require_fit(recording, avatar, script)
    width, height = FORMATS[picture]
    seconds = script.estimated_s if recording is None else recording.seconds
    return order_take(
        organisation=avatar.organisation,
        created_by=created_by,
        grant=avatar.grant,
        title=f"{script.title} · {avatar.name}",
        avatar=AvatarUse(avatar.id, avatar.digest, avatar.name, avatar_content(avatar)),
        script=ScriptUse(script.id, script.title, script.content(recording), float(seconds or 0)),
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
        "bars": avatar.bars,
    }


# --- what a withdrawal reaches ---
def destroy_avatars_of_grant(grant_id: UUID, reason: str) -> int:
    """Withdrawal step: every model made under the grant is deleted. Returns how many still existed."""
    return sum(_destroy(avatar, reason) for avatar in Avatar.objects.filter(grant_id=grant_id))


def _destroy(avatar: Avatar, reason: str) -> bool:
    """Delete the files first: a row that says "destroyed" must never be ahead of the truth."""
    if avatar.state == AvatarState.DESTROYED:
        return False
    for name in avatar.files:
        storage.delete(name)
    destroy_recordings(avatar)
    forget_stages(avatar.id)
    with transaction.atomic():
        Avatar.objects.filter(pk=avatar.pk).update(
            state=AvatarState.DESTROYED,
            destroyed_at=timezone.now(),
            pictures={},
            comparison={},
            **dict.fromkeys(("model", "poster", "preview", "footage", "face"), ""),
        )
        record(
            event=Event.AVATARS_AVATAR_DESTROYED,
            subject_id=avatar.id,
            organisation_id=avatar.organisation_id,
            actor_id=None,
            data={"model": avatar.digest, "reason": reason[:200]},
        )
    return True
