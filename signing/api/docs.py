"""What the schema says of each operation: summary, description, examples, answers."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, OpenApiResponse

from config.api import pages, schema
from signing.api import filters
from signing.api.serializers import (
    ActSerializer,
    CancelSerializer,
    FindSerializer,
    ProcessSerializer,
    RemindedSerializer,
    RemindSerializer,
    StepSerializer,
    TaskSerializer,
)

_BODY = {
    "documentId": "DOC-2026-0117",
    "documentName": "Lease agreement, Brīvības iela 12",
    "initiatorName": "Ilze Kalniņa",
    "processInitiatorEmail": "ilze.kalnina@example.org",
    "signingProcessSteps": [
        {
            "processOrder": 1,
            "dueDate": "2026-12-01T15:00:00Z",
            "processStepSigners": [
                {
                    "signerName": "Jānis Bērziņš",
                    "signerCountry": "LV",
                    "signerPersonalCode": "010190-12345",
                    "signerEmail": "janis.berzins@example.org",
                    "signerRole": "SIGNER",
                    "signerLanguage": "lv",
                    "commentForSigner": "Please look at clause 7.",
                }
            ],
        }
    ],
}
_SIGNED = {"signingStatus": "SIGNED", "signerComment": "Signed with a qualified certificate."}
_DECLINED = {"signingStatus": "DECLINED", "signerComment": "The amount is not what we agreed."}


def _request(name: str, body: dict[str, Any]) -> OpenApiExample:
    return OpenApiExample(name, body, request_only=True)


def _operation(
    operation: str, summary: str, description: str, answer: Any, *, tag: str, refusals: tuple[int, ...], **more: Any
) -> dict[str, Any]:
    success = more.pop("success", 200)
    return {
        "operation_id": operation,
        "summary": summary,
        "description": description,
        "tags": [tag],
        "responses": {success: answer, **schema.problems(*refusals)},
        **more,
    }


_VERSIONED = OpenApiResponse(ProcessSerializer, description="The process; `ETag` is its version.")
_STEP = OpenApiResponse(StepSerializer, description="The step; `ETag` is its process's version.")
_CHANGE = (400, 401, 403, 404, 409, 412)

LIST = _operation(
    "listProcesses",
    "List processes",
    "The processes that the caller may see, newest first, a page at a time.",
    OpenApiResponse(ProcessSerializer(many=True), description="A page of processes."),
    tag="processes",
    refusals=(400, 401, 403),
    parameters=[
        *pages.parameters(["createdAt", "completedAt", "documentName", "status", "dueDate"]),
        *filters.PARAMETERS,
    ],
)
CREATE = _operation(
    "createProcess",
    "Create a process",
    "Starts at once unless `status` is `PENDING`, which keeps it as a draft: no mail goes out. `Location` names it.",
    _VERSIONED,
    tag="processes",
    refusals=(400, 401, 403, 413),
    success=201,
    request=ProcessSerializer,
    examples=[_request("One signer", _BODY), _request("A draft", {**_BODY, "status": "PENDING"})],
)
RETRIEVE = _operation(
    "getProcess",
    "Read a process",
    "With `If-None-Match` of the present version: 304.",
    _VERSIONED,
    tag="processes",
    refusals=(401, 403, 404),
)
UPDATE = _operation(
    "updateProcess",
    "Change a process",
    "Send back what you read, changed. Absent keys stay, null clears, what the server owns is ignored. Steps and "
    "signers with an id are changed, those without are added, missing ones removed. What has happened stays.",
    _VERSIONED,
    tag="processes",
    refusals=(*_CHANGE, 413),
    request=ProcessSerializer,
    examples=[_request("Rename the document", {"documentName": "Lease agreement, signed copy"})],
)
DELETE = _operation(
    "deleteProcess",
    "Delete a draft or a finished process",
    "The audit trail keeps its events.",
    OpenApiResponse(description="Deleted."),
    tag="processes",
    refusals=(401, 403, 404, 409, 412),
    success=204,
)
SEARCH = _operation(
    "searchProcesses",
    "Find processes by document and personal code",
    "At least one of the two; both must hold. Newest first, at most 200.",
    OpenApiResponse(ProcessSerializer(many=True), description="The processes found."),
    tag="processes",
    refusals=(400, 401, 403),
    request=FindSerializer,
    examples=[_request("By both", {"documentId": "DOC-2026-0117", "personalCode": "010190-12345"})],
)
START = _operation(
    "startProcess",
    "Start a draft",
    "The first step's signers are called.",
    _VERSIONED,
    tag="processes",
    refusals=_CHANGE,
    request=None,
)
CANCEL = _operation(
    "cancelProcess",
    "Cancel a process",
    "Ends it for everybody who has not acted; who had been asked is told, with the reason.",
    _VERSIONED,
    tag="processes",
    refusals=_CHANGE,
    request=CancelSerializer,
    examples=[_request("With a reason", {"reason": "The contract was renegotiated."})],
)
REMIND = _operation(
    "remindSigners",
    "Remind those whose turn it is",
    "All, or the signers named; each at most once an hour.",
    RemindedSerializer,
    tag="processes",
    refusals=_CHANGE,
    request=RemindSerializer,
    examples=[_request("One signer", {"signers": ["ef0174d7-f2c8-4f2f-8de8-f327f0fef922"]})],
)
TASKS = _operation(
    "listSignerTasks",
    "List a person's tasks",
    "The steps that a person was called to, in any process, newest first; steps that still wait are not shown. "
    "The caller is that person, or acts on behalf.",
    OpenApiResponse(TaskSerializer(many=True), description="A page of tasks."),
    tag="signers",
    refusals=(400, 401, 403),
    parameters=[
        *pages.parameters(["createdAt", "completedAt", "documentName", "status", "dueDate"], several=False),
        *filters.TASK_PARAMETERS,
    ],
)
RETRIEVE_STEP = _operation(
    "getStep", "Read a step", "A step with its signers.", _STEP, tag="steps", refusals=(401, 403, 404)
)
UPDATE_STEP = _operation(
    "updateStep",
    "Change a step, report what a person did",
    "The rules of a process's update, for one step; signers that are left out stay. A signer's new "
    "`signingStatus` is that person's act. The same act reported twice is harmless.",
    _STEP,
    tag="steps",
    refusals=(*_CHANGE, 413),
    request=StepSerializer,
    examples=[
        _request("A signature", {"processStepSigners": [{"id": "ef0174d7-f2c8-4f2f-8de8-f327f0fef922", **_SIGNED}]})
    ],
)
ACT = _operation(
    "reportAct",
    "Report what one signer did",
    "Signed, approved, looked at or declined; an anonymous signer's act may bring the person. Answers the step.",
    _STEP,
    tag="signers",
    refusals=_CHANGE,
    request=ActSerializer,
    examples=[_request("Signed", _SIGNED), _request("Declined", _DECLINED)],
)
