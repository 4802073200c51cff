"""Processes, steps and signers over HTTP: find the process, validate the body, call one action."""

import uuid
from collections.abc import Sequence

from django.http import HttpResponse
from django.urls import reverse
from rest_framework.request import Request
from rest_framework.response import Response

from audit.log import Event
from audit.reads import record_read
from config import api_values
from config.api import conditional
from config.api.idempotency import idempotent
from config.api.lists.pages import MAX_SIZE, PageRequest, requested_size
from config.api.renderers import json_response
from config.api.schema import DELETED, NOT_MODIFIED, documented, location
from config.api.snapshots import consistent
from config.api.views import ApiViewSet, not_modified, parse_id, tag
from config.api_values import JsonObject
from config.errors import Fault, Invalid, NotFound
from config.vocabulary import EventType
from signing import actions, represent
from signing.actions import ProcessRows
from signing.api import schema
from signing.api.filters import ProcessFilter, with_personal_code
from signing.api.pages import PROCESS_SORTS, with_readable_email
from signing.models import Process, Signer
from signing.reading import read_processes
from signing.serializers import (
    ActSerializer,
    CancelSerializer,
    ProcessSerializer,
    RemindSerializer,
    SearchSerializer,
    StepSerializer,
)

TAG = "processes"


class SigningViewSet(ApiViewSet):
    """What the views of processes, steps and signers share: finding a process, and the response of an action."""

    def find(self, **lookup: object) -> Process:
        """Return the process that matches; `NotFound` if the caller may not see it."""
        try:
            return Process.objects.visible_to(self.actor).get(**lookup)
        except Process.DoesNotExist:
            raise NotFound from None

    def process_response(self, rows: ProcessRows, *, status: int = 200) -> Response:
        """Return the process as the action left it, whatever has happened to it since."""
        content = represent.process(rows.process, self.actor, (rows.steps, rows.signers))
        return self.with_warnings(content, rows.process, rows.warnings, status=status)

    def created_response(self, rows: ProcessRows) -> Response:
        response = self.process_response(rows, status=201)
        response.headers["Location"] = self.request.build_absolute_uri(reverse("process", args=[rows.process.id]))
        return response

    def step_response(self, rows: ProcessRows, step_id: uuid.UUID) -> Response:
        content = represent.step(rows.process, step_id, self.actor, (rows.steps, rows.signers))
        return self.step_with_warnings(content, rows.process, rows.warnings)

    def with_warnings(
        self, content: JsonObject, process: Process, warnings_of_action: Sequence[Fault] = (), *, status: int = 200
    ) -> Response:
        faults = [*represent.code_warnings(content["signingProcessSteps"]), *warnings_of_action]
        warnings = api_values.warnings(faults)
        return Response(content | warnings, status=status, headers=tag(process.version))

    def step_with_warnings(
        self, content: JsonObject, process: Process, warnings_of_action: Sequence[Fault] = ()
    ) -> Response:
        warnings = api_values.warnings([*represent.code_warnings_of_step(content), *warnings_of_action])
        return Response(content | warnings, headers=tag(process.version))

    def read_process(self, **lookup: object) -> tuple[represent.Columns, JsonObject | None]:
        """Read the process that matches, and record the read; `NotFound` if the caller may not see it.

        Returns its columns, and its JSON unless `If-None-Match` is the current version.
        """
        rows = Process.objects.visible_to(self.actor).filter(**lookup)
        row = rows.values(*represent.PROCESS_COLUMNS).first()
        if row is None:
            raise NotFound
        if conditional.unchanged(row["version"], self.request.headers):
            return row, None
        (process,) = read_processes([row], self.actor)
        self._record_read(row, process)
        return row, process

    def record_list_read(self) -> None:
        record_read([Event(EventType.PROCESS_GETALL)], actor=self.actor, at=self.now)

    def _record_read(self, row: represent.Columns, process: JsonObject) -> None:
        """Record the read, and that a signer who reads the process has opened the task."""
        read = Event(EventType.PROCESS_GETONE, row["id"], document_id=row["document_id"])
        opened: list[Event] = []
        if self.actor.person:
            for signer in Signer.objects.filter(process=row["id"]).called(self.actor.person):
                event = EventType.PROCESS_OPENED
                opened.append(Event(event, row["id"], document_id=row["document_id"], signer_id=signer.id))
        record_read([read, *opened], actor=self.actor, at=self.now)


