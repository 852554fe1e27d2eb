"""Whether a take may be performed, and whether what was performed may be published.

Three judges speak, and every reason of each is kept: the person's consent, brand legal's reviews, the rules of
the markets. Nothing here writes; nothing here is believed that was not stored or measured.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from django.conf import settings
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from compliance.consent.rules import Use, permits
from compliance.consent.selectors import effective_grant
from compliance.consent.vocab import reason_text
from compliance.disclosure.decisions import Decision, Severity
from compliance.disclosure.decisions import Reason as RuleReason
from compliance.disclosure.duties import Duty
from compliance.disclosure.evaluator import evaluate
from compliance.disclosure.labels import LabelSpec, compose_label
from compliance.errors import AvowError
from compliance.release.evidence import label_measurement
from compliance.release.label_check import LabelCheckFailed, require_label
from compliance.release.models import Review, ReviewKind, ReviewState, Take
from compliance.release.permits import PermitClaims
from compliance.release.reasons import reason, reason_from, reason_of

Json = dict[str, Any]
MODALITIES = frozenset({"face", "voice"})
# The label, the mark and the sound may end up to this much before or after each other: one AAC frame at 16 kHz.
SOUND_TOLERANCE_S = 0.5
# A stretch of sound shorter than this may be too little for its mark to show; the picture's mark is there regardless.
SOUND_MARK_SHOWS_S = 6.0


@dataclass(frozen=True)
class Judgement:
    """`reasons` is empty when the take may be performed; the rest goes into the permit."""

    reasons: list[Json]
    decision: Decision
    label: LabelSpec | None

    @property
    def decision_json(self) -> Json:
        return self.decision.to_dict()

    @property
    def duties_json(self) -> list[Json]:
        return [duty.to_dict() for duty in self.decision.duties]

    @property
    def label_json(self) -> Json | None:
        return self.label.to_dict() if self.label else None


def judge_take(take: Take, now: datetime) -> Judgement:
    """May this take be performed now? All reasons against it, not only the first."""
    decision = evaluate(_planned_facts(take, now))
    reasons = consent_reasons(take, now) + review_reasons(take) + _rule_reasons(decision)
    reasons += _unmet_capabilities(decision.duties)
    label = None
    try:
        label = compose_label(
            decision.duties, languages=[take.campaign["language"]], width=take.width, height=take.height
        )
    except AvowError as error:
        reasons.append(reason_of(error))
    return Judgement(_once(reasons), decision, label)


# Grant, reviews and rules may all miss the same approval; a person is told once. Code -> the code that says it best.
_SAME_LACK = {
    "script_approval_missing": "script_not_approved",
    "review_not_recorded": "script_not_approved",
    "avatar_approval_missing": "avatar_not_approved",
}


def _once(reasons: list[Json]) -> list[Json]:
    said = {why["code"] for why in reasons}
    return [why for why in reasons if _SAME_LACK.get(why["code"]) not in said]


# --- consent ---
def consent_reasons(take: Take, now: datetime) -> list[Json]:
    """What the grant has against this use at `now`."""
    campaign = take.campaign
    use = Use(
        brand=campaign["brand_id"],
        category=campaign["product_category"],
        purpose=campaign["purpose"],
        platform=campaign["platform"],
        territories=frozenset(campaign["markets"]),
        language=campaign["language"],
        mode=campaign["mode"],
        modalities=MODALITIES,
        at=now,
        duration_s=settings.AVOW_LIVE_SLICE_S if take.live else take.estimated_s,
        approvals=frozenset(_approvals(take)),
    )
    decision = permits(effective_grant(take.grant, now=now, use_id=take.id), use, now)
    reasons = [reason_from(why.code, partial(reason_text, why)) for why in decision.reasons]
    if take.grant.receipt is None:
        reasons.append(reason("receipt_missing", _("The receipt of this consent is not signed yet; wait a moment.")))
    return reasons


def _approvals(take: Take) -> list[str]:
    approved = _reviews(take, ReviewState.APPROVED)
    return [kind for kind in (ReviewKind.SCRIPT, ReviewKind.AVATAR) if kind in approved]


# --- reviews ---
def _digests(take: Take) -> Mapping[ReviewKind, str]:
    return {
        ReviewKind.SCRIPT: take.script_digest,
        ReviewKind.AVATAR: take.avatar_digest,
        ReviewKind.CAMPAIGN: take.campaign_digest,
    }


def _reviews(take: Take, state: ReviewState) -> set[str]:
    """Kinds of review of exactly this content that are in `state`."""
    found = Review.objects.filter(organisation=take.organisation, state=state).values_list("kind", "digest")
    return {kind for kind, digest in _digests(take).items() if (kind, digest) in set(found)}


def review_reasons(take: Take) -> list[Json]:
    """What brand legal has not approved."""
    approved, rejected = _reviews(take, ReviewState.APPROVED), _reviews(take, ReviewState.REJECTED)
    reasons = []
    for kind in _digests(take):
        what = ReviewKind(kind).label
        if kind in rejected:
            reasons.append(reason(f"{kind}_rejected", _("Brand legal has rejected this: %(what)s."), what=what))
        elif kind not in approved:
            text = _("Brand legal has not approved this yet: %(what)s.")
            reasons.append(reason(f"{kind}_not_approved", text, what=what))
    return reasons


# --- rules of the markets ---
def provider_code_of(take: Take) -> str:
    """The code written into the AIGC metadata; the organisation's own, else the operator's, else none."""
    return str(take.organisation.provider_code or settings.AVOW_PROVIDER_CODE)


def _planned_facts(take: Take, now: datetime) -> Json:
    facts: Json = {
        "as_of": now.date().isoformat(),
        "phase": "plan",
        "markets": take.markets,
        "channel": take.campaign["channel"],
        "avatar_kind": "real_replica_living",
        "realism": "photoreal",
        "interaction": "interactive" if take.campaign.get("interactive") else "broadcast",
        "commercial": True,
        "actual_knowledge": True,
        "language": take.campaign["language"],
        "breaks": 0,
        "frame": {"width": take.width, "height": take.height},
        "system_placed_on_market": settings.AVOW_SYSTEM_PLACED_ON_MARKET,
        "script": {"review_recorded": ReviewKind.SCRIPT in _reviews(take, ReviewState.APPROVED)},
    }
    if code := provider_code_of(take):
        facts["provider_code"] = code
    return facts


_STOPS = (Severity.BLOCK, Severity.INSUFFICIENT, Severity.HOLD)


def _rule_reasons(decision: Decision) -> list[Json]:
    reasons = []
    for why in decision.reasons:
        if why.severity in _STOPS:
            reasons.append(reason_from(why.code, partial(_rule_words, why)) | {"rule": why.rule_id})
    if not decision.outcome.permits and not reasons:
        reasons.append(reason("rules_do_not_allow", _("The rules of these markets do not allow this.")))
    return reasons


def _rule_words(why: RuleReason) -> str:
    text, remedy = why.in_language(get_language() or "en")
    return f"{text} {remedy}".strip()


def _unmet_capabilities(duties: tuple[Duty, ...]) -> list[Json]:
    """Duties on the file itself that this version cannot carry out or cannot check: then it must not start."""
    reasons = []
    for duty in duties:
        if duty.kind == "audible_label" or "max_figure_distance_ratio" in duty.parameters:
            text = _("%(markets)s: a duty of these markets cannot be met yet (%(rules)s). Leave them out.")
            words = {"markets": ", ".join(duty.markets), "rules": ", ".join(duty.rule_ids)}
            reasons.append(reason("duty_not_supported", text, **words))
    return reasons


# --- what came out of the encoder ---
def measurement_reasons(claims: PermitClaims, measurement: Json) -> list[Json]:
    """What is wrong with the encoded file, measured against the permit. Needs no rule pack: a permit is exact."""
    picture, sound = measurement["picture"], measurement["sound"]
    checks = (
        (picture["frames"] > 0, "no_frames", _("The file holds no picture.")),
        (
            (picture["width"], picture["height"]) == (claims.width, claims.height),
            "picture_size_differs",
            _("The picture is not of the permitted size."),
        ),
        (picture["irregular_timestamps"] == 0, "timestamps_irregular", _("Frames do not follow one another.")),
        (sound is not None, "no_sound", _("The file has no sound, though a script was spoken.")),
        (
            sound is None or abs(sound["duration_s"] - picture["duration_s"]) <= SOUND_TOLERANCE_S,
            "sound_length_differs",
            _("Picture and sound do not end together."),
        ),
        (
            measurement["watermark"]["present"],
            "watermark_missing",
            _("The permitted mark could not be read from every part of the picture."),
        ),
        (
            sound is None or _carries_mark(sound["watermark"]),
            "sound_watermark_missing",
            _("The permitted mark could not be read from every part of the sound."),
        ),
    )
    reasons = [reason(code, text) for holds, code, text in checks if not holds]
    return reasons + _label_reasons(claims, measurement["label"])


def _carries_mark(sound: Json) -> bool:
    """Sound with the mark, or with too little to be heard for a mark to show in it."""
    if sound["present"]:
        return True
    start, end = sound["missing"]
    return float(end - start) < SOUND_MARK_SHOWS_S


def _label_reasons(claims: PermitClaims, label: Json | None) -> list[Json]:
    if claims.label is None:
        return []
    if label is None:
        return [reason("label_not_measured", _("The required label was not measured."))]
    try:
        require_label(LabelSpec.from_dict(claims.label), label_measurement(label))
    except LabelCheckFailed as failure:
        return [reason_of(failure)]
    return []


def judge_finished(take: Take, claims: PermitClaims, evidence: Json) -> tuple[list[Json], Decision]:
    """The rules' judgement of the signed file: `evidence` holds only what was measured or read back."""
    facts = _planned_facts(take, datetime.fromisoformat(claims.issued_at)) | evidence | {"phase": "finished"}
    decision = evaluate(facts)
    return _rule_reasons(decision), decision
