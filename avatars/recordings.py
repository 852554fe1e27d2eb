"""A person's own speech as the voice of a take: taken in, checked in the sandbox, bound to the script's digest.

Nobody's ears are replaced: that the words are those of the script is heard by brand legal, whose approval covers the
recording's digest together with the text.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, BinaryIO
from uuid import UUID, uuid4

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from avatars import vault
from avatars.clips import footage_clip
from avatars.models import Avatar, Recording, RecordingSource, RecordingState, Script
from compliance import storage
from compliance.accounts.models import User
from compliance.consent.models import Grant
from compliance.consent.rules import permits_build
from compliance.consent.selectors import effective_grant, lineage_ids
from compliance.consent.terms import Modality
from compliance.errors import BadInput, Refused
from compliance.jobs.context import JobContext
from compliance.jobs.models import Job, JobState
from compliance.jobs.services import enqueue
from compliance.release.models import Take
from compliance.release.services import digest_of
from compliance.sandbox import Limits, run_sandboxed

HEAR = "avatars.hear"

# Code of a refused recording -> what a person is told.
PROBLEMS: dict[str, Promise] = {
    "recording_not_sound": gettext_lazy(
        "This file holds no sound that can be read. Please upload WAV, M4A, MP3, FLAC, Ogg or WebM."
    ),
    "recording_too_long": gettext_lazy("The recording is too long. Please split the script into several takes."),
    "alignment_no_sound": gettext_lazy("No speech can be heard. Please record the script again, near the microphone."),
    "alignment_text_differs": gettext_lazy(
        "The recording is far too long or too short for the script. Please check that it is the right one."
    ),
    "recording_other_words": gettext_lazy(
        "In the recorded minute another text is read. Write a script with exactly those words, or upload a recording."
    ),
    "job_gave_up": gettext_lazy("The recording could not be checked. Please upload it again."),
}


def add_recording(
    *,
    created_by: User,
    avatar: Avatar,
    script: Script,
    upload: BinaryIO | None = None,
    upload_name: str = "",
    upload_size: int = 0,
) -> Recording:
    """Keep the person's recording of a script and queue its check; without `upload` the avatar's footage is heard.

    The same file again is the recording that is there already, so that brand legal is asked once.

    Raises:
        BadInput: recording_empty, recording_too_large, recording_no_footage.
        Refused: recording_other_organisation, consent_without_voice.
    """
    if avatar.organisation_id != script.organisation_id:
        raise Refused("recording_other_organisation", _("Avatar and script belong to different organisations."))
    require_voice(avatar.grant)
    if upload is None and not avatar.footage:
        raise BadInput("recording_no_footage", _("The footage of this avatar is gone. Please upload a recording."))
    recording_id, stored, sha256 = uuid4(), "", avatar.footage_sha256
    if upload is not None:
        _require_size(upload_size)
        stored, sha256 = vault.seal_upload(avatar.grant_id, f"recordings/{recording_id}.upload", upload)
    known = Recording.objects.filter(avatar=avatar, script=script, source_sha256=sha256, state=RecordingState.READY)
    if (same := known.first()) is not None:
        storage.delete(stored)
        return same
    with transaction.atomic():
        recording = Recording.objects.create(
            id=recording_id,
            organisation=script.organisation,
            created_by=created_by,
            avatar=avatar,
            script=script,
            source=RecordingSource.FOOTAGE if upload is None else RecordingSource.UPLOAD,
            name=storage.display_name(upload_name, "recording") if upload else avatar.footage_name,
            upload=stored,
            source_sha256=sha256,
        )
        enqueue(
            kind=HEAR,
            args={"recording_id": str(recording.id)},
            organisation=script.organisation,
            grant_id=avatar.grant_id,
            subject_id=recording.id,
        )
    return recording


def _require_size(size: int) -> None:
    if size == 0:
        raise BadInput("recording_empty", _("The file is empty. Please choose the recording again."))
    if size > settings.AVOW_MAX_RECORDING_MB * 1024 * 1024:
        text = _("The recording is larger than %(limit)d MB. Please export it as M4A or FLAC.")
        raise BadInput("recording_too_large", text % {"limit": settings.AVOW_MAX_RECORDING_MB})


def require_voice(grant: Grant) -> None:
    """Raise Refused (consent_without_voice) with every reason the grant has against using the person's voice."""
    now = timezone.now()
    decision = permits_build(effective_grant(grant, now=now), (Modality.VOICE,), now)
    if not decision:
        reasons = " ".join(reason.text for reason in decision.reasons)
        text = _("The consent does not cover the person's own voice: %(reasons)s")
        codes = [reason.code for reason in decision.reasons]
        raise Refused("consent_without_voice", text % {"reasons": reasons}, reasons=codes)


