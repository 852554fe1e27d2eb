"""The stored rule packs and their versions.

A pack is one JSON file in `packs/`; superseded versions stay in `packs/superseded/`, so that an old
decision can be replayed. `packs/digests.json` lists the digest of every version ever used; a file whose
content differs is refused.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

from .errors import PackUnknown
from .packreader import read_pack_file
from .rulepacks import RulePack

PACKS_DIR = Path(__file__).parent / "packs"


@cache
def load_packs() -> tuple[RulePack, ...]:
    """The current version of every pack, in order of id. Raises `PackInvalid` or `PackUnknown`."""
    return tuple(sorted((_load(path) for path in _pack_files(PACKS_DIR)), key=lambda pack: pack.id))


@cache
def find_pack(pack_id: str, version: str, digest: str) -> RulePack:
    """The stored version a decision was made with; raises `PackUnknown` when its content is not the same."""
    stored = [*load_packs(), *(_load(path) for path in _pack_files(PACKS_DIR / "superseded"))]
    for pack in stored:
        if (pack.id, pack.version, pack.digest) == (pack_id, version, digest):
            return pack
    raise PackUnknown(pack_id, version)


def _pack_files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*.json") if path.name != "digests.json")


def known_digests() -> dict[str, str]:
    """`id@version` -> digest of every version ever put to use."""
    digests: dict[str, str] = json.loads((PACKS_DIR / "digests.json").read_text("utf-8"))
    return digests


def _load(path: Path) -> RulePack:
    pack = read_pack_file(path)
    if known_digests().get(f"{pack.id}@{pack.version}") != pack.digest:
        raise PackUnknown(pack.id, pack.version, code="rule_pack_changed")
    return pack


def seal_packs() -> tuple[str, ...]:
    """Add the digests of versions that are new, and return them as `id@version`.

    Raises `PackUnknown` when a version that was put to use before has other content now: give it a new version, and
    keep the old file in `packs/superseded/`.
    """
    digests = known_digests()
    new = {}
    for path in _pack_files(PACKS_DIR):
        pack = read_pack_file(path)
        name = f"{pack.id}@{pack.version}"
        if digests.get(name, pack.digest) != pack.digest:
            raise PackUnknown(pack.id, pack.version, code="rule_pack_changed")
        if name not in digests:
            new[name] = pack.digest
    if new:
        text = json.dumps(digests | new, indent=2, sort_keys=True) + "\n"
        (PACKS_DIR / "digests.json").write_text(text, "utf-8")
    return tuple(new)
