"""Reads that see one state of the database."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction
from psycopg import IsolationLevel


@contextmanager
def one_snapshot() -> Iterator[None]:
    """Make all queries see the database at one moment. Inside another transaction, its isolation level applies."""
    if connection.in_atomic_block or connection.vendor != "postgresql":
        # SQLite transactions always read one snapshot.
        with transaction.atomic():
            yield
        return
    # The isolation level is part of BEGIN, which saves a round trip.
    connection.ensure_connection()
    session = connection.connection
    session.isolation_level = IsolationLevel.REPEATABLE_READ
    try:
        with transaction.atomic():
            yield
    finally:
        if not session.closed:
            session.isolation_level = None


# Decorates a view method to run in one snapshot, so that a response never contradicts itself or its ETag.
snapshot = one_snapshot()
