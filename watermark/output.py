"""Output that appears whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from watermark.errors import BadMedia


@contextmanager
def appearing(target: Path, source: Path) -> Iterator[Path]:
    """A path beside `target` to write to. It takes the place of `target` when the block ends without an error and is
    removed otherwise, so that nobody ever sees half a file, not even after the power failed.

    Raises `BadMedia`: output_is_input, output_not_written.
    """
    if target.exists() and source.exists() and target.samefile(source):
        raise BadMedia("output_is_input", f"{target} is the input itself; choose another output name.")
    if target.is_dir():
        raise BadMedia("output_not_written", f"{target} is a folder; name a file in it.")
    try:
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=".marking-", suffix=target.suffix)
    except OSError as error:
        raise BadMedia("output_not_written", f"{target} cannot be written: {error.strerror}.") from None
    os.close(handle)
    unfinished = Path(name)
    try:
        yield unfinished
        _settle(unfinished, target)
    finally:
        unfinished.unlink(missing_ok=True)


def _settle(unfinished: Path, target: Path) -> None:
    try:
        unfinished.chmod(0o666 & ~_umask())
        _sync(unfinished)
        unfinished.replace(target)
        _sync(target.parent)
    except OSError as error:
        raise BadMedia("output_not_written", f"{target} cannot be written: {error.strerror}.") from None


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
