"""The watermark key, its file, and the secrets derived from it, one per purpose."""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from watermark.errors import BadKey

SECRET_BYTES = 32
_SALT = b"avow/watermark/v1"
_ID = re.compile(r"[A-Za-z0-9._-]{1,32}")
_FILE_LIMIT = 4096


@dataclass(frozen=True)
class Key:
    """A secret of 32 random bytes and the public name under which it is rotated.

    Raises `BadKey` for an id outside `[A-Za-z0-9._-]{1,32}` or a secret of another length.
    """

    id: str
    secret: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if not _ID.fullmatch(self.id):
            raise BadKey("bad_key_id", "A key id has 1 to 32 letters, digits, dots, hyphens or underscores.")
        if len(self.secret) != SECRET_BYTES:
            raise BadKey("bad_key_secret", f"A watermark key has exactly {SECRET_BYTES} secret bytes.")

    def derive(self, purpose: str, length: int) -> bytes:
        """`length` bytes (at most 8160) that serve only `purpose`: HKDF-SHA-256, RFC 5869."""
        hkdf = HKDF(algorithm=SHA256(), length=length, salt=_SALT, info=purpose.encode())
        return hkdf.derive(self.secret)


def generate_key(path: Path | str) -> Key:
    """Writes a new key to `path` (mode 0600) and returns it; raises `BadKey` if the file exists."""
    secret = secrets.token_bytes(SECRET_BYTES)
    key = Key(id="wm-" + hashlib.sha256(_SALT + b"/id" + secret).hexdigest()[:12], secret=secret)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise BadKey("key_exists", f"{path} exists; a key is never overwritten. Choose another path.") from None
    except OSError as error:
        raise BadKey("key_not_written", f"{path} cannot be written: {error.strerror}.") from None
    with os.fdopen(descriptor, "w") as file:
        json.dump({"type": "avow-watermark-key", "version": 1, "id": key.id, "secret": secret.hex()}, file)
    return key


def load_key(path: Path | str) -> Key:
    """Reads a key file written by `generate_key`; raises `BadKey` when it is anything else."""
    try:
        with Path(path).open("rb") as file:
            raw = file.read(_FILE_LIMIT + 1)
    except OSError as error:
        raise BadKey("key_not_read", f"{path} cannot be read: {error.strerror}.") from None
    if len(raw) > _FILE_LIMIT:
        raise BadKey("bad_key_file", f"{path} is too large for a watermark key file.")
    try:
        data = json.loads(raw)
        if data["type"] != "avow-watermark-key" or data["version"] != 1:
            raise ValueError
        return Key(id=data["id"], secret=bytes.fromhex(data["secret"]))
    except (ValueError, KeyError, TypeError):
        raise BadKey("bad_key_file", f"{path} is not a watermark key file of version 1.") from None
