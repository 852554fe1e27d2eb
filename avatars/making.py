"""What the render workers do: check and build, perform. Nothing here runs without consent or a permit.

Kept apart from the other services because it loads the face and picture libraries, which the web process must not.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from avatars.capture.report import CaptureReport
from avatars.capture.report import error as error_finding
from avatars.engine import AvatarCard, ConsentEvidence, Spoken
from avatars.engines import building_engine, engine_of
from avatars.errors import FootageRefused
from avatars.media import Encoding
from avatars.models import Avatar, AvatarState, Script
from avatars.preview import make_preview, preview_still
from avatars.rendering import Disclosure, render
from avatars.selectors import earlier_face
from avatars.services import MODALITIES, require_consent_to_build
from avatars.stages import StoredStages, forget_stages
from avatars.voices import speak_as
from compliance import storage
from compliance.consent.models import Grant
from compliance.consent.selectors import lineage_ids
from compliance.disclosure.labels import LabelSpec
from compliance.errors import BadInput, Refused
from compliance.jobs.context import JobContext
from compliance.ledger.events import Event
from compliance.ledger.services import record
from compliance.provenance.selectors import read_aigc, read_provenance
from compliance.release.models import Take, TakeState
from compliance.release.permits import PermitClaims, verify_permit
from compliance.release.selectors import live_permit, permit_key
from compliance.release.services import ask_for_permit, digest_of, submit_rendering
from compliance.sandbox import Limits, run_sandboxed
from watermark import MarkPatterns

# IPTC digital source types of what no camera has seen, or not only a camera.
AI_SOURCES = frozenset(
    {"trainedAlgorithmicMedia", "compositeWithTrainedAlgorithmicMedia", "algorithmicMedia", "compositeSynthetic"}
)


# --- building ---
def build_avatar(context: JobContext, *, avatar_id: UUID) -> dict[str, Any]:
    """Check the clip in the sandbox, then make the model. Repeats safely; refused footage is deleted.

    Finished stages are kept: a build that was paused or whose worker died goes on after the last of them.

    Raises:
        FootageRefused: the clip cannot be used; the findings are stored with the avatar.
    """
    avatar = Avatar.objects.select_related("grant").get(pk=avatar_id)
    if avatar.state != AvatarState.BUILDING:
        return {"state": avatar.state}
    require_consent_to_build(avatar.grant)
    engine = building_engine()
    stages = StoredStages(avatar.id, f"{avatar.footage_sha256} {engine.name} {engine.version}", context)
    with storage.local_copy(avatar.footage) as stored:
        try:
            clip, steps = _clip(context, avatar, stored)
            report, pictures = _checked(context, avatar, clip, steps, stages)
        except BadInput as error:
            _refuse_footage(context, avatar, [_finding_of(error)], {})
            raise
        if not report.ok:
            findings = [finding.to_json() for finding in report.findings]
            _refuse_footage(context, avatar, findings, report.facts, pictures)
            worst = next(f for f in report.findings if f.severity == "error")
            raise FootageRefused(worst.code, worst.text, findings=findings)
        package = context.folder / "model"
        card = _build_model(context, avatar, report, clip, package, stages, _spoken(avatar, steps))
        outcome = _keep_model(context, avatar, report, package, card, steps)
    forget_stages(avatar.id)
    return outcome


def _finding_of(error: BadInput) -> dict[str, Any]:
    """A refusal as a finding; one that carries a finding of its own keeps it."""
    plain = {"code": error.code, "text": error.text, "severity": "error", "at_s": None}
    return dict(error.details.get("finding", plain))


# --- the clip ---
def _clip(context: JobContext, avatar: Avatar, stored: Path) -> tuple[Path, list[dict[str, Any]]]:
    """The footage as one clip and where its steps lie; takes recorded in the browser are joined for this attempt."""
    if not avatar.capture:
        return stored, []
    joined = context.folder / "minute.mkv"
    memory_mb, file_mb = settings.AVOW_SANDBOX_MEMORY_MB, settings.AVOW_MAX_UPLOAD_MB
    limits = Limits(memory_mb=memory_mb, cpu_s=120, wall_s=300, file_mb=file_mb)
    context.progress(0.0, _("Joining the takes"))
    times = run_sandboxed("avatars.capture.join", str(stored), str(joined), limits=limits)["steps"]
    asked = {step["key"]: step for step in avatar.capture["steps"]}
    return joined, [{**asked[time["key"]], **time} for time in times]


def _spoken(avatar: Avatar, steps: list[dict[str, Any]]) -> Spoken | None:
    """The text that was read and when, where the minute was recorded under our plan; of other clips nobody knows."""
    reading = next((step for step in steps if step["key"] == "reading"), None)
    if reading is None or not avatar.capture.get("reading"):
        return None
    text, language = avatar.capture["reading"], avatar.capture["language"]
    return Spoken(text, language, from_s=reading["start_s"], to_s=reading["end_s"])


def _checked(
    context: JobContext, avatar: Avatar, clip: Path, steps: list[dict[str, Any]], stages: StoredStages
) -> tuple[CaptureReport, dict[str, str]]:
    """The report on the clip and the pictures of its findings (number -> JPEG as base64)."""
    if (kept := stages.load("check")) is None:
        result = _check_footage(context, avatar, clip, steps)
        stages.keep("check", kept := json.dumps(result).encode())
    found = json.loads(kept)
    return CaptureReport.from_json(found), found["pictures"]


def _check_footage(
    context: JobContext, avatar: Avatar, clip: Path, steps: list[dict[str, Any]]
) -> dict[str, Any]:
    _refuse_what_declares_itself(clip)
    question = context.folder / "question.json"
    question.write_text(json.dumps({"steps": steps, "earlier_face": earlier_face(avatar)}), encoding="utf-8")
    return run_sandboxed(
        "avatars.capture",
        str(clip),
        str(question),
        limits=Limits(memory_mb=settings.AVOW_SANDBOX_MEMORY_MB, cpu_s=900, wall_s=900),
        progress=lambda line: context.progress(0.4 * float(line["progress"]), _("Checking the footage")),
    )


def _refuse_what_declares_itself(clip: Path) -> None:
    """A double is made from a camera's recording, never from what says itself that AI made it.

    Raises:
        BadInput: ai_declared, with the finding.
    """
    credentials = read_provenance(clip)
    sources = {action.get("digitalSourceType", "").rsplit("/", 1)[-1] for action in credentials.actions} & AI_SOURCES
    if credentials.mark:
        sources.add("Avow")
    if read_aigc(clip).labels:
        sources.add("AIGC, GB 45438")
    if sources:
        finding = error_finding("ai_declared", source=", ".join(sorted(sources)))
        raise BadInput(finding.code, finding.text, finding=finding.to_json())


def _build_model(
    context: JobContext,
    avatar: Avatar,
    report: CaptureReport,
    clip: Path,
    package: Path,
    stages: StoredStages,
    spoken: Spoken | None,
) -> AvatarCard:
    """Have the engine make the model; a clip it cannot use, or makes nothing good of, is refused like any other."""
    evidence = ConsentEvidence(str(avatar.grant_id), avatar.grant.digest, MODALITIES)
    try:
        card = building_engine().build(clip, evidence, package, _staged(context, 0.4, 0.97), spoken, stages)
        if not card.usable:
            text = _("The model made of this clip is not good enough (%(reasons)s). Please record a calmer clip.")
            raise FootageRefused("model_below_the_floor", text % {"reasons": ", ".join(card.reasons)})
    except BadInput as error:
        _refuse_footage(context, avatar, [_finding_of(error)], report.facts)
        raise
    return card


def _staged(context: JobContext, start: float, end: float) -> Callable[[float, str], None]:
    """Progress of one stage as progress of the whole job."""
    return lambda fraction, step: context.progress(start + (end - start) * fraction, step)


def _refuse_footage(
    context: JobContext,
    avatar: Avatar,
    findings: list[Any],
    facts: dict[str, Any],
    pictures: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Footage that cannot be used is not kept: it is a person's face without a purpose. Small pictures of the seconds
    in question stay for a day, so that the person sees what to do otherwise.
    """
    with transaction.atomic():
        context.confirm()
        names = {number: f"findings/{avatar.id}/{number}.jpg" for number in pictures}
        Avatar.objects.filter(pk=avatar.pk).update(
            state=AvatarState.FAILED,
            findings=findings,
            facts=_without_face(facts),
            footage="",
            pictures=names,
        )
        for number, name in names.items():
            storage.save_bytes(name, base64.b64decode(pictures[number]))
    storage.delete(avatar.footage)
    forget_stages(avatar.id)


