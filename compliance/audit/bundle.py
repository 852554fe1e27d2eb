"""Write an evidence bundle: everything about one release, in one file that checks itself elsewhere.

The same contents always give the same bytes: members sorted, stored, dated 1980. ``verify_bundle.py`` is the
reader and travels along; the format is described in docs/evidence-bundle.md. This module touches no database.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from django.utils.translation import gettext_lazy as _

from compliance.audit import verify_bundle
from compliance.errors import BadInput
from compliance.ledger.leaf import Opening
from compliance.ledger.note import encode64
from compliance.ledger.selectors import LogEvidence

REQUIRED_STATEMENTS = frozenset({"grant", "receipt", "permit", "decision"})
README = Path(__file__).with_name("bundle_readme.txt")
_EPOCH = (1980, 1, 1, 0, 0, 0)
_CHUNK = 1 << 20

Content = bytes | Path


@dataclass(frozen=True, slots=True)
class StatementKeys:
    """Public keys that sign statements: key id -> raw 32-byte Ed25519 public key."""

    receipt: Mapping[str, bytes]
    permit: Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class Evidence:
    """What goes into a bundle.

    ``statements`` must hold ``grant`` (the instrument whose digest is the grant digest), ``receipt`` and
    ``permit`` (signed envelopes) and ``decision``; others (``reviews``, ``aigc``, ``c2pa`` ...) are carried along.
    ``release_index`` is the log entry of the release and must be among ``log``'s entries.
    """

    asset: Content
    asset_name: str
    statements: Mapping[str, Any]
    log: LogEvidence
    release_index: int
    keys: StatementKeys
    created_at: datetime
    openings: Sequence[Opening] = ()
    files: Mapping[str, Content] = field(default_factory=dict)


def build_bundle(evidence: Evidence) -> bytes:
    """The bundle in memory; see ``write_bundle``."""
    target = io.BytesIO()
    write_bundle(target, evidence)
    return target.getvalue()


def write_bundle(target: IO[bytes], evidence: Evidence) -> None:
    """Write the bundle to a seekable binary file, reading large files piece by piece.

    Raises:
        BadInput: bundle_incomplete (a required statement or the release's entry is absent) or
            bundle_name_unusable (a name that the verifier would refuse).
    """
    _require_complete(evidence)
    members = _members(evidence)
    _require_names([*members, verify_bundle.MANIFEST])
    members[verify_bundle.MANIFEST] = _manifest(evidence, members)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED, allowZip64=False) as archive:
        for name in sorted(members):
            _store(archive, name, members[name])


def _require_complete(evidence: Evidence) -> None:
    missing = sorted(REQUIRED_STATEMENTS - set(evidence.statements))
    if evidence.release_index not in [proof.index for proof in evidence.log.proofs]:
        missing.append(f"entry {evidence.release_index}")
    if missing:
        raise BadInput(
            "bundle_incomplete",
            _("The evidence is not complete yet: wait until the log has numbered the release, then try again."),
            missing=missing,
        )


def _require_names(names: Iterable[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if not verify_bundle.NAME.fullmatch(name) or name.casefold() in seen:
            raise BadInput("bundle_name_unusable", _("A file's name cannot be used in a bundle."), name=name)
        seen.add(name.casefold())


def _asset_path(evidence: Evidence) -> str:
    return f"asset/{evidence.asset_name}"


def _members(evidence: Evidence) -> dict[str, Content]:
    members: dict[str, Content] = {
        "README.txt": README.read_bytes(),
        "verify_bundle.py": Path(verify_bundle.__file__).read_bytes(),
        "keys.json": _pretty(_keys(evidence)),
        _asset_path(evidence): evidence.asset,
        **{f"statements/{name}.json": _pretty(content) for name, content in evidence.statements.items()},
        **_log_members(evidence.log),
        **{f"files/{name}": content for name, content in evidence.files.items()},
    }
    if evidence.openings:
        members["openings.json"] = _pretty([opening.to_json() for opening in evidence.openings])
    return members


def _log_members(log: LogEvidence) -> dict[str, Content]:
    members: dict[str, Content] = {"ledger/checkpoint.txt": log.checkpoint.encode()}
    for proof in log.proofs:
        members[f"ledger/{proof.index:012d}.json"] = proof.extra or b""
        members[f"ledger/{proof.index:012d}.tlog-proof"] = proof.to_text().encode()
    if log.since is not None:
        hashes = [encode64(value) for value in log.since.hashes]
        members["ledger/consistency.json"] = _pretty({"old": log.since.old, "hashes": hashes})
    return members


def _keys(evidence: Evidence) -> dict[str, Any]:
    return {
        "log": list(evidence.log.vkeys),
        "receipt": _statement_keys(evidence.keys.receipt),
        "permit": _statement_keys(evidence.keys.permit),
    }


def _statement_keys(keys: Mapping[str, bytes]) -> list[dict[str, str]]:
    return [{"key_id": key_id, "public_key": encode64(key)} for key_id, key in sorted(keys.items())]


def _manifest(evidence: Evidence, members: Mapping[str, Content]) -> bytes:
    return _pretty(
        {
            "format": verify_bundle.FORMAT,
            "created_at": evidence.created_at.astimezone(UTC).isoformat(),
            "asset": _asset_path(evidence),
            "release_entry": evidence.release_index,
            "files": {name: _describe(content) for name, content in sorted(members.items())},
        }
    )


def _pretty(content: object) -> bytes:
    """Readable JSON; signatures do not depend on the layout, they are over canonical bytes."""
    return (json.dumps(content, ensure_ascii=False, indent=2, sort_keys=True, allow_nan=False) + "\n").encode()


def _describe(content: Content) -> dict[str, Any]:
    state, size = hashlib.sha256(), 0
    for piece in _pieces(content):
        state.update(piece)
        size += len(piece)
    return {"sha256": state.hexdigest(), "size": size}


def _pieces(content: Content) -> Iterable[bytes]:
    if isinstance(content, bytes):
        yield content
        return
    with content.open("rb") as source:
        while piece := source.read(_CHUNK):
            yield piece


def _store(archive: zipfile.ZipFile, name: str, content: Content) -> None:
    """Regular file, fixed date and mode: nothing of this machine or moment gets into the archive."""
    info = zipfile.ZipInfo(name, _EPOCH)
    info.create_system, info.external_attr = 3, 0o100644 << 16
    with archive.open(info, "w") as member:
        for piece in _pieces(content):
            member.write(piece)
