"""Create and rotate keys: the work of the ``setup`` role, which alone sees every role secret."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from compliance.keys import material, sealing
from compliance.keys.errors import KeyMissing
from compliance.keys.files import exclusive
from compliance.keys.keystore import KeyStore
from compliance.keys.purposes import ALGORITHMS, HOLDERS, ROLES_WITH_SECRET, KeyPurpose, ProcessRole
from compliance.keys.rolesecrets import create_secret, read_secret, secret_path


@dataclass(frozen=True, slots=True)
class Initialisation:
    """What one run created; both empty when everything was there."""

    secrets: tuple[ProcessRole, ...]
    keys: tuple[KeyPurpose, ...]


def initialise(*, secrets_dir: Path, keys_dir: Path) -> Initialisation:
    """Create every missing role secret and key. Never overwrites; a concurrent second run waits its turn.

    Raises KeyMissing (``role_secret_lost``) when a role has keys but its secret is gone: a new secret could
    not open them, so the old one must come back from a backup.
    """
    secrets_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    store = KeyStore(keys_dir)
    with exclusive(keys_dir):
        new_secrets = tuple(role for role in ROLES_WITH_SECRET if _ensure_secret(secrets_dir, store, role))
        missing = tuple(purpose for purpose in KeyPurpose if not store.has_current(purpose))
        for purpose in missing:
            _create_version(secrets_dir, store, purpose)
    return Initialisation(secrets=new_secrets, keys=missing)


def rotate(*, purpose: KeyPurpose, secrets_dir: Path, keys_dir: Path) -> str:
    """Make a new version of one key current and return its id; the old one stays for verification."""
    store = KeyStore(keys_dir)
    with exclusive(keys_dir):
        return _create_version(secrets_dir, store, purpose)


def _ensure_secret(secrets_dir: Path, store: KeyStore, role: ProcessRole) -> bool:
    if secret_path(secrets_dir, role).exists():
        read_secret(secret_path(secrets_dir, role), role)
        return False
    held = [purpose for purpose, holders in HOLDERS.items() if role in holders and store.has_current(purpose)]
    if held:
        raise KeyMissing(
            "role_secret_lost",
            f"The secret of role “{role}” is gone, but keys sealed for it exist "
            f"({', '.join(held)}). Restore {secret_path(secrets_dir, role)} from a backup.",
        )
    return create_secret(secrets_dir, role)


def _create_version(secrets_dir: Path, store: KeyStore, purpose: KeyPurpose) -> str:
    algorithm = ALGORITHMS[purpose]
    private = material.generate(algorithm)
    header = sealing.KeyHeader(
        purpose,
        material.identify(algorithm, private),
        algorithm,
        datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    )
    secrets = {role: read_secret(secret_path(secrets_dir, role), role) for role in sorted(HOLDERS[purpose])}
    store.add(header, sealing.seal(header, private, secrets), material.public_pem(algorithm, private))
    store.make_current(purpose, header.key_id)
    return header.key_id
