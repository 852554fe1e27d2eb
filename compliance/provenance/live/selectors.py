"""Live streams seen from a Django process: recordings are read in the sandbox; what a viewer's page must be told."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization

from compliance.provenance.live.errors import viewer_texts
from compliance.provenance.live.reading import LiveReading
from compliance.provenance.live.recording import has_fragments
from compliance.provenance.pki import Pki
from compliance.provenance.selectors import READ_LIMITS
from compliance.sandbox import run_sandboxed


def read_live(path: Path, *, pki: Pki | None = None) -> LiveReading:
    """The file at ``path`` as a recording of a live stream; raises SandboxFailure or BadInput as its reader does."""
    if not has_fragments(path):
        return LiveReading("absent")
    anchors = (pki or Pki.from_settings()).anchor_paths()
    result = run_sandboxed("compliance.provenance.live.recording", str(path), *map(str, anchors), limits=READ_LIMITS)
    return LiveReading.from_json(result)


def viewer_options(*, pki: Pki | None = None) -> dict[str, Any]:
    """Options for ``LiveVerification.create`` in ``static/avow/live_verify.js``: our anchors, and sentences.

    Meant for ``json_script``. The page trusts what this installation trusts.
    """
    anchors = [one.public_bytes(serialization.Encoding.DER) for one in (pki or Pki.from_settings()).anchors()]
    return {
        "trustedCertificateSha256": [hashlib.sha256(one).hexdigest() for one in anchors],
        "certificates": [base64.b64encode(one).decode() for one in anchors],
        "texts": viewer_texts(),
    }
