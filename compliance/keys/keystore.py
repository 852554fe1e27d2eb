"""The key directory: every version of every key by id, and which one is current.

    <keys_dir>/<purpose>/<key id>.key   sealed private material (compliance.keys.sealing)
    <keys_dir>/<purpose>/<key id>.pem   public key in clear; absent for a plain secret
    <keys_dir>/<purpose>/current        id of the version to sign with

Old versions stay, so that what they signed can be verified and marks embedded with them found.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization

from compliance.keys import files, material, sealing
from compliance.keys.errors import KeyAccessDenied, KeyCorrupt, KeyMissing
from compliance.keys.purposes import ALGORITHMS, KeyAlgorithm, KeyPurpose

_KEY_ID = re.compile(r"[0-9a-f]{16}")
_SEALED_MODE = 0o640
_PUBLIC_MODE = 0o644


@dataclass(frozen=True, slots=True)
class KeyStore:
    """Reads and extends one key directory. Knows nothing of roles' rights or secrets."""

    directory: Path

    def current_id(self, purpose: KeyPurpose) -> str:
        """Id of the version in use; raises KeyMissing before ``keys init``, KeyCorrupt on damage."""
        key_id = self._read(self._folder(purpose) / "current", purpose).decode("ascii", "replace").strip()
        if not _KEY_ID.fullmatch(key_id):
            raise KeyCorrupt("key_pointer_corrupt", f"The file “{purpose}/current” does not name a key. Restore it.")
        return key_id

    def has_current(self, purpose: KeyPurpose) -> bool:
        return (self._folder(purpose) / "current").exists()

    def ids(self, purpose: KeyPurpose) -> list[str]:
        """Ids of all versions, in no meaningful order."""
        return sorted(path.stem for path in self._folder(purpose).glob("*.key") if _KEY_ID.fullmatch(path.stem))

    def sealed(self, purpose: KeyPurpose, key_id: str) -> bytes:
        """The sealed key file; raises KeyMissing, KeyAccessDenied, or KeyCorrupt for a misplaced file."""
        sealed = self._read(self._path(purpose, key_id, "key"), purpose)
        header = sealing.read_header(sealed)
        if (header.purpose, header.key_id, header.algorithm) != (purpose, key_id, ALGORITHMS[purpose]):
            raise KeyCorrupt("key_misplaced", f"The file at {purpose}/{key_id}.key holds another key. Restore it.")
        return sealed

    def public_key(self, purpose: KeyPurpose, key_id: str) -> material.PublicKey:
        """The public key of one version; raises KeyMissing, or KeyCorrupt when it does not match its id."""
        if ALGORITHMS[purpose] is KeyAlgorithm.SECRET_256:
            raise KeyMissing("key_has_no_public_half", f"The {purpose} key is a plain secret; it has no public key.")
        pem = self._read(self._path(purpose, key_id, "pem"), purpose)
        try:
            key = material.check_public(ALGORITHMS[purpose], serialization.load_pem_public_key(pem))
        except (ValueError, UnsupportedAlgorithm) as error:
            raise KeyCorrupt(
                "public_key_corrupt", f"{purpose}/{key_id}.pem is not a public key. Restore it."
            ) from error
        if material.identify_public(key) != key_id:
            raise KeyCorrupt("public_key_replaced", f"{purpose}/{key_id}.pem is not the key its name says. Restore it.")
        return key

    def add(self, header: sealing.KeyHeader, sealed: bytes, public_pem: bytes | None) -> None:
        """Store one version next to the others; the pointer is not moved."""
        if public_pem is not None:
            files.create_once(self._path(header.purpose, header.key_id, "pem"), public_pem, mode=_PUBLIC_MODE)
        files.create_once(self._path(header.purpose, header.key_id, "key"), sealed, mode=_SEALED_MODE)

    def make_current(self, purpose: KeyPurpose, key_id: str) -> None:
        files.replace(self._folder(purpose) / "current", key_id.encode() + b"\n", mode=_PUBLIC_MODE)

    def _folder(self, purpose: KeyPurpose) -> Path:
        return self.directory / purpose.value

    def _path(self, purpose: KeyPurpose, key_id: str, suffix: str) -> Path:
        if not _KEY_ID.fullmatch(key_id):  # ids arrive in documents of strangers: no path parts
            raise KeyMissing("key_unknown", f"There is no {purpose} key with this id.")
        return self._folder(purpose) / f"{key_id}.{suffix}"

    def _read(self, path: Path, purpose: KeyPurpose) -> bytes:
        try:
            return path.read_bytes()
        except FileNotFoundError as error:
            raise KeyMissing(
                "key_missing",
                f"There is no file {path} for the {purpose} key. On a new installation "
                "run “manage.py keys init”; otherwise restore it from a backup.",
            ) from error
        except OSError as error:
            raise KeyAccessDenied(
                "key_unreadable", f"{path} cannot be read by this process. Check its owner and mode."
            ) from error
