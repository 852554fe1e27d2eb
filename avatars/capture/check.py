"""The whole capture check, cheapest questions first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from avatars.capture.appearance import check_faces, check_motion
from avatars.capture.container import check_container
from avatars.capture.embedder import FaceEmbedder
from avatars.capture.identity import METHOD
from avatars.capture.minute import StepTime, check_minute
from avatars.capture.person import check_person, usual_face
from avatars.capture.picture import PictureRecord, watch
from avatars.capture.replay import check_replay
from avatars.capture.report import CaptureLimits, CaptureReport, Finding, Unfit
from avatars.capture.sound import check_match, check_sound, listen

Progress = Callable[[float, str], None]


def _silent(_fraction: float, _step: str) -> None:
    """Nobody is watching."""


def check_capture(
    path: Path,
    *,
    limits: CaptureLimits | None = None,
    steps: Sequence[StepTime] = (),
    earlier_face: str = "",
    embedder: FaceEmbedder | None = None,
    progress: Progress = _silent,
) -> CaptureReport:
    """Judge a local video file; never raises for anything the file contains.

    A file whose container already rules it out is refused without decoding a picture (one finding). Otherwise
    sound and picture are each decoded once and every finding is reported, errors first.

    Args:
        path: a local file; its name plays no part.
        limits: what is accepted, `CaptureLimits()` when left out.
        steps: where the steps of a recorded minute lie, when it is one.
        earlier_face: the face recorded before under the same consent (`facts["face"]` of that report), "" for none.
        embedder: an operator's own network, which compares with the earlier face in place of the built-in description.
        progress: called with a fraction 0..1 and the name of the step.
    """
    limits = limits or CaptureLimits()
    facts: dict[str, Any] = {"limits": asdict(limits)}
    findings: list[Finding] = []
    try:
        progress(0.0, "container")
        timing, container_facts = check_container(path, limits)
        findings += timing
        facts |= container_facts
        progress(0.03, "sound")
        sound = listen(path, limits)
        sound_findings, facts["speech_s"] = check_sound(sound, limits)
        findings += sound_findings
        progress(0.1, "picture")
        record = watch(path, limits, lambda fraction: progress(0.1 + 0.85 * fraction, "picture"), embedder)
        face_findings = check_faces(record.samples, limits)
        motion_findings, facts["cuts_s"] = check_motion(record)
        match_findings, facts["lip_match"] = check_match(record.samples, sound)
        findings += face_findings + motion_findings + check_replay(path, record)
        findings += check_minute(steps, sound)
        if not face_findings or face_findings[0].code not in {"no_face", "two_faces"}:
            findings += match_findings
            findings += check_person(record.samples, limits, earlier_face, embedder)
        facts |= _face_facts(record, embedder)
    except Unfit as unfit:
        findings.append(unfit.finding)
    progress(1.0, "done")
    findings.sort(key=lambda finding: (finding.severity.value, finding.at_s or 0.0))
    return CaptureReport(tuple(findings), facts)


def _face_facts(record: PictureRecord, embedder: FaceEmbedder | None) -> dict[str, Any]:
    seen = [sample for sample in record.samples if sample.count]
    if not seen:
        return {"face_share": 0.0}
    return {
        "face_share": round(len(seen) / len(record.samples), 4),
        "face_width_px": round(float(np.median([sample.width_px for sample in seen]))),
        "face_luma": round(float(np.median([sample.luma for sample in seen]))),
        "face": usual_face(record.samples, embedder),
        "face_method": METHOD if embedder is None else embedder.method,
        "face_sharpness": round(float(np.median([sample.sharpness for sample in seen])), 1),
    }