class ProcessViewSet(SigningViewSet):
    @documented(
        "listProcesses",
        schema.PROCESS_PAGE,
        tag=TAG,
        refusals=(400, 401, 403),
        parameters=schema.PROCESS_LIST_PARAMETERS,
    )
    @consistent
    def list(self, request: Request) -> HttpResponse:
        """List processes.

        The processes that the caller may see, newest first, one page at a time.
        """
        page = PageRequest.of(request.GET, sorts=PROCESS_SORTS, default="createdAt,desc")
        visible = Process.objects.visible_to(self.actor)
        matching = ProcessFilter(request.GET, queryset=visible, actor=self.actor)
        rows = with_readable_email(matching.rows(), self.actor).values(*represent.PROCESS_COLUMNS)
        found = page.read(rows, is_search=matching.is_search)
        content = read_processes(found.rows, self.actor)
        self.record_list_read()
        return json_response(page.answer_with_cursor(content, found))

    @documented(
        "createProcess",
        schema.PROCESS,
        tag=TAG,
        refusals=(400, 401, 403, 413),
        success=201,
        versioned=True,
        parameters=[location("process")],
        request=ProcessSerializer,
        examples=schema.NEW_PROCESSES,
    )
    @idempotent
    def create(self, request: Request) -> Response:
        """Create a process.

        The process starts immediately. With `status` `PENDING` it is kept as a draft and no email is sent. `Location`
        is the URL of the new process.
        """
        rows = actions.create(self.body(ProcessSerializer), actor=self.actor, at=self.now)
        return self.created_response(rows)

    @documented("getProcess", schema.PROCESS, tag=TAG, refusals=(401, 403, 404), versioned=True, also=NOT_MODIFIED)
    @consistent
    def retrieve(self, request: Request, processId: str) -> HttpResponse:
        """Get a process.

        Returns 304 if `If-None-Match` is the current version.
        """
        row, content = self.read_process(id=parse_id(processId))
        if content is None:
            return not_modified(row["version"])
        warnings = api_values.warnings(represent.code_warnings(content["signingProcessSteps"]))
        return json_response(content | warnings, tag(row["version"]))

    @documented(
        "updateProcess",
        schema.PROCESS,
        tag=TAG,
        refusals=(*schema.CHANGE_REFUSALS, 413),
        versioned=True,
        request=ProcessSerializer,
        examples=[schema.RENAME],
    )
    def update(self, request: Request, processId: str) -> Response:
        """Update a process.

        Send back what you read, with your changes. Absent fields stay unchanged, and fields that the server owns are
        ignored. Null clears a value, and `warnings` names it; a null list or `initiator` changes nothing. Steps and
        signers with an `id` are changed, those without one are added, and missing ones are removed. Completed steps and
        signers who have acted cannot be changed.
        """
        process = self.find(id=parse_id(processId))
        rows = actions.replace(process, self.body(ProcessSerializer), **self.action_kwargs)
        return self.process_response(rows)

    @documented("deleteProcess", DELETED, tag=TAG, refusals=(401, 403, 404, 409, 412), success=204)
    def destroy(self, request: Request, processId: str) -> Response:
        """Delete a draft or a finished process.

        Its events stay in the audit trail.
        """
        process = self.find(id=parse_id(processId))
        actions.delete(process, **self.action_kwargs)
        return Response(status=204)

    @documented(
        "searchProcesses",
        schema.SEARCH_RESULT,
        tag=TAG,
        refusals=(400, 401, 403),
        parameters=[schema.SEARCH_SIZE],
        request=SearchSerializer,
        examples=[schema.SEARCH],
    )
    @consistent
    def search(self, request: Request) -> HttpResponse:
        """Find processes by document or personal code.

        At least one of the two fields is required; if both are given, both must match. Returns at most `size`
        processes, newest first.
        """
        size = requested_size(request.GET, default=MAX_SIZE)
        body = self.body(SearchSerializer)
        document_id = body.get("document_id")
        personal_code = body.get("personal_code")
        if not document_id and not personal_code:
            detail = "documentId, personalCode or both must be given."
            raise Invalid(detail, [Fault("Both are empty.", "empty", pointer="#")])
        rows = Process.objects.visible_to(self.actor)
        if document_id:
            rows = rows.filter(document_id=document_id)
        if personal_code:
            rows = with_personal_code(rows, personal_code, self.actor)
        newest = rows.order_by("-created_at", "-id").values(*represent.PROCESS_COLUMNS)
        content = read_processes(list(newest[:size]), self.actor)
        self.record_list_read()
        return json_response(content)

    @documented("startProcess", schema.PROCESS, tag=TAG, refusals=schema.CHANGE_REFUSALS, versioned=True, request=None)
    @idempotent
    def start(self, request: Request, processId: str) -> Response:
        """Start a draft.

        The first step starts, and its signers are notified.
        """
        process = self.find(id=parse_id(processId))
        return self.process_response(actions.start(process, **self.action_kwargs))

    @documented(
        "cancelProcess",
        schema.PROCESS,
        tag=TAG,
        refusals=schema.CHANGE_REFUSALS,
        versioned=True,
        request=CancelSerializer,
        examples=[schema.CANCELLATION],
    )
    @idempotent
    def cancel(self, request: Request, processId: str) -> Response:
        """Cancel a process.

        Cancels the process. Everyone who was already asked to act is notified, with the reason.
        """
        process = self.find(id=parse_id(processId))
        rows = actions.cancel(process, **self.body(CancelSerializer), **self.action_kwargs)
        return self.process_response(rows)

    @documented(
        "remindSigners",
        schema.REMINDED,
        tag=TAG,
        refusals=schema.CHANGE_REFUSALS,
        request=RemindSerializer,
        examples=[schema.ONE_SIGNER],
    )
    @idempotent
    def remind(self, request: Request, processId: str) -> Response:
        """Remind signers.

        Reminds the given signers, or every signer whose turn it is. Each person is reminded at most once an hour.
        """
        process = self.find(id=parse_id(processId))
        result = actions.remind(process, **self.body(RemindSerializer), **self.action_kwargs)
        return Response(
            {
                "reminded": [str(signer.id) for signer in result.reminded],
                "skipped": [{"signerId": str(signer.id), "reason": reason} for signer, reason in result.skipped],
            }
        )


