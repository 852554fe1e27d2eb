"""The gate's judgement of one segment: opened in the sandbox, measured, compared with the permit of its slice."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from compliance.consent.selectors import chain_point
from compliance.disclosure.labels import LabelSpec
from compliance.errors import Refused
from compliance.keys.custody import Custody
from compliance.keys.purposes import KeyPurpose
from compliance.release.evidence import label_measurement
from compliance.release.judgement import consent_reasons
from compliance.release.label_check import LabelCheckFailed, require_label
from compliance.release.models import Mark, Permit
from compliance.release.permits import PermitClaims, verify_permit
from compliance.release.reasons import reason, reason_of
from compliance.release.selectors import permit_key
from compliance.sandbox import SandboxedProcess
from streaming.air.measuring import measuring_child
from streaming.air.spec import duties_of, live_label
from streaming.packager.packager import Segment
from streaming.packager.spec import StreamSpec

Json = dict[str, Any]
_ANSWER_S = 10.0
_START_S = 60.0
"""For the first answer of a child, which loads its code before: on a busy machine that takes longer than any segment,
and a child that is ended meanwhile would begin anew for ever."""
_SOUND_TOLERANCE_S = 0.1


class SegmentRefused(Refused):
    """A segment that must not be seen. `reasons` are all that was found wrong."""

    def __init__(self, reasons: list[Json]) -> None:
        super().__init__(reasons[0]["code"], reasons[0]["text"])
        self.reasons = reasons


class NotPermitted(SegmentRefused):
    """Consent, reviews, rules or the permit say no: nothing that a performer could do better."""


@dataclass(frozen=True)
class Bounds:
    """What a segment is measured against: the sizes, the label in each, the mark."""

    spec: StreamSpec
    labels: Mapping[str, LabelSpec | None]
    mark: Mark

    @classmethod
    def of(cls, spec: StreamSpec, duties: list[Json], language: str, mark: Mark) -> Bounds:
        labels = {
            rendition.name: live_label(duties_of(duties), [language], rendition.width, rendition.height)
            for rendition in spec.renditions
        }
        return cls(spec, labels, mark)


@dataclass(frozen=True)
class PermitInForce:
    """A permit that was in force when it was looked at, with what its signature says.

    `consent`: what the look rests on, as `chain_point`.
    """

    permit: Permit
    claims: PermitClaims
    consent: tuple[UUID, int]

    def confirm(self, now: datetime) -> None:
        """That it still is. Unless something has changed no signature is verified a second time.

        Raises:
            As `permit_in_force`.
        """
        alive = _alive(str(self.permit.pk), now).exists()
        if not alive or chain_point(self.permit.take.grant) != self.consent:
            permit_in_force(str(self.permit.pk), now)


def permit_in_force(permit_id: str, now: datetime) -> PermitInForce:
    """The permit of a slice, as the database and its signature have it at this moment.

    Raises:
        NotPermitted: permit_not_alive, or what consent has against the use now.
        VerificationFailed, Refused: as `verify_permit`.
    """
    permit = _alive(permit_id, now).select_related("take__grant", "take__organisation", "mark").first()
    if permit is None:
        raise NotPermitted([reason("permit_not_alive", _("The permit was withdrawn or has expired."))])
    consent = chain_point(permit.take.grant)  # before the consent itself is read: what comes between is seen later
    if reasons := consent_reasons(permit.take, now):
        raise NotPermitted(reasons)
    return PermitInForce(permit, verify_permit(permit.envelope, now=now, key_for=permit_key), consent)


def _alive(permit_id: str, now: datetime) -> QuerySet[Permit]:
    return Permit.objects.filter(pk=permit_id, revoked_at__isnull=True, expires_at__gt=now)


class Checker:
    """Measures the segments of one room in one sandboxed child. Not for concurrent use."""

    def __init__(self, custody: Custody, child: SandboxedProcess | None = None) -> None:
        """`child`: one of `measuring_child` that may be running already."""
        self._custody = custody
        self._child = child or measuring_child()
        self._opened: dict[str, tuple[bytes, Json | None]] = {}

    def start(self) -> None:
        """Have the child load its code, which takes seconds, before there is anything to measure."""
        self._child.start()

    def close(self) -> None:
        self._child.close()
        self._opened.clear()

    def check(self, bounds: Bounds, init: bytes, segment: Segment) -> Json:
        """The measurement of a segment that may be seen.

        Raises:
            SegmentRefused: with every reason.
            SandboxFailure, BadInput: the bytes are no segment of this room.
        """
        label = bounds.labels[segment.rendition]
        order = (init, label.to_dict() if label else None)
        try:
            if self._opened.get(segment.rendition) != order:
                question = {"op": "open", "rendition": segment.rendition, "label": order[1]}
                self._child.ask(question, init, timeout_s=_ANSWER_S if self._opened else _START_S)
                self._opened[segment.rendition] = order
            measured = self._child.ask(self._question(bounds, segment), segment.data, timeout_s=_ANSWER_S)
        except Exception:
            self.close()  # whatever a child still remembers, the next one is told anew
            raise
        if reasons := _reasons(bounds, segment, measured, label):
            raise SegmentRefused(reasons)
        return measured

    def _question(self, bounds: Bounds, segment: Segment) -> Json:
        secret = self._custody.secret(KeyPurpose.WATERMARK, bounds.mark.key_id)
        return {
            "op": "segment",
            "rendition": segment.rendition,
            "mark": bounds.mark.value,
            "key_id": bounds.mark.key_id,
            "key": base64.b64encode(secret).decode(),
        }


def _reasons(bounds: Bounds, segment: Segment, measured: Json, label: LabelSpec | None) -> list[Json]:
    rendition, sound = bounds.spec.rendition(segment.rendition), measured["sound"]
    seconds = float(segment.duration)
    checks = (
        (
            (measured["width"], measured["height"]) == (rendition.width, rendition.height),
            "picture_size_differs",
            _("The picture is not of the permitted size."),
        ),
        (measured["irregular_timestamps"] == 0, "timestamps_irregular", _("Frames do not follow one another.")),
        (0 < measured["frames"] <= segment.frames, "frames_differ", _("The segment holds other frames than it says.")),
        (sound is not None, "no_sound", _("The segment has no sound.")),
        (
            sound is None or abs(sound["duration_s"] - seconds) <= _SOUND_TOLERANCE_S,
            "sound_length_differs",
            _("Picture and sound do not end together."),
        ),
        (
            measured["watermark"]["present"],
            "watermark_missing",
            _("The permitted mark could not be read from the picture."),
        ),
    )
    reasons = [reason(code, text) for holds, code, text in checks if not holds]
    if label is not None:
        try:
            require_label(label, label_measurement(measured["label"]))
        except LabelCheckFailed as failure:
            reasons.append(reason_of(failure))
    return reasons
