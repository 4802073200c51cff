"""Pages and sorts as Spring Data has them: `page` from 0, `size`, `sort=field,asc|desc`, repeatable."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import F, Model, QuerySet
from django.db.models.expressions import OrderBy
from django.http import QueryDict
from drf_spectacular.utils import OpenApiParameter
from rest_framework.pagination import BasePagination

from config.api.fields import INT32
from config.errors import Fault, Invalid

DEFAULT_SIZE = 25
MAX_SIZE = 200
_DIRECTIONS = {"asc": False, "desc": True}

_INT32 = {"type": "integer", "format": "int32"}


def parameters(sorts: Iterable[str], *, several: bool = True) -> list[OpenApiParameter]:
    """The schema of `page`, `size` and `sort` for a list that offers these sorts; `several`: as an array."""
    offered = ", ".join(sorts)
    return [
        OpenApiParameter("page", {**_INT32, "minimum": 0, "default": 0}, description="Page number, from 0."),
        OpenApiParameter(
            "size",
            {**_INT32, "minimum": 1, "maximum": MAX_SIZE, "default": DEFAULT_SIZE},
            description=f"Rows on a page, at most {MAX_SIZE}.",
        ),
        OpenApiParameter(
            "sort",
            {"type": "array", "items": {"type": "string"}} if several else {"type": "string"},
            explode=several or None,
            description=f"`field,asc` or `field,desc`, repeatable. Fields: {offered}.",
        ),
    ]


@dataclass(frozen=True, slots=True)
class PageRequest:
    """Which rows a list was asked for; `ordering` is (column, descending), the tie-breaker last."""

    number: int
    size: int
    ordering: tuple[tuple[str, bool], ...]

    @classmethod
    def of(cls, query: QueryDict, *, sorts: Mapping[str, str], default: str, tie: str = "id") -> "PageRequest":
        """Read a query string; `sorts` names the column of each field offered, `default` is a sort.

        `tie` is the column that decides between rows that are otherwise equal. `Invalid` names each bad parameter and
        what is allowed.
        """
        faults: list[Fault] = []
        number = _whole(query, "page", 0, INT32, 0, faults)
        size = _whole(query, "size", 1, MAX_SIZE, DEFAULT_SIZE, faults)
        ordering = _ordering([s for s in query.getlist("sort") if s] or [default], sorts, tie, faults)
        if faults:
            raise Invalid(faults=faults)
        return cls(number, size, ordering)

    def rows_of(self, queryset: QuerySet[Any, Any]) -> list[Any]:
        start = self.number * self.size
        return list(queryset.order_by(*self._order(queryset.model))[start : start + self.size])

    def _order(self, model: type[Model]) -> list[OrderBy]:
        """Nothing stands last either way; said only of columns that may be null, since it keeps indexes from use."""
        return [
            OrderBy(F(column), descending=descending, nulls_last=True if _nullable(model, column) else None)
            for column, descending in self.ordering
        ]

    def answer(self, content: Sequence[Any], *, total: int) -> dict[str, Any]:
        """The page as Spring Data writes it."""
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


class SpringPagination(BasePagination):
    """Tells the schema what a page looks like; views use `PageRequest`."""

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        return _page_schema(schema)


def _page_schema(content: dict[str, Any]) -> dict[str, Any]:
    number = {"type": "integer", "format": "int32", "example": 1}
    flag = {"type": "boolean", "example": True}
    properties = {
        "content": content,
        "totalElements": {"type": "integer", "format": "int64", "example": 1},
        "totalPages": number,
        "number": {**number, "example": 0},
        "size": {**number, "example": DEFAULT_SIZE},
        "numberOfElements": number,
        "first": flag,
        "last": flag,
        "empty": {**flag, "example": False},
    }
    return {"type": "object", "properties": properties, "required": list(properties)}


def _nullable(model: type[Model], column: str) -> bool:
    """Whether the column, `due_at` or `process__due_at`, may be null."""
    first, _, rest = column.partition("__")
    field: Any = model._meta.get_field(first)
    return _nullable(field.related_model, rest) if rest else bool(field.null)


def _whole(query: QueryDict, name: str, low: int, high: int, default: int, faults: list[Fault]) -> int:
    text = query.get(name) or str(default)
    if text.isascii() and text.isdigit() and len(text) <= 10 and low <= int(text) <= high:
        return int(text)
    faults.append(Fault(f"'{name}' is a whole number from {low} to {high}.", code="out_of_range", parameter=name))
    return default


def _ordering(
    asked: list[str], sorts: Mapping[str, str], tie: str, faults: list[Fault]
) -> tuple[tuple[str, bool], ...]:
    ordering: dict[str, bool] = {}
    descending = False
    for expression in asked:
        *fields, last = [part.strip() for part in expression.split(",")]
        if last.lower() in _DIRECTIONS and fields:
            descending = _DIRECTIONS[last.lower()]
        else:
            fields, descending = [*fields, last], False
        for field in fields:
            if field in sorts:
                ordering.setdefault(sorts[field], descending)
            else:
                detail = f"Sorting is offered by {', '.join(sorts)}, each with ,asc or ,desc."
                faults.append(Fault(detail, code="sort_not_offered", parameter="sort"))
    return *ordering.items(), (tie, descending)
