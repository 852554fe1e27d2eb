"""Append-only, enforced by the database: triggers that refuse to change or remove what was logged.

They stop mistakes and honest tools. A database owner can drop them; what that owner then changes is what
``manage.py ledger verify`` and every proof outside name.
"""

from __future__ import annotations

from django.db.backends.base.base import BaseDatabaseWrapper

from compliance.triggers import standing

APPEND_ONLY = ("ledger_logentry", "ledger_node", "ledger_checkpoint")
OUTBOX = "ledger_outboxentry"
# SQLite: INSERT OR REPLACE removes the row in the way without waking a DELETE trigger.
UNIQUE = {
    "ledger_logentry": ("index", "entry_id"),
    "ledger_node": ("position",),
    "ledger_checkpoint": ("size",),
    "ledger_outboxentry": ("id", "entry_id"),
}
_REFUSAL = "the ledger is append-only"
_OUTBOX_REFUSAL = "an outbox entry leaves only into the log, unchanged"
_LOGGED = "EXISTS (SELECT 1 FROM ledger_logentry l WHERE l.entry_id = OLD.entry_id AND l.leaf = OLD.leaf)"


def statements(vendor: str) -> list[str]:
    """SQL that creates every guard; raises KeyError for a database that has none."""
    return {"sqlite": _sqlite, "postgresql": _postgresql}[vendor]()


def names(vendor: str) -> set[str]:
    """Names of the triggers that must exist."""
    guarded = {f"{table}_no_{kind}" for table in (*APPEND_ONLY, OUTBOX) for kind in ("update", "delete")}
    if vendor == "postgresql":
        return guarded | {f"{table}_no_truncate" for table in (*APPEND_ONLY, OUTBOX)}
    return guarded | {f"{table}_no_replace" for table in UNIQUE}


def _sqlite() -> list[str]:
    made = []
    for table in (*APPEND_ONLY, OUTBOX):
        for kind in ("update", "delete"):
            guarded = table == OUTBOX and kind == "delete"
            condition = f" WHEN NOT {_LOGGED}" if guarded else ""
            refusal = _OUTBOX_REFUSAL if table == OUTBOX else _REFUSAL
            made.append(
                f"CREATE TRIGGER {table}_no_{kind} BEFORE {kind.upper()} ON {table} FOR EACH ROW{condition} "
                f"BEGIN SELECT RAISE(ABORT, '{refusal}'); END"
            )
    return made + [_no_replace(table, columns) for table, columns in UNIQUE.items()]


def _exists(table: str, column: str) -> str:
    return f'EXISTS (SELECT 1 FROM {table} WHERE "{column}" = NEW."{column}")'  # noqa: S608 - constants


def _no_replace(table: str, columns: tuple[str, ...]) -> str:
    taken = " OR ".join(_exists(table, c) for c in columns)
    return (
        f"CREATE TRIGGER {table}_no_replace BEFORE INSERT ON {table} FOR EACH ROW WHEN {taken} "
        f"BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END"
    )


def _postgresql() -> list[str]:
    made = [
        _refusing_function("ledger_refuse", _REFUSAL),
        _refusing_function("ledger_outbox_refuse", _OUTBOX_REFUSAL),
        _OUTBOX_DELETE_FUNCTION,
    ]
    for table in APPEND_ONLY:
        made += [_refusing_trigger(table, kind, "ledger_refuse") for kind in ("update", "delete", "truncate")]
    made += [_refusing_trigger(OUTBOX, kind, "ledger_outbox_refuse") for kind in ("update", "truncate")]
    made.append(
        f"CREATE TRIGGER {OUTBOX}_no_delete AFTER DELETE ON {OUTBOX} REFERENCING OLD TABLE AS gone "
        "FOR EACH STATEMENT EXECUTE FUNCTION ledger_outbox_delete()"
    )
    return made


def _refusing_trigger(table: str, kind: str, function: str) -> str:
    return (
        f"CREATE TRIGGER {table}_no_{kind} BEFORE {kind.upper()} ON {table} "
        f"FOR EACH STATEMENT EXECUTE FUNCTION {function}()"
    )


def _refusing_function(name: str, refusal: str) -> str:
    return (
        f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{refusal}' USING ERRCODE = 'integrity_constraint_violation'; END $$"
    )


# One look per batch, not per row; without sequential scans, because a plan that was cached while the log was
# empty would otherwise read the whole log for every batch of a sequencer that runs for months.
_OUTBOX_DELETE_FUNCTION = (  # no input but constants of this module
    "CREATE OR REPLACE FUNCTION ledger_outbox_delete() RETURNS trigger LANGUAGE plpgsql "  # noqa: S608
    "SET enable_seqscan = off AS $$ BEGIN IF EXISTS (SELECT 1 FROM gone LEFT JOIN ledger_logentry l "
    "ON l.entry_id = gone.entry_id AND l.leaf = gone.leaf WHERE l.entry_id IS NULL) THEN "
    f"RAISE EXCEPTION '{_OUTBOX_REFUSAL}' USING ERRCODE = 'integrity_constraint_violation'; "
    "END IF; RETURN NULL; END $$"
)


def install(connection: BaseDatabaseWrapper) -> None:
    """Create the guards (they must not exist yet)."""
    with connection.cursor() as cursor:
        for statement in statements(connection.vendor):
            cursor.execute(statement)


def remove(connection: BaseDatabaseWrapper) -> None:
    """Drop the guards; for undoing the migration, and for attackers in tests."""
    with connection.cursor() as cursor:
        for table in (*APPEND_ONLY, OUTBOX):
            for name in sorted(names(connection.vendor)):
                if name.startswith(f"{table}_no_"):
                    on = f" ON {table}" if connection.vendor == "postgresql" else ""
                    cursor.execute(f"DROP TRIGGER IF EXISTS {name}{on}")


def missing(connection: BaseDatabaseWrapper) -> set[str]:
    """Guards that should exist and do not (or, on PostgreSQL, are disabled)."""
    return names(connection.vendor) - standing(connection)
