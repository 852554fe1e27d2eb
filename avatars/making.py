"""What the render workers do: check and build, perform. Nothing here runs without consent or a permit.

Kept apart from the other services because it loads the face and picture libraries, which the web process must not.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from PIL import Image

from avatars.capture.report import CaptureReport
from avatars.engine import AvatarCard, ConsentEvidence
from avatars.engines import building_engine, engine_of
from avatars.errors import FootageRefused
from avatars.media import Encoding
from avatars.models import Avatar, AvatarState, Script
from avatars.rendering import Disclosure, render
from avatars.services import MODALITIES, require_consent_to_build
from avatars.speech import Phone, Speech
from avatars.voices import speak_as
from compliance import storage
from compliance.consent.models import Grant
from compliance.consent.selectors import lineage_ids
from compliance.disclosure.labels import LabelSpec
from compliance.errors import BadInput, Refused
from compliance.jobs.context import JobContext
from compliance.ledger.events import Event
from compliance.ledger.services import record
from compliance.release.models import Take, TakeState
from compliance.release.permits import PermitClaims, verify_permit
from compliance.release.selectors import live_permit, permit_key
from compliance.release.services import ask_for_permit, digest_of, submit_rendering
from compliance.sandbox import Limits, run_sandboxed
from watermark import MarkPatterns


# --- building ---
def build_avatar(context: JobContext, *, avatar_id: UUID) -> dict[str, Any]:
    """Check the clip in the sandbox, then make the model. Repeats safely; refused footage is deleted.

    Raises:
        FootageRefused: the clip cannot be used; the findings are stored with the avatar.
    """
    avatar = Avatar.objects.select_related("grant").get(pk=avatar_id)
    if avatar.state != AvatarState.BUILDING:
        return {"state": avatar.state}
    require_consent_to_build(avatar.grant)
    with storage.local_copy(avatar.footage) as clip:
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
        package = context.folder / "model"
        card = _build_model(context, avatar, report, clip, package)
        return _keep_model(context, avatar, report, package, card)


def _build_model(
    context: JobContext, avatar: Avatar, report: CaptureReport, clip: Path, package: Path
) -> AvatarCard:
    """Have the engine make the model; a clip it cannot use, or makes nothing good of, is refused like any other."""
    evidence = ConsentEvidence(str(avatar.grant_id), avatar.grant.digest, MODALITIES)
    try:
        card = building_engine().build(clip, evidence, package, _staged(context, 0.4, 1.0))
        if not card.usable:
            text = _("The model made of this clip is not good enough (%(reasons)s). Please record a calmer clip.")
            raise FootageRefused("model_below_the_floor", text % {"reasons": ", ".join(card.reasons)})
    except BadInput as error:
        finding = {"code": error.code, "text": error.text, "severity": "error", "at_s": None}
        _refuse_footage(context, avatar, [finding], report.facts)
        raise
    return card


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
    context: JobContext, avatar: Avatar, report: CaptureReport, package: Path, card: AvatarCard
) -> dict[str, Any]:
    """A withdrawal that comes while the model is being made wins: what was made is deleted again.

    The row names the file before there is one, so that a withdrawal also finds what a killed worker left. The file is
    stored while the job is locked, so that none can come between them.
    """
    digest, name, poster = storage.sha256_file(package), f"models/{avatar.id}", f"posters/{avatar.id}.jpg"
    picture = _still(package)
    with transaction.atomic():
        context.confirm()
        Avatar.objects.filter(pk=avatar.pk, state=AvatarState.BUILDING).update(model=name, poster=poster)
    try:
        with transaction.atomic():
            context.confirm()
            require_consent_to_build(avatar.grant)
            locked = Avatar.objects.select_for_update().get(pk=avatar.pk, state=AvatarState.BUILDING)
            storage.save_file(name, package)
            storage.save_bytes(poster, picture)
            locked.findings = [finding.to_json() for finding in report.findings]
            locked.facts, locked.card = report.facts, card.to_json()
            locked.engine = f"{card.engine} {card.version}"
            locked.digest = digest
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
        storage.delete(poster)
        raise
    return {"state": AvatarState.READY, "digest": digest}


def _still(package: Path) -> bytes:
    """One frame of the silent double as JPEG: what brand legal looks at before approving the figure."""
    silence = Speech(np.zeros(4800, np.float32), 24000, (Phone("sil", 0.0, 0.2),), (), "", "en")
    frames = engine_of(package).perform(package, silence, width=640, height=360, fps=25)
    target = io.BytesIO()
    Image.fromarray(next(frames).to_ndarray(format="rgb24")).save(target, "JPEG", quality=85)
    return target.getvalue()


# --- performing ---
def perform_take(context: JobContext, *, take_id: UUID) -> dict[str, Any]:
    """Perform a permitted take and hand the encoded file to the gate. Without a permit nothing is made.

    A take that was handed over before is left alone; one whose permit ran out while it waited asks for another.
    """
    take = Take.objects.select_related("grant").get(pk=take_id)
    if take.state != TakeState.PERMITTED:
        return {"state": take.state}
    permit = live_permit(take, timezone.now())
    if permit is None:
        with transaction.atomic():
            ask_for_permit(take=take)
        return {"state": take.state}
    claims = verify_permit(
        permit.envelope,
        now=timezone.now(),
        key_for=permit_key,
    )
    avatar, script = _permitted_parts(claims)
    patterns = MarkPatterns.from_bytes(storage.read_bytes(permit.pattern))
    label = LabelSpec.from_dict(claims.label) if claims.label else None
    with storage.local_copy(avatar.model) as model:
        context.progress(0.02, _("Speaking the script"))
        speech = speak_as(model, script.text, script.language)
        out = context.folder / "take.mp4"
        render(
            engine_of(model).perform(model, speech, width=claims.width, height=claims.height, fps=claims.fps),
            speech,
            Disclosure(label, patterns),
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
