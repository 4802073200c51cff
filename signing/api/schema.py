"""What the API schema says about each operation: summary, description, examples, responses."""

from drf_spectacular.helpers import forced_singular_serializer
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse

from audit.api.schema import EVENT_ANSWER
from config.api.lists import pages
from config.api.schema import DELETED, NOT_MODIFIED, answer, location, operation, request_example
from config.vocabulary import EventType, Role
from signing.api import examples, filters
from signing.serializers import (
    ActSerializer,
    CancelSerializer,
    OverridesSerializer,
    ProcessAuditSerializer,
    ProcessSerializer,
    RemindedSerializer,
    RemindSerializer,
    SearchSerializer,
    StepSerializer,
    TaskSerializer,
    TestEmailSerializer,
)

_SORT_FIELDS = ["createdAt", "completedAt", "documentName", "status", "dueDate"]
_PROCESS = answer(ProcessSerializer, "The process. `ETag` is its version.", examples.PROCESS)
_STEP = answer(StepSerializer, "The step. `ETag` is the version of its process.", examples.STEP)
_CHANGE_REFUSALS = (400, 401, 403, 404, 409, 412)

LIST_PROCESSES = operation(
    "listProcesses",
    "List processes",
    "The processes that the caller may see, newest first, one page at a time.",
    answer(ProcessSerializer(many=True), "A page of processes.", examples.PROCESS),
    tag="processes",
    refusals=(400, 401, 403),
    parameters=[*pages.parameters(_SORT_FIELDS), *filters.PROCESS_PARAMETERS],
)
CREATE_PROCESS = operation(
    "createProcess",
    "Create a process",
    "The process starts immediately. With `status` `PENDING` it is kept as a draft and no email is sent. `Location` is "
    "the URL of the new process.",
    _PROCESS,
    versioned=True,
    tag="processes",
    refusals=(400, 401, 403, 413),
    success=201,
    parameters=[location("process")],
    request=ProcessSerializer,
    examples=[
        request_example("Two steps", examples.TWO_STEPS_BODY),
        request_example("Anonymous signer", examples.CREATE_BODY),
        request_example("Draft", examples.DRAFT_BODY),
    ],
)
GET_PROCESS = operation(
    "getProcess",
    "Get a process",
    "If `If-None-Match` is the current version, the response is 304.",
    _PROCESS,
    versioned=True,
    tag="processes",
    also=NOT_MODIFIED,
    refusals=(401, 403, 404),
)
GET_AUDIT = operation(
    "getProcessAudit",
    "Get the audit trail of a process",
    "The events of the process, oldest first, one page at a time, and the verdict: whether the audit trail is intact. "
    "Requires permission to change the process, or the right `audit_read`, which also covers deleted processes.",
    answer(
        forced_singular_serializer(ProcessAuditSerializer),
        "A page of events, and the verdict on all of them.",
        {
            "content": [EVENT_ANSWER],
            "totalElements": 5,
            "totalPages": 5,
            "number": 0,
            "size": 1,
            "numberOfElements": 1,
            "first": True,
            "last": False,
            "empty": False,
            "verdict": examples.VERDICT,
        },
    ),
    tag="processes",
    refusals=(400, 401, 403, 404),
    parameters=pages.parameters(["createdAt"]),
)
GET_EVIDENCE = operation(
    "getProcessEvidence",
    "Download the evidence of a process",
    "A ZIP file to hand over: the process, its events, a signed checkpoint, a PDF certificate, and `verify.py`, which "
    "verifies all of it without Paraph. 409 if the audit trail is not intact or contradicts the process.",
    OpenApiResponse(OpenApiTypes.BINARY, "The evidence bundle."),
    tag="processes",
    success=(200, "application/zip"),
    refusals=(401, 403, 404, 409),
)
UPDATE_PROCESS = operation(
    "updateProcess",
    "Update a process",
    "Send back what you read, with your changes. Absent keys stay unchanged, null clears the value, and fields that "
    "the server owns are ignored. Steps and signers with an `id` are changed, those without one are added, and "
    "missing ones are removed. The past cannot be rewritten.",
    _PROCESS,
    versioned=True,
    tag="processes",
    refusals=(*_CHANGE_REFUSALS, 413),
    request=ProcessSerializer,
    examples=[request_example("Rename the document", {"documentName": "Lease agreement, signed copy"})],
)
DELETE_PROCESS = operation(
    "deleteProcess",
    "Delete a draft or a finished process",
    "The audit trail keeps its events.",
    DELETED,
    tag="processes",
    refusals=(401, 403, 404, 409, 412),
    success=204,
)
SEARCH_PROCESSES = operation(
    "searchProcesses",
    "Find processes by document and personal code",
    "At least one of the two fields is required; if both are given, both must match. At most 200 processes, newest "
    "first.",
    answer(ProcessSerializer(many=True), "The matching processes.", examples.PROCESS),
    tag="processes",
    refusals=(400, 401, 403),
    request=SearchSerializer,
    examples=[request_example("By both", {"documentId": "LEASE-2026-0117", "personalCode": "150375-10101"})],
)
START_PROCESS = operation(
    "startProcess",
    "Start a draft",
    "The first step starts, and its signers are notified.",
    _PROCESS,
    versioned=True,
    tag="processes",
    refusals=_CHANGE_REFUSALS,
    request=None,
)
CANCEL_PROCESS = operation(
    "cancelProcess",
    "Cancel a process",
    "Cancels the process. Everyone who was already asked to act is notified, with the reason.",
    _PROCESS,
    versioned=True,
    tag="processes",
    refusals=_CHANGE_REFUSALS,
    request=CancelSerializer,
    examples=[request_example("With a reason", {"reason": "The contract was renegotiated."})],
)
REMIND_SIGNERS = operation(
    "remindSigners",
    "Remind signers",
    "Reminds the given signers, or every signer whose turn it is. Each person is reminded at most once an hour.",
    answer(
        RemindedSerializer,
        "The signers who get an email, and those who do not, with the reason.",
        {"reminded": [examples.SIGNER_ID], "skipped": []},
    ),
    tag="processes",
    refusals=_CHANGE_REFUSALS,
    request=RemindSerializer,
    examples=[request_example("One signer", {"signers": [examples.SIGNER_ID]})],
)
CREATE_PROCESS_FROM_TEMPLATE = operation(
    "createProcessOfTemplate",
    "Create a draft process from a template",
    "The template's `data` is read as a SigningProcess body, in which a step may have `dueInDays` instead of a "
    "`dueDate`. The fields of this request replace those of the template. The process is always a draft. If the data "
    "is not a valid process, `errors` lists every problem and nothing is created.",
    _PROCESS,
    versioned=True,
    tag="templates",
    refusals=(400, 401, 403, 404),
    success=201,
    parameters=[location("process")],
    request=OverridesSerializer,
    examples=[request_example("A lease", {"documentId": "LEASE-2026-0118", "startAt": "2026-12-01T09:00:00Z"})],
)
SEND_TEST_EMAIL = operation(
    "sendTestMail",
    "Send a test email",
    "Renders the email of an event for the process in the request body, as its first signer of that role would get it, "
    "and sends it to the caller's own address. With the right `on_behalf`, it is sent to `processInitiatorEmail`. "
    "Links are masked. The process is not stored. Limited to 100 emails per client and hour by default.",
    answer(
        TestEmailSerializer,
        "The email that was sent, or the reason why none would be sent.",
        {
            "sent": True,
            "addressee": "ilze.kalnina@example.org",
            "subject": "[Test] Please sign: Nomas līgums, Brīvības iela 12",
            "language": "en",
            "template": "en, as shipped",
            "reason": None,
        },
    ),
    tag="notifications",
    refusals=(400, 401, 403, 413),
    parameters=[
        OpenApiParameter("eventType", str, enum=EventType.values, required=True, description="The event to notify of."),
        OpenApiParameter("role", str, enum=Role.values, required=True, description="The role of the recipient."),
    ],
    request=ProcessSerializer,
    examples=[request_example("Two steps", examples.TWO_STEPS_BODY)],
)
LIST_TASKS = operation(
    "listSignerTasks",
    "List a person's tasks",
    "The steps in which it is or was this person's turn, newest first. Steps that have not started are not shown. The "
    "caller must be this person or have the right `on_behalf`.",
    answer(TaskSerializer(many=True), "A page of tasks.", examples.TASK),
    tag="signers",
    refusals=(400, 401, 403),
    parameters=[*pages.parameters(_SORT_FIELDS, several=False), *filters.TASK_PARAMETERS],
)
GET_STEP = operation(
    "getStep",
    "Get a step",
    "A step with its signers.",
    _STEP,
    versioned=True,
    tag="steps",
    refusals=(401, 403, 404),
    also=NOT_MODIFIED,
)
UPDATE_STEP = operation(
    "updateStep",
    "Update a step, or report what a person did",
    "The rules are those of updating a process, for one step; signers that are left out stay. A new `signingStatus` "
    "reports that signer's act. Reporting the same act twice is harmless.",
    _STEP,
    versioned=True,
    tag="steps",
    refusals=(*_CHANGE_REFUSALS, 413),
    request=StepSerializer,
    examples=[
        request_example("A signature", {"processStepSigners": [{"id": examples.SIGNER_ID, **examples.SIGNED_BODY}]})
    ],
)
REPORT_ACT = operation(
    "reportAct",
    "Report what one signer did",
    "The signer signed, approved, viewed or declined. For an anonymous signer, the request may name the person. The "
    "response is the step.",
    _STEP,
    versioned=True,
    tag="signers",
    refusals=_CHANGE_REFUSALS,
    request=ActSerializer,
    examples=[
        request_example("Signed", examples.SIGNED_BODY),
        request_example("Declined", examples.DECLINED_BODY),
    ],
)
