"""Versioned rows over HTTP: list, get, create, update and delete, the same for each resource."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

from django.db.models.expressions import Combinable
from django.urls import reverse
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer

from config import api_values
from config.api import conditional
from config.api.idempotency import idempotent
from config.api.lists.filters import ListFilter
from config.api.lists.pages import PageRequest, require_fit
from config.api.snapshots import snapshot
from config.api.views import ApiViewSet, not_modified, parse_id, tag
from config.api_values import Body, JsonObject
from config.errors import Fault, Invalid, NotFound
from config.versioned import actions
from config.versioned.models import VersionedModel


class VersionedViewSet(ApiViewSet):
    """Rows are typed `Any` where a subclass narrows them to its own model."""

    model: ClassVar[type[VersionedModel]]
    shape: ClassVar[type[Serializer]]
    filters: ClassVar[type[ListFilter]]
    # The column of each sort field, and the sort without a `sort` parameter.
    sorts: ClassVar[Mapping[str, str]]
    default_sort: ClassVar[str]
    # The weight of a row in a page (see `require_fit`), if rows can be large.
    weight: ClassVar[Combinable | None] = None
    # The name of the URL of one row.
    address: ClassVar[str]

    @snapshot
    def list(self, request: Request) -> Response:
        page = PageRequest.of(request.GET, sorts=self.sorts, default=self.default_sort)
        visible = self.model.objects.visible_to(self.actor)
        rows = self.filters(request.GET, queryset=visible).rows()
        if self.weight is not None:
            require_fit(list(page.slice_of(rows.annotate(weight=self.weight)).values_list("weight", flat=True)))
        found = page.read(rows)
        return Response(page.answer_with_cursor(self.represent(found.rows), found))

    @snapshot
    def retrieve(self, request: Request, id: str) -> Response:
        row = self.find(id)
        if conditional.unchanged(row.version, request.headers):
            return not_modified(row.version)
        return self.answer(row)

    @idempotent
    def create(self, request: Request) -> Response:
        row = self.made(self.body(self.shape))
        url = request.build_absolute_uri(reverse(self.address, args=[row.pk]))
        return self.answer(row, status=201, Location=url)

    def update(self, request: Request, id: str) -> Response:
        return self.replaced(id, self.body(self.shape))

    def destroy(self, request: Request, id: str) -> Response:
        actions.delete_row(self.find(id), **self.action_kwargs)
        return Response(status=204)

    def find(self, id: str) -> Any:
        """The row with this id; `NotFound` if the caller may not see it."""
        row = self.model.objects.visible_to(self.actor).filter(id=parse_id(id)).first()
        if row is None:
            raise NotFound
        return row

    def replaced(self, id: str, body: Body) -> Response:
        """Update the row with this id, and return the response."""
        row = self.find(id)
        if body.get("id") and parse_id(body["id"]) != row.pk:
            detail = "The id in the body must match the id in the URL."
            raise Invalid(faults=[Fault(detail, code="contradiction", pointer="#/id")])
        changed = self.changed(row, body)
        return self.answer(changed, warnings=changed.change_warnings)

    def made(self, body: Body) -> VersionedModel:
        """Create a row. Override it to call another action."""
        return actions.create_row(self.model, body, actor=self.actor, at=self.now)

    def changed(self, row: Any, body: Body) -> VersionedModel:
        """Update a row. Override it to call another action."""
        return actions.replace_row(row, body, **self.action_kwargs)

    def represent(self, rows: Sequence[Any]) -> Sequence[JsonObject]:
        """The rows as JSON objects. Override it to add what is not in a column."""
        return [api_values.row(row, self.model.api_fields()) for row in rows]

    def answer(
        self, row: VersionedModel, *, status: int = 200, warnings: Sequence[Fault] = (), **headers: str
    ) -> Response:
        """The response with one row, its ETag and the warnings about the row and about the change."""
        content = self.represent([row])[0] | api_values.warnings([*self.remarks(row), *warnings])
        return Response(content, status=status, headers=tag(row.version) | headers)

    def remarks(self, row: Any) -> Iterable[Fault]:
        """The warnings about a row."""
        return ()
