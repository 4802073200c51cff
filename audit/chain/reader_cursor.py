"""The events' numbers: which come next, and up to which every event is there to be read while others are written.

Numbers are given before their transactions commit, and not in the order in which they do: who reads 11 and goes on
from there would miss a 10 that is still on its way. So each writer announces, before it takes a number, the last one
that was given: a lock of its transaction (PostgreSQL, advisory, shared) that nobody waits for. Whatever such a writer
is yet to commit has a higher number. A reader asks for the last number given, then for the lowest announced, and goes
no further than either: what is up to there has been committed, or never will be. On SQLite one writes at a time.
"""

from django.db import connection
from django.db.transaction import TransactionManagementError

# The upper 16 bits of the lock's key tell these locks from others; the lower 48 are a number.
_SPACE = 0x7061
_GIVEN = "SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM audit_event_number_seq"
_TAKE = f"""
WITH announced AS MATERIALIZED (SELECT pg_advisory_xact_lock_shared(({_SPACE}::bigint << 48) | ({_GIVEN})))
SELECT nextval('audit_event_number_seq') FROM announced, generate_series(1, %s)
"""
_LAST_OF_SQLITE = "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'audit_event'"
_ANNOUNCED = f"""
SELECT min(((classid::bigint & 65535) << 32) | objid::bigint) FROM pg_locks
WHERE locktype = 'advisory' AND objsubid = 1 AND granted AND classid::bigint >> 16 = {_SPACE}
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


def take_numbers(count: int) -> list[int]:
    """The next numbers, in order. Until this transaction ends it is known that events with these may follow."""
    if not connection.in_atomic_block:
        raise TransactionManagementError("audit events are written in a transaction, which announces them")
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(_TAKE, [count])
            return sorted(number for (number,) in cursor.fetchall())
        cursor.execute(_LAST_OF_SQLITE)
        (last,) = cursor.fetchone()
        return list(range(last + 1, last + 1 + count))


def readable_up_to() -> int | None:
    """The number up to which all is there; None where nothing can be on its way.

    To be asked before the events are read, and outside of a transaction that would read them as of before.
    """
    if connection.vendor != "postgresql":
        return None
    with connection.cursor() as cursor:
        cursor.execute(_GIVEN)
        (given,) = cursor.fetchone()
        cursor.execute(_ANNOUNCED)
        (announced,) = cursor.fetchone()
    return given if announced is None else min(given, announced)
