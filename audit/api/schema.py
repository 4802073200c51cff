"""What the schema says of each operation on audit events."""

from drf_spectacular.helpers import forced_singular_serializer
from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema
from rest_framework import serializers

from audit.api.filters import PARAMETERS
from audit.api.serializers import EventSerializer
from config.api.lists import pages
from config.api.schema import answer, location, operation, request_example

MOST_AT_ONCE = 500
SORTS = {"createdAt": "created_at"}

_BODY = {
    "eventType": "SIGNATURE",
    "eventOrigin": "signing-server",
    "processId": "9dce9e72-6bf9-4874-8dd1-44342027dd4f",
    "documentId": "DOC-2026-0117",
    "note": "Signed with a qualified certificate.",
    "createdAt": "2026-11-24T09:29:58Z",
}
EVENT_ANSWER = {
    **_BODY,
    "id": "6f1f7a3e-7a51-4f3e-9d0b-1d8e4a6a2c11",
    "createdAt": "2026-11-24T09:30:00Z",
    "creator": "signing-server",
    "signerId": None,
    "customerPersonalCode": None,
    "ipAddress": "203.0.113.7",
    "containerId": None,
    "method": None,
    "clientAppName": "signing-server",
    "number": 4711,
    "source": "REPORTED",
    "requestId": "0c9b5d4e-5b1f-4a07-9d5e-6f2b8c1e7a90",
    "reportedBy": "signing-server",
    "reportedId": None,
    "reportedAt": "2026-11-24T09:29:58Z",
    "before": None,
    "after": None,
    "seq": 5,
    "erased": None,
}
_EVENT = {"$ref": "#/components/schemas/AuditEvent"}
_ONE_OR_SEVERAL = {
    "application/json": {"oneOf": [_EVENT, {"type": "array", "items": _EVENT, "minItems": 1, "maxItems": MOST_AT_ONCE}]}
}


class EventPage(serializers.Serializer):
    """A page as of every list. With `after` it has `next`, and not what would have to be counted."""

    content = EventSerializer(many=True)
    size = serializers.IntegerField()
    numberOfElements = serializers.IntegerField()
    next = serializers.CharField(required=False, help_text="With `after`: where to go on.")
    totalElements = serializers.IntegerField(required=False)
    totalPages = serializers.IntegerField(required=False)
    number = serializers.IntegerField(required=False)
    first = serializers.BooleanField(required=False)
    last = serializers.BooleanField(required=False)
    empty = serializers.BooleanField(required=False)


LIST = extend_schema(
    **operation(
        "listAuditEvents",
        "Read the trail",
        "Needs the right `audit_read`. Newest first, a page at a time; or, with `after`, oldest first by a cursor.",
        OpenApiResponse(
            forced_singular_serializer(EventPage),
            "A page of events.",
            examples=[
                OpenApiExample(
                    "By cursor",
                    {"content": [EVENT_ANSWER], "size": 25, "numberOfElements": 1, "next": "4711"},
                    response_only=True,
                )
            ],
        ),
        tag="audit",
        refusals=(400, 401, 403),
        parameters=[*pages.parameters(SORTS), *PARAMETERS],
    )
)
RETRIEVE = extend_schema(
    **operation(
        "getAuditEvent",
        "Read an event",
        "Needs the right `audit_read`.",
        answer(EventSerializer, "The event.", EVENT_ANSWER),
        tag="audit",
        refusals=(401, 403, 404),
    )
)
CREATE = extend_schema(
    **operation(
        "createAuditEvent",
        "Report what happened elsewhere",
        f"Needs the right `audit_write`. One event, or a list of up to {MOST_AT_ONCE}: all are kept or none. What the "
        "client says of `id` and `createdAt` is kept beside ours as `reportedId` and `reportedAt`.",
        answer(EventSerializer, "The event as it is kept; a list where a list was sent.", EVENT_ANSWER),
        tag="audit",
        refusals=(400, 401, 403, 413),
        success=201,
        parameters=[location("event")],
        request=_ONE_OR_SEVERAL,
        examples=[
            request_example("A signature", _BODY),
            request_example("Several", [_BODY, {**_BODY, "eventType": "AUTH_COMPLETED"}]),
        ],
    )
)