# --- checking ---
def hear_recording(context: JobContext, *, recording_id: UUID) -> dict[str, Any]:
    """Bring a waiting recording to one form and time its words, in the sandbox; what cannot be used is deleted."""
    recording = Recording.objects.select_related("avatar__grant", "script").get(pk=recording_id)
    if recording.state != RecordingState.CHECKING:
        return {"state": recording.state}
    require_voice(recording.avatar.grant)
    context.progress(0.1, _("Finding the words in the recording"))
    wave = context.folder / "sound.wav"
    try:
        with vault.local_copy(recording.avatar.grant_id, recording.upload or recording.avatar.footage) as source:
            heard = _heard(context, recording, source, wave)
    except BadInput as error:
        _refuse(context, recording, error.code)
        return {"state": RecordingState.REFUSED, "problem": error.code}
    name, sha256 = f"recordings/{recording.id}.wav", storage.sha256_file(wave)
    with transaction.atomic():
        context.confirm()
        vault.seal_file(recording.avatar.grant_id, name, wave)
        Recording.objects.filter(pk=recording.pk).update(
            state=RecordingState.READY, sound=name, sha256=sha256, seconds=heard["seconds"], upload=""
        )
    storage.delete(recording.upload)
    return {"state": RecordingState.READY, **heard}


def _heard(context: JobContext, recording: Recording, source: Path, wave: Path) -> dict[str, Any]:
    script = recording.script
    span: dict[str, float | None] = {"from_s": 0.0, "to_s": None}
    if recording.source == RecordingSource.FOOTAGE:
        source, steps = footage_clip(context, recording.avatar, source)
        reading = next((step for step in steps if step["key"] == "reading"), None)
        if reading is not None:
            _require_words(recording.avatar.capture.get("reading", ""), script)
            span = {"from_s": reading["start_s"], "to_s": reading["end_s"]}
    question = {"text": script.text, "language": script.language, "most_s": settings.AVOW_RECORDING_MAX_S, **span}
    return run_sandboxed(
        "avatars.speech.recorded",
        str(source),
        str(wave),
        stdin=json.dumps(question).encode(),
        limits=Limits(memory_mb=settings.AVOW_SANDBOX_MEMORY_MB, cpu_s=300, wall_s=600),
    )


def _require_words(read: str, script: Script) -> None:
    """The text of a recorded minute is known, so another one is refused without listening."""
    if "".join(read.split()) != "".join(script.text.split()):
        raise BadInput("recording_other_words", str(PROBLEMS["recording_other_words"]))


def _refuse(context: JobContext, recording: Recording, problem: str) -> None:
    with transaction.atomic():
        context.confirm()
        refused = {"state": RecordingState.REFUSED, "problem": problem, "upload": ""}
        Recording.objects.filter(pk=recording.pk).update(**refused)
    storage.delete(recording.upload)


def problem_text(code: str) -> str:
    """What is wrong with a refused recording, in the reader's language."""
    return str(PROBLEMS.get(code, PROBLEMS["job_gave_up"]))


def close_given_up() -> int:
    """Scheduler: a recording whose check was given up is refused, and what was uploaded deleted. Returns how many."""
    gave_up = Job.objects.filter(kind=HEAR, state=JobState.FAILED).values("subject_id")
    lost = list(Recording.objects.filter(pk__in=gave_up, state=RecordingState.CHECKING))
    for recording in lost:
        storage.delete(recording.upload)
        refused = {"state": RecordingState.REFUSED, "problem": "job_gave_up", "upload": ""}
        Recording.objects.filter(pk=recording.pk, state=RecordingState.CHECKING).update(**refused)
    return len(lost)


# --- using ---
def require_fit(recording: Recording, avatar: Avatar, script: Script) -> None:
    """Whether a recording may be the voice of this avatar with this script.

    Raises:
        Refused: recording_not_ready, recording_other_script, recording_other_person, consent_without_voice.
    """
    if recording.state != RecordingState.READY:
        raise Refused("recording_not_ready", _("This recording is not ready; wait for its check, or choose another."))
    if recording.script_id != script.pk:
        raise Refused("recording_other_script", _("This recording is of another script, or of another version of it."))
    if recording.avatar.grant_id not in lineage_ids(avatar.grant):
        text = _("This recording is not of the person whose consent the avatar rests on.")
        raise Refused("recording_other_person", text)
    require_voice(avatar.grant)


def recording_of(take: Take) -> Recording | None:
    """The recording that the take's script digest covers; None for a synthetic voice."""
    made = Recording.objects.filter(script_id=take.script_id).select_related("script")
    return next((one for one in made if digest_of(one.script.content(one)) == take.script_digest), None)


def destroy_recordings(avatar: Avatar) -> None:
    """Delete all recordings of an avatar's voice, the files first."""
    for recording in avatar.recordings.exclude(state=RecordingState.DESTROYED):
        for name in recording.files:
            storage.delete(name)
        gone = {"state": RecordingState.DESTROYED, "upload": "", "sound": ""}
        Recording.objects.filter(pk=recording.pk).update(**gone)
