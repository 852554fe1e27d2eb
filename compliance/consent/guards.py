"""Write-once, enforced by the database: triggers that keep notices, grants and events as they were written.

They stop mistakes and honest tools. A database owner can drop them; what that owner then changes is what the
digest of the grant, its signed receipt and the ledger entry name.
"""

from __future__ import annotations

from django.db.backends.base.base import BaseDatabaseWrapper

from compliance.triggers import standing

# table -> columns that may be written later, once, while they are still NULL
WRITE_ONCE: dict[str, tuple[str, ...]] = {
    "consent_notice": (),
    "consent_grant": ("receipt",),
    "consent_consentevent": (),
}
_REFUSAL = "is write-once"
_NO_REVIVAL = "consent_consentevent_no_revival"
_HAS_ENDED = (
    "SELECT 1 FROM consent_consentevent WHERE grant_id = NEW.grant_id "
    "AND state IN ('withdrawn', 'refused', 'expired', 'terminated', 'invalidated')"
)
_ENDED = "the grant has ended; a new one must be given"


def _kinds(table: str, vendor: str) -> list[str]:
    truncate = ["no_truncate"] if vendor == "postgresql" else []
    return ["no_update", "no_delete", *truncate, *(f"{column}_once" for column in WRITE_ONCE[table])]


def names(vendor: str) -> set[str]:
    """Names of the triggers that must exist."""
    return {f"{table}_{kind}" for table in WRITE_ONCE for kind in _kinds(table, vendor)} | {_NO_REVIVAL}


def _event(table: str, kind: str, columns: list[str]) -> str:
    """The clause that says when a trigger fires."""
    if kind == "no_update":
        frozen = ", ".join(f'"{name}"' for name in columns if name not in WRITE_ONCE[table])
        return f"BEFORE UPDATE OF {frozen} ON {table}"
    if kind.endswith("_once"):
        return f"BEFORE UPDATE OF {kind.removesuffix('_once')} ON {table}"
    return f"BEFORE {kind.removeprefix('no_').upper()} ON {table}"


def _sqlite(table: str, kind: str, columns: list[str]) -> str:
    when = f"WHEN OLD.{kind.removesuffix('_once')} IS NOT NULL " if kind.endswith("_once") else ""
    refuse = f"BEGIN SELECT RAISE(ABORT, '{table} {_REFUSAL}'); END"
    return f"CREATE TRIGGER {table}_{kind} {_event(table, kind, columns)} {when}{refuse}"


def _postgresql(table: str, kind: str, columns: list[str]) -> str:
    each = "STATEMENT" if kind == "no_truncate" else "ROW"
    when = f"WHEN (OLD.{kind.removesuffix('_once')} IS NOT NULL) " if kind.endswith("_once") else ""
    return (
        f"CREATE TRIGGER {table}_{kind} {_event(table, kind, columns)} FOR EACH {each} {when}"
        "EXECUTE FUNCTION consent_write_once()"
    )


_SQLITE_NO_REVIVAL = (
    f"CREATE TRIGGER {_NO_REVIVAL} BEFORE INSERT ON consent_consentevent WHEN EXISTS ({_HAS_ENDED}) "
    f"BEGIN SELECT RAISE(ABORT, '{_ENDED}'); END"
)
_POSTGRESQL_FUNCTIONS = (
    "CREATE OR REPLACE FUNCTION consent_write_once() RETURNS trigger LANGUAGE plpgsql AS "
    f"$$ BEGIN RAISE EXCEPTION '% {_REFUSAL}', TG_TABLE_NAME "
    "USING ERRCODE = 'integrity_constraint_violation'; END $$",
    "CREATE OR REPLACE FUNCTION consent_no_revival() RETURNS trigger LANGUAGE plpgsql AS "
    f"$$ BEGIN IF EXISTS ({_HAS_ENDED}) THEN RAISE EXCEPTION '{_ENDED}' "
    "USING ERRCODE = 'integrity_constraint_violation'; END IF; RETURN NEW; END $$",
)
_POSTGRESQL_NO_REVIVAL = (
    f"CREATE TRIGGER {_NO_REVIVAL} BEFORE INSERT ON consent_consentevent "
    "FOR EACH ROW EXECUTE FUNCTION consent_no_revival()"
)


def install(connection: BaseDatabaseWrapper) -> None:
    """Create the guards (they must not exist yet)."""
    postgresql = connection.vendor == "postgresql"
    create = _postgresql if postgresql else _sqlite
    with connection.cursor() as cursor:
        for function in _POSTGRESQL_FUNCTIONS if postgresql else ():
            cursor.execute(function)
        for table in WRITE_ONCE:
            described = connection.introspection.get_table_description(cursor, table)
            columns = [column.name for column in described]
            for kind in _kinds(table, connection.vendor):
                cursor.execute(create(table, kind, columns))
        cursor.execute(_POSTGRESQL_NO_REVIVAL if postgresql else _SQLITE_NO_REVIVAL)


def remove(connection: BaseDatabaseWrapper) -> None:
    """Drop the guards; for undoing the migration, and for attackers in tests."""
    with connection.cursor() as cursor:
        for name in names(connection.vendor):
            table = next(table for table in WRITE_ONCE if name.startswith(f"{table}_"))
            on = f" ON {table}" if connection.vendor == "postgresql" else ""
            cursor.execute(f"DROP TRIGGER IF EXISTS {name}{on}")


def missing(connection: BaseDatabaseWrapper) -> set[str]:
    """Guards that should exist and do not (or, on PostgreSQL, are disabled)."""
    return names(connection.vendor) - standing(connection)
