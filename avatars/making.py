"""What the render workers do: check and build, perform. Nothing here runs without consent or a permit.

Kept apart from the other services because it loads the face and picture libraries, which the web process must not.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from avatars import vault
from avatars.capture.report import FACE_MODEL_UNFIT, CaptureReport
from avatars.capture.report import error as error_finding
from avatars.clips import footage_clip
from avatars.comparison import Comparison, HeldBack, compare, hold_back
from avatars.engine import AvatarCard, ConsentEvidence, Engine, Spoken
from avatars.engine.card import FLOOR, GOOD
from avatars.engine.contract import part_of
from avatars.engine.footage import Footage, survey
from avatars.engine.stages import staged
from avatars.engines import building_engine, engine_named, engine_of
from avatars.errors import FootageRefused
from avatars.media import Encoding
from avatars.models import Avatar, AvatarState, Recording, RecordingState, Script
from avatars.preview import make_preview, preview_still
from avatars.refusing import finding_of, refuse_footage, without_face
from avatars.rendering import Disclosure, render
from avatars.selectors import earlier_recorded
from avatars.services import MODALITIES, enqueue_origin, require_consent_to_build
from avatars.speech import Speech
from avatars.speech.recorded import recorded_speech
from avatars.stages import StoredStages, forget_stages
from avatars.voices import speak_as
from compliance import storage
from compliance.consent.models import Grant
from compliance.consent.selectors import lineage_ids
from compliance.disclosure.labels import LabelSpec
from compliance.errors import BadInput, Refused, Unavailable
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
    if not avatar.origin:  # queued before its origin was asked about
        with transaction.atomic():
            enqueue_origin(avatar)
        return {"state": avatar.state}
    engine = engine_named(avatar.asked_engine) if avatar.asked_engine else building_engine()
    label = f"{avatar.footage_sha256} {engine.name} {engine.version}"
    stages = StoredStages(avatar.id, avatar.grant_id, label, context, gives_way=bool(avatar.asked_engine))
    with vault.local_copy(avatar.grant_id, avatar.footage) as stored:
        try:
            clip, steps = footage_clip(context, avatar, stored)
            report, pictures = _checked(context, avatar, clip, steps, stages)
        except BadInput as error:
            refuse_footage(context, avatar, [finding_of(error)])
            raise
        if report.ok and "marks" not in avatar.origin:
            report = CaptureReport((error_finding("origin_unknown", problem=avatar.origin["problem"]),), report.facts)
        if not report.ok:
            findings = [finding.to_json() for finding in report.findings]
            refuse_footage(context, avatar, findings, report.facts, pictures)
            worst = next(f for f in report.findings if f.severity == "error")
            raise FootageRefused(worst.code, worst.text, findings=findings)
        package = context.folder / "model"
        told, held = hold_back(clip, _spoken(avatar, steps))
        card = _build_model(context, avatar, engine, report, clip, package, stages, told)
        comparison = _compared(context, package, clip, card, stages, held)
        outcome = _keep_model(context, avatar, report, package, card, comparison, steps)
    forget_stages(avatar.id)
    return outcome


# --- the clip ---
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


def _check_footage(context: JobContext, avatar: Avatar, clip: Path, steps: list[dict[str, Any]]) -> dict[str, Any]:
    _refuse_what_declares_itself(clip)
    question = context.folder / "question.json"
    asked = {"steps": steps, "earlier_face": _earlier_face(avatar), "face_model": _face_model()}
    question.write_text(json.dumps(asked), encoding="utf-8")
    try:
        return run_sandboxed(
            "avatars.capture",
            str(clip),
            str(question),
            limits=Limits(memory_mb=settings.AVOW_SANDBOX_MEMORY_MB, cpu_s=900, wall_s=900),
            progress=lambda line: context.progress(0.4 * float(line["progress"]), _("Checking the footage")),
        )
    except BadInput as error:
        if error.code == FACE_MODEL_UNFIT:
            # The operator's mistake: footage must not be refused, and so deleted, for it. The job is tried again.
            text = _("The operator's face model cannot be used: %(problem)s")
            raise Unavailable(FACE_MODEL_UNFIT, text % {"problem": error.text}) from error
        raise


def _face_model() -> dict[str, Any] | None:
    """The operator's own face recognition network with its bounds, see `avatars.capture.embedder`; None without."""
    if not settings.AVOW_FACE_MODEL:
        return None
    return {
        "path": settings.AVOW_FACE_MODEL,
        "other": settings.AVOW_FACE_MODEL_OTHER,
        "same": settings.AVOW_FACE_MODEL_SAME,
    }


def _earlier_face(avatar: Avatar) -> str:
    """The face of the recording before this one, which the same person must be seen in; "" when there is none."""
    earlier = earlier_recorded(avatar)
    return "" if earlier is None else vault.open_text(earlier.grant_id, _face_name(earlier), earlier.face)


