"""Processes, steps and signers over HTTP: find through `visible_to`, check the shape, call one action."""

import uuid
from typing import Any

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
from config.errors import Fault, Invalid, NotFound
from config.vocabulary import EventType
from signing import actions, represent
from signing.actions import Run
from signing.api import schema
from signing.api.filters import ProcessFilter, with_code
from signing.models import Process
from signing.serializers import (
    ActSerializer,
    CancelSerializer,
    FindSerializer,
    ProcessSerializer,
    RemindSerializer,
    StepSerializer,
)

SORTS = {
    "createdAt": "created_at",
    "completedAt": "completed_at",
    "documentName": "document_name",
    "status": "status",
    "dueDate": "due_at",
}
FIND_AT_MOST = 200


class SigningViewSet(ApiViewSet):
    """What the three resources share: looking up what the caller may see, and answering it."""

    def find(self, **lookup: Any) -> Process:
        try:
            return Process.objects.visible_to(self.actor).get(**lookup)
        except Process.DoesNotExist:
            raise NotFound from None

    def answer(self, run: Run, *, status: int = 200, **headers: str) -> Response:
        """The process as the action left it, whatever has happened to it since."""
        content = represent.process(run.process, self.actor, run.within)
        return self.shown(content, run.process, status=status, **headers)

    def answer_step(self, run: Run, step_id: uuid.UUID) -> Response:
        return self.shown_step(represent.step(run.process, step_id, self.actor, run.within), run.process)

    def shown(self, content: represent.Wire, process: Process, *, status: int = 200, **headers: str) -> Response:
        """One process, with what is to be remarked of it."""
        content = content | api_values.warnings(represent.doubts(content["signingProcessSteps"]))
        return Response(content, status=status, headers=tag(process.version) | headers)

    def shown_step(self, content: represent.Wire, process: Process) -> Response:
        content = content | api_values.warnings(represent.doubts_of_step(content))
        return Response(content, headers=tag(process.version))

    def record_read(self, event: EventType, process: Process | None = None, **more: Any) -> None:
        """Record that something was read."""
        of = {"process_id": process.id, "document_id": process.document_id} if process else {}
        record([Event(event, **of, **more)], actor=self.actor, at=self.now)

    def record_opened(self, process: Process) -> None:
        """A signer who reads its process has opened the task."""
        if self.actor.person:
            for signer in process.signers.called(self.actor.person):
                self.record_read(EventType.PROCESS_OPENED, process, signer_id=signer.id)


class ProcessViewSet(SigningViewSet):
    @extend_schema(**schema.LIST)
    @snapshot
    def list(self, request: Request) -> Response:
        page = PageRequest.of(request.GET, sorts=SORTS, default="createdAt,desc")
        visible = Process.objects.visible_to(self.actor)
        rows = ProcessFilter(request.GET, queryset=visible, actor=self.actor).rows()
        self.record_read(EventType.PROCESS_GETALL)
        content = represent.processes(page.rows_of(rows), self.actor)
        return Response(page.answer(content, total=rows.count()))

    @extend_schema(**schema.CREATE)
    @idempotent
    def create(self, request: Request) -> Response:
        run = actions.create(self.body(ProcessSerializer), actor=self.actor, at=self.now)
        location = request.build_absolute_uri(reverse("process", args=[run.process.id]))
        return self.answer(run, status=201, Location=location)

    @extend_schema(**schema.RETRIEVE)
    @snapshot
    def retrieve(self, request: Request, processId: str) -> Response:
        process = self.find(id=parse_id(processId))
        if conditional.unchanged(process.version, request.headers):
            return not_modified(process.version)
        self.record_read(EventType.PROCESS_GETONE, process)
        self.record_opened(process)
        return self.shown(represent.process(process, self.actor), process)

    @extend_schema(**schema.UPDATE)
    def update(self, request: Request, processId: str) -> Response:
        process = self.find(id=parse_id(processId))
        return self.answer(actions.replace(process, self.body(ProcessSerializer), **self.action_kwargs))

    @extend_schema(**schema.DELETE)
    def destroy(self, request: Request, processId: str) -> Response:
        actions.delete(self.find(id=parse_id(processId)), **self.action_kwargs)
        return Response(status=204)

    @extend_schema(**schema.SEARCH)
    @snapshot
    def search(self, request: Request) -> Response:
        asked = {name: value for name, value in self.body(FindSerializer).items() if value}
        if not asked:
            raise Invalid("Give documentId, personalCode or both.", [Fault("Both are empty.", "empty", pointer="#")])
        rows = Process.objects.visible_to(self.actor)
        if "document_id" in asked:
            rows = rows.filter(document_id=asked["document_id"])
        if "personal_code" in asked:
            rows = with_code(rows, asked["personal_code"], self.actor)
        self.record_read(EventType.PROCESS_GETALL)
        return Response(represent.processes(rows.order_by("-created_at", "-id")[:FIND_AT_MOST], self.actor))

    @extend_schema(**schema.START)
    @idempotent
    def start(self, request: Request, processId: str) -> Response:
        return self.answer(actions.start(self.find(id=parse_id(processId)), **self.action_kwargs))

    @extend_schema(**schema.CANCEL)
    @idempotent
    def cancel(self, request: Request, processId: str) -> Response:
        process = self.find(id=parse_id(processId))
        return self.answer(actions.cancel(process, **self.body(CancelSerializer), **self.action_kwargs))

    @extend_schema(**schema.REMIND)
    @idempotent
    def remind(self, request: Request, processId: str) -> Response:
        process = self.find(id=parse_id(processId))
        done = actions.remind(process, **self.body(RemindSerializer), **self.action_kwargs)
        return Response(
            {
                "reminded": [str(signer.id) for signer in done.reminded],
                "skipped": [{"signerId": str(signer.id), "reason": reason} for signer, reason in done.skipped],
            }
        )


class StepViewSet(SigningViewSet):
    @extend_schema(**schema.RETRIEVE_STEP)
    @snapshot
    def retrieve(self, request: Request, processStepId: str) -> Response:
        step_id = parse_id(processStepId)
        process = self.find(steps=step_id)
        if conditional.unchanged(process.version, request.headers):
            return not_modified(process.version)
        self.record_read(EventType.PROCESS_GETONE, process)
        self.record_opened(process)
        return self.shown_step(represent.step(process, step_id, self.actor), process)

    @extend_schema(**schema.UPDATE_STEP)
    def update(self, request: Request, processStepId: str) -> Response:
        step_id = parse_id(processStepId)
        process = self.find(steps=step_id)
        return self.answer_step(
            actions.replace_step(process, step_id, self.body(StepSerializer), **self.action_kwargs), step_id
        )


class SignerViewSet(SigningViewSet):
    @extend_schema(**schema.ACT)
    @idempotent
    def act(self, request: Request, signerId: str) -> Response:
        signer_id = parse_id(signerId)
        process = self.find(signers=signer_id)
        run = actions.act(process, signer_id, self.body(ActSerializer), **self.action_kwargs)
        return self.answer_step(run, run.signer(signer_id).step_id)
