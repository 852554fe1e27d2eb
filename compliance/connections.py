"""Database connections of code that no request and no job surrounds."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.db import connection, connections


def renew_connections() -> None:
    """Close what is broken or has grown old, as Django does around a request; the next query opens anew.

    Unlike `django.db.close_old_connections` it leaves a connection inside a transaction to whoever began it.
    """
    for one in connections.all(initialized_only=True):
        if not one.in_atomic_block:
            one.close_if_unusable_or_obsolete()


@contextmanager
def beating(beat: Callable[[], bool], every_s: float) -> Iterator[None]:
    """Inside the block, call `beat` every so often from a thread with a connection of its own, until it returns False.

    For leases that must outlast a long silent stretch. `beat` must raise nothing.
    """
    done = threading.Event()

    def run() -> None:
        try:
            while not done.wait(every_s) and beat():
                pass
        finally:
            connection.close()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
