"""Audit events over HTTP: clients report events, and read the audit trail."""

from collections.abc import Iterable, Sequence

from django.db.models import Sum, prefetch_related_objects
from django.db.models.functions import Length
from django.http import QueryDict
from django.urls import reverse
from rest_framework.request import Request
from rest_framework.response import Response

from audit import log
from audit.api import schema
from audit.api.filters import EVENT_SORTS, EventFilter
from audit.api.serializers import MAX_REPORTS, EventSerializer, event_body
from audit.chain import reader_cursor
from audit.models import AuditEvent, AuditValue
from config.access.actor import MissingRight
from config.api.idempotency import idempotent
from config.api.limits import count_client
from config.api.lists.pages import PageRequest, require_fit
from config.api.schema import documented, location
from config.api.snapshots import snapshot
from config.api.views import ApiViewSet, parse_id
from config.api_values import Body, JsonObject
from config.errors import Fault, Forbidden, Invalid, NotFound
from config.vocabulary import Right

# The columns of an event, and the names of its fields. Its values are read once more when they are parsed.
_EVENT_WEIGHT = 4_000


class AuditEventViewSet(ApiViewSet):
    @documented(
        "listAuditEvents", schema.EVENT_PAGE, tag="audit", refusals=(400, 401, 403), parameters=schema.LIST_PARAMETERS
    )
    def list(self, request: Request) -> Response:
        """List audit events.

        Requires the right `audit_read`. Returns pages, newest first; or, with `after`, the events after a cursor,
        oldest first. Start with 0 and continue with the `next` of each response: no event is missed or returned twice,
        even if events are recorded meanwhile.
        """
        self._require_reader()
        page = PageRequest.of(request.GET, sorts=EVENT_SORTS, default="createdAt,desc", tie="number")
        after = _cursor(request.GET)
        if after is not None:
            return Response(_events_after(after, request.GET, size=page.size))
        events = EventFilter(request.GET, queryset=AuditEvent.objects.all()).rows()
        found = page.read(events.prefetch_related(None))
        return Response(page.answer(page_of_events(found.rows), found))

    @documented("getAuditEvent", schema.EVENT, tag="audit", refusals=(401, 403, 404))
    @snapshot
    def retrieve(self, request: Request, id: str) -> Response:
        """Get an audit event.

        Requires the right `audit_read`.
        """
        self._require_reader()
        event = AuditEvent.objects.filter(id=parse_id(id)).first()
        if event is None:
            raise NotFound
        return Response(event_body(event))

    @documented(
        "createAuditEvent",
        schema.RECORDED_EVENT,
        tag="audit",
        refusals=(400, 401, 403, 413),
        success=201,
        parameters=[location("event")],
        request=schema.REPORT,
        examples=schema.REPORTS,
    )
    @idempotent
    def create(self, request: Request) -> Response:
        """Report audit events.

        Requires the right `audit_write`. The body is one event or a list of up to 500 events, of which all or none are
        recorded. The `id` and `createdAt` of a report are stored as `reportedId` and `reportedAt`.
        """
        if not self.actor.may(Right.AUDIT_WRITE):
            raise MissingRight(Right.AUDIT_WRITE, "Reporting audit events")
        if isinstance(request.data, list):
            reports = _reports(request.data)
            # Each event counts, because it is kept forever. The request itself is counted already.
            count_client(self.actor.client, requests=len(reports) - 1)
            events = log.report(reports, actor=self.actor, at=self.now)
            return Response(event_bodies(events), status=201)
        (event,) = log.report([self.body(EventSerializer)], actor=self.actor, at=self.now)
        url = request.build_absolute_uri(reverse("audit-event", args=[event.id]))
        return Response(event_body(event), status=201, headers={"Location": url})

    def _require_reader(self) -> None:
        if not self.actor.may(Right.AUDIT_READ):
            raise MissingRight(Right.AUDIT_READ, "Reading the audit trail")
        if self.actor.narrowed:
            raise Forbidden("'user', 'owner', 'group' and 'isAdmin' must be left out to read the audit trail.")


def event_bodies(events: Iterable[AuditEvent]) -> list[JsonObject]:
    return [event_body(event) for event in events]


def page_of_events(rows: Sequence[AuditEvent]) -> list[JsonObject]:
    """The events of one page in a response; `PageTooLarge` if their values are too large together."""
    # The values are loaded only if they fit.
    sizes = AuditValue.objects.filter(event__in=rows).values("event_id").annotate(size=Sum(Length("value")))
    size_of = dict(sizes.values_list("event_id", "size"))
    require_fit([_EVENT_WEIGHT + 2 * size_of.get(row.pk, 0) for row in rows])
    prefetch_related_objects(rows, "values")
    return event_bodies(rows)


def _events_after(after: int, query: QueryDict, *, size: int) -> JsonObject:
    # The limit first: events up to it are visible to the query that follows.
    limit = reader_cursor.readable_up_to()
    events = EventFilter(query, queryset=AuditEvent.objects.filter(number__gt=after)).rows()
    if limit is not None:
        events = events.filter(number__lte=limit)
    content = page_of_events(list(events.prefetch_related(None).in_order()[:size]))
    if content:
        after = content[-1]["number"]
    return {"content": content, "size": size, "numberOfElements": len(content), "next": str(after)}


def _reports(bodies: list[object]) -> list[Body]:
    """The validated reports of a list."""
    if not 0 < len(bodies) <= MAX_REPORTS:
        code = "too_many" if bodies else "empty"
        raise Invalid(faults=[Fault(f"A list must have 1 to {MAX_REPORTS} events.", code=code, pointer="#")])
    serializer = EventSerializer(data=bodies, many=True)
    serializer.is_valid(raise_exception=True)
    return [dict(report) for report in serializer.validated_data]


def _cursor(query: QueryDict) -> int | None:
    """The value of `after`; None if it is missing or empty."""
    text = query.get("after")
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        detail = "'after' must be the 'next' of the previous response, or 0 for the beginning."
        raise Invalid(faults=[Fault(detail, code="not_a_cursor", parameter="after")])
    conflicts = [name for name in ("sort", "page") if query.get(name) not in (None, "", "0")]
    if conflicts:
        detail = "This parameter must be left out, because 'after' sets the order and the position."
        raise Invalid(faults=[Fault(detail, code="contradiction", parameter=name) for name in conflicts])
    return int(text)
