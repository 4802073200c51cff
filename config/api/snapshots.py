"""Reads that see one state of the database."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

from django.db import connection, transaction
from rest_framework.response import Response

View = TypeVar("View")
Args = ParamSpec("Args")


@contextmanager
def one_snapshot() -> Iterator[None]:
    """Read rows of several tables as of one moment. A transaction that is already open decides for itself."""
    outermost = not connection.in_atomic_block
    with transaction.atomic():
        if outermost and connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        yield


def snapshot(
    handler: Callable[Concatenate[View, Args], Response],
) -> Callable[Concatenate[View, Args], Response]:
    """Run a view method in one snapshot, so that a response never contradicts itself or its ETag."""

    @wraps(handler)
    def in_snapshot(view: View, /, *args: Args.args, **kwargs: Args.kwargs) -> Response:
        with one_snapshot():
            return handler(view, *args, **kwargs)

    return in_snapshot
