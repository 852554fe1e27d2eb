"""Private files that show or sound like a person: sealed under the key of the grant they are kept by, never plain.

Where a file lies is part of what is authenticated: one that was moved to another name or another grant does not open.
"""

from __future__ import annotations

import base64
import hashlib
import io
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

from django.utils.translation import gettext_lazy as _

from avatars.errors import LikenessGone
from avatars.likeness_keys import key_to_open, key_to_seal
from avatars.sealed_stream import Readable, SealedReader, seal
from compliance import storage


def seal_file(grant_id: UUID, name: str, path: Path) -> str:
    """Store the file at `path` as `name`, sealed; an older object of that name is replaced. Returns the name.

    Raises what `likeness_keys.key_to_seal` raises; so do the other verbs that seal.
    """
    with path.open("rb") as source:
        return _store(grant_id, name, source)


def seal_bytes(grant_id: UUID, name: str, content: bytes) -> str:
    """The same for bytes in memory."""
    return _store(grant_id, name, io.BytesIO(content))


def seal_upload(grant_id: UUID, name: str, upload: Readable) -> tuple[str, str]:
    """The same for what `upload` still holds. Returns the stored name and the SHA-256 of the plain bytes."""
    counted = _Hashed(upload)
    return _store(grant_id, name, counted), counted.digest.hexdigest()


def open_sealed(grant_id: UUID, name: str) -> SealedReader:
    """The plain bytes of a stored file, to be closed by the caller.

    Raises:
        LikenessGone: likeness_missing, likeness_key_missing, likeness_key_destroyed.
        LikenessUnreadable: likeness_not_sealed, likeness_damaged, likeness_key_damaged.
        KeyAccessDenied, KeyMissing, KeyCorrupt: this process cannot use the custody's `likeness` key.
    """
    key = key_to_open(grant_id)
    if not name or not storage.private().exists(name):
        raise LikenessGone(
            "likeness_missing", _("This file is not in the storage any more. Please build the avatar again.")
        )
    source = storage.private().open(name, "rb")
    try:
        return SealedReader(source, key, _about(grant_id, name))
    except BaseException:
        source.close()
        raise


def read(grant_id: UUID, name: str) -> bytes:
    """All plain bytes of a stored file; for small ones. Raises as `open_sealed`."""
    with open_sealed(grant_id, name) as source:
        return source.readall()


def seal_text(grant_id: UUID, name: str, text: str) -> str:
    """`text` sealed, for a column of the database: base64. `name` is what a file's name is, and must be named again."""
    target = io.BytesIO()
    seal(io.BytesIO(text.encode()), target, key_to_seal(grant_id), _about(grant_id, name))
    return base64.b64encode(target.getvalue()).decode()


def open_text(grant_id: UUID, name: str, sealed: str) -> str:
    """What `seal_text` has sealed. Raises as `open_sealed`."""
    source = io.BytesIO(base64.b64decode(sealed))
    with SealedReader(source, key_to_open(grant_id), _about(grant_id, name)) as reader:
        return reader.readall().decode()


@contextmanager
def local_copy(grant_id: UUID, name: str) -> Iterator[Path]:
    """A path with the plain bytes, for code that needs one: private, and gone afterwards, whatever happens. Raises as
    `open_sealed`.
    """
    with storage.held_folder() as folder:
        copy = folder / Path(name).name
        descriptor = os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as target, open_sealed(grant_id, name) as source:
            shutil.copyfileobj(source, target, storage.CHUNK)
        yield copy


@contextmanager
def in_memory(grant_id: UUID, name: str) -> Iterator[Path]:
    """The same without a file: a path of this process whose bytes lie in memory, on no disk, and die with it.

    For what is held for days, as a room's model is. Where the system has no such files, a private copy. Raises as
    `open_sealed`.
    """
    if not hasattr(os, "memfd_create"):
        with local_copy(grant_id, name) as copy:
            yield copy
        return
    with os.fdopen(os.memfd_create("likeness"), "wb") as target:
        with open_sealed(grant_id, name) as source:
            shutil.copyfileobj(source, target, storage.CHUNK)
        target.flush()
        yield Path(f"/proc/self/fd/{target.fileno()}")


def _store(grant_id: UUID, name: str, source: Readable) -> str:
    key = key_to_seal(grant_id)
    with storage.held_folder() as folder:
        path = folder / "sealed"
        with path.open("wb") as target:
            seal(source, target, key, _about(grant_id, name))
        return storage.save_file(name, path)


def _about(grant_id: UUID, name: str) -> bytes:
    return f"{grant_id} {name}".encode()


class _Hashed:
    """Counts into a digest what is read through it."""

    def __init__(self, source: Readable) -> None:
        self._source, self.digest = source, hashlib.sha256()

    def read(self, size: int, /) -> bytes:
        part = self._source.read(size)
        self.digest.update(part)
        return part
