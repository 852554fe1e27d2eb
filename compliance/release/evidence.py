"""Measurements and read-backs as facts for the rules (pure). What was not seen is left out, so it stays unknown."""

from __future__ import annotations

from typing import Any

from compliance.provenance.aigc import AigcReading
from compliance.provenance.report import ProvenanceReport
from compliance.release.label_check import LabelMeasurement
from compliance.release.permits import PermitClaims

Json = dict[str, Any]


def finished_evidence(
    claims: PermitClaims,
    measurement: Json,
    credentials: ProvenanceReport,
    aigc: AigcReading,
    *,
    expected: str,
) -> Json:
    """Facts about a signed file. `expected` is the AIGC text that was written, empty when none was due."""
    as_written = aigc.label is not None and aigc.labels[0].text == expected
    evidence: Json = {
        "layers": {
            "c2pa": credentials.state == "trusted" and credentials.mark == claims.mark,
            "watermark": measurement["watermark"]["present"],
            "aigc": bool(expected) and as_written,
            "fingerprint": bool(measurement["fingerprint"]),
        },
        "marking": {"c2pa": _c2pa(credentials), "aigc": _aigc(aigc)},
    }
    if claims.label and measurement["label"]:
        seen = label_measurement(measurement["label"])
        # A label that never left the picture is shown again after every break.
        evidence["label"] = seen.to_facts() | {"reasserted_after_breaks": seen.visible_share == 1.0}
    return evidence


def label_measurement(stored: Json) -> LabelMeasurement:
    """The measurement that came out of the sandbox as JSON."""
    gaps = tuple((float(start), float(end)) for start, end in stored["gaps"])
    box = tuple(stored["box"]) if stored["box"] else None
    return LabelMeasurement(**{**stored, "text": tuple(stored["text"]), "gaps": gaps, "box": box})


def _c2pa(credentials: ProvenanceReport) -> Json:
    facts: Json = {"state": credentials.state}
    if credentials.actions:
        facts["first_action"] = credentials.actions[0]["action"]
    return facts


def _aigc(aigc: AigcReading) -> Json:
    facts: Json = {"count": len(aigc.labels)}
    if aigc.label is not None:
        facts |= {
            "encoding": "json",
            "label": aigc.label.label,
            "content_producer": aigc.label.content_producer,
            "produce_id": aigc.label.produce_id,
        }
    return facts
