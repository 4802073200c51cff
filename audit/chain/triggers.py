"""What the database itself refuses: changing or deleting what the trail holds. Triggers, made anew after every migrate.

An event that waits for its place may be given one, and nothing else of it changes. Values may be deleted, since people
have a right to that, and are never changed. Whoever owns the database can drop triggers: what they then do, the chain
shows.
"""

from typing import Any

from django.apps import apps
from django.db import connection

_PLACE = ("seq", "prev", "mac", "key_id")
# Per table: what is refused.
REFUSED = {
    "audit_event": ("UPDATE", "DELETE"),
    "audit_value": ("UPDATE",),
    "audit_head": ("DELETE",),
    "audit_checkpoint": ("UPDATE", "DELETE"),
    "audit_checkpoint_leaf": ("UPDATE", "DELETE"),
    "audit_database": ("UPDATE", "DELETE"),
}
_SAYS = "the audit trail is append-only: {operation} on {table} is refused"


def prepare(**signal: Any) -> None:
    """After a migrate: give the database its id, and the triggers that are not there."""
    identity = apps.get_model("audit", "AuditDatabase").objects
    if not identity.exists():
        identity.create()
    install()


def install() -> None:
    """Make the triggers that are not there."""
    names = missing()
    with connection.cursor() as cursor:
        for name, statement in _triggers().items():
            if name in names:
                cursor.execute(statement)


def missing() -> list[str]:
    """The names of the triggers that this database lacks."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tgname FROM pg_trigger WHERE tgenabled <> 'D'"
            if connection.vendor == "postgresql"
            else "SELECT name FROM sqlite_master WHERE type = 'trigger'"
        )
        there = {name for (name,) in cursor.fetchall()}
    return [name for name in _triggers() if name not in there]


def remove() -> None:
    """Lift what is refused, for tests that empty their tables."""
    with connection.cursor() as cursor:
        for name in _triggers().keys() - set(missing()):
            table = name.removesuffix("_truncate").removesuffix("_update").removesuffix("_delete")
            on = f" ON {table}" if connection.vendor == "postgresql" else ""
            cursor.execute(f"DROP TRIGGER {name}{on}")


def _triggers() -> dict[str, str]:
    """The statements that make them, by name."""
    if connection.vendor == "postgresql":
        return {
            f"{table}_{operation.lower()}": _postgres(table, operation)
            for table, refused in REFUSED.items()
            for operation in (*refused, "TRUNCATE")
        }
    return {
        f"{table}_{operation.lower()}": _sqlite(table, operation)
        for table, refused in REFUSED.items()
        for operation in refused
    }


def _postgres(table: str, operation: str) -> str:
    name = f"{table}_{operation.lower()}"
    says = _SAYS.format(operation=operation, table=table)
    place = "'{" + ",".join(_PLACE) + "}'::text[]"
    allowed = (
        f"IF OLD.seq IS NULL AND NEW.seq IS NOT NULL AND to_jsonb(NEW) - {place} = to_jsonb(OLD) - {place} "
        "THEN RETURN NEW; END IF; "
    )
    body = f"{allowed if name == 'audit_event_update' else ''}RAISE EXCEPTION '{says}' USING ERRCODE = '23001';"
    each = "STATEMENT" if operation == "TRUNCATE" else "ROW"
    return (
        f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} END $$; "
        f"DROP TRIGGER IF EXISTS {name} ON {table}; "
        f"CREATE TRIGGER {name} BEFORE {operation} ON {table} FOR EACH {each} EXECUTE FUNCTION {name}();"
    )


def _sqlite(table: str, operation: str) -> str:
    name = f"{table}_{operation.lower()}"
    says = _SAYS.format(operation=operation, table=table)
    when = ""
    if name == "audit_event_update":
        columns = [field.column for field in apps.get_model("audit", "AuditEvent")._meta.concrete_fields]
        same = " AND ".join(f"NEW.{column} IS OLD.{column}" for column in columns if column not in _PLACE)
        when = f"WHEN NOT (OLD.seq IS NULL AND NEW.seq IS NOT NULL AND {same})"
    return f"CREATE TRIGGER {name} BEFORE {operation} ON {table} {when} BEGIN SELECT RAISE(ABORT, '{says}'); END"
