"""The gate's part: a stretch of a broadcast becomes one signed file that names the live manifest as its parent."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from compliance import storage
from compliance.envelope import canonical_bytes
from compliance.jobs.context import JobContext
from compliance.keys.custody import open_custody
from compliance.ledger.events import Event
from compliance.ledger.services import record
from compliance.provenance import aigc
from compliance.provenance.live import LiveVerifier
from compliance.provenance.manifest import (
    GENERATOR_VERSION,
    DigitalSource,
    Ingredient,
    ManifestInput,
    ReceiptReference,
)
from compliance.provenance.pki import Pki
from compliance.provenance.sign import SignedFile, sign_file
from compliance.release.gate import ENGINE_NAME
from compliance.release.judgement import provider_code_of
from compliance.sandbox import Limits, run_sandboxed
from streaming.air.folders import room_folder
from streaming.air.spec import stream_spec
from streaming.archive.gathering import Gathering, Session, gather
from streaming.archive.models import Part, PartState, Stretch
from streaming.models import Room, Showing

Json = dict[str, Any]
_SPARE_MB = 64


@dataclass(frozen=True)
class Made:
    """A file that is signed and read back, not yet kept."""

    path: Path
    signed: SignedFile
    aigc_text: str


def sign_part(context: JobContext, *, part_id: UUID) -> Json:
    """Verify, join, sign and keep one part. Safe to repeat after a kill at any point.

    Raises:
        Unavailable: the time-stamp authority is down; the job is tried again.
    """
    part = Part.objects.select_related("room__take__grant", "room__take__organisation").get(pk=part_id)
    if part.state != PartState.WAITING:
        return {"state": part.state}
    stretches = list(stretches_of(part))
    context.progress(0.05, _("Verifying what was published"))
    found = _gather(part, stretches, context.folder)
    if not found.accepted:
        return _refuse(context, part, found)
    made = _make(context, part, stretches, found.accepted)
    return _keep(context, part, found, made)


def stretches_of(part: Part) -> Any:
    """The stretches the part was planned from."""
    span = (part.first_sequence, part.last_sequence)
    return Stretch.objects.filter(room=part.room, first_sequence__range=span)


def _gather(part: Part, stretches: list[Stretch], folder: Path) -> Gathering:
    take = part.room.take
    rendition = stream_spec(take.width, take.height, take.fps).renditions[0].name
    source = room_folder(part.room_id) / rendition
    return gather(stretches, source, folder, LiveVerifier(Pki.from_settings().anchor_paths()))


def _make(context: JobContext, part: Part, stretches: list[Stretch], sessions: list[Session]) -> Made:
    context.progress(0.4, _("Joining the segments"))
    joined = context.folder / "joined.mp4"
    _join(joined, part.start_ns, sessions)
    for session in sessions:
        session.path.unlink()  # the folder holds the broadcast once, not twice
    context.progress(0.6, _("Writing the required metadata"))
    labelled, text = _write_aigc(part.room, joined, context.folder)
    context.progress(0.7, _("Signing the content credentials"))
    signed_path = context.folder / "signed.mp4"
    given = _manifest(part.room, stretches, sessions)
    signed = sign_file(labelled, signed_path, given, custody=open_custody(), tsa_url=settings.AVOW_TSA_URL)
    return Made(signed_path, signed, text)


def _join(target: Path, start_ns: int, sessions: list[Session]) -> None:
    order = {"sessions": [{"path": str(one.path), "offset_ns": one.start_ns - start_ns} for one in sessions]}
    size = sum(one.path.stat().st_size for one in sessions)
    # The index is written behind the film and moved to its front: twice the film, for a moment.
    limits = Limits(file_mb=2 * (size >> 20) + _SPARE_MB)
    run_sandboxed("streaming.archive.join", str(target), stdin=json.dumps(order).encode(), limits=limits)


def _write_aigc(room: Room, joined: Path, folder: Path) -> tuple[Path, str]:
    """The film with its `AIGC` label, where the operator has a provider code to sign with."""
    code = provider_code_of(room.take)
    if not code:
        return joined, ""
    text = aigc.compose(aigc.Synthesis.IS, code, str(room.take_id))
    labelled = folder / "labelled.mp4"
    aigc.write(joined, labelled, text)
    return labelled, text


def _manifest(room: Room, stretches: list[Stretch], sessions: list[Session]) -> ManifestInput:
    """Its parent is the session of the host: the slate before it is a part of the broadcast, not its origin."""
    of_host = {one.init for one in stretches if one.showing == Showing.HOST}
    ordered = sorted(sessions, key=lambda session: session.init not in of_host)
    receipt = hashlib.sha256(canonical_bytes(room.take.grant.receipt)).hexdigest()
    return ManifestInput(
        title=room.title,
        digital_source=DigitalSource.COMPOSITE,
        engine_name=ENGINE_NAME,
        engine_version=GENERATOR_VERSION,
        mark=bytes.fromhex(room.take.mark.value),
        receipt=ReceiptReference(str(room.take.grant_id), receipt),
        visible_label=next((one.label for one in stretches if one.label), ""),
        ingredients=tuple(Ingredient(f"{room.title} · {one.init}", one.init_bytes) for one in ordered),
    )


# --- the end ---
def _keep(context: JobContext, part: Part, found: Gathering, made: Made) -> Json:
    folder = f"archives/{part.room_id}/{part.id}"
    name = storage.save_file(f"{folder}/{made.signed.sha256}.mp4", made.path)
    try:
        with transaction.atomic():
            context.confirm()
            _forget_earlier_attempts(folder, name)
            part.state, part.file, part.sha256 = PartState.SIGNED, name, made.signed.sha256
            part.size, part.manifest_label = made.path.stat().st_size, made.signed.manifest_label
            part.aigc, part.signed_at = made.aigc_text, timezone.now()
            part.ranges, part.sessions = found.ranges_json(), _sessions_json(found)
            part.save()
            _log(part, found)
    except Exception:
        storage.delete(name)
        raise
    return {"state": part.state, "sha256": part.sha256}


def _forget_earlier_attempts(folder: str, name: str) -> None:
    """Remove what gates signed for this part and were killed before they could say so. The job's fence is confirmed."""
    for other in storage.private().listdir(folder)[1]:
        if f"{folder}/{other}" != name:
            storage.delete(f"{folder}/{other}")


def _refuse(context: JobContext, part: Part, found: Gathering) -> Json:
    """Nothing of it verifies: there is no file, and the reasons stay."""
    with transaction.atomic():
        context.confirm()
        part.state, part.ranges, part.sessions = PartState.REFUSED, found.ranges_json(), _sessions_json(found)
        part.save()
        _log(part, found)
    return {"state": part.state}


def _sessions_json(found: Gathering) -> list[Json]:
    return [{"init": one.init, "manifest": one.manifest, "segments": one.segments} for one in found.sessions]


def _log(part: Part, found: Gathering) -> None:
    record(
        event=Event.STREAMING_ARCHIVE_SIGNED if part.state == PartState.SIGNED else Event.STREAMING_ARCHIVE_REFUSED,
        subject_id=part.room_id,
        organisation_id=part.room.organisation_id,
        actor_id=None,
        data={
            "part": str(part.pk),
            "segments": [part.first_sequence, part.last_sequence],
            "verified": sum(one.segments for one in found.sessions),
            "sha256": part.sha256,
            "manifest": part.manifest_label,
        },
    )
