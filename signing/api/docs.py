"""What the schema says of each operation: summary, description, examples, answers."""

from config.api.lists import pages
from config.api.schema import DELETED, NOT_MODIFIED, answer, location, operation, request_example
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
    WishesSerializer,
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
                    "signerPersonalCode": "150375-10101",
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


_SIGNER_ANSWER = {
    "id": "ef0174d7-f2c8-4f2f-8de8-f327f0fef922",
    "signerName": "Jānis Bērziņš",
    "signerCountry": "LV",
    "signerPersonalCode": "150375-10101",
    "signerEmail": "janis.berzins@example.org",
    "signerRole": "SIGNER",
    "signerComment": None,
    "commentForSigner": "Please look at clause 7.",
    "signingStatus": "STARTED",
    "signerNotification": True,
    "signerLanguage": "lv",
    "anonymous": False,
}
_STEP_ANSWER = {
    "id": "6aaf67bc-30be-4d2e-b1fe-a4d9aefef408",
    "processOrder": 1,
    "stepStatus": "STARTED",
    "dueDate": "2026-12-01T15:00:00Z",
    "processStepSigners": [_SIGNER_ANSWER],
}
_PROCESS_ANSWER = {
    "id": "9dce9e72-6bf9-4874-8dd1-44342027dd4f",
    "createdAt": "2026-11-24T09:30:00Z",
    "processInitiatorEmail": "ilze.kalnina@example.org",
    "documentId": "DOC-2026-0117",
    "documentName": "Lease agreement, Brīvības iela 12",
    "initiator": "portal",
    "comment": None,
    "status": "STARTED",
    "documentType": None,
    "ownerGroup": None,
    "completedAt": None,
    "initiatorName": "Ilze Kalniņa",
    "canceled": False,
    "signingProcessSteps": [_STEP_ANSWER],
    "totalSigners": 1,
    "totalSigned": 0,
    "signers": [_SIGNER_ANSWER],
    "currentInProgressStep": _STEP_ANSWER,
    "attributes": {"Contract date": "2026-11-20T00:00:00Z", "Amount": 1250.5},
    "seal": None,
    "isSealRequired": False,
}
_TASK_ANSWER = {
    "process": _PROCESS_ANSWER,
    "step": _STEP_ANSWER,
    "signer": _SIGNER_ANSWER,
    "overdue": False,
    "actions": ["DECLINED", "SIGNED"],
}


_VERSIONED = answer(ProcessSerializer, "The process; `ETag` is its version.", _PROCESS_ANSWER)
_STEP = answer(StepSerializer, "The step; `ETag` is its process's version.", _STEP_ANSWER)
_CHANGE = (400, 401, 403, 404, 409, 412)

LIST = operation(
    "listProcesses",
    "List processes",
    "The processes that the caller may see, newest first, a page at a time.",
    answer(ProcessSerializer(many=True), "A page of processes.", _PROCESS_ANSWER),
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
    examples=[request_example("One signer", _BODY), request_example("A draft", {**_BODY, "status": "PENDING"})],
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
    answer(ProcessSerializer(many=True), "The processes found.", _PROCESS_ANSWER),
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
TASKS = operation(
    "listSignerTasks",
    "List a person's tasks",
    "The steps that a person was called to, in any process, newest first; steps that still wait are not shown. "
    "The caller is that person, or acts on behalf.",
    answer(TaskSerializer(many=True), "A page of tasks.", _TASK_ANSWER),
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
            "A signature", {"processStepSigners": [{"id": "ef0174d7-f2c8-4f2f-8de8-f327f0fef922", **_SIGNED}]}
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
    examples=[request_example("Signed", _SIGNED), request_example("Declined", _DECLINED)],
)