def _face_name(avatar: Avatar) -> str:
    return f"faces/{avatar.id}"


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
    engine: Engine,
    report: CaptureReport,
    clip: Path,
    package: Path,
    stages: StoredStages,
    spoken: Spoken | None,
) -> AvatarCard:
    """Have the engine make the model; a clip it cannot use, or makes nothing good of, is refused like any other."""
    evidence = ConsentEvidence(str(avatar.grant_id), avatar.grant.digest, MODALITIES)
    try:
        card = engine.build(clip, evidence, package, part_of(context.progress, 0.4, 0.97), spoken, stages)
        if not card.usable:
            text = _("The model made of this clip is not good enough (%(reasons)s). Please record a calmer clip.")
            raise FootageRefused("model_below_the_floor", text % {"reasons": ", ".join(card.reasons)})
        if avatar.asked_engine and card.engine != avatar.asked_engine:
            text = _("What was learnt does not make this double better than the one without it, which stays as it is.")
            raise FootageRefused("refined_no_better", text)
    except BadInput as error:
        refuse_footage(context, avatar, [finding_of(error)], report.facts)
        raise
    return card


def _compared(
    context: JobContext, package: Path, clip: Path, card: AvatarCard, stages: StoredStages, held: HeldBack | None
) -> Comparison:
    """The person's own frames beside the double's. The survey of the footage is the one the engine has kept."""
    context.progress(0.97, _("Comparing the double with the person"))

    def again() -> Footage:
        return survey(clip, card.fps, card.footage_frames, lambda _share: context.check())

    footage = staged(stages, "survey", Footage, again)
    return compare(engine_of(package), package, clip, footage, held)


def _keep_model(
    context: JobContext,
    avatar: Avatar,
    report: CaptureReport,
    package: Path,
    card: AvatarCard,
    comparison: Comparison,
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
    pairs = {f"comparisons/{avatar.id}/{number}.jpg": pair for number, pair in enumerate(comparison.pairs)}
    compared = {
        "pairs": [{"picture": name, **pair.facts()} for name, pair in pairs.items()], "unseen": comparison.unseen,
    }  # fmt: skip
    picture, film = preview_still(package), context.folder / "preview.mp4"
    context.progress(0.98, _("Making the preview"))
    make_preview(package, film, language=avatar.capture.get("language", "en"), codec=settings.AVOW_VIDEO_ENCODER)
    with transaction.atomic():
        context.confirm()
        Avatar.objects.filter(pk=avatar.pk, state=AvatarState.BUILDING).update(**names, comparison=compared)
    try:
        with transaction.atomic():
            context.confirm()
            require_consent_to_build(avatar.grant)
            locked = Avatar.objects.select_for_update().get(pk=avatar.pk, state=AvatarState.BUILDING)
            vault.seal_file(avatar.grant_id, names["model"], package)
            vault.seal_file(avatar.grant_id, names["preview"], film)
            vault.seal_bytes(avatar.grant_id, names["poster"], picture)
            for name, pair in pairs.items():
                vault.seal_bytes(avatar.grant_id, name, pair.picture)
            locked.findings = [finding.to_json() for finding in report.findings]
            locked.facts = without_face(report.facts)
            if face := report.facts.get("face", ""):
                locked.face = vault.seal_text(avatar.grant_id, _face_name(avatar), face)
            locked.card, locked.bars = card.to_json(), {"floor": asdict(FLOOR), "good": asdict(GOOD)}
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
        for name in (*names.values(), *pairs):
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
    avatar, script, recording = _permitted_parts(claims)
    patterns = MarkPatterns.from_bytes(storage.read_bytes(permit.pattern))
    label = LabelSpec.from_dict(claims.label) if claims.label else None
    with vault.in_memory(avatar.grant_id, avatar.model) as model:
        context.progress(0.02, _("Speaking the script"))
        speech = _speech(model, script, recording)
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
    return Encoding(codec=settings.AVOW_VIDEO_ENCODER, preset=settings.AVOW_VIDEO_PRESET, crf=settings.AVOW_VIDEO_CRF)


def _speech(model: Path, script: Script, recording: Recording | None) -> Speech:
    """The person's own recording where the permit names one, else a synthetic voice."""
    if recording is None:
        return speak_as(model, script.text, script.language)
    with vault.local_copy(recording.avatar.grant_id, recording.sound) as wave:
        if storage.sha256_file(wave) != recording.sha256:
            raise Refused("permit_recording_differs", _("The recording is not the one the permit names."))
        return recorded_speech(wave, script.text, script.language)


def _permitted_parts(claims: PermitClaims) -> tuple[Avatar, Script, Recording | None]:
    """The avatar, the script and, where its digest covers one, the recording that the permit names, byte for byte.

    Raises:
        Refused: permit_avatar_differs, permit_script_differs.
    """
    avatar = Avatar.objects.get(pk=claims.avatar_id)
    grants = lineage_ids(Grant.objects.get(pk=claims.grant_id))
    if not avatar.ready or avatar.digest != claims.avatar_digest or avatar.grant_id not in grants:
        raise Refused("permit_avatar_differs", _("The avatar is no longer the one the permit names."))
    script = Script.objects.get(pk=claims.script_id)
    for recording in (None, *script.recordings.filter(state=RecordingState.READY)):
        if digest_of(script.content(recording)) == claims.script_digest:
            return avatar, script, recording
    raise Refused("permit_script_differs", _("The script is not the one the permit names."))
