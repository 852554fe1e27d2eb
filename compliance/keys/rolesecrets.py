"""Role secret files: 32 random bytes that open what is sealed for one role, readable by its owner only."""

from __future__ import annotations

import base64
import os
import secrets
import stat
from pathlib import Path

from compliance.keys.errors import KeyAccessDenied, KeyCorrupt, KeyMissing
from compliance.keys.files import create_once
from compliance.keys.purposes import ProcessRole

FORMAT = "avow-role-secret-1"
_MAX_FILE_BYTES = 4096


def secret_path(secrets_dir: Path, role: ProcessRole) -> Path:
    return secrets_dir / f"{role.value}.secret"


def create_secret(secrets_dir: Path, role: ProcessRole) -> bool:
    """Write a fresh secret for ``role`` with mode 0600; False when one is there already."""
    text = f"{FORMAT} {role.value} {base64.b64encode(secrets.token_bytes(32)).decode()}\n"
    return create_once(secret_path(secrets_dir, role), text.encode(), mode=0o600)


def read_secret(path: Path, role: ProcessRole) -> bytes:
    """The 32 secret bytes of ``role`` in ``path``.

    Raises KeyMissing when there is no such file, KeyAccessDenied when it is unreadable, belongs to another
    role or anybody but its owner may touch it, KeyCorrupt when it is not a secret file.
    """
    try:
        with path.open("rb") as file:
            _refuse_exposed(os.fstat(file.fileno()), path)
            words = file.read(_MAX_FILE_BYTES).decode("ascii").split()
    except FileNotFoundError as error:
        raise KeyMissing(
            "role_secret_missing",
            f"The secret of role “{role}” is not at {path}. "
            "Run “manage.py keys init” on a new installation, or restore the file.",
        ) from error
    except OSError as error:
        raise KeyAccessDenied(
            "role_secret_unreadable",
            f"{path} cannot be read by this process. Give it to the user that role “{role}” runs as.",
        ) from error
    except UnicodeDecodeError as error:
        raise _not_a_secret(path) from error
    return _parse(words, path, role)


def _parse(words: list[str], path: Path, role: ProcessRole) -> bytes:
    if len(words) != 3 or words[0] != FORMAT:
        raise _not_a_secret(path)
    if words[1] != role.value:
        raise KeyAccessDenied(
            "role_secret_of_another_role",
            f"{path} is the secret of role “{words[1]}”, but this "
            f"process runs as “{role}”. Set AVOW_SECRET_FILE to the right file.",
        )
    try:
        secret = base64.b64decode(words[2], validate=True)
    except ValueError as error:
        raise _not_a_secret(path) from error
    if len(secret) != 32:
        raise _not_a_secret(path)
    return secret


def _refuse_exposed(status: os.stat_result, path: Path) -> None:
    if status.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise KeyAccessDenied(
            "role_secret_exposed",
            f"{path} is open to other users "
            f"(mode {stat.S_IMODE(status.st_mode):04o}). Run “chmod 600 {path}” and, if anybody may "
            "have read it, replace the keys it opens.",
        )


def _not_a_secret(path: Path) -> KeyCorrupt:
    return KeyCorrupt("role_secret_corrupt", f"{path} is not a role secret file. Restore it from a backup.")
