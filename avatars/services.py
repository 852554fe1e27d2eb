"""The verbs of the studio: build an avatar from consented footage, write a script, perform a take, destroy."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO
from uuid import UUID, uuid4

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from avatars.capture.report import CaptureReport
from avatars.engine import ConsentEvidence, default_engine
from avatars.errors import AvatarNotReady, FootageRefused, ScriptRefused
from avatars.media import Encoding
from avatars.models import Avatar, AvatarState, Script
from avatars.rendering import Disclosure, render
from avatars.speech import Voice, estimate_duration_s, speak
from avatars.speech.errors import SpeechError
from compliance import storage
from compliance.accounts.models import Organisation, User
from compliance.consent.models import Grant
from compliance.consent.rules import permits_build
from compliance.consent.selectors import effective_grant, lineage_ids
from compliance.disclosure.labels import LabelSpec
from compliance.errors import BadInput, Refused
from compliance.jobs.context import JobContext
from compliance.jobs.services import enqueue
from compliance.keys.custody import public_key
from compliance.keys.purposes import KeyPurpose
from compliance.ledger.events import Event
from compliance.ledger.services import record
from compliance.release.models import Take
from compliance.release.permits import PermitClaims, verify_permit
from compliance.release.selectors import live_permit
from compliance.release.services import (
    AvatarUse,
    Campaign,
    ScriptUse,
    digest_of,
    order_take,
    submit_rendering,
)
from compliance.sandbox import Limits, run_sandboxed
from watermark import MarkPattern

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
    _require_consent_to_build(grant)
    avatar_id = uuid4()
    with tempfile.NamedTemporaryFile(prefix="upload-") as copy:
        for chunk in iter(lambda: upload.read(storage.CHUNK), b""):
            copy.write(chunk)
        copy.flush()
        path = Path(copy.name)
        sha256, stored = storage.sha256_file(path), storage.save_file(f"footage/{avatar_id}", path)
    with transaction.atomic():
        avatar = Avatar.objects.create(
            id=avatar_id,
            organisation=organisation,
            created_by=created_by,
            grant=grant,
            name=name[:120],
            footage=stored,
            footage_name=_display_name(upload_name),
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


def _display_name(name: str) -> str:
    """The uploader's file name, for display only: paths and control characters are cut away."""
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    return "".join(character for character in last if character.isprintable())[:200] or "clip"


def _require_consent_to_build(grant: Grant) -> None:
    now = timezone.now()
    decision = permits_build(effective_grant(grant, now=now), MODALITIES, now)
    if not decision:
        raise Refused(
            "consent_denies_build",
            " ".join(reason.text for reason in decision.reasons),
            reasons=[reason.code for reason in decision.reasons],
        )


def build_avatar(context: JobContext, *, avatar_id: UUID) -> dict[str, Any]:
    """Check the clip in the sandbox, then make the model. Repeats safely; refused footage is deleted.

    Raises:
        FootageRefused: the clip cannot be used; the findings are stored with the avatar.
    """
    avatar = Avatar.objects.select_related("grant").get(pk=avatar_id)
    if avatar.state != AvatarState.BUILDING:
        return {"state": avatar.state}
    _require_consent_to_build(avatar.grant)
    with storage.local_copy(avatar.footage) as clip, tempfile.TemporaryDirectory(prefix="avatar-") as folder:
        try:
            report = _check_footage(context, clip)
        except BadInput as error:
            _refuse_footage(context, avatar, [{"code": error.code, "text": error.text, "severity": "error"}], {})
            raise
        if not report.ok:
            findings = [finding.to_json() for finding in report.findings]
            _refuse_footage(context, avatar, findings, report.facts)
            worst = next(f for f in report.findings if f.severity == "error")
            raise FootageRefused(worst.code, worst.text, findings=findings)
        package = Path(folder) / "model"
        evidence = ConsentEvidence(str(avatar.grant_id), avatar.grant.digest, MODALITIES)
        card = default_engine().build(clip, evidence, package, _staged(context, 0.4, 1.0))
        return _keep_model(context, avatar, report, package, card)


def _check_footage(context: JobContext, clip: Path) -> CaptureReport:
    result = run_sandboxed(
        "avatars.capture",
        str(clip),
        limits=Limits(memory_mb=settings.AVOW_SANDBOX_MEMORY_MB, cpu_s=900, wall_s=900),
        progress=lambda line: context.progress(0.4 * float(line["progress"]), _("Checking the footage")),
    )
    return CaptureReport.from_json(result)


def _staged(context: JobContext, start: float, end: float) -> Callable[[float, str], None]:
    """Progress of one stage as progress of the whole job."""
    return lambda fraction, step: context.progress(start + (end - start) * fraction, step)


def _refuse_footage(context: JobContext, avatar: Avatar, findings: list[Any], facts: dict[str, Any]) -> None:
    """Footage that cannot be used is not kept: it is a person's face without a purpose."""
    with transaction.atomic():
        context.confirm()
        Avatar.objects.filter(pk=avatar.pk).update(
            state=AvatarState.FAILED, findings=findings, facts=facts, footage=""
        )
    storage.delete(avatar.footage)


