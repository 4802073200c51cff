"""What is recorded of a process: its events with the verdict over them, and the bundle to hand over."""

from typing import Any

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from audit.api.views import shown
from audit.chain.append import give_places
from audit.chain.verify import verify
from audit.log import Event, record
from audit.models import AuditEvent
from config import api_values
from config.api.lists.pages import PageRequest
from config.api.views import parse_id
from config.errors import Forbidden, NotFound
from config.vocabulary import EventType, Right
from signing.api import schema
from signing.api.views import SigningViewSet
from signing.evidence.bundle import attachment, bundle
from signing.models import Process


class EvidenceViewSet(SigningViewSet):
    @extend_schema(**schema.GET_AUDIT)
    def audit(self, request: Request, processId: str) -> Response:
        process_id = str(parse_id(processId))
        self._require_reader(process_id)
        page = PageRequest.of(request.GET, sorts={"createdAt": "created_at"}, default="createdAt,asc", tie="number")
        give_places(process_id=process_id)
        events = AuditEvent.objects.of_process(process_id)
        answer = page.answer(shown(page.rows_of(events)), total=events.count())
        if not answer["totalElements"]:
            raise NotFound
        read = Event(EventType.PROCESS_GETONE, process_id, method="audit")
        record([read], actor=self.actor, at=self.now)
        return Response(answer | {"verdict": self._verdict(process_id)})

    @extend_schema(**schema.GET_EVIDENCE)
    def evidence(self, request: Request, processId: str) -> HttpResponse:
        process = self.find(id=parse_id(processId))
        self._require_manager(process)
        made = bundle(process, self.actor, at=self.now)
        self.record_read(EventType.PROCESS_GETONE, process, method="evidence")
        return HttpResponse(made, content_type="application/zip", headers=attachment(process))

    def _require_reader(self, process_id: str) -> None:
        """Who reads the trail reads that of every process, of deleted ones, too; others that of those they manage."""
        reads_all = self.actor.may(Right.AUDIT_READ)
        if self.actor.narrowed or not reads_all:
            self._require_manager(self.find(id=process_id))

    def _require_manager(self, process: Process) -> None:
        if not process.managed_by(self.actor):
            raise Forbidden("Only the initiator and the owner group see what is recorded of this process.")

    def _verdict(self, process_id: str) -> dict[str, Any]:
        verdict = verify(at=self.now, process_id=process_id)
        first = verdict.findings[0] if verdict.findings else None
        return {
            "whole": verdict.whole and not verdict.unchecked,
            "checkedAt": api_values.value(self.now),
            "events": verdict.events,
            "firstBad": first and {"seq": first.seq, "number": first.number, "detail": f"{first}."},
            "notChecked": verdict.unchecked,
        }
