"""Ask about a file, examine it, forget it."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, BinaryIO
from uuid import UUID, uuid4

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import override

from compliance import storage
from compliance.consent.selectors import standing
from compliance.errors import BadInput
from compliance.inspection.live import LiveFindings, live_json
from compliance.inspection.models import Inspection, InspectionState
from compliance.inspection.verdict import Findings, decide
from compliance.jobs.context import JobContext
from compliance.jobs.services import enqueue
from compliance.keys.custody import open_custody
from compliance.keys.purposes import KeyPurpose
from compliance.ledger.errors import NotInLog
from compliance.ledger.events import Event
from compliance.ledger.selectors import entry_for, proof
from compliance.provenance.aigc import AigcReading
from compliance.provenance.live.reading import LiveReading
from compliance.provenance.live.selectors import read_live
from compliance.provenance.report import ProvenanceReport
from compliance.provenance.selectors import read_aigc, read_provenance
from compliance.release.fingerprint import FrameHash, matched_share
from compliance.release.models import Release
from compliance.release.selectors import (
    broadcast_slice,
    mark_is_registered,
    newest_marks,
    release_by_mark,
    release_by_sha256,
)
from compliance.sandbox import Limits, run_sandboxed

_KNOWN_MARKS = 20_000  # as many as the reader compares a poor copy with (`watermark.known_marks`)

Json = dict[str, Any]
Progress = Callable[[float, str], None]


# --- asking ---
def ask(*, upload: BinaryIO, upload_name: str, upload_size: int) -> Inspection:
    """Take a file in and queue its examination. Nobody has to sign in.

    Raises:
        BadInput: file_empty, file_too_large.
    """
    if upload_size == 0:
        raise BadInput("file_empty", _("The file is empty. Please choose another."))
    if upload_size > settings.AVOW_MAX_INSPECTION_MB * 1024 * 1024:
        text = _("The file is larger than %(limit)d MB. Please cut out the part in question.")
        raise BadInput("file_too_large", text % {"limit": settings.AVOW_MAX_INSPECTION_MB})
    inspection_id = uuid4()
    stored, sha256 = storage.keep_upload(upload, f"inspections/{inspection_id}")
    with transaction.atomic():
        inspection = Inspection.objects.create(
            id=inspection_id,
            file=stored,
            file_name=storage.display_name(upload_name, "file"),
            size=upload_size,
            sha256=sha256,
        )
        enqueue(
            kind="inspection.inspect", args={"inspection_id": str(inspection.id)}, subject_id=inspection.id
        )
    return inspection


def answer(context: JobContext, *, inspection_id: UUID) -> Json:
    """Examine a waiting file, store the answer and delete the file."""
    inspection = Inspection.objects.get(pk=inspection_id)
    if inspection.state != InspectionState.WAITING:
        return {"state": inspection.state}
    outcome: Json
    try:
        with storage.local_copy(inspection.file) as path:
            outcome = {"state": InspectionState.DONE, "result": inspect_file(path, context.progress)}
    except BadInput as error:
        outcome = {"state": InspectionState.REFUSED, "error_code": error.code, "error_text": error.text}
    with transaction.atomic():
        context.confirm()
        Inspection.objects.filter(pk=inspection.pk).update(finished_at=timezone.now(), file="", **outcome)
    storage.delete(inspection.file)
    return {"state": outcome["state"]}


def forget_expired() -> int:
    """Scheduler: drop old answers, and files whose examination never ended."""
    limit = timezone.now() - timedelta(seconds=settings.AVOW_INSPECTION_KEEP_S)
    old = list(Inspection.objects.filter(created_at__lt=limit))
    for inspection in old:
        storage.delete(inspection.file)
        inspection.delete()
    return len(old)


# --- examining ---
@dataclass(frozen=True)
class _Seen:
    """What the analysers saw in one file."""

    sha256: str
    examined: Json
    credentials: ProvenanceReport
    live: LiveReading
    aigc: AigcReading


def inspect_file(path: Path, progress: Progress = lambda fraction, step: None) -> Json:
    """Everything that can be said about the file at `path`, as JSON; texts in English and Chinese.

    Needs the watermark key, so it runs as inspector (or gate).

    Raises:
        BadInput: the file cannot be examined; the text says why.
    """
    progress(0.05, _("Reading the content credentials"))
    live = read_live(path)
    seen = _Seen(
        sha256=storage.sha256_file(path),
        examined=_examine(path, progress),
        credentials=read_provenance(path) if live.state == "absent" else live.credentials,
        live=live,
        aigc=read_aigc(path),
    )
    release = _find_release(seen)
    findings = _findings(seen, release)
    verdict = decide(findings)
    with override("zh-hans"):
        chinese = decide(findings).to_json()
    return {
        "verdict": verdict.to_json(),
        "verdict_zh": chinese,
        "trace": _trace(release) if release else None,
        "broadcasts": _broadcasts(findings.broadcast_marks),
        "file": {"sha256": seen.sha256, "picture": seen.examined["picture"]},
        "watermark": seen.examined["marks"],
        "c2pa": seen.credentials.to_json(),
        "live": live_json(live),
        "aigc": {"labels": [label.text for label in seen.aigc.labels], "problems": list(_faults(seen.aigc))},
        "same_picture": findings.same_picture,
        "checked_at": timezone.now().isoformat(),
    }


def marks_in(
    path: Path, progress: Progress = lambda fraction, step: None, *, searched_s: float | None = None
) -> list[Json]:
    """Our invisible marks in picture and sound: "mark", "from_s", "to_s", "track", "p_false", "key_id" of each.

    searched_s: seconds in which cut, turned and distorted pictures are looked for too; all of them without. At 0 sound
    that was made faster or slower is not looked for either.

    Needs the watermark key, so it runs as inspector (or gate).

    Raises:
        BadInput: the file cannot be examined; the text says why.
    """
    marks: list[Json] = _examine(path, progress, searched_s)["marks"]
    return marks


def _examine(path: Path, progress: Progress, searched_s: float | None = None) -> Json:
    custody = open_custody()
    current = custody.key_id(KeyPurpose.WATERMARK)
    ids = [current, *(i for i in custody.key_ids(KeyPurpose.WATERMARK) if i != current)]
    keys = [
        {
            "id": key_id,
            "key": base64.b64encode(custody.secret(KeyPurpose.WATERMARK, key_id)).decode(),
            "marks": newest_marks(key_id, _KNOWN_MARKS),
        }
        for key_id in ids
    ]
    return run_sandboxed(
        "compliance.inspection.examine",
        str(path),
        stdin=json.dumps({"keys": keys} | ({} if searched_s is None else {"searched_s": searched_s})).encode(),
        limits=Limits(memory_mb=settings.AVOW_SANDBOX_MEMORY_MB, cpu_s=900, wall_s=900),
        progress=lambda line: progress(0.1 + 0.7 * float(line["progress"]), _("Looking for the watermark")),
    )


def _faults(reading: AigcReading) -> tuple[str, ...]:
    """What is wrong with the labels that are there; having none, or a container that can hold none, is no fault."""
    return tuple(code for code in reading.problems if code != "aigc_absent") if reading.labels else ()


def _find_release(seen: _Seen) -> Release | None:
    """The registered release: by its bytes, else by the mark in the picture, else by the signed credentials."""
    if (release := release_by_sha256(seen.sha256)) is not None:
        return release
    for mark in seen.examined["marks"]:
        if (release := release_by_mark(mark["mark"])) is not None:
            return release
    if seen.credentials.state == "trusted" and seen.credentials.mark:
        return release_by_mark(seen.credentials.mark)
    return None


def _findings(seen: _Seen, release: Release | None) -> Findings:
    marks = tuple(dict.fromkeys(mark["mark"] for mark in seen.examined["marks"]))
    labels = [copy.label.produce_id for copy in seen.aigc.labels if copy.label]
    return Findings(
        exact_copy=release is not None and release.sha256 == seen.sha256,
        credentials=seen.credentials.state,
        credentials_ours=bool(release and seen.credentials.mark == release.mark_id),
        aigc_labels=len(seen.aigc.labels),
        aigc_ours=bool(release and str(release.take_id) in labels),
        aigc_problems=_faults(seen.aigc),
        marks=marks,
        registered_marks=tuple(mark for mark in marks if mark_is_registered(mark)),
        released_marks=tuple(mark for mark in marks if release_by_mark(mark)),
        same_picture=_same_picture(seen, release),
        ledger_proven=release is not None and _ledger(release) is not None,
        live=LiveFindings.of(seen.live),
        broadcast_marks=tuple(mark for mark in marks if broadcast_slice(mark)),
    )


def _same_picture(seen: _Seen, release: Release | None) -> float | None:
    if release is None:
        return None
    query = [FrameHash.from_json(item) for item in seen.examined["fingerprint"]]
    return matched_share(query, [FrameHash.from_json(item) for item in release.fingerprint])


def _ledger(release: Release) -> Json | None:
    """The release's place in the log with a proof that verifies, or None while it has none."""
    entry = entry_for(event=Event.RELEASE_ASSET_RELEASED, subject_id=release.id)
    if entry is None:
        return None
    try:
        proven = proof(entry.index)
    except NotInLog:
        return None
    return {"index": entry.index, "proof": proven.to_text()}


