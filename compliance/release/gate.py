"""The gate: the only process that signs. It opens the encoded bytes, believes nothing, and lets through what holds.

Order matters. Measuring comes first and touches no key but the watermark's; metadata and signature are written
only to what has passed; the last transaction asks once more whether consent and permit are alive, because a
withdrawal may have come while the file was being signed.
"""

from __future__ import annotations

import base64
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
from django.utils.translation import gettext_lazy

from compliance import storage
from compliance.consent.services import record_usage
from compliance.envelope import canonical_bytes
from compliance.errors import BadInput, Refused, VerificationFailed
from compliance.jobs.context import JobContext
from compliance.keys.custody import open_custody
from compliance.keys.purposes import KeyPurpose
from compliance.ledger.events import Event
from compliance.ledger.services import record
from compliance.provenance import aigc
from compliance.provenance.manifest import (
    GENERATOR_VERSION,
    DigitalSource,
    ManifestInput,
    ReceiptReference,
)
from compliance.provenance.selectors import read_aigc, read_provenance
from compliance.provenance.sign import SignedFile, sign_file
from compliance.release.evidence import finished_evidence
from compliance.release.judgement import (
    consent_reasons,
    judge_finished,
    measurement_reasons,
    provider_code_of,
)
from compliance.release.models import Permit, Quarantine, Release, Take, TakeState
from compliance.release.permits import PermitClaims, verify_permit
from compliance.release.reasons import reason, reason_of
from compliance.release.selectors import live_permit, permit_key
from compliance.release.services import digest_of
from compliance.sandbox import Limits, run_sandboxed

Json = dict[str, Any]
ENGINE_NAME = "Avow avatar engine"


class GateRefusal(Refused):
    """The file must not be published. `reasons` are all that was found wrong."""

    def __init__(self, reasons: list[Json], measurement: Json | None = None) -> None:
        super().__init__(reasons[0]["code"], reasons[0]["text"])
        self.reasons = reasons
        self.measurement = measurement


@dataclass(frozen=True)
class Passed:
    """A file that was let through: signed, read back, not yet published."""

    path: Path
    signed: SignedFile
    aigc_text: str
    measurement: Json
    decision: Json
    credentials: Json


def admit(context: JobContext, *, take_id: UUID) -> Json:
    """Judge the rendering of a take and release or quarantine it. Safe to repeat after a kill at any point.

    Raises:
        Unavailable: the time-stamp authority is down; the job is tried again and nothing is published.
    """
    take = Take.objects.select_related("grant", "organisation").get(pk=take_id)
    if take.state != TakeState.RENDERED:
        _clear_away(take)
        return {"state": take.state}
    with storage.local_copy(take.rendering) as rendering:
        try:
            permit, claims = _permit_in_force(take)
            passed = _examine(context, take, claims, rendering, context.folder)
        except GateRefusal as refusal:
            return _quarantine(context, take, rendering, refusal.reasons, refusal.measurement)
        except (BadInput, VerificationFailed, Refused) as error:
            return _quarantine(context, take, rendering, [reason_of(error)], None)
        try:
            return _publish(context, take, permit, passed)
        except GateRefusal as refusal:
            return _quarantine(context, take, rendering, refusal.reasons, passed.measurement)
        except Refused as refusal:  # the hours that were granted may have been used up meanwhile
            return _quarantine(context, take, rendering, [reason_of(refusal)], passed.measurement)


def _permit_in_force(take: Take) -> tuple[Permit, PermitClaims]:
    permit = live_permit(take, timezone.now())
    if permit is None:
        raise GateRefusal([reason("permit_not_alive", gettext_lazy("The permit was withdrawn or has expired."))])
    return permit, verify_permit(permit.envelope, now=timezone.now(), key_for=permit_key)


def _examine(context: JobContext, take: Take, claims: PermitClaims, rendering: Path, folder: Path) -> Passed:
    context.progress(0.05, _("Opening the encoded file"))
    measurement = _measure(context, rendering, claims)
    if reasons := measurement_reasons(claims, measurement):
        raise GateRefusal(reasons, measurement)
    context.progress(0.7, _("Writing the required metadata"))
    labelled, text = _write_aigc(take, rendering, folder)
    context.progress(0.8, _("Signing the content credentials"))
    signed_path = folder / "signed.mp4"
    signed = sign_file(
        labelled, signed_path, _manifest(take, claims), custody=open_custody(), tsa_url=settings.AVOW_TSA_URL
    )
    context.progress(0.9, _("Reading back what was written"))
    credentials = read_provenance(signed_path)
    evidence = finished_evidence(claims, measurement, credentials, read_aigc(signed_path), expected=text)
    reasons, decision = judge_finished(take, claims, evidence)
    if reasons:
        raise GateRefusal(reasons, measurement)
    return Passed(signed_path, signed, text, measurement, decision.to_dict(), credentials.to_json())


def _write_aigc(take: Take, rendering: Path, folder: Path) -> tuple[Path, str]:
    """The rendering with its `AIGC` label, where the operator has a provider code to sign with."""
    code = provider_code_of(take)
    if not code:
        return rendering, ""
    text = aigc.compose(aigc.Synthesis.IS, code, str(take.id))
    labelled = folder / "labelled.mp4"
    aigc.write(rendering, labelled, text)
    return labelled, text


