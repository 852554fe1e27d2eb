"""Reading credentials from a Django process: always through the sandbox, under the installed anchors."""

from __future__ import annotations

from pathlib import Path

from compliance.provenance.aigc import AigcReading
from compliance.provenance.pki import Pki
from compliance.provenance.report import ProvenanceReport
from compliance.sandbox import Limits, run_sandboxed

READ_LIMITS = Limits(cpu_s=120, wall_s=180)


def read_provenance(path: Path, *, pki: Pki | None = None) -> ProvenanceReport:
    """The credentials of the file at ``path``; raises SandboxFailure when the reader did not survive it."""
    anchors = (pki or Pki.from_settings()).anchor_paths()
    result = run_sandboxed("compliance.provenance.read", str(path), *map(str, anchors), limits=READ_LIMITS)
    return ProvenanceReport.from_json(result)


def read_aigc(path: Path) -> AigcReading:
    """The ``AIGC`` label of the file at ``path``; raises SandboxFailure as ``read_provenance`` does."""
    return AigcReading.from_json(run_sandboxed("compliance.provenance.aigc", str(path), limits=READ_LIMITS))
