"""Which triggers stand in a database: what the guards of consent and of the ledger ask it."""

from __future__ import annotations

from django.db.backends.base.base import BaseDatabaseWrapper

_STANDING = {
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'trigger'",
    "postgresql": "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgenabled IN ('O', 'A')",
}


def standing(connection: BaseDatabaseWrapper) -> set[str]:
    """Names of the triggers that exist (on PostgreSQL: and are enabled). Raises KeyError for any other database."""
    with connection.cursor() as cursor:
        cursor.execute(_STANDING[connection.vendor])
        return {row[0] for row in cursor.fetchall()}
