"""Pages and sorting as in Spring Data: `page` from 0, `size`, and `sort=field,asc|desc`, which may be repeated."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import TypeVar

from django.core.exceptions import FieldDoesNotExist
from django.db.models import F, Model, QuerySet
from django.db.models.expressions import OrderBy
from django.http import QueryDict
from drf_spectacular.utils import OpenApiParameter
from rest_framework.pagination import BasePagination

from config.api.fields import INT32
from config.api_values import JsonObject
from config.errors import DomainError, Fault, Invalid

DEFAULT_SIZE = 25
MAX_SIZE = 200
# A page of all lists is at most this heavy: about the bytes of its JSON, and of the objects that it is made of.
MAX_WEIGHT = 16_000_000
_DIRECTIONS = {"asc": False, "desc": True}
# Spring Data's third word. Case is ignored where a list sorts by normalized names; it has no other effect.
_IGNORE_CASE = "ignorecase"
_INT32 = {"type": "integer", "format": "int32"}
_TYPES: dict[type, JsonObject] = {list: {"type": "array"}, int: _INT32, bool: {"type": "boolean"}}
_Row = TypeVar("_Row", bound=Model)
_Ordering = tuple[tuple[str, bool], ...]
Sorts = Mapping[str, str | None]


def parameters(sorts: Iterable[str], *, several: bool = True) -> list[OpenApiParameter]:
    """The schema of `page`, `size` and `sort` for a list with these sort fields.

    `several`: `sort` is an array, as in the reference for most lists.
    """
    size = {**_INT32, "minimum": 1, "default": DEFAULT_SIZE}
    sort: JsonObject = {"type": "string"}
    if several:
        sort = {"type": "array", "items": sort}
    sort_text = f"`field,asc` or `field,desc`; repeatable. Fields: {', '.join(sorts)}."
    return [
        OpenApiParameter("page", {**_INT32, "minimum": 0, "default": 0}, description="Page number, from 0."),
        OpenApiParameter(
            "size", size, description=f"Rows per page. Values above {MAX_SIZE} are reduced to {MAX_SIZE}."
        ),
        OpenApiParameter("sort", sort, description=sort_text, explode=several or None),
    ]


class PageTooLarge(DomainError):
    """The rows of the page are too large together. The fault names a `size` with which they fit."""

    code = "page_too_large"
    status = 400
    detail = "This page is too large; request a smaller `size` (see `errors`)."


@dataclass(frozen=True, slots=True)
class PageRequest(BasePagination):
    """The page of a list that a request asks for.

    `ordering` consists of pairs (column, descending); the last one makes the order unique. The
    schema uses the same class to describe pages.
    """

    number: int = 0
    size: int = DEFAULT_SIZE
    ordering: _Ordering = ()

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
        if faults:
            raise Invalid(faults=faults)
        return cls(number, size, ordering)

    def rows_of(self, queryset: QuerySet[_Row]) -> list[_Row]:
        return list(self.slice_of(queryset))

    def slice_of(self, queryset: QuerySet[_Row]) -> QuerySet[_Row]:
        """The rows of the page as a query."""
        start = self.number * self.size
        return queryset.order_by(*self.order_by(queryset.model))[start : start + self.size]

    def order_by(self, model: type[Model]) -> list[OrderBy]:
        """Nulls sort last in both directions. Only set for nullable columns, because NULLS LAST defeats the index."""
        return [
            OrderBy(F(column), descending=descending, nulls_last=True if _is_nullable(model, column) else None)
            for column, descending in self.ordering
        ]

    def answer(self, content: Sequence[object], *, total: int) -> JsonObject:
        """The response body."""
        pages = -(-total // self.size)
        return {
            "content": list(content),
            "totalElements": total,
            "totalPages": pages,
            "number": self.number,
            "size": self.size,
            "numberOfElements": len(content),
            "first": self.number == 0,
            "last": self.number >= pages - 1,
            "empty": not content,
        }

    def get_paginated_response_schema(self, schema: JsonObject) -> JsonObject:
        """The schema of `answer`, with the first page of a list with one row as the example."""
        properties: JsonObject = {"content": schema}
        for name, example in self.answer(["a row"], total=1).items():
            properties.setdefault(name, {**_TYPES[type(example)], "example": example})
        properties["totalElements"]["format"] = "int64"
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
