"""Reads that see one state of the database."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, TypeVar

from django.db import connection, transaction
from psycopg import IsolationLevel

_ATTEMPTS = 3
_Method = TypeVar("_Method", bound=Callable[..., Any])


class ChangedMeanwhile(Exception):
    """What was read by several statements does not belong together."""


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


def consistent(method: _Method) -> _Method:
    """Decorate a view method that raises `ChangedMeanwhile` when it sees that two of its statements do not agree.

    It is repeated, at last in one snapshot. That is cheaper than a snapshot each time, which costs two round trips.
    """

    @wraps(method)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        for _ in range(_ATTEMPTS):
            try:
                return method(*args, **kwargs)
            except ChangedMeanwhile:
                continue
        with one_snapshot():
            return method(*args, **kwargs)

    return wrapper  # type: ignore[return-value]  # it has the signature of the method
