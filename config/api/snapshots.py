"""Reads that see one state of the database."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction


@contextmanager
def one_snapshot() -> Iterator[None]:
    """Make all queries see the database at one moment. Inside another transaction, its isolation level applies."""
    is_outermost = not connection.in_atomic_block
    with transaction.atomic():
        # SQLite transactions always read one snapshot.
        if is_outermost and connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        yield


# Decorates a view method to run in one snapshot, so that a response never contradicts itself or its ETag.
snapshot = one_snapshot()
