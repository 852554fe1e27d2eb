"""Files that appear whole or not at all, and are never overwritten by accident."""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def create_once(path: Path, data: bytes, *, mode: int) -> bool:
    """Write ``data`` to ``path`` unless something is there; False when it was.

    The bytes are complete and on disk before the name exists (temporary file, then a hard link, which
    fails on an existing name), so neither a crash nor a second writer leaves half a key.
    """
    temporary = _write_temporary(path, data, mode)
    try:
        os.link(temporary, path)
    except FileExistsError:
        return False
    finally:
        temporary.unlink()
    _sync_directory(path.parent)
    return True


def replace(path: Path, data: bytes, *, mode: int) -> None:
    """Put ``data`` at ``path`` in one step, in place of what was there."""
    _write_temporary(path, data, mode).replace(path)
    _sync_directory(path.parent)


@contextmanager
def exclusive(directory: Path) -> Iterator[None]:
    """Hold the directory's lock: a second process that writes here waits its turn."""
    directory.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(directory / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _write_temporary(path: Path, data: bytes, mode: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".new-")
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(file.fileno(), mode)
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    return Path(name)


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