def _keep_model(
    context: JobContext, avatar: Avatar, report: CaptureReport, package: Path, card: Any
) -> dict[str, Any]:
    """A withdrawal that comes while the model is being made wins: what was made is deleted again."""
    digest = storage.sha256_file(package)
    name = storage.save_file(f"models/{avatar.id}", package)
    try:
        with transaction.atomic():
            context.confirm()
            _require_consent_to_build(avatar.grant)
            locked = Avatar.objects.select_for_update().get(pk=avatar.pk, state=AvatarState.BUILDING)
            locked.findings = [finding.to_json() for finding in report.findings]
            locked.facts, locked.card = report.facts, card.to_json()
            locked.engine = f"{card.engine} {card.version}"
            locked.model, locked.digest = name, digest
            locked.state, locked.ready_at = AvatarState.READY, timezone.now()
            locked.save()
            record(
                event=Event.AVATARS_AVATAR_BUILT,
                subject_id=avatar.id,
                organisation_id=avatar.organisation_id,
                actor_id=None,
                data={"model": digest, "footage": avatar.footage_sha256, "grant": avatar.grant.digest},
            )
    except Exception:
        storage.delete(name)
        raise
    return {"state": AvatarState.READY, "digest": digest}


# --- scripts ---
def write_script(
    *,
    organisation: Organisation,
    created_by: User,
    title: str,
    language: str,
    text: str,
    previous: Script | None = None,
) -> Script:
    """Keep a text as a new script, or as the next version of `previous`.

    Raises:
        ScriptRefused: the synthesiser cannot speak it; the text says why.
    """
    try:
        seconds = estimate_duration_s(text, language)
    except SpeechError as error:
        raise ScriptRefused(error.code, error.text) from error
    return Script.objects.create(
        organisation=organisation,
        created_by=created_by,
        previous=previous,
        title=title[:120],
        language=language,
        text=text,
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
        avatar=AvatarUse(avatar.id, avatar.digest, avatar.name, _avatar_content(avatar)),
        script=ScriptUse(script.id, script.title, script.content(), script.estimated_s),
        campaign=campaign,
        width=width,
        height=height,
    )


def _avatar_content(avatar: Avatar) -> dict[str, Any]:
    """What legal looks at before approving the figure."""
    return {
        "avatar": str(avatar.id),
        "name": avatar.name,
        "engine": avatar.engine,
        "grant": str(avatar.grant_id),
        "card": avatar.card,
    }


def perform_take(context: JobContext, *, take_id: UUID) -> dict[str, Any]:
    """Perform a permitted take and hand the encoded file to the gate. Without a permit nothing is made."""
    take = Take.objects.select_related("grant").get(pk=take_id)
    permit = live_permit(take, timezone.now())
    if permit is None:
        return {"state": take.state}
    claims = verify_permit(
        permit.envelope,
        now=timezone.now(),
        key_for=lambda key_id: public_key(KeyPurpose.PERMIT, key_id),
    )
    avatar, script = _permitted_parts(claims)
    pattern = MarkPattern.from_bytes(storage.read_bytes(permit.pattern))
    label = LabelSpec.from_dict(claims.label) if claims.label else None
    context.progress(0.02, _("Speaking the script"))
    speech = speak(script.text, script.language, Voice())
    with storage.local_copy(avatar.model) as model, tempfile.TemporaryDirectory(prefix="take-") as folder:
        out = Path(folder) / "take.mp4"
        render(
            default_engine().perform(model, speech, width=claims.width, height=claims.height, fps=claims.fps),
            speech,
            Disclosure(label, pattern),
            out,
            fps=claims.fps,
            encoding=encoding_from_settings(),
            progress=lambda share: context.progress(0.05 + 0.9 * share, _("Performing, labelling and marking")),
        )
        with transaction.atomic():
            context.confirm()
            submit_rendering(take_id=take.id, path=out, fence=context.fence)
    return {"rendered_s": round(speech.duration_s, 3)}


def encoding_from_settings() -> Encoding:
    """The operator's choice of encoder."""
    return Encoding(
        codec=settings.AVOW_VIDEO_ENCODER, preset=settings.AVOW_VIDEO_PRESET, crf=settings.AVOW_VIDEO_CRF
    )


def _permitted_parts(claims: PermitClaims) -> tuple[Avatar, Script]:
    """The avatar and the script the permit names, byte for byte.

    Raises:
        Refused: permit_avatar_differs, permit_script_differs.
    """
    avatar = Avatar.objects.get(pk=claims.avatar_id)
    grants = lineage_ids(Grant.objects.get(pk=claims.grant_id))
    if not avatar.ready or avatar.digest != claims.avatar_digest or avatar.grant_id not in grants:
        raise Refused("permit_avatar_differs", _("The avatar is no longer the one the permit names."))
    script = Script.objects.get(pk=claims.script_id)
    if digest_of(script.content()) != claims.script_digest:
        raise Refused("permit_script_differs", _("The script is not the one the permit names."))
    return avatar, script


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
