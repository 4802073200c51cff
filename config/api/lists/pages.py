"""Pages and sorting as in Spring Data: `page` from 0, `size`, and `sort=field,asc|desc`, which may be repeated.

A list counts at most LIST_LIMIT rows, and skips at most as many. Clients that read everything use `cursor` instead.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Any, Generic, TypeVar

from django.conf import settings
from django.core.exceptions import FieldDoesNotExist
from django.db import connection
from django.db.models import F, IntegerField, Model, QuerySet, Subquery
from django.db.models.expressions import OrderBy
from django.http import QueryDict
from drf_spectacular.utils import OpenApiParameter
from rest_framework.pagination import BasePagination

from config.api.fields import INT32
from config.api.lists.cursors import Position
from config.api_values import JsonObject
from config.errors import DomainError, Fault, Invalid

DEFAULT_SIZE = 25
MAX_SIZE = 200
# A search for a part of a text counts at most this many rows, or up to the end of the page.
SEARCH_LIMIT = 1_000
# A page of all lists is at most this heavy: about the bytes of its JSON, and of the objects that it is made of.
MAX_WEIGHT = 16_000_000
_DIRECTIONS = {"asc": False, "desc": True}
# Spring Data's third word. Case is ignored where a list sorts by normalized names; it has no other effect.
_IGNORE_CASE = "ignorecase"
_INT32 = {"type": "integer", "format": "int32"}
_TYPES: dict[type, JsonObject] = {
    list: {"type": "array"},
    int: _INT32,
    bool: {"type": "boolean"},
    type(None): {"type": "string", "nullable": True},
}
_TOTAL_TEXT = "Whether totalElements is the number of all rows. If not, the list has more rows than that."
_Row = TypeVar("_Row")
# The annotation with the number of all rows.
_TOTAL = "rows_of_list"
_Ordering = tuple[tuple[str, bool], ...]
Sorts = Mapping[str, str | None]


def parameters(sorts: Iterable[str], *, several: bool = True) -> list[OpenApiParameter]:
    """The schema of `page`, `size`, `sort` and `cursor` for a list with these sort fields.

    `several`: `sort` is an array, as in the reference for most lists.
    """
    size = {**_INT32, "minimum": 1, "default": DEFAULT_SIZE}
    sort: JsonObject = {"type": "string"}
    if several:
        sort = {"type": "array", "items": sort}
    sort_text = f"`field,asc` or `field,desc`; repeatable. Fields: {', '.join(sorts)}."
    page_text = "Page number, from 0. To read more rows than a list counts, use `cursor`."
    cursor_text = "The `nextCursor` of the previous page, instead of `page`. It keeps the order of that page."
    return [
        OpenApiParameter("page", {**_INT32, "minimum": 0, "default": 0}, description=page_text),
        OpenApiParameter(
            "size", size, description=f"Rows per page. Values above {MAX_SIZE} are reduced to {MAX_SIZE}."
        ),
        OpenApiParameter("sort", sort, description=sort_text, explode=several or None),
        OpenApiParameter("cursor", str, description=cursor_text),
    ]


class PageTooLarge(DomainError):
    """The rows of the page are too large together. The fault names a `size` with which they fit."""

    code = "page_too_large"
    status = 400
    detail = "This page is too large; request a smaller `size` (see `errors`)."


class PageTooDeep(DomainError):
    """More rows come before the page than a list skips."""

    code = "page_too_deep"
    status = 400

    def __init__(self) -> None:
        detail = (
            f"A list has pages for its first {settings.LIST_LIMIT} rows. To read more, sort by createdAt and send the "
            "`nextCursor` of each page as `cursor`; or use a filter."
        )
        super().__init__(detail, [Fault(detail, code=self.code, parameter="page")])


@dataclass(frozen=True, slots=True)
class PageRows(Generic[_Row]):
    """The rows of a page, and what is known about the rest of the list.

    `total` is the number of all rows if `is_exact`; otherwise the list has more rows than that. `next_cursor` is None
    on the last page, and in an order that has no cursors.
    """

    rows: list[_Row]
    has_more: bool
    total: int
    is_exact: bool = True
    next_cursor: str | None = None


class _CountUpToLimit(Subquery):
    """The number of rows of a query, as a value in another one."""

    template = "(SELECT count(*) FROM (%(subquery)s) AS counted)"
    output_field = IntegerField()


class _EstimateOrCount(_CountUpToLimit):
    """One more than the limit if PostgreSQL estimates that the table has many more rows; otherwise the number."""

    template = (
        "(CASE WHEN (SELECT reltuples FROM pg_class WHERE oid = '%(table)s'::regclass) > 2 * %(limit)s"
        " THEN %(limit)s + 1 ELSE (SELECT count(*) FROM (%(subquery)s) AS counted) END)"
    )


@dataclass(frozen=True, slots=True)
class PageRequest(BasePagination):
    """The page of a list that a request asks for.

    `ordering` consists of pairs (column, descending); the last one makes the order unique. `position` is where a
    cursor continues. The schema uses the same class to describe pages.
    """

    number: int = 0
    size: int = DEFAULT_SIZE
    ordering: _Ordering = ()
    position: Position | None = None

    @classmethod
    def of(cls, query: QueryDict, *, sorts: Sorts, default: str, tie: str = "id") -> "PageRequest":
        """Parse a query string; `Invalid` with a fault for each bad parameter.

        `sorts` maps each sort field to its column, or to None if the caller does not see the field: sorting by it has
        no effect. `default` is a sort expression, and `tie` is the column that orders rows which are equal otherwise.
        """
        faults: list[Fault] = []
        number = _integer(query, "page", 0, INT32, 0, faults)
        size = _size(query, DEFAULT_SIZE, faults)
        expressions = [expression for expression in query.getlist("sort") if expression]
        ordering = _ordering(expressions or [default], sorts, tie, faults)
        position = _position(query, faults) if tie == "id" else None
        if position is not None:
            order_of_cursor = _by_creation(position.descending)
            if expressions and ordering != order_of_cursor:
                detail = "'sort' must be left out, or be that of the page that the cursor comes from."
                faults.append(Fault(detail, code="contradiction", parameter="sort"))
            ordering = order_of_cursor
        if faults:
            raise Invalid(faults=faults)
        return cls(number, size, ordering, position)

    def read(self, queryset: "QuerySet[Any, _Row]", *, is_search: bool = False) -> PageRows[_Row]:
        """Read the page in one statement, which also counts; `PageTooDeep` if it is behind LIST_LIMIT rows.

        A page that starts behind the last row costs a second statement. A search for a part of a text counts fewer
        rows, because it has to look at each.
        """
        start = self.number * self.size
        if start >= settings.LIST_LIMIT and _countable(queryset, settings.LIST_LIMIT).count() > settings.LIST_LIMIT:
            raise PageTooDeep
        limit = settings.LIST_LIMIT
        if is_search:
            limit = max(min(limit, SEARCH_LIMIT), start + self.size)
        # One row more than the page tells whether there are more.
        counted = self._remaining(queryset).annotate(**{_TOTAL: _total(queryset, limit)})
        rows = list(counted[start : start + self.size + 1])
        has_more = len(rows) > self.size
        if rows:
            total = int(_value(rows[0], _TOTAL))
        else:
            total = _countable(queryset, limit).count()
        page = PageRows(rows[: self.size], has_more, min(total, limit), total <= limit)
        if has_more and self.ordering in (_by_creation(True), _by_creation(False)):
            last = page.rows[-1]
            end = Position(_value(last, "created_at"), _value(last, "id"), descending=self.ordering[0][1])
            return replace(page, next_cursor=end.cursor())
        return page

    def slice_of(self, queryset: "QuerySet[Any, _Row]") -> "QuerySet[Any, _Row]":
        """The rows of the page as a query, to weigh them before they are read."""
        start = self.number * self.size
        return self._remaining(queryset)[start : start + self.size]

    def _remaining(self, queryset: "QuerySet[Any, _Row]") -> "QuerySet[Any, _Row]":
        """The rows in order, from where the cursor continues."""
        if self.position is not None:
            queryset = queryset.filter(self.position.rows_after())
        return queryset.order_by(*self.order_by(queryset.model))

    def order_by(self, model: type[Model]) -> list[OrderBy]:
        """Nulls sort last in both directions. Only set for nullable columns, because NULLS LAST defeats the index."""
        return [
            OrderBy(F(column), descending=descending, nulls_last=True if _is_nullable(model, column) else None)
            for column, descending in self.ordering
        ]

    def answer(self, content: Sequence[object], page: PageRows[Any]) -> JsonObject:
        """The response body."""
        return {
            "content": list(content),
            "totalElements": page.total,
            "totalElementsExact": page.is_exact,
            "totalPages": -(-page.total // self.size),
            "number": self.number,
            "size": self.size,
            "numberOfElements": len(content),
            "first": self.number == 0 and self.position is None,
            "last": not page.has_more,
            "empty": not content,
        }

    def answer_with_cursor(self, content: Sequence[object], page: PageRows[Any]) -> JsonObject:
        """The response body of a list that has cursors."""
        return self.answer(content, page) | {"nextCursor": page.next_cursor}

    def get_paginated_response_schema(self, schema: JsonObject) -> JsonObject:
        """The schema of `answer_with_cursor`, with the first page of a list with one row as the example."""
        example_page = PageRows(["a row"], has_more=False, total=1)
        properties: JsonObject = {"content": schema}
        for name, example in self.answer_with_cursor(["a row"], example_page).items():
            properties.setdefault(name, {**_TYPES[type(example)], "example": example})
        properties["totalElements"]["format"] = "int64"
        properties["totalElementsExact"]["description"] = _TOTAL_TEXT
        return {"type": "object", "properties": properties, "required": list(properties)}


def requested_size(query: QueryDict, *, default: int) -> int:
    """The `size` of a list without pages; `Invalid` if it is not a size."""
    faults: list[Fault] = []
    size = _size(query, default, faults)
    if faults:
        raise Invalid(faults=faults)
    return size


def require_fit(weights: Sequence[int]) -> None:
    """Raise `PageTooLarge` if the rows with these weights are too large for one page. A single row always fits."""
    if len(weights) < 2 or sum(weights) <= MAX_WEIGHT:
        return
    size = _fitting_size(weights)
    detail = f"'size' must be at most {size} for these rows."
    raise PageTooLarge(faults=[Fault(detail, code=PageTooLarge.code, parameter="size")])


def _fitting_size(weights: Sequence[int]) -> int:
    """The largest size with which every run of that many rows fits; 1 if there is none."""
    totals = [0, *accumulate(weights)]
    for size in range(len(weights) - 1, 1, -1):
        if all(after - before <= MAX_WEIGHT for before, after in zip(totals, totals[size:], strict=False)):
            return size
    return 1


def _size(query: QueryDict, default: int, faults: list[Fault]) -> int:
    text = query.get("size") or ""
    # Spring Data caps the size as well.
    if text.isascii() and text.isdigit() and int(text[:20]) > MAX_SIZE:
        return MAX_SIZE
    return _integer(query, "size", 1, MAX_SIZE, default, faults)


def _integer(query: QueryDict, name: str, low: int, high: int, default: int, faults: list[Fault]) -> int:
    text = query.get(name) or str(default)
    if text.isascii() and text.isdigit() and len(text) <= 10 and low <= int(text) <= high:
        return int(text)
    detail = f"'{name}' must be a whole number from {low} to {high}."
    faults.append(Fault(detail, code="out_of_range", parameter=name))
    return default


def _ordering(expressions: list[str], sorts: Sorts, tie: str, faults: list[Fault]) -> _Ordering:
    ordering: dict[str | None, bool] = {}
    descending = False
    for expression in expressions:
        # One expression is `field`, `field,desc` or `field,field,desc`, each possibly with `,ignorecase` at its end.
        fields = [part.strip() for part in expression.split(",")]
        descending = False
        if len(fields) > 1 and fields[-1].lower() == _IGNORE_CASE:
            fields.pop()
        if len(fields) > 1 and fields[-1].lower() in _DIRECTIONS:
            descending = _DIRECTIONS[fields.pop().lower()]
        for field in fields:
            if field in sorts:
                ordering.setdefault(sorts[field], descending)
            else:
                detail = f"'sort' must be one of {', '.join(sorts)}, optionally followed by ,asc or ,desc."
                faults.append(Fault(detail, code="sort_not_offered", parameter="sort"))
    # The tie-breaker follows the last direction, so that one index serves the whole ordering.
    ordering.setdefault(tie, descending)
    return tuple((column, direction) for column, direction in ordering.items() if column is not None)


def _total(queryset: "QuerySet[Any, Any]", limit: int) -> Subquery:
    """The number of all rows as an annotation, one more than the limit if there are more. No large table is counted."""
    counted = _countable(queryset, limit)
    if queryset.query.where or connection.vendor != "postgresql":
        return _CountUpToLimit(counted)
    return _EstimateOrCount(counted, table=queryset.model._meta.db_table, limit=limit)


def _countable(queryset: "QuerySet[Any, Any]", limit: int) -> "QuerySet[Any, Any]":
    return queryset.order_by().values("pk")[: limit + 1]


def _by_creation(descending: bool) -> _Ordering:
    return (("created_at", descending), ("id", descending))


def _position(query: QueryDict, faults: list[Fault]) -> Position | None:
    """The position of `cursor`; None if it is missing or empty."""
    text = query.get("cursor")
    if not text:
        return None
    position = Position.of_cursor(text)
    if position is None:
        detail = "'cursor' must be the `nextCursor` of the previous page."
        faults.append(Fault(detail, code="not_a_cursor", parameter="cursor"))
    if query.get("page") not in (None, "", "0"):
        detail = "'page' must be left out, because 'cursor' sets the position."
        faults.append(Fault(detail, code="contradiction", parameter="page"))
    return position


def _value(row: object, name: str) -> Any:
    """A column of a row, which is a model instance or a dictionary."""
    return row[name] if isinstance(row, dict) else getattr(row, name)


def _is_nullable(model: type[Model], column: str) -> bool:
    """Whether a column, for example `due_at` or `process__due_at`, is nullable."""
    first, _, rest = column.partition("__")
    try:
        field = model._meta.get_field(first)
    except FieldDoesNotExist:
        # An annotation of the query.
        return True
    if rest and field.related_model:
        return _is_nullable(field.related_model, rest)
    return field.null
