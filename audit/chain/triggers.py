"""Database triggers that refuse to change or delete the audit trail. They are installed after every `migrate`.

Two changes are allowed: a pending event is given its position once, and personal values are deleted by an erasure.
The owner of the database can drop the triggers; changes that are made then show in the chain.
"""

from itertools import product

from django.db import connection

from audit.chain.models import AuditDatabase
from audit.models import AuditEvent

# The columns that are set when a pending event is linked into its chain.
_POSITION = ("seq", "prev", "mac", "key_id")
_TABLES = ("audit_event", "audit_value", "audit_head", "audit_checkpoint", "audit_checkpoint_leaf", "audit_database")
_ALLOWED = {("audit_value", "DELETE"), ("audit_head", "UPDATE")}
_REFUSED = sorted(set(product(_TABLES, ("UPDATE", "DELETE"))) - _ALLOWED)
_LINKS_EVENT = "audit_event_update"
_REFUSAL = "the audit trail is append-only: {} on {} is refused"


def prepare(**signal: object) -> None:
    """After `migrate`: create the id of the database and the triggers that are missing."""
    if not AuditDatabase.objects.exists():
        AuditDatabase.objects.create()
    install()


def install() -> None:
    """Create the triggers that are missing."""
    statements = _statements()
    with connection.cursor() as cursor:
        for name in missing():
            cursor.execute(statements[name])


def missing() -> list[str]:
    """The names of the triggers that are missing or disabled."""
    if connection.vendor == "postgresql":
        query = "SELECT tgname FROM pg_trigger WHERE tgenabled <> 'D'"
    else:
        query = "SELECT name FROM sqlite_master WHERE type = 'trigger'"
    with connection.cursor() as cursor:
        cursor.execute(query)
        existing = {name for (name,) in cursor.fetchall()}
    return [name for name in _statements() if name not in existing]


def remove() -> None:
    """Drop the triggers, for tests that empty the tables."""
    drop = "DROP TRIGGER IF EXISTS {}"
    if connection.vendor == "postgresql":
        drop = "DROP FUNCTION IF EXISTS {} CASCADE"
    with connection.cursor() as cursor:
        for name in _statements():
            cursor.execute(drop.format(name))


def _statements() -> dict[str, str]:
    """The statement that creates each trigger, by the trigger's name."""
    if connection.vendor != "postgresql":
        return {_name(table, operation): _create_on_sqlite(table, operation) for table, operation in _REFUSED}
    refused = [*_REFUSED, *product(_TABLES, ["TRUNCATE"])]
    return {_name(table, operation): _create_on_postgresql(table, operation) for table, operation in refused}


def _name(table: str, operation: str) -> str:
    return f"{table}_{operation.lower()}"


def _create_on_postgresql(table: str, operation: str) -> str:
    name = _name(table, operation)
    body = f"RAISE EXCEPTION '{_REFUSAL.format(operation, table)}' USING ERRCODE = '23001';"
    if name == _LINKS_EVENT:
        position = "'{" + ",".join(_POSITION) + "}'::text[]"
        links = f"OLD.seq IS NULL AND NEW.seq IS NOT NULL AND to_jsonb(NEW) - {position} = to_jsonb(OLD) - {position}"
        body = f"IF {links} THEN RETURN NEW; END IF; {body}"
    # TRUNCATE has no row triggers.
    level = {"TRUNCATE": "STATEMENT"}.get(operation, "ROW")
    return (
        f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} END $$; "
        f"DROP TRIGGER IF EXISTS {name} ON {table}; "
        f"CREATE TRIGGER {name} BEFORE {operation} ON {table} FOR EACH {level} EXECUTE FUNCTION {name}();"
    )


def _create_on_sqlite(table: str, operation: str) -> str:
    name = _name(table, operation)
    condition = ""
    if name == _LINKS_EVENT:
        columns = [field.column for field in AuditEvent._meta.concrete_fields if field.column not in _POSITION]
        unchanged = " AND ".join(f"NEW.{column} IS OLD.{column}" for column in columns)
        condition = f"WHEN NOT (OLD.seq IS NULL AND NEW.seq IS NOT NULL AND {unchanged})"
    refusal = f"SELECT RAISE(ABORT, '{_REFUSAL.format(operation, table)}');"
    return f"CREATE TRIGGER {name} BEFORE {operation} ON {table} {condition} BEGIN {refusal} END"
