"""The trail in the back office: searched, looked at, exported; nothing in it is changed."""

import json
from datetime import datetime
from typing import Any

from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.html import format_html
from unfold.contrib.filters.admin import RangeDateTimeFilter
from unfold.decorators import display

from audit.export import FORMATS, lines
from audit.models import AuditEvent, Checkpoint
from config.access.backoffice import ReadOnlyAdmin, staff_actor
from config.vocabulary import Right

_SHOWN = 12


def in_seconds(moment: datetime) -> str:
    """A moment in the service's zone, with the zone."""
    return f"{timezone.localtime(moment):%Y-%m-%d %H:%M:%S %Z}"


def _readable(values: dict[str, Any] | None) -> str:
    """Values as JSON, a line each."""
    if values is None:
        return "-"
    return format_html("<pre>{}</pre>", json.dumps(values, ensure_ascii=False, indent=2, sort_keys=True))


class ForReaders(ReadOnlyAdmin):
    """Rows for those who may read the trail: `audit_read` or `administer`."""

    show_full_result_count = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows = super().get_queryset(request)
        actor = staff_actor(request)
        return rows if actor.may(Right.AUDIT_READ) else rows.none()


@admin.register(AuditEvent)
class AuditEventAdmin(ForReaders):
    list_display = ["when", "event_type", "creator", "client_app_name", "ip_address", "process_id", "note"]
    list_filter = [("created_at", RangeDateTimeFilter), "event_type", "source"]
    list_filter_submit = True
    search_fields = ["process_id__exact", "document_id__exact", "signer_id__exact", "values__value"]
    search_help_text = "The id of a process, a document or a signer; or part of a name, an address, a note, a value."
    list_before_template = "audit/export.html"  # type: ignore[assignment]
    fields = [
        *("number", "when", "event_type", "source", "event_origin", "creator", "client_app_name", "ip_address"),
        *("process_id", "document_id", "signer_id", "customer_personal_code", "container_id", "method", "request_id"),
        *("reported_by", "reported_id", "reported_at", "note", "was", "became", "went", "id", "seq", "prev", "mac"),
        "key_id",
    ]

    @display(description="When", ordering="created_at")
    def when(self, event: AuditEvent) -> str:
        return in_seconds(event.created_at)

    @display(description="Before")
    def was(self, event: AuditEvent) -> str:
        return _readable(event.before)

    @display(description="After")
    def became(self, event: AuditEvent) -> str:
        return _readable(event.after)

    @display(description="Erased")
    def went(self, event: AuditEvent) -> str:
        return ", ".join(event.erased or ["-"])

    def get_urls(self) -> list[URLPattern]:
        export = self.admin_site.admin_view(self.export)
        return [path("export/<str:form>/", export, name="audit_auditevent_export"), *super().get_urls()]

    def export(self, request: HttpRequest, form: str) -> HttpResponseBase:
        """What the list shows with the same filters, as a file."""
        if form not in FORMATS or not self.has_view_permission(request):
            raise Http404
        try:
            found = self.get_changelist_instance(request).get_queryset(request)
        except IncorrectLookupParameters:
            return HttpResponse("There is no such filter.", status=400, content_type="text/plain")
        name = f'attachment; filename="audit-{timezone.now():%Y%m%d-%H%M}.{form}"'
        headers = {"Content-Disposition": name, "Cache-Control": "no-store"}
        return StreamingHttpResponse(lines(found, form), content_type=FORMATS[form], headers=headers)


@admin.register(Checkpoint)
class CheckpointAdmin(ForReaders):
    list_display = ["number", "when", "size", "up_to", "tree", "signed_by"]

    @display(description="At", ordering="at")
    def when(self, checkpoint: Checkpoint) -> str:
        return in_seconds(checkpoint.at)

    @display(description="Root of the tree")
    def tree(self, checkpoint: Checkpoint) -> str:
        return f"{checkpoint.root[:_SHOWN]}…"

    @display(description="Key")
    def signed_by(self, checkpoint: Checkpoint) -> str:
        return f"{checkpoint.key[:_SHOWN]}…"
