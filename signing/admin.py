"""Processes in the back office: looked at on one page, moved by the same actions as the API's."""

from typing import Any

from django.contrib import admin
from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils import timezone
from unfold.decorators import display

from audit.chain.verify import verify
from audit.log import Event, record
from audit.models import AuditEvent
from config.access.backoffice import ReadOnlyAdmin, staff_actor
from config.text import plain
from config.vocabulary import EventType, ProcessStatus, Right
from notifications.models import Message
from notifications.outbox import refused_addresses
from signing import actions, flow
from signing.erasure.page import erasure_page
from signing.evidence.bundle import attachment, bundle
from signing.models import Process, Signer
from signing.timeline import timeline

COLOURS: dict[str, str] = {
    ProcessStatus.PENDING: "warning",
    ProcessStatus.STARTED: "info",
    ProcessStatus.COMPLETED: "success",
    ProcessStatus.CANCELED: "danger",
    ProcessStatus.DECLINED: "danger",
}


@admin.register(Process)
class ProcessAdmin(ReadOnlyAdmin):
    """Staff see here what they could change through the API: the page shows everybody's address."""

    list_display = ["name", "state", "initiator", "owner_group", "document_type", "created_at", "due_at"]
    list_filter = ["status", "created_at"]
    search_fields = ["document_id"]
    search_help_text = "Part of the document's name, the initiator's name or a signer's name, or the document's id."
    date_hierarchy = "created_at"
    ordering = ["-created_at", "-id"]
    show_full_result_count = False
    buttons = ("cancel", "remind", "evidence", "hold", "release")
    list_before_template = "signing/erasure_link.html"  # type: ignore[assignment]

    @display(description="Document", ordering="document_name")
    def name(self, process: Process) -> str:
        return str(process)

    @display(description="Status", label=COLOURS, ordering="status")
    def state(self, process: Process) -> str:
        return process.status

    def get_queryset(self, request: HttpRequest) -> QuerySet[Process]:
        return Process.objects.managed_by(staff_actor(request))

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        if not search_term:
            return queryset, False
        return queryset.matching(plain(search_term), document_id=search_term), False

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> Any:
        process = self.get_object(request, object_id or "")
        return super().changeform_view(
            request, object_id, form_url, {**(extra_context or {}), **_page(request, process)}
        )

    def cancel(self, request: HttpRequest, process: Process) -> str:
        reason = request.POST.get("reason", "")[:4000] or None
        actions.cancel(process, actor=staff_actor(request), at=timezone.now(), reason=reason)
        return "The process was canceled; everybody who had been asked is told."

    def remind(self, request: HttpRequest, process: Process) -> str:
        done = actions.remind(process, actor=staff_actor(request), at=timezone.now())
        skipped = "".join(f" Not {signer}: {reason}." for signer, reason in done.skipped)
        return f"Reminded: {', '.join(map(str, done.reminded))}.{skipped}"

    def evidence(self, request: HttpRequest, process: Process) -> HttpResponse:
        actor, now = staff_actor(request), timezone.now()
        made = bundle(process, actor, at=now)
        read = Event(EventType.PROCESS_GETONE, process.id, document_id=process.document_id, method="evidence")
        record([read], actor=actor, at=now)
        return HttpResponse(made, content_type="application/zip", headers=attachment(process))

    def hold(self, request: HttpRequest, process: Process) -> str:
        reason = request.POST.get("reason", "").strip()
        actions.hold(process, actor=staff_actor(request), at=timezone.now(), reason=reason)
        return "The process is on hold: nothing of it is erased or deleted."

    def release(self, request: HttpRequest, process: Process) -> str:
        actions.hold(process, actor=staff_actor(request), at=timezone.now(), reason=None)
        return "The hold is released."

    def get_urls(self) -> list[URLPattern]:
        page = self.admin_site.admin_view(erasure_page)
        return [path("erasure/", page, name="signing_erasure"), *super().get_urls()]


def _page(request: HttpRequest, process: Process | None) -> dict[str, Any]:
    """What the page of one process shows beside its fields."""
    if process is None:
        return {}
    actor = staff_actor(request)
    signers = Prefetch("signers", Signer.objects.order_by("position", "id"))
    steps = process.steps.order_by("process_order").prefetch_related(signers)
    people = [signer for step in steps for signer in step.signers.all()]
    known = refused_addresses([signer.email for signer in people])
    sent = Message.objects.of_process(process.id).order_by("id")
    audit_shown = actor.may(Right.AUDIT_READ)
    return {
        "steps": steps,
        "refused": {s.pk: known[s.email.lower()] for s in people if s.email and s.email.lower() in known},
        "sent": sent,
        "timeline": timeline(AuditEvent.objects.of_process(process.id).in_order() if audit_shown else [], sent),
        "verdict": verify(at=timezone.now(), process_id=str(process.id)) if audit_shown else None,
        "administers": actor.may(Right.ADMINISTER),
        "may_change": process.managed_by(actor),
        "may_send_again": actor.may(Right.ADMINISTER),
        "running": process.status == ProcessStatus.STARTED,
        "finished": process.status in flow.FINAL,
    }
