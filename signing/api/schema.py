"""Responses, parameters and examples of the signing operations in the API schema.

The summary and description of an operation are the docstring of its view method.
"""

from drf_spectacular.helpers import forced_singular_serializer
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse

from audit.api.filters import EVENT_SORTS
from audit.api.schema import EVENT_ANSWER
from config.api.lists import pages
from config.api.schema import answer, request_example
from config.vocabulary import EventType, Role
from signing.api import examples, filters
from signing.api.pages import PROCESS_SORTS, TASK_SORTS
from signing.serializers import (
    ProcessAuditSerializer,
    ProcessSerializer,
    RemindedSerializer,
    StepSerializer,
    TaskSerializer,
    TestEmailSerializer,
)

PROCESS_LIST_PARAMETERS = [*pages.parameters(PROCESS_SORTS), *filters.PROCESS_PARAMETERS]
AUDIT_PARAMETERS = pages.parameters(EVENT_SORTS)
TASK_LIST_PARAMETERS = [*pages.parameters(TASK_SORTS, several=False), *filters.TASK_PARAMETERS]
TEST_EMAIL_PARAMETERS = [
    OpenApiParameter("eventType", str, enum=EventType.values, required=True, description="The event of the email."),
    OpenApiParameter("role", str, enum=Role.values, required=True, description="The role of the recipient."),
]
SEARCH_SIZE = OpenApiParameter(
    "size",
    {"type": "integer", "format": "int32", "minimum": 1, "default": pages.MAX_SIZE},
    description="Values above 200 are reduced to 200.",
)
CHANGE_REFUSALS = (400, 401, 403, 404, 409, 412)

PROCESS = answer(ProcessSerializer, "The process. `ETag` is its version.", examples.EXAMPLE_PROCESS)
PROCESS_PAGE = answer(ProcessSerializer(many=True), "A page of processes.", examples.EXAMPLE_PROCESS)
SEARCH_RESULT = answer(ProcessSerializer(many=True), "The matching processes.", examples.EXAMPLE_PROCESS)
STEP = answer(StepSerializer, "The step. `ETag` is the version of its process.", examples.EXAMPLE_STEP)
TASK_PAGE = answer(TaskSerializer(many=True), "A page of tasks.", examples.TASK)
EVIDENCE = OpenApiResponse(OpenApiTypes.BINARY, "The evidence bundle.")
AUDIT_TRAIL = answer(
    forced_singular_serializer(ProcessAuditSerializer),
    "A page of events, and the verdict on all of them.",
    {
        "content": [EVENT_ANSWER],
        "totalElements": 5,
        "totalElementsExact": True,
        "totalPages": 5,
        "number": 0,
        "size": 1,
        "numberOfElements": 1,
        "first": True,
        "last": False,
        "empty": False,
        "verdict": examples.VERDICT,
    },
)
REMINDED = answer(
    RemindedSerializer,
    "The signers who get an email, and those who do not, with the reason.",
    {"reminded": [examples.SIGNER_ID], "skipped": []},
)
TEST_EMAIL = answer(
    TestEmailSerializer,
    "The email that was sent, or the reason why no email would be sent.",
    {
        "sent": True,
        "addressee": "ilze.kalnina@example.org",
        "subject": "[Test] Please sign: Nomas līgums, Brīvības iela 12",
        "language": "en",
        "template": "en, as shipped",
        "reason": None,
    },
)

TWO_STEPS = request_example("Two steps", examples.TWO_STEPS_BODY)
NEW_PROCESSES = [
    TWO_STEPS,
    request_example("Anonymous signer", examples.ANONYMOUS_BODY),
    request_example("Draft", examples.DRAFT_BODY),
]
RENAME = request_example("Rename the document", {"documentName": "Lease agreement, signed copy"})
SEARCH = request_example("By both", {"documentId": "LEASE-2026-0117", "personalCode": "150375-10101"})
CANCELLATION = request_example("With a reason", {"reason": "The contract was renegotiated."})
ONE_SIGNER = request_example("One signer", {"signers": [examples.SIGNER_ID]})
OVERRIDES = request_example("A lease", {"documentId": "LEASE-2026-0118", "startAt": "2026-12-01T09:00:00Z"})
SIGNATURE_IN_STEP = request_example(
    "A signature", {"processStepSigners": [{"id": examples.SIGNER_ID, **examples.SIGNED_BODY}]}
)
ACTS = [request_example("Signed", examples.SIGNED_BODY), request_example("Declined", examples.DECLINED_BODY)]
