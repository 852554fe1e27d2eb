"""Reading a recording of a live stream from a Django process: always through the sandbox."""

from __future__ import annotations

from pathlib import Path

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
