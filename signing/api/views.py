"""Processes, steps and signers over HTTP: find the process, validate the body, call one action."""

import uuid

from django.urls import reverse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from audit.log import Event, record
from config import api_values
from config.api import conditional
from config.api.idempotency import idempotent
from config.api.lists.pages import PageRequest
from config.api.snapshots import snapshot
from config.api.views import ApiViewSet, not_modified, parse_id, tag
from config.api_values import JsonObject
from config.errors import Fault, Invalid, NotFound
from config.vocabulary import EventType
from signing import actions, represent
from signing.actions import ProcessRows
from signing.api import schema
from signing.api.filters import ProcessFilter, with_personal_code
from signing.models import Process
from signing.serializers import (
    ActSerializer,
    CancelSerializer,
    ProcessSerializer,
    RemindSerializer,
    SearchSerializer,
    StepSerializer,
)

# API field -> column.
PROCESS_SORTS = {
    "createdAt": "created_at",
    "completedAt": "completed_at",
    "documentName": "document_name",
    "status": "status",
    "dueDate": "due_at",
}
MAX_SEARCH_RESULTS = 200


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
        return self.with_warnings(content, rows.process, status=status)

    def created_response(self, rows: ProcessRows) -> Response:
        response = self.process_response(rows, status=201)
        response.headers["Location"] = self.request.build_absolute_uri(reverse("process", args=[rows.process.id]))
        return response

    def step_response(self, rows: ProcessRows, step_id: uuid.UUID) -> Response:
        content = represent.step(rows.process, step_id, self.actor, (rows.steps, rows.signers))
        return self.step_with_warnings(content, rows.process)

    def with_warnings(self, content: JsonObject, process: Process, *, status: int = 200) -> Response:
        warnings = api_values.warnings(represent.warnings(content["signingProcessSteps"]))
        return Response(content | warnings, status=status, headers=tag(process.version))

    def step_with_warnings(self, content: JsonObject, process: Process) -> Response:
        warnings = api_values.warnings(represent.warnings_of_step(content))
        return Response(content | warnings, headers=tag(process.version))

    def record_read(self, event: EventType, process: Process, *, method: str = "") -> None:
        read = Event(event, process_id=process.id, document_id=process.document_id, method=method)
        record([read], actor=self.actor, at=self.now)

    def record_list_read(self) -> None:
        record([Event(EventType.PROCESS_GETALL)], actor=self.actor, at=self.now)

    def record_opened(self, process: Process) -> None:
        """Record that a signer who reads the process has opened the task."""
        if not self.actor.person:
            return
        for signer in process.signers.called(self.actor.person):
            opened = Event(EventType.PROCESS_OPENED, process.id, document_id=process.document_id, signer_id=signer.id)
            record([opened], actor=self.actor, at=self.now)


class ProcessViewSet(SigningViewSet):
    @extend_schema(**schema.LIST_PROCESSES)
    @snapshot
    def list(self, request: Request) -> Response:
        page = PageRequest.of(request.GET, sorts=PROCESS_SORTS, default="createdAt,desc")
        visible = Process.objects.visible_to(self.actor)
        rows = ProcessFilter(request.GET, queryset=visible, actor=self.actor).rows()
        self.record_list_read()
        content = represent.processes(page.rows_of(rows), self.actor)
        return Response(page.answer(content, total=rows.count()))

    @extend_schema(**schema.CREATE_PROCESS)
    @idempotent
    def create(self, request: Request) -> Response:
        rows = actions.create(self.body(ProcessSerializer), actor=self.actor, at=self.now)
        return self.created_response(rows)

    @extend_schema(**schema.GET_PROCESS)
    @snapshot
    def retrieve(self, request: Request, processId: str) -> Response:
        process = self.find(id=parse_id(processId))
        if conditional.unchanged(process.version, request.headers):
            return not_modified(process.version)
        self.record_read(EventType.PROCESS_GETONE, process)
        self.record_opened(process)
        return self.with_warnings(represent.process(process, self.actor), process)

    @extend_schema(**schema.UPDATE_PROCESS)
    def update(self, request: Request, processId: str) -> Response:
        process = self.find(id=parse_id(processId))
        rows = actions.replace(process, self.body(ProcessSerializer), **self.action_kwargs)
        return self.process_response(rows)

    @extend_schema(**schema.DELETE_PROCESS)
    def destroy(self, request: Request, processId: str) -> Response:
        process = self.find(id=parse_id(processId))
        actions.delete(process, **self.action_kwargs)
        return Response(status=204)

    @extend_schema(**schema.SEARCH_PROCESSES)
    @snapshot
    def search(self, request: Request) -> Response:
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
        self.record_list_read()
        newest = rows.order_by("-created_at", "-id")[:MAX_SEARCH_RESULTS]
        return Response(represent.processes(newest, self.actor))

    @extend_schema(**schema.START_PROCESS)
    @idempotent
    def start(self, request: Request, processId: str) -> Response:
        process = self.find(id=parse_id(processId))
        return self.process_response(actions.start(process, **self.action_kwargs))

    @extend_schema(**schema.CANCEL_PROCESS)
    @idempotent
    def cancel(self, request: Request, processId: str) -> Response:
        process = self.find(id=parse_id(processId))
        rows = actions.cancel(process, **self.body(CancelSerializer), **self.action_kwargs)
        return self.process_response(rows)

    @extend_schema(**schema.REMIND_SIGNERS)
    @idempotent
    def remind(self, request: Request, processId: str) -> Response:
        process = self.find(id=parse_id(processId))
        result = actions.remind(process, **self.body(RemindSerializer), **self.action_kwargs)
        return Response(
            {
                "reminded": [str(signer.id) for signer in result.reminded],
                "skipped": [{"signerId": str(signer.id), "reason": reason} for signer, reason in result.skipped],
            }
        )


class StepViewSet(SigningViewSet):
    @extend_schema(**schema.GET_STEP)
    @snapshot
    def retrieve(self, request: Request, processStepId: str) -> Response:
        step_id = parse_id(processStepId)
        process = self.find(steps=step_id)
        if conditional.unchanged(process.version, request.headers):
            return not_modified(process.version)
        self.record_read(EventType.PROCESS_GETONE, process)
        self.record_opened(process)
        return self.step_with_warnings(represent.step(process, step_id, self.actor), process)

    @extend_schema(**schema.UPDATE_STEP)
    def update(self, request: Request, processStepId: str) -> Response:
        step_id = parse_id(processStepId)
        process = self.find(steps=step_id)
        rows = actions.replace_step(process, step_id, self.body(StepSerializer), **self.action_kwargs)
        return self.step_response(rows, step_id)


class SignerViewSet(SigningViewSet):
    @extend_schema(**schema.REPORT_ACT)
    @idempotent
    def act(self, request: Request, signerId: str) -> Response:
        signer_id = parse_id(signerId)
        process = self.find(signers=signer_id)
        rows = actions.act(process, signer_id, self.body(ActSerializer), **self.action_kwargs)
        return self.step_response(rows, rows.signer(signer_id).step_id)
