"""Logs to tamper with, made by the service itself, and the hand of somebody who owns the database."""

import random
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.db import connection

from audit.chain import append, checkpoints, form
from audit.log import Event, record, report
from audit.models import AuditEvent
from config.access.actor import Actor
from config.vocabulary import EventType as E
from tests.builders import NOON

PORTAL = Actor(client="portal", subject="ilze", address="203.0.113.9")
_CHANGES = [E.PROCESS_STARTED, E.TASK_STARTED, E.SIGNER_SIGNED, E.PROCESS_UPDATED, E.REMINDER]


def some_log(seed: int, *, processes: int = 4, least: int = 4) -> list[str]:
    """A log of several processes, each with some events, and reads among them; with checkpoints now and then, the last
    of them at the end. The ids of the processes."""
    chance = random.Random(seed)
    ids = [f"p{seed}-{number}" for number in range(processes)]
    left = [process_id for process_id in ids for _ in range(least + chance.randrange(4))]
    chance.shuffle(left)
    for step, process_id in enumerate(left):
        at = NOON + timedelta(minutes=step)
        kind = chance.choice(_CHANGES)
        said = {"signerName": f"Ā{step}", f"signers/{step}/signerEmail": "a@example.org"}
        if chance.random() < 0.2:
            report([{"event_type": E.SIGNATURE, "process_id": process_id, "note": "š"}], actor=PORTAL, at=at)
        else:
            record([Event(kind, process_id, note=f"note {step}", after=said)], actor=PORTAL, at=at)
        if chance.random() < 0.3:
            record([Event(E.PROCESS_GETONE, process_id), Event(E.PROCESS_GETALL)], actor=PORTAL, at=at)
        if chance.random() < 0.1:
            checkpoints.make(at=at)
    checkpoints.make(at=NOON + timedelta(days=1))
    return ids


def sql(statement: str, *values: Any) -> list[tuple[Any, ...]]:
    """Run what the owner of the database may."""
    with connection.cursor() as cursor:
        cursor.execute(statement, list(values))
        return list(cursor.fetchall()) if cursor.description else []


def on_postgres() -> bool:
    return connection.vendor == "postgresql"


def rehash(process_id: str, *, since: int = 1) -> None:
    """Make the chain follow again, by whoever has no key: the digests are public, the macs stay as they were."""
    prev = form.START
    for event in AuditEvent.objects.of_process(process_id).filter(seq__isnull=False).order_by("seq"):
        if event.seq >= since:
            sql("UPDATE audit_event SET prev = %s WHERE number = %s", prev, event.number)
            event.prev = prev
        prev = form.digest(append.canonical(event))
    sql("UPDATE audit_head SET digest = %s WHERE process_id = %s", prev, process_id)


TABLES = ("audit_value", "audit_event", "audit_head", "audit_checkpoint_leaf", "audit_checkpoint")


def copied() -> dict[str, list[tuple[Any, ...]]]:
    """The whole trail as it is now."""
    return {table: sql(f"SELECT {_listed(table)} FROM {table}") for table in TABLES}


def restored(copy: dict[str, list[tuple[Any, ...]]]) -> None:
    for table in TABLES:
        sql(f"DELETE FROM {table}")
    for table in reversed(TABLES):
        places_ = ", ".join(["%s"] * len(columns(table)))
        for row in copy[table]:
            sql(f"INSERT INTO {table} ({_listed(table)}) VALUES ({places_})", *row)


def _listed(table: str) -> str:
    return ", ".join(f'"{name}"' for name in columns(table))


def columns(table: str) -> Sequence[str]:
    with connection.cursor() as cursor:
        return [column.name for column in connection.introspection.get_table_description(cursor, table)]