def _broadcasts(marks: Sequence[str]) -> list[Json]:
    """Where marks of live broadcasts lead: the broadcast, its consent, and when each slice was on air."""
    found = [slice_ for mark in marks if (slice_ := broadcast_slice(mark)) is not None]
    return [
        {
            "broadcast": str(permit.take_id),
            "grant": str(permit.grant_id),
            "grant_state": str(standing(permit.grant, now=timezone.now()).state),
            "organisation": permit.take.organisation.name,
            "avatar": str(permit.take.avatar_id),
            "markets": permit.take.markets,
            "mark": permit.mark_id,
            "slice": permit.mark.slice,
            "on_air_from": permit.issued_at.isoformat(),
            "on_air_until": permit.expires_at.isoformat(),
        }
        for permit in found
    ]


def _trace(release: Release) -> Json:
    """Where the file leads. No name of a person: a receipt number is enough to ask further."""
    now_in_force = standing(release.grant, now=timezone.now()).state
    return {
        "release": str(release.id),
        "grant": str(release.grant_id),
        "grant_state": str(now_in_force),
        "organisation": release.organisation.name,
        "avatar": str(release.take.avatar_id),
        "mark": release.mark_id,
        "markets": release.markets,
        "released_at": release.released_at.isoformat(),
        "state": release.state,
        "ledger": _ledger(release),
    }
