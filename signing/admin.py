"""Processes in the back office: shown on one page, changed by the same actions as in the API."""

from collections.abc import Iterable
from uuid import UUID

from django.contrib import admin
from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from unfold.decorators import display

from audit.log import Event, record
from audit.models import AuditEvent
from config.access.backoffice import ReadOnlyAdmin, staff_actor
from config.addresses import address_key
from config.api_values import JsonObject
from config.text import plain
from config.vocabulary import EventType, ProcessStatus, Right
from notifications.models import Message, RefusedAddress
from notifications.outbox import refused_addresses
from signing import actions
from signing.erasure.admin_page import erasure_page
from signing.evidence.bundle import attachment, bundle
from signing.evidence.verdict import verdict
from signing.models import Process, ProcessQuerySet, Signer, Step
from signing.timeline import timeline

STATUS_COLORS: dict[str, str] = {
    ProcessStatus.PENDING: "warning",
    ProcessStatus.STARTED: "info",
    ProcessStatus.COMPLETED: "success",
    ProcessStatus.CANCELED: "danger",
    ProcessStatus.DECLINED: "danger",
}
MAX_CANCEL_REASON = 4000


@admin.register(Process)
class ProcessAdmin(ReadOnlyAdmin):
    """Staff see the processes that they could change through the API, because the page shows every email address."""

    list_display = ["name", "state", "initiator", "owner_group", "document_type", "created_at", "due_at"]
    list_filter = ["status", "created_at"]
    search_fields = ["document_id"]
    search_help_text = "Part of the document's name, the initiator's name or a signer's name, or the whole document ID."
    date_hierarchy = "created_at"
    ordering = ["-created_at", "-id"]
    show_full_result_count = False
    buttons = ("cancel", "remind", "evidence", "hold", "release")
    list_before_template = "signing/erasure_link.html"  # type: ignore[assignment]  # unfold declares it as None

    @display(description="Document", ordering="document_name")
    def name(self, process: Process) -> str:
        return str(process)

    @display(description="Status", label=STATUS_COLORS, ordering="status")
    def state(self, process: Process) -> str:
        return process.status

    def get_queryset(self, request: HttpRequest) -> ProcessQuerySet:
        return Process.objects.managed_by(staff_actor(request))

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Process], search_term: str
    ) -> tuple[QuerySet[Process], bool]:
        may_have_duplicates = False
        if search_term:
            assert isinstance(queryset, ProcessQuerySet)
            queryset = queryset.matching(plain(search_term), document_id=search_term)
        return queryset, may_have_duplicates

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: JsonObject | None = None,
    ) -> TemplateResponse:
        context = dict(extra_context or {})
        process = self.get_object(request, object_id or "")
        if process is not None:
            context |= _page_context(request, process)
        return super().changeform_view(request, object_id, form_url, context)

    # The buttons on the page of a process.

    def cancel(self, request: HttpRequest, process: Process) -> str:
        reason = request.POST.get("reason", "")[:MAX_CANCEL_REASON] or None
        actions.cancel(process, actor=staff_actor(request), at=timezone.now(), reason=reason)
        return "The process was canceled. Everyone who was already asked to act is notified."

    def remind(self, request: HttpRequest, process: Process) -> str:
        result = actions.remind(process, actor=staff_actor(request), at=timezone.now())
        names = ", ".join(map(str, result.reminded))
        skipped = "".join(f" {signer} was not reminded: {reason}." for signer, reason in result.skipped)
        return f"Reminded: {names}.{skipped}"

    def evidence(self, request: HttpRequest, process: Process) -> HttpResponse:
        actor = staff_actor(request)
        now = timezone.now()
        content = bundle(process, actor, at=now)
        read = Event(EventType.PROCESS_GETONE, process.id, document_id=process.document_id, method="evidence")
        record([read], actor=actor, at=now)
        return HttpResponse(content, content_type="application/zip", headers=attachment(process))

    def hold(self, request: HttpRequest, process: Process) -> str:
        reason = request.POST.get("reason", "").strip()
        actions.hold(process, actor=staff_actor(request), at=timezone.now(), reason=reason)
        return "The process is on hold. It will be neither erased nor deleted."

    def release(self, request: HttpRequest, process: Process) -> str:
        actions.hold(process, actor=staff_actor(request), at=timezone.now(), reason=None)
        return "The hold was released."

    def get_urls(self) -> list[URLPattern]:
        page = self.admin_site.admin_view(erasure_page)
        return [path("erasure/", page, name="signing_erasure"), *super().get_urls()]


def _page_context(request: HttpRequest, process: Process) -> JsonObject:
    """Return what the page of a process shows in addition to its fields."""
    actor = staff_actor(request)
    by_position = Prefetch("signers", Signer.objects.order_by("position", "id"))
    steps = process.steps.order_by("process_order").prefetch_related(by_position)
    messages = Message.objects.of_process(process.id).order_by("id")
    events: Iterable[AuditEvent] = []
    result = None
    if actor.may(Right.AUDIT_READ):
        events = AuditEvent.objects.of_process(process.id).in_order()
        result = verdict(at=timezone.now(), process_id=str(process.id))
    return {
        "steps": steps,
        # As pairs: in a template, `attributes.items` would find an attribute of that name before the method.
        "attributes": list((process.attributes or {}).items()),
        "refused": _refused_by_signer(steps),
        "sent": messages,
        "timeline": timeline(events, messages),
        "verdict": result,
        "administers": actor.may(Right.ADMINISTER),
        "may_change": process.managed_by(actor),
        "may_send_again": actor.may(Right.ADMINISTER),
        "running": process.status == ProcessStatus.STARTED,
        "finished": process.finished,
    }


def _refused_by_signer(steps: Iterable[Step]) -> dict[UUID, RefusedAddress]:
    """The refused address of each signer who has one, by the signer's id."""
    emails: dict[UUID, str] = {}
    for step in steps:
        emails |= {signer.pk: address_key(signer.email) for signer in step.signers.all() if signer.email}
    refused = refused_addresses(emails.values())
    return {signer_id: refused[email] for signer_id, email in emails.items() if email in refused}
