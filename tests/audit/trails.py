"""Audit trails to tamper with, recorded by the service itself, and the means of the database's owner."""

import random
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.db import connection

from audit.chain import append, checkpoints, form
from audit.chain.models import CHAIN_START
from audit.log import Event, record, report
from audit.models import AuditEvent
from config.access.actor import Actor
from config.vocabulary import EventType as E
from tests.builders import NOON

PORTAL = Actor(client="portal", subject="ilze", address="203.0.113.9")
_CHANGES = [E.PROCESS_STARTED, E.TASK_STARTED, E.SIGNER_SIGNED, E.PROCESS_UPDATED, E.REMINDER]


def random_trail(seed: int, *, processes: int = 4, least: int = 4) -> list[str]:
    """Record a trail of several processes with at least `least` events each. Returns the ids of the processes.

    Reads are among the events. Checkpoints are made now and then, and at the end.
    """
    chance = random.Random(seed)
    ids = [f"p{seed}-{number}" for number in range(processes)]
    remaining = [process_id for process_id in ids for _ in range(least + chance.randrange(4))]
    chance.shuffle(remaining)
    for step, process_id in enumerate(remaining):
        at = NOON + timedelta(minutes=step)
        event_type = chance.choice(_CHANGES)
        after = {"signerName": f"Ā{step}", f"signers/{step}/signerEmail": "a@example.org"}
        if chance.random() < 0.2:
            report([{"event_type": E.SIGNATURE, "process_id": process_id, "note": "š"}], actor=PORTAL, at=at)
        else:
            record([Event(event_type, process_id, note=f"note {step}", after=after)], actor=PORTAL, at=at)
        if chance.random() < 0.3:
            record([Event(E.PROCESS_GETONE, process_id), Event(E.PROCESS_GETALL)], actor=PORTAL, at=at)
        if chance.random() < 0.1:
            checkpoints.make(at=at)
    checkpoints.make(at=NOON + timedelta(days=1))
    return ids


def chain_of(process_id: str) -> list[AuditEvent]:
    """The events of a process that are in its chain, in order."""
    return list(AuditEvent.objects.of_process(process_id).filter(seq__isnull=False).order_by("seq"))


def sql(statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
    """Run a statement as the owner of the database."""
    with connection.cursor() as cursor:
        cursor.execute(statement, list(parameters))
        return list(cursor.fetchall()) if cursor.description else []


def on_postgres() -> bool:
    return connection.vendor == "postgresql"


def rehash(process_id: str, *, since: int = 1) -> None:
    """Link the chain again without a key: the digests are public, the MACs stay as they were."""
    prev = CHAIN_START
    for event in chain_of(process_id):
        assert event.seq is not None
        if event.seq >= since:
            sql("UPDATE audit_event SET prev = %s WHERE number = %s", prev, event.number)
            event.prev = prev
        prev = form.digest(append.event_bytes(event))
    sql("UPDATE audit_head SET digest = %s WHERE process_id = %s", prev, process_id)


TABLES = ("audit_value", "audit_event", "audit_head", "audit_checkpoint_leaf", "audit_checkpoint")


def backup() -> dict[str, list[tuple[Any, ...]]]:
    """A copy of the whole trail."""
    return {table: sql(f"SELECT {_column_list(table)} FROM {table}") for table in TABLES}


def restore(copy: dict[str, list[tuple[Any, ...]]]) -> None:
    for table in TABLES:
        sql(f"DELETE FROM {table}")
    for table in reversed(TABLES):
        placeholders = ", ".join(["%s"] * len(columns(table)))
        for row in copy[table]:
            sql(f"INSERT INTO {table} ({_column_list(table)}) VALUES ({placeholders})", *row)


def columns(table: str) -> Sequence[str]:
    with connection.cursor() as cursor:
        return [column.name for column in connection.introspection.get_table_description(cursor, table)]


def delete_event(event: AuditEvent) -> None:
    sql("DELETE FROM audit_value WHERE event_id = %s", event.number)
    sql("DELETE FROM audit_event WHERE number = %s", event.number)


def copy_event(event: AuditEvent, *, seq: int | None) -> int:
    """Insert the event with its values again, at a position or pending. Returns the number of the copy."""
    number = int(sql("SELECT max(number) FROM audit_event")[0][0]) + 1
    names = ", ".join(name for name in columns("audit_event") if name not in ("number", "id", "seq"))
    new_id = "8f14e45f-ceea-467f-a8a6-00000000000" + str(number % 10)
    sql(
        f"INSERT INTO audit_event (number, id, seq, {names}) "
        f"SELECT %s, %s, %s, {names} FROM audit_event WHERE number = %s",
        number,
        new_id if on_postgres() else new_id.replace("-", ""),
        seq,
        event.number,
    )
    sql(
        "INSERT INTO audit_value (event_id, part, salt, value) "
        "SELECT %s, part, salt, value FROM audit_value WHERE event_id = %s",
        number,
        event.number,
    )
    return number


def _column_list(table: str) -> str:
    return ", ".join(f'"{name}"' for name in columns(table))
