"""The numbers of events, and the number up to which a reader can rely on seeing every event.

Numbers are taken before their transactions commit, and transactions commit in any order: a reader that has seen 11 and
continues from there would miss a 10 that commits later. Therefore each writer, before it takes a number, announces the
last number taken so far: a shared advisory lock of its transaction (PostgreSQL) that never blocks. All numbers that
this writer may still commit are higher. A reader asks for the last number taken, then for the lowest number announced,
and reads no further than either: every event up to there was committed or never will be. SQLite has one writer at a
time and needs none of this.
"""

from django.db import connection
from django.db.transaction import TransactionManagementError

# The upper 16 bits of the lock's key mark these locks; the lower 48 bits are the number.
_SPACE = 0x7061
_LAST_TAKEN = "SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM audit_event_number_seq"
_TAKE = f"""
WITH announced AS MATERIALIZED (SELECT pg_advisory_xact_lock_shared(({_SPACE}::bigint << 48) | ({_LAST_TAKEN})))
SELECT nextval('audit_event_number_seq') FROM announced, generate_series(1, %s)
"""
_LAST_TAKEN_ON_SQLITE = "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'audit_event'"
_LOWEST_ANNOUNCED = f"""
SELECT min(((classid::bigint & 65535) << 32) | objid::bigint) FROM pg_locks
WHERE locktype = 'advisory' AND objsubid = 1 AND granted AND classid::bigint >> 16 = {_SPACE}
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


def take_numbers(count: int) -> list[int]:
    """The next numbers, in order. Readers wait for them until this transaction ends."""
    if not connection.in_atomic_block:
        raise TransactionManagementError("audit events must be written in a transaction")
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(_TAKE, [count])
            return sorted(number for (number,) in cursor.fetchall())
        cursor.execute(_LAST_TAKEN_ON_SQLITE)
        (last,) = cursor.fetchone()
        return list(range(last + 1, last + 1 + count))


def readable_up_to() -> int | None:
    """The number up to which no event is missing; None if no event can be missing.

    Call it before reading the events, and outside of a transaction with an older snapshot.
    """
    if connection.vendor != "postgresql":
        return None
    with connection.cursor() as cursor:
        # In this order: a writer that announces itself in between takes a higher number than `last_taken`.
        cursor.execute(_LAST_TAKEN)
        (last_taken,) = cursor.fetchone()
        cursor.execute(_LOWEST_ANNOUNCED)
        (announced,) = cursor.fetchone()
    return last_taken if announced is None else min(last_taken, announced)
