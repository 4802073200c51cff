"""Queries of the ORM that are compiled once, for requests in which compiling takes longer than running."""

from collections.abc import Iterable, Sequence
from typing import Any

from django.db import connection
from django.db.models import QuerySet


class CompiledQuery:
    """A query with its SQL, to be run with other values for its parameters.

    `queryset` is made with `values_list`. Its values must be of the same types and number as those that it is run with.
    """

    def __init__(self, queryset: "QuerySet[Any, Any]") -> None:
        self._compiler = queryset.query.get_compiler(connection=connection)
        self._sql, _ = self._compiler.as_sql()

    def rows(self, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
        """Run the query with these values, which are in the form that the database takes."""
        with connection.cursor() as cursor:
            cursor.execute(self._sql, parameters)
            rows: Iterable[Any] = self._compiler.results_iter(results=[cursor.fetchall()], tuple_expected=True)
            return list(rows)
