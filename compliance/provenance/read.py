"""Read a file's C2PA credentials, in the sandbox: ``python -m compliance.provenance.read PATH ANCHORS...``.

Three questions are answered apart, because honest files fail them apart: are the bytes intact, do we know the
signer, was the certificate in date. Nothing is fetched, and whatever the engine raises on a malformed store
is the answer "invalid", never an exception (C2PA specification 2.4, chapter 15; status codes of 15.2).
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import c2pa

from compliance.provenance.content import sniff
from compliance.provenance.engine import context
from compliance.provenance.manifest import (
    MARK_BYTES,
    RECEIPT_LABEL,
    SOFT_BINDING_ALGORITHM,
    SOFT_BINDING_LABEL,
)
from compliance.provenance.report import ProvenanceReport, Signer
from compliance.sandbox import child_main

_SIGNER_UNKNOWN = {"signingCredential.untrusted"}
_OUT_OF_DATE = {"signingCredential.expired", "claimSignature.outsideValidity", "timeStamp.outsideValidity"}
_STATES = {"Trusted": "trusted", "Valid": "valid", "Invalid": "invalid"}


def read_file(path: Path, anchors: list[Path]) -> ProvenanceReport:
    """Read ``path``, trusting the certificates of ``anchors`` (PEM files) only. Raises OSError only."""
    media_type = sniff(path)
    if media_type is None:
        return ProvenanceReport("absent", codes=("format.unsupported",))
    anchors_pem = "\n".join(anchor.read_text() for anchor in anchors)
    try:
        with path.open("rb") as file, c2pa.Reader(media_type, file, context=context(anchors_pem)) as reader:
            return _report(json.loads(reader.json()))
    except c2pa.C2paError.ManifestNotFound:
        return ProvenanceReport("absent")
    except (c2pa.C2paError, ValueError, KeyError, TypeError) as error:
        return _unreadable(str(error))


def _unreadable(reason: str) -> ProvenanceReport:
    if "RemoteManifest" in reason:
        return ProvenanceReport("absent", codes=("manifest.remote",), reason=reason)
    return ProvenanceReport("invalid", codes=("manifest.unreadable",), intact=False, reason=reason)


def _report(found: dict[str, Any]) -> ProvenanceReport:
    label = found["active_manifest"]
    manifest = found["manifests"][label]
    results = found["validation_results"]
    failures = _codes(results["activeManifest"], "failure")
    successes = _codes(results["activeManifest"], "success")
    signature = manifest.get("signature_info") or {}
    receipt = _assertion(manifest, RECEIPT_LABEL)
    return ProvenanceReport(
        state=_STATES[found["validation_state"]],  # type: ignore[arg-type]
        codes=failures,
        intact=not set(failures) - _SIGNER_UNKNOWN - _OUT_OF_DATE,
        signer_known="signingCredential.trusted" in successes,
        in_date=not set(failures) & _OUT_OF_DATE,
        manifest_label=label,
        claim_generator=_claim_generator(manifest),
        signer=_signer(signature),
        time=str(signature.get("time") or "") if "timeStamp.trusted" in successes else "",
        actions=tuple(_actions(manifest)),
        mark=_mark(manifest),
        receipt_id=str(receipt.get("receiptId", "")),
        receipt_hash=str(receipt.get("receiptHash", "")),
        ingredient_codes=tuple(_ingredient_codes(results)),
    )


def _codes(results: dict[str, Any], kind: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(str(one["code"]) for one in results.get(kind, [])))


def _ingredient_codes(results: dict[str, Any]) -> Iterator[str]:
    for delta in results.get("ingredientDeltas") or []:
        yield from _codes(delta["validationDeltas"], "failure")


def _assertion(manifest: dict[str, Any], label: str) -> dict[str, Any]:
    for assertion in manifest.get("assertions", []):
        if assertion["label"] == label and isinstance(assertion["data"], dict):
            return assertion["data"]
    return {}


def _claim_generator(manifest: dict[str, Any]) -> str:
    info = (manifest.get("claim_generator_info") or [{}])[0]
    return f"{info.get('name', '')} {info.get('version', '')}".strip() or str(manifest.get("claim_generator") or "")


def _signer(signature: dict[str, Any]) -> Signer | None:
    if not signature:
        return None
    return Signer(
        common_name=str(signature.get("common_name") or ""),
        organisation=str(signature.get("issuer") or ""),
        serial_number=str(signature.get("cert_serial_number") or ""),
    )


def _actions(manifest: dict[str, Any]) -> Iterator[dict[str, str]]:
    actions = _assertion(manifest, "c2pa.actions.v2") or _assertion(manifest, "c2pa.actions")
    for action in actions.get("actions", []):
        yield {name: str(action[name]) for name in ("action", "digitalSourceType", "description") if name in action}


def _mark(manifest: dict[str, Any]) -> str:
    """Hex of our soft binding's value, which the engine renders as Base64; empty unless it is 8 bytes."""
    binding = _assertion(manifest, SOFT_BINDING_LABEL)
    if binding.get("alg") != SOFT_BINDING_ALGORITHM or len(binding.get("blocks", [])) != 1:
        return ""
    try:
        value = base64.b64decode(str(binding["blocks"][0]["value"]), validate=True)
    except ValueError:
        return ""  # a text where bytes belong: somebody else's manifest under our algorithm's name
    return value.hex() if len(value) == MARK_BYTES else ""


def _work(arguments: list[str]) -> dict[str, Any]:
    path, *anchors = map(Path, arguments)
    return read_file(path, anchors).to_json()


if __name__ == "__main__":
    child_main(_work)
