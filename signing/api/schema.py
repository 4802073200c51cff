"""What the schema says of each operation: summary, description, examples, answers."""

from drf_spectacular.helpers import forced_singular_serializer
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse

from config.api.lists import pages
from config.api.schema import DELETED, NOT_MODIFIED, answer, location, operation, request_example
from config.vocabulary import EventType, Role
from signing.api import filters
from signing.api.samples import AUDIT_ANSWER, BODY, DECLINED, PROCESS_ANSWER, SIGNED, STEP_ANSWER, TASK_ANSWER
from signing.serializers import (
    ActSerializer,
    CancelSerializer,
    FindSerializer,
    ProcessAudit,
    ProcessSerializer,
    RemindedSerializer,
    RemindSerializer,
    StepSerializer,
    TaskSerializer,
    TestEmailSerializer,
    WishesSerializer,
)

_VERSIONED = answer(ProcessSerializer, "The process; `ETag` is its version.", PROCESS_ANSWER)
_STEP = answer(StepSerializer, "The step; `ETag` is its process's version.", STEP_ANSWER)
_CHANGE = (400, 401, 403, 404, 409, 412)

LIST = operation(
    "listProcesses",
    "List processes",
    "The processes that the caller may see, newest first, a page at a time.",
    answer(ProcessSerializer(many=True), "A page of processes.", PROCESS_ANSWER),
    tag="processes",
    refusals=(400, 401, 403),
    parameters=[
        *pages.parameters(["createdAt", "completedAt", "documentName", "status", "dueDate"]),
        *filters.PARAMETERS,
    ],
)
CREATE = operation(
    "createProcess",
    "Create a process",
    "Starts at once unless `status` is `PENDING`, which keeps it as a draft: no mail goes out. `Location` names it.",
    _VERSIONED,
    versioned=True,
    tag="processes",
    refusals=(400, 401, 403, 413),
    success=201,
    parameters=[location("process")],
    request=ProcessSerializer,
    examples=[request_example("One signer", BODY), request_example("A draft", {**BODY, "status": "PENDING"})],
)
RETRIEVE = operation(
    "getProcess",
    "Read a process",
    "With `If-None-Match` of the present version: 304.",
    _VERSIONED,
    versioned=True,
    tag="processes",
    also=NOT_MODIFIED,
    refusals=(401, 403, 404),
)
AUDIT = operation(
    "getProcessAudit",
    "Read what is recorded of a process",
    "Its events, oldest first, a page at a time, with the verdict: whether all of them are as they were written. For "
    "who manages the process; with the right `audit_read` for every process, deleted ones included.",
    answer(
        forced_singular_serializer(ProcessAudit), "A page of events, and the verdict over all of them.", AUDIT_ANSWER
    ),
    tag="processes",
    refusals=(400, 401, 403, 404),
    parameters=pages.parameters(["createdAt"]),
)
EVIDENCE = operation(
    "getProcessEvidence",
    "Fetch the evidence of a process",
    "A ZIP to hand over: the process, its events, a signed checkpoint, a certificate as PDF, and `verify.py`, which "
    "checks it all without Paraph. 409 where the trail is not whole, or contradicts what is kept of the process.",
    OpenApiResponse(OpenApiTypes.BINARY, "The bundle."),
    tag="processes",
    success=(200, "application/zip"),
    refusals=(401, 403, 404, 409),
)
UPDATE = operation(
    "updateProcess",
    "Change a process",
    "Send back what you read, changed. Absent keys stay, null clears, what the server owns is ignored. Steps and "
    "signers with an id are changed, those without are added, missing ones removed. What has happened stays.",
    _VERSIONED,
    versioned=True,
    tag="processes",
    refusals=(*_CHANGE, 413),
    request=ProcessSerializer,
    examples=[request_example("Rename the document", {"documentName": "Lease agreement, signed copy"})],
)
DELETE = operation(
    "deleteProcess",
    "Delete a draft or a finished process",
    "The audit trail keeps its events.",
    DELETED,
    tag="processes",
    refusals=(401, 403, 404, 409, 412),
    success=204,
)
SEARCH = operation(
    "searchProcesses",
    "Find processes by document and personal code",
    "At least one of the two; both must hold. Newest first, at most 200.",
    answer(ProcessSerializer(many=True), "The processes found.", PROCESS_ANSWER),
    tag="processes",
    refusals=(400, 401, 403),
    request=FindSerializer,
    examples=[request_example("By both", {"documentId": "DOC-2026-0117", "personalCode": "150375-10101"})],
)
START = operation(
    "startProcess",
    "Start a draft",
    "The first step's signers are called.",
    _VERSIONED,
    versioned=True,
    tag="processes",
    refusals=_CHANGE,
    request=None,
)
CANCEL = operation(
    "cancelProcess",
    "Cancel a process",
    "Ends it for everybody who has not acted; who had been asked is told, with the reason.",
    _VERSIONED,
    versioned=True,
    tag="processes",
    refusals=_CHANGE,
    request=CancelSerializer,
    examples=[request_example("With a reason", {"reason": "The contract was renegotiated."})],
)
REMIND = operation(
    "remindSigners",
    "Remind those whose turn it is",
    "All, or the signers named; each at most once an hour.",
    answer(
        RemindedSerializer,
        "Who gets a mail, and who does not and why.",
        {"reminded": ["ef0174d7-f2c8-4f2f-8de8-f327f0fef922"], "skipped": []},
    ),
    tag="processes",
    refusals=_CHANGE,
    request=RemindSerializer,
    examples=[request_example("One signer", {"signers": ["ef0174d7-f2c8-4f2f-8de8-f327f0fef922"]})],
)
CREATE_OF_TEMPLATE = operation(
    "createProcessOfTemplate",
    "Make a draft process of a template",
    "The template's `data` is read as a SigningProcess body; a step may have `dueInDays` instead of a `dueDate`. What "
    "is wished here stands instead of what the data says. The process is a draft, whatever the data says. When the "
    "data does not fit, each reason is listed and nothing is created.",
    _VERSIONED,
    versioned=True,
    tag="templates",
    refusals=(400, 401, 403, 404),
    success=201,
    parameters=[location("process")],
    request=WishesSerializer,
    examples=[request_example("A lease", {"documentId": "DOC-2026-0118", "startAt": "2026-12-01T09:00:00Z"})],
)
TEST_EMAIL = operation(
    "sendTestMail",
    "Send a test mail",
    "Renders the mail of an event for the process in the body, as its first person of that role would get it, and "
    "sends it to the caller's own address; to `processInitiatorEmail` where it has the right `on_behalf`. Links are "
    "masked. Nothing of the process is kept. At most 100 an hour and client, unless set otherwise.",
    answer(
        TestEmailSerializer,
        "What was sent, or why nothing would be.",
        {
            "sent": True,
            "addressee": "ilze.kalnina@example.org",
            "subject": "[Test] Please sign: Lease agreement, Brīvības iela 12",
            "language": "en",
            "template": "en, as shipped",
            "reason": None,
        },
    ),
    tag="notifications",
    refusals=(400, 401, 403, 413),
    parameters=[
        OpenApiParameter("eventType", str, enum=EventType.values, required=True, description="What the mail is about."),
        OpenApiParameter("role", str, enum=Role.values, required=True, description="Whom it is written to."),
    ],
    request=ProcessSerializer,
    examples=[request_example("One signer", BODY)],
)
TASKS = operation(
    "listSignerTasks",
    "List a person's tasks",
    "The steps that a person was called to, in any process, newest first; steps that still wait are not shown. "
    "The caller is that person, or acts on behalf.",
    answer(TaskSerializer(many=True), "A page of tasks.", TASK_ANSWER),
    tag="signers",
    refusals=(400, 401, 403),
    parameters=[
        *pages.parameters(["createdAt", "completedAt", "documentName", "status", "dueDate"], several=False),
        *filters.TASK_PARAMETERS,
    ],
)
RETRIEVE_STEP = operation(
    "getStep",
    "Read a step",
    "A step with its signers.",
    _STEP,
    versioned=True,
    tag="steps",
    refusals=(401, 403, 404),
    also=NOT_MODIFIED,
)
UPDATE_STEP = operation(
    "updateStep",
    "Change a step, report what a person did",
    "The rules of a process's update, for one step; signers that are left out stay. A signer's new "
    "`signingStatus` is that person's act. The same act reported twice is harmless.",
    _STEP,
    versioned=True,
    tag="steps",
    refusals=(*_CHANGE, 413),
    request=StepSerializer,
    examples=[
        request_example(
            "A signature", {"processStepSigners": [{"id": "ef0174d7-f2c8-4f2f-8de8-f327f0fef922", **SIGNED}]}
        )
    ],
)
ACT = operation(
    "reportAct",
    "Report what one signer did",
    "Signed, approved, looked at or declined; an anonymous signer's act may bring the person. Answers the step.",
    _STEP,
    versioned=True,
    tag="signers",
    refusals=_CHANGE,
    request=ActSerializer,
    examples=[request_example("Signed", SIGNED), request_example("Declined", DECLINED)],
)