class StepViewSet(SigningViewSet):
    @documented("getStep", schema.STEP, tag="steps", refusals=(401, 403, 404), versioned=True, also=NOT_MODIFIED)
    @consistent
    def retrieve(self, request: Request, processStepId: str) -> HttpResponse:
        """Get a step.

        The step with its signers.
        """
        step_id = parse_id(processStepId)
        row, process = self.read_process(steps=step_id)
        if process is None:
            return not_modified(row["version"])
        step = represent.with_id(process["signingProcessSteps"], step_id)
        warnings = api_values.warnings(represent.code_warnings_of_step(step))
        return json_response(step | warnings, tag(row["version"]))

    @documented(
        "updateStep",
        schema.STEP,
        tag="steps",
        refusals=(*schema.CHANGE_REFUSALS, 413),
        versioned=True,
        request=StepSerializer,
        examples=[schema.SIGNATURE_IN_STEP],
    )
    def update(self, request: Request, processStepId: str) -> Response:
        """Update a step, or report what a person did.

        The rules are those of updating a process, for one step; signers that are left out stay. A new `signingStatus`
        reports that signer's act. Reporting the same act twice is harmless.
        """
        step_id = parse_id(processStepId)
        process = self.find(steps=step_id)
        rows = actions.replace_step(process, step_id, self.body(StepSerializer), **self.action_kwargs)
        return self.step_response(rows, step_id)


class SignerViewSet(SigningViewSet):
    @documented(
        "reportAct",
        schema.STEP,
        tag="signers",
        refusals=schema.CHANGE_REFUSALS,
        versioned=True,
        request=ActSerializer,
        examples=schema.ACTS,
    )
    @idempotent
    def act(self, request: Request, signerId: str) -> Response:
        """Report what a signer did.

        The signer signed, approved, viewed or declined. For an anonymous signer, the request may name the person. The
        response is the step.
        """
        signer_id = parse_id(signerId)
        process = self.find(signers=signer_id)
        rows = actions.act(process, signer_id, self.body(ActSerializer), **self.action_kwargs)
        return self.step_response(rows, rows.signer(signer_id).step_id)
