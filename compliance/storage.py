"""Private files: footage, models, renderings, quarantine, releases. Names are ours, never the uploader's."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from django.core.files import File
from django.core.files.base import ContentFile
from django.core.files.storage import Storage, storages

CHUNK = 1 << 20


def private() -> Storage:
    """The configured private storage (disk or S3-compatible)."""
    return storages["default"]


@contextmanager
def local_copy(name: str) -> Iterator[Path]:
    """A path on this machine with the object's bytes; a remote object is fetched and removed afterwards."""
    storage = private()
    try:
        path = Path(storage.path(name))
    except NotImplementedError:
        with tempfile.TemporaryDirectory(prefix="avow-") as folder:
            copy = Path(folder) / Path(name).name
            with storage.open(name, "rb") as source, copy.open("wb") as target:
                shutil.copyfileobj(source, target, CHUNK)
            yield copy
    else:
        yield path


def save_file(name: str, path: Path) -> str:
    """Store the file at `path` as `name`; an older object of that name is replaced. Returns the name."""
    storage = private()
    if storage.exists(name):
        storage.delete(name)
    with path.open("rb") as source:
        return storage.save(name, File(source))


def delete(name: str) -> bool:
    """Remove an object; False if it was already gone."""
    storage = private()
    if not name or not storage.exists(name):
        return False
    storage.delete(name)
    return True


def sha256_file(path: Path) -> str:
    """Lower-case hex SHA-256 of a file of any size."""
    digest = hashlib.sha256()
    with path.open("rb") as source:
        while chunk := source.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def save_bytes(name: str, content: bytes) -> str:
    """Store `content` as `name`; an older object of that name is replaced. Returns the name."""
    storage = private()
    if storage.exists(name):
        storage.delete(name)
    return storage.save(name, ContentFile(content))


def read_bytes(name: str) -> bytes:
    """The whole object; for small ones."""
    with private().open(name, "rb") as source:
        return bytes(source.read())


def keep_upload(upload: BinaryIO, name: str) -> tuple[str, str]:
    """Store what `upload` still holds as `name`. Returns the stored name and the SHA-256."""
    with tempfile.NamedTemporaryFile(prefix="upload-") as copy:
        shutil.copyfileobj(upload, copy, CHUNK)
        copy.flush()
        path = Path(copy.name)
        return save_file(name, path), sha256_file(path)


def display_name(name: str, otherwise: str) -> str:
    """An uploader's file name, to be shown only: paths and control characters are cut away."""
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    return "".join(character for character in last if character.isprintable())[:200] or otherwise
