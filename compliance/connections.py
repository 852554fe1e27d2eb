"""Database connections of code that no request and no job surrounds."""

from __future__ import annotations

from django.db import connections


def renew_connections() -> None:
    """Close what is broken or has grown old, as Django does around a request; the next query opens anew.

    Unlike `django.db.close_old_connections` it leaves a connection inside a transaction to whoever began it.
    """
    for connection in connections.all(initialized_only=True):
        if not connection.in_atomic_block:
            connection.close_if_unusable_or_obsolete()
