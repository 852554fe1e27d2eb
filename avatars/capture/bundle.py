"""The recorded minute as it is kept: the takes byte for byte as the browser sent them, and what was asked.

An uncompressed zip: `manifest.json` first, then one file per step in order. `docs/avatar-capture.md` has the format.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from avatars.capture.report import Unfit, error

FORMAT = "avow-capture-1"
_MANIFEST = "manifest.json"
_EPOCH = (1980, 1, 1, 0, 0, 0)
_CHUNK = 1 << 20


def write_bundle(target: IO[bytes], asked: Mapping[str, Any], takes: Mapping[str, IO[bytes]]) -> None:
    """Write the takes, by step in the order recorded, and `asked` (JSON) to `target`."""
    steps = [
        {"key": key, "file": f"{number}-{key}", "sha256": _sha256(take)}
        for number, (key, take) in enumerate(takes.items(), 1)
    ]
    manifest = json.dumps({"format": FORMAT, "asked": asked, "steps": steps}, ensure_ascii=False, sort_keys=True)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(zipfile.ZipInfo(_MANIFEST, _EPOCH), manifest)
        for step, take in zip(steps, takes.values(), strict=True):
            take.seek(0)
            with archive.open(zipfile.ZipInfo(step["file"], _EPOCH), "w", force_zip64=True) as member:
                shutil.copyfileobj(take, member, _CHUNK)


def _sha256(take: IO[bytes]) -> str:
    take.seek(0)
    digest = hashlib.sha256()
    while chunk := take.read(_CHUNK):
        digest.update(chunk)
    return digest.hexdigest()


def unpack_bundle(bundle: Path, folder: Path) -> list[tuple[str, Path]]:
    """The takes of a bundle as files in `folder`: (step, path) in the order recorded.

    Raises:
        Unfit: truncated; it is not what `write_bundle` wrote.
    """
    try:
        with zipfile.ZipFile(bundle) as archive:
            if any(entry.compress_type != zipfile.ZIP_STORED for entry in archive.infolist()):
                raise Unfit(error("truncated"))
            steps = json.loads(archive.read(_MANIFEST))["steps"]
            return [(step["key"], _take(archive, step, folder / f"take-{n}")) for n, step in enumerate(steps)]
    except (zipfile.BadZipFile, KeyError, ValueError, TypeError, EOFError) as failure:
        raise Unfit(error("truncated")) from failure


def _take(archive: zipfile.ZipFile, step: Mapping[str, str], path: Path) -> Path:
    with archive.open(step["file"]) as member, path.open("wb") as target:
        shutil.copyfileobj(member, target, _CHUNK)
    with path.open("rb") as written:
        if hashlib.file_digest(written, "sha256").hexdigest() != step["sha256"]:
            raise Unfit(error("truncated"))
    return path
