"""Pages and sorting as in Spring Data: `page` from 0, `size`, and `sort=field,asc|desc`, which may be repeated."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from django.db.models import F, Model, QuerySet
from django.db.models.expressions import OrderBy
from django.http import QueryDict
from drf_spectacular.utils import OpenApiParameter
from rest_framework.pagination import BasePagination

from config.api.fields import INT32
from config.api_values import JsonObject
from config.errors import Fault, Invalid

DEFAULT_SIZE = 25
MAX_SIZE = 200
_DIRECTIONS = {"asc": False, "desc": True}
_INT32 = {"type": "integer", "format": "int32"}
_TYPES: dict[type, JsonObject] = {list: {"type": "array"}, int: _INT32, bool: {"type": "boolean"}}
_Row = TypeVar("_Row", bound=Model)
_Ordering = tuple[tuple[str, bool], ...]


def parameters(sorts: Iterable[str], *, several: bool = True) -> list[OpenApiParameter]:
    """The schema of `page`, `size` and `sort` for a list with these sort fields.

    `several`: `sort` is an array, as in the reference for most lists.
    """
    size = {**_INT32, "minimum": 1, "maximum": MAX_SIZE, "default": DEFAULT_SIZE}
    sort: JsonObject = {"type": "string"}
    if several:
        sort = {"type": "array", "items": sort}
    sort_text = f"`field,asc` or `field,desc`; repeatable. Fields: {', '.join(sorts)}."
    return [
        OpenApiParameter("page", {**_INT32, "minimum": 0, "default": 0}, description="Page number, from 0."),
        OpenApiParameter("size", size, description=f"Rows per page, at most {MAX_SIZE}."),
        OpenApiParameter("sort", sort, description=sort_text, explode=several or None),
    ]


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
    def of(cls, query: QueryDict, *, sorts: Mapping[str, str], default: str, tie: str = "id") -> "PageRequest":
        """Parse a query string; `Invalid` with a fault for each bad parameter.

        `sorts` maps each sort field to its column, `default` is a sort expression, and `tie` is the
        column that orders rows which are equal otherwise.
        """
        faults: list[Fault] = []
        number = _integer(query, "page", 0, INT32, 0, faults)
        size = _integer(query, "size", 1, MAX_SIZE, DEFAULT_SIZE, faults)
        expressions = [expression for expression in query.getlist("sort") if expression]
        ordering = _ordering(expressions or [default], sorts, tie, faults)
        if faults:
            raise Invalid(faults=faults)
        return cls(number, size, ordering)

    def rows_of(self, queryset: QuerySet[_Row]) -> list[_Row]:
        start = self.number * self.size
        return list(queryset.order_by(*self.order_by(queryset.model))[start : start + self.size])

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


def _integer(query: QueryDict, name: str, low: int, high: int, default: int, faults: list[Fault]) -> int:
    text = query.get(name) or str(default)
    if text.isascii() and text.isdigit() and len(text) <= 10 and low <= int(text) <= high:
        return int(text)
    detail = f"'{name}' must be a whole number from {low} to {high}."
    faults.append(Fault(detail, code="out_of_range", parameter=name))
    return default


def _ordering(expressions: list[str], sorts: Mapping[str, str], tie: str, faults: list[Fault]) -> _Ordering:
    ordering: dict[str, bool] = {}
    descending = False
    for expression in expressions:
        # One expression is `field`, `field,desc` or `field,field,desc`.
        fields = [part.strip() for part in expression.split(",")]
        descending = False
        if len(fields) > 1 and fields[-1].lower() in _DIRECTIONS:
            descending = _DIRECTIONS[fields.pop().lower()]
        for field in fields:
            if field in sorts:
                ordering.setdefault(sorts[field], descending)
            else:
                detail = f"'sort' must be one of {', '.join(sorts)}, each with ,asc or ,desc."
                faults.append(Fault(detail, code="sort_not_offered", parameter="sort"))
    # The tie-breaker follows the last direction, so that one index serves the whole ordering.
    return *ordering.items(), (tie, descending)


def _is_nullable(model: type[Model], column: str) -> bool:
    """Whether a column, for example `due_at` or `process__due_at`, is nullable."""
    first, _, rest = column.partition("__")
    field = model._meta.get_field(first)
    if rest and field.related_model:
        return _is_nullable(field.related_model, rest)
    return field.null