def _measure(context: JobContext, rendering: Path, claims: PermitClaims) -> Json:
    secret = open_custody().secret(KeyPurpose.WATERMARK, claims.watermark_key_id)
    order = {
        "label": claims.label,
        "mark": claims.mark,
        "key_id": claims.watermark_key_id,
        "key": base64.b64encode(secret).decode(),
    }
    return run_sandboxed(
        "compliance.release.measure",
        str(rendering),
        stdin=json.dumps(order).encode(),
        limits=Limits(memory_mb=settings.AVOW_SANDBOX_MEMORY_MB, cpu_s=3600, wall_s=3600),
        progress=lambda line: context.progress(0.05 + 0.6 * float(line["progress"]), _("Measuring label and mark")),
    )


def _manifest(take: Take, claims: PermitClaims) -> ManifestInput:
    receipt = hashlib.sha256(canonical_bytes(take.grant.receipt)).hexdigest()
    return ManifestInput(
        title=take.title,
        digital_source=DigitalSource.COMPOSITE,
        engine_name=ENGINE_NAME,
        engine_version=GENERATOR_VERSION,
        mark=bytes.fromhex(claims.mark),
        receipt=ReceiptReference(str(take.grant_id), receipt),
        visible_label=" ".join(claims.label["lines"]) if claims.label else "",
    )


# --- the end of the road ---
def _publish(context: JobContext, take: Take, permit: Permit, passed: Passed) -> Json:
    """The one transaction after which the file exists for the world."""
    sha256 = storage.sha256_file(passed.path)
    name = storage.save_file(f"releases/{take.id}/{sha256}.mp4", passed.path)
    try:
        with transaction.atomic():
            context.confirm()
            locked = Take.objects.select_for_update(of=("self",)).select_related("grant").get(pk=take.pk)
            _still_allowed(locked, permit)
            _forget_earlier_attempts(name)
            release = _create_release(locked, permit, passed, sha256=sha256, name=name)
            locked.state, locked.reasons = TakeState.RELEASED, []
            locked.save()
    except Exception:
        storage.delete(name)
        raise
    _clear_away(locked)
    return {"state": TakeState.RELEASED, "release_id": str(release.id)}


def _forget_earlier_attempts(name: str) -> None:
    """Remove what gates signed for this take and were killed before they could release it.

    Only while the job is locked and its fence confirmed: no other attempt can have released, or still release, one.
    """
    folder = name.rpartition("/")[0]
    for other in storage.private().listdir(folder)[1]:
        if f"{folder}/{other}" != name:
            storage.delete(f"{folder}/{other}")


def _clear_away(take: Take) -> None:
    """Nothing unsigned outlives the decision, nor does what marks were made from. Repeated when a kill cut it short."""
    if take.state in (TakeState.RELEASED, TakeState.QUARANTINED):
        storage.delete(take.rendering)
        for permit in take.permits.all():
            storage.delete(permit.pattern)


def _still_allowed(take: Take, permit: Permit) -> None:
    """A withdrawal may have come while the file was measured and signed."""
    if take.state != TakeState.RENDERED or live_permit(take, timezone.now()) != permit:
        raise GateRefusal([reason("permit_not_alive", gettext_lazy("The permit was withdrawn or has expired."))])
    if reasons := consent_reasons(take, timezone.now()):
        raise GateRefusal(reasons)


def _create_release(take: Take, permit: Permit, passed: Passed, *, sha256: str, name: str) -> Release:
    release = Release.objects.create(
        take=take,
        organisation=take.organisation,
        grant=take.grant,
        permit=permit,
        mark=take.mark,
        sha256=sha256,
        size=passed.path.stat().st_size,
        file=name,
        duration_s=passed.measurement["picture"]["duration_s"],
        manifest_label=passed.signed.manifest_label,
        aigc=passed.aigc_text,
        measurement={key: value for key, value in passed.measurement.items() if key != "fingerprint"},
        decision=passed.decision,
        credentials=passed.credentials,
        fingerprint=passed.measurement["fingerprint"],
    )
    record_usage(grant=take.grant, release_id=release.id, seconds=release.duration_s, markets=take.markets)
    record(
        event=Event.RELEASE_ASSET_RELEASED,
        subject_id=release.id,
        organisation_id=take.organisation_id,
        actor_id=None,
        data={
            "sha256": sha256,
            "mark": take.mark.value,
            "take": str(take.id),
            "grant": take.grant.digest,
            "permit": digest_of(permit.envelope),
            "manifest": passed.signed.manifest_label,
            "markets": take.markets,
            "decision": digest_of(passed.decision),
            "fingerprint": digest_of({"frames": passed.measurement["fingerprint"]}),
        },
    )
    return release


def _quarantine(
    context: JobContext, take: Take, rendering: Path, reasons: list[Json], measurement: Json | None
) -> Json:
    """Keep what did not pass, with every reason, where only its organisation and authorities can look at it.

    A rendering whose consent has been withdrawn meanwhile is not kept: the cascade has destroyed it.
    """
    sha256 = storage.sha256_file(rendering)
    name = f"quarantine/{take.id}/{sha256}.mp4"
    with transaction.atomic():
        context.confirm()
        locked = Take.objects.select_for_update().get(pk=take.pk)
        if locked.state != TakeState.RENDERED:
            return {"state": locked.state}
        held = Quarantine.objects.create(
            take=locked,
            organisation=locked.organisation,
            file=storage.save_file(name, rendering),
            sha256=sha256,
            reasons=reasons,
            measurement=measurement,
        )
        locked.state, locked.reasons = TakeState.QUARANTINED, reasons
        locked.save()
        record(
            event=Event.RELEASE_ASSET_QUARANTINED,
            subject_id=held.id,
            organisation_id=locked.organisation_id,
            actor_id=None,
            data={"take": str(locked.id), "sha256": sha256, "reasons": held.codes},
        )
    _clear_away(locked)
    return {"state": TakeState.QUARANTINED, "reasons": reasons}
