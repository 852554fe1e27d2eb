"""How a test gets past the triggers that keep consent and ledger as they were written."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from django.db.backends.base.base import BaseDatabaseWrapper


class Guards(Protocol):
    """`consent.guards` or `ledger.guards`."""

    def install(self, connection: BaseDatabaseWrapper) -> None: ...

    def remove(self, connection: BaseDatabaseWrapper) -> None: ...


@contextmanager
def lifted(guards: Guards, connection: BaseDatabaseWrapper) -> Iterator[None]:
    """Without `guards` inside the block."""
    guards.remove(connection)
    try:
        yield
    finally:
        guards.install(connection)
