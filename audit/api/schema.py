"""Responses, parameters and examples of the audit operations in the API schema.

The summary and description of an operation are the docstring of its view method.
"""

from drf_spectacular.helpers import forced_singular_serializer

from audit.api.filters import EVENT_PARAMETERS, EVENT_SORTS
from audit.api.serializers import EVENT_FIELDS, MAX_REPORTS, EventPage, EventSerializer
from config.api.lists import pages
from config.api.schema import answer, request_example

_REPORT = {
    "eventType": "SIGNATURE",
    "eventOrigin": "signing-server",
    "processId": "9dce9e72-6bf9-4874-8dd1-44342027dd4f",
    "documentId": "DOC-2026-0117",
    "note": "Signed with a qualified certificate.",
    "createdAt": "2026-11-24T09:29:58Z",
}
EVENT_ANSWER = {
    **dict.fromkeys(EVENT_FIELDS),
    **_REPORT,
    "id": "6f1f7a3e-7a51-4f3e-9d0b-1d8e4a6a2c11",
    "createdAt": "2026-11-24T09:30:00Z",
    "creator": "signing-server",
    "ipAddress": "203.0.113.7",
    "clientAppName": "signing-server",
    "number": 4711,
    "source": "REPORTED",
    "requestId": "0c9b5d4e-5b1f-4a07-9d5e-6f2b8c1e7a90",
    "reportedBy": "signing-server",
    "reportedAt": "2026-11-24T09:29:58Z",
    "seq": 5,
}
_PAGE = {"content": [EVENT_ANSWER], "size": 25, "numberOfElements": 1, "next": "4711"}
_EVENT = {"$ref": "#/components/schemas/AuditEvent"}
_EVENTS = {"type": "array", "items": _EVENT, "minItems": 1, "maxItems": MAX_REPORTS}

EVENT = answer(EventSerializer, "The event.", EVENT_ANSWER)
EVENT_PAGE = answer(forced_singular_serializer(EventPage), "A page of events. The example uses a cursor.", _PAGE)
RECORDED_EVENT = answer({"oneOf": [_EVENT, _EVENTS]}, "The recorded event; a list if a list was sent.", EVENT_ANSWER)
LIST_PARAMETERS = [*pages.parameters(EVENT_SORTS), *EVENT_PARAMETERS]
REPORT = {"application/json": {"oneOf": [_EVENT, _EVENTS]}}
REPORTS = [
    request_example("A signature", _REPORT),
    request_example("Several events", [_REPORT, {**_REPORT, "eventType": "AUTH_COMPLETED"}]),
]
