"""Audit events over HTTP: reported from outside, and read."""

from typing import Any

from django.http import QueryDict
from django.urls import reverse
from rest_framework.request import Request
from rest_framework.response import Response

from audit import log
from audit.api import schema
from audit.api.filters import EventFilter
from audit.api.schema import MOST_AT_ONCE
from audit.api.serializers import EventSerializer
from audit.chain import reader_cursor
from audit.models import AuditEvent
from config import api_values
from config.access.actor import MissingRight
from config.api.idempotency import idempotent
from config.api.lists.pages import PageRequest
from config.api.snapshots import snapshot
from config.api.views import ApiViewSet, parse_id
from config.errors import Fault, Forbidden, Invalid, NotFound
from config.vocabulary import Right


class AuditEventViewSet(ApiViewSet):
    @schema.LIST
    def list(self, request: Request) -> Response:
        self._require_reader()
        page = PageRequest.of(request.GET, sorts=schema.SORTS, default="createdAt,desc", tie="number")
        after = _cursor(request.GET)
        if after is None:
            rows = EventFilter(request.GET, queryset=AuditEvent.objects.all()).rows()
            return Response(page.answer(shown(page.rows_of(rows)), total=rows.count()))
        limit = reader_cursor.readable_up_to()
        rows = EventFilter(request.GET, queryset=AuditEvent.objects.filter(number__gt=after)).rows()
        rows = rows if limit is None else rows.filter(number__lte=limit)
        content = shown(rows.in_order()[: page.size])
        end = content[-1]["number"] if content else after
        shape = {"size": page.size, "numberOfElements": len(content), "next": str(end)}
        return Response({"content": content, **shape})

    @schema.RETRIEVE
    @snapshot
    def retrieve(self, request: Request, id: str) -> Response:
        self._require_reader()
        event = AuditEvent.objects.filter(id=parse_id(id)).first()
        if event is None:
            raise NotFound
        return Response(shown([event])[0])

    @schema.CREATE
    @idempotent
    def create(self, request: Request) -> Response:
        if not self.actor.may(Right.AUDIT_WRITE):
            raise MissingRight(Right.AUDIT_WRITE, "Reporting audit events")
        told = request.data
        if not isinstance(told, list_):
            (event,) = log.report([self.body(EventSerializer)], actor=self.actor, at=self.now)
            place = request.build_absolute_uri(reverse("audit-event", args=[event.id]))
            return Response(shown([event])[0], status=201, headers={"Location": place})
        events = log.report(_several(told), actor=self.actor, at=self.now)
        return Response(shown(events), status=201)

    def _require_reader(self) -> None:
        if not self.actor.may(Right.AUDIT_READ):
            raise MissingRight(Right.AUDIT_READ, "Reading the trail")
        if self.actor.narrowed:
            raise Forbidden(
                "The trail is not read on behalf of anybody: leave out 'user', 'owner', 'group' and 'isAdmin'."
            )


list_ = list
"""The type, in a module whose class has a method of its name."""


def _several(told: list_[Any]) -> list_[dict[str, Any]]:
    if not 0 < len(told) <= MOST_AT_ONCE:
        detail = f"A list of events has 1 to {MOST_AT_ONCE} of them."
        raise Invalid(faults=[Fault(detail, code="too_many" if told else "empty", pointer="#")])
    serializer = EventSerializer(data=told, many=True)
    serializer.is_valid(raise_exception=True)
    return [dict(event) for event in serializer.validated_data]


def _cursor(query: QueryDict) -> int | None:
    text = query.get("after")
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        detail = "'after' is the 'next' of the last answer, or 0 for the beginning."
        raise Invalid(faults=[Fault(detail, code="not_a_cursor", parameter="after")])
    if others := [name for name in ("sort", "page") if query.get(name) not in (None, "", "0")]:
        detail = "A cursor goes by the events' numbers, from one answer to the next; leave this out."
        raise Invalid(faults=[Fault(detail, code="contradiction", parameter=name) for name in others])
    return int(text)


def shown(events: Any) -> list_[dict[str, Any]]:
    """Events on the wire; what is empty says nothing."""
    rows = (api_values.row(event, AuditEvent.WIRE) for event in events)
    return [{name: None if value == "" else value for name, value in row.items()} for row in rows]
