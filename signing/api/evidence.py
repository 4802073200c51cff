"""The audit trail of one process with the verdict over it, and the bundle of evidence to hand over."""

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from audit.api.views import shown
from audit.chain.append import give_places
from audit.log import Event, record
from audit.models import AuditEvent
from config import api_values
from config.api.lists.pages import PageRequest
from config.api.views import parse_id
from config.api_values import JsonObject
from config.errors import Forbidden, NotFound
from config.vocabulary import EventType, Right
from signing.api import schema
from signing.api.views import SigningViewSet
from signing.evidence.bundle import attachment, bundle
from signing.evidence.verdict import verdict
from signing.models import Process


class EvidenceViewSet(SigningViewSet):
    @extend_schema(**schema.GET_AUDIT)
    def audit(self, request: Request, processId: str) -> Response:
        process_id = str(parse_id(processId))
        self._require_reader(process_id)
        page = PageRequest.of(request.GET, sorts={"createdAt": "created_at"}, default="createdAt,asc", tie="number")
        give_places(process_id=process_id)
        events = AuditEvent.objects.of_process(process_id)
        response = page.answer(shown(page.rows_of(events)), total=events.count())
        if not response["totalElements"]:
            raise NotFound
        read = Event(EventType.PROCESS_GETONE, process_id, method="audit")
        record([read], actor=self.actor, at=self.now)
        return Response(response | {"verdict": self._verdict(process_id)})

    @extend_schema(**schema.GET_EVIDENCE)
    def evidence(self, request: Request, processId: str) -> HttpResponse:
        process = self.find(id=parse_id(processId))
        self._require_manager(process)
        content = bundle(process, self.actor, at=self.now)
        self.record_read(EventType.PROCESS_GETONE, process, method="evidence")
        return HttpResponse(content, content_type="application/zip", headers=attachment(process))

    def _require_reader(self, process_id: str) -> None:
        """`audit_read` covers every process, also deleted ones; other callers read the processes that they manage."""
        if self.actor.narrowed or not self.actor.may(Right.AUDIT_READ):
            self._require_manager(self.find(id=process_id))

    def _require_manager(self, process: Process) -> None:
        if not process.managed_by(self.actor):
            raise Forbidden("Only the initiator and the owner group may read the audit trail of this process.")

    def _verdict(self, process_id: str) -> JsonObject:
        result = verdict(at=self.now, process_id=process_id)
        first_bad = None
        if result.findings:
            first = result.findings[0]
            first_bad = {"seq": first.seq, "number": first.number, "detail": f"{first}."}
        return {
            "whole": result.whole and not result.unchecked,
            "checkedAt": api_values.value(self.now),
            "events": result.events,
            "firstBad": first_bad,
            "notChecked": result.unchecked,
        }
