"""The audit trail of one process with the verdict over it, and the bundle of evidence to hand over."""

from django.http import HttpResponse
from rest_framework.request import Request
from rest_framework.response import Response

from audit.api.filters import EVENT_SORTS
from audit.api.views import page_of_events
from audit.chain.append import append_pending
from audit.log import Event, record
from audit.models import AuditEvent, AuditHead, CheckpointLeaf
from config import api_values
from config.api.lists.pages import PageRequest
from config.api.schema import documented
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
    @documented(
        "getProcessAudit",
        schema.AUDIT_TRAIL,
        tag="processes",
        refusals=(400, 401, 403, 404),
        parameters=schema.AUDIT_PARAMETERS,
    )
    def audit(self, request: Request, processId: str) -> Response:
        """Get the audit trail of a process.

        The events of the process, oldest first, one page at a time, and the verdict: whether the audit trail is intact
        and the process agrees with it. Requires permission to change the process, or the right `audit_read`, which
        also covers deleted processes.
        """
        process_id = str(parse_id(processId))
        process = self._require_reader(process_id)
        page = PageRequest.of(request.GET, sorts=EVENT_SORTS, default="createdAt,asc", tie="number")
        append_pending(process_id=process_id)
        events = AuditEvent.objects.of_process(process_id)
        found = page.read(events.prefetch_related(None))
        response = page.answer(page_of_events(found.rows), found)
        # A process that has lost its events still has a verdict.
        if process is None and not self._has_trace(process_id):
            raise NotFound
        read = Event(EventType.PROCESS_GETONE, process_id, method="audit")
        record([read], actor=self.actor, at=self.now)
        return Response(response | {"verdict": self._verdict(process_id)})

    @documented(
        "getProcessEvidence",
        schema.EVIDENCE,
        tag="processes",
        refusals=(401, 403, 404, 409),
        success=(200, "application/zip"),
    )
    def evidence(self, request: Request, processId: str) -> HttpResponse:
        """Download the evidence of a process.

        A ZIP file for third parties: the process, its events, a signed checkpoint, a PDF certificate, and `verify.py`,
        which verifies all of it without Paraph. 409 if the audit trail is not intact or contradicts the process.
        """
        process = self.find(id=parse_id(processId))
        self._require_manager(process)
        content = bundle(process, self.actor, at=self.now)
        read = Event(EventType.PROCESS_GETONE, process.id, document_id=process.document_id, method="evidence")
        record([read], actor=self.actor, at=self.now)
        return HttpResponse(content, content_type="application/zip", headers=attachment(process))

    def _require_reader(self, process_id: str) -> Process | None:
        """The process, None if it does not exist.

        `audit_read` covers every process, also deleted ones; other callers read the processes that they manage.
        """
        if not self.actor.narrowed and self.actor.may(Right.AUDIT_READ):
            return Process.objects.filter(pk=process_id).first()
        process = self.find(id=process_id)
        self._require_manager(process)
        return process

    def _has_trace(self, process_id: str) -> bool:
        """Whether the trail has, or had, events of this process."""
        return (
            AuditEvent.objects.of_process(process_id).exists()
            or AuditHead.objects.filter(pk=process_id).exists()
            or CheckpointLeaf.objects.filter(process_id=process_id).exists()
        )

    def _require_manager(self, process: Process) -> None:
        if not process.managed_by(self.actor):
            raise Forbidden(
                "Only the initiator, the owner group, and callers with the right 'administer' or 'on_behalf' may read "
                "the evidence of this process. The right 'audit_read' allows reading its audit trail."
            )

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
