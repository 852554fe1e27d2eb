"""Private files: footage, models, renderings, quarantine, releases. Names are ours, never the uploader's."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from django.conf import settings
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
        with held_folder() as folder:
            copy = folder / Path(name).name
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
    with held_folder() as folder:
        path = folder / "upload"
        with path.open("wb") as copy:
            shutil.copyfileobj(upload, copy, CHUNK)
        return save_file(name, path), sha256_file(path)


# --- copies on this machine ---
@contextmanager
def held_folder() -> Iterator[Path]:
    """An empty folder for a copy. People's faces lie in it, so nobody may leave it behind: who is killed loses the lock
    on it, and whoever comes next deletes it.
    """
    with _locked(_copies()) as root:
        _forget(root)
        folder = Path(tempfile.mkdtemp(dir=root))
        descriptor = _lock(folder)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(descriptor)


def forget_copies() -> None:
    """Delete the copies that processes of this machine left when they were killed."""
    with _locked(_copies()) as root:
        _forget(root)


def _copies() -> Path:
    root = Path(settings.VAR_DIR) / "copies"
    root.mkdir(parents=True, exist_ok=True, mode=0o700)
    return root


def _forget(root: Path) -> None:
    for folder in root.iterdir():
        try:
            descriptor = _lock(folder, fcntl.LOCK_NB)
        except (BlockingIOError, FileNotFoundError):
            continue
        shutil.rmtree(folder, ignore_errors=True)
        os.close(descriptor)


@contextmanager
def _locked(folder: Path) -> Iterator[Path]:
    descriptor = _lock(folder)
    try:
        yield folder
    finally:
        os.close(descriptor)


def _lock(folder: Path, how: int = 0) -> int:
    """A descriptor that holds the folder alone until it is closed, or its process ends."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | how)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def display_name(name: str, otherwise: str) -> str:
    """An uploader's file name, to be shown only: paths and control characters are cut away."""
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    return "".join(character for character in last if character.isprintable())[:200] or otherwise