def _without_face(facts: dict[str, Any]) -> dict[str, Any]:
    """A description of a face is not a figure to be shown; it has a column that dies with the avatar."""
    return {name: value for name, value in facts.items() if name != "face"}


def _keep_model(
    context: JobContext,
    avatar: Avatar,
    report: CaptureReport,
    package: Path,
    card: AvatarCard,
    steps: list[dict[str, Any]],
) -> dict[str, Any]:
    """A withdrawal that comes while the model is being made wins: what was made is deleted again.

    The row names the files before there are any, so that a withdrawal also finds what a killed worker left. They are
    stored while the job is locked, so that none can come between them.
    """
    digest = storage.sha256_file(package)
    names = {
        "model": f"models/{avatar.id}", "poster": f"posters/{avatar.id}.jpg", "preview": f"previews/{avatar.id}.mp4",
    }  # fmt: skip
    picture, film = preview_still(package), context.folder / "preview.mp4"
    context.progress(0.98, _("Making the preview"))
    make_preview(package, film, language=avatar.capture.get("language", "en"), codec=settings.AVOW_VIDEO_ENCODER)
    with transaction.atomic():
        context.confirm()
        Avatar.objects.filter(pk=avatar.pk, state=AvatarState.BUILDING).update(**names)
    try:
        with transaction.atomic():
            context.confirm()
            require_consent_to_build(avatar.grant)
            locked = Avatar.objects.select_for_update().get(pk=avatar.pk, state=AvatarState.BUILDING)
            storage.save_file(names["model"], package)
            storage.save_file(names["preview"], film)
            storage.save_bytes(names["poster"], picture)
            locked.findings = [finding.to_json() for finding in report.findings]
            locked.facts, locked.face = _without_face(report.facts), report.facts.get("face", "")
            locked.card = card.to_json()
            if steps:
                locked.capture = {**locked.capture, "steps": steps}
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
        for name in names.values():
            storage.delete(name)
        raise
    return {"state": AvatarState.READY, "digest": digest}


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
