"""Reads that see one state of the database."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps

from django.db import connection, transaction
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

_ViewMethod = Callable[..., Response]


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


def snapshot(method: _ViewMethod) -> _ViewMethod:
    """Decorate a view method to run in one snapshot, so that a response never contradicts itself or its ETag."""

    @wraps(method)
    def wrapper(view: APIView, request: Request, **path_parameters: str) -> Response:
        with one_snapshot():
            return method(view, request, **path_parameters)

    return wrapper
