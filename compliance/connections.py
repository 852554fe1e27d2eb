"""Database connections of code that no request and no job surrounds."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from django.db import DatabaseError, connection, connections


def renew_connections() -> None:
    """Close what is broken or has grown old, as Django does around a request; the next query opens anew.

    Unlike `django.db.close_old_connections` it leaves a connection inside a transaction to whoever began it.
    """
    for one in connections.all(initialized_only=True):
        if not one.in_atomic_block:
            one.close_if_unusable_or_obsolete()


@dataclass
class Outage:
    """A database that is away, as a loop sees it: said once when it goes and once when it is back, not at every look.

    `whose`: what waits for it, for the log.
    """

    logger: logging.Logger
    whose: str
    _since: float | None = None

    @contextmanager
    def waited_out(self) -> Iterator[None]:
        """Around one look, on connections that are fit for it; a DatabaseError ends the look and goes no further."""
        try:
            renew_connections()
            yield
        except DatabaseError as error:
            if self._since is None:
                self._since = time.monotonic()
                text = "%s: the database does not answer; waiting for it: %s"
                self.logger.error(text, self.whose, error, exc_info=True)  # it may be a fault of ours
            return
        if self._since is not None:
            self.logger.warning("%s: the database is back after %.0f s", self.whose, time.monotonic() - self._since)
            self._since = None


@contextmanager
def beating(beat: Callable[[], bool], every_s: float) -> Iterator[None]:
    """Inside the block, call `beat` every so often from a thread with a connection of its own, until it returns False.

    For leases that must outlast a long silent stretch. `beat` must raise nothing.
    """
    done = threading.Event()

    def run() -> None:
        try:
            while not done.wait(every_s):
                renew_connections()
                if not beat():
                    break
        finally:
            connection.close()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
