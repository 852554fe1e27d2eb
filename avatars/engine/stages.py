"""Finished stages of a build, kept so that a build that was paused or killed goes on where it was."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import fields
from typing import Any, Protocol, TypeVar

import numpy as np

T = TypeVar("T")


class Stages(Protocol):
    """A shelf for the bytes of finished stages; whoever starts the build says where it is and when it is cleared."""

    def load(self, name: str) -> bytes | None: ...

    def keep(self, name: str, content: bytes) -> None: ...


class NoStages:
    """Keeps nothing: the build begins at the beginning every time."""

    def load(self, name: str) -> bytes | None:
        return None

    def keep(self, name: str, content: bytes) -> None:
        """Nothing is kept."""


def pack(value: Any) -> bytes:
    """A dataclass of arrays and plain numbers as an uncompressed .npz."""
    buffer = io.BytesIO()
    arrays = {field.name: np.asarray(getattr(value, field.name)) for field in fields(value)}
    np.savez(buffer, **arrays)  # type: ignore[arg-type]
    return buffer.getvalue()


def unpack(kind: Callable[..., T], content: bytes) -> T:
    """Read back what `pack` wrote; never unpickles. Raises ValueError, TypeError for anything else."""
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        return kind(**{name: arrays[name].item() if arrays[name].ndim == 0 else arrays[name] for name in arrays.files})


def staged(stages: Stages, name: str, kind: Callable[..., T], make: Callable[[], T]) -> T:
    """The finished stage `name`, or what `make` gives, which is kept."""
    if (content := stages.load(name)) is not None:
        try:
            return unpack(kind, content)
        except (ValueError, TypeError, KeyError, EOFError):
            pass  # written by another version, or half written: it is made again
    made = make()
    stages.keep(name, pack(made))
    return made
