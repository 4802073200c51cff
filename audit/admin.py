"""The audit trail in the back office: search, read, export. Nothing can be changed."""

import json

from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.db.models import Model, QuerySet
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
from config.api_values import JsonObject
from config.vocabulary import Right


class AuditAdmin(ReadOnlyAdmin):
    """Rows are shown to users with the right `audit_read`."""

    show_full_result_count = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Model]:
        rows = super().get_queryset(request)
        return rows if staff_actor(request).may(Right.AUDIT_READ) else rows.none()


@admin.register(AuditEvent)
class AuditEventAdmin(AuditAdmin):
    list_display = ["time", "event_type", "recorded", "creator", "client_app_name", "address", "process_id", "note"]
    list_filter = [("created_at", RangeDateTimeFilter), "event_type", "source"]
    list_filter_submit = True
    search_fields = ["process_id__exact", "document_id__exact", "signer_id__exact", "values__value"]
    search_help_text = "The ID of a process, document or signer, or part of a name, address, note or other value."
    list_before_template = "audit/export.html"  # type: ignore[assignment]  # unfold declares it as None
    fields = [
        ("number", "time"),
        ("event_type", "recorded", "event_origin"),
        ("creator", "client_app_name", "address"),
        ("process_id", "document_id", "signer_id", "customer_personal_code", "container_id"),
        ("method", "request_id"),
        ("reported_by", "reported_id", "reported_at"),
        "note",
        ("values_before", "values_after", "erased_values"),
        ("id", "seq", "key_id"),
        "prev",
        "mac",
    ]

    @display(description="Time", ordering="created_at")
    def time(self, event: AuditEvent) -> str:
        return f"{timezone.localtime(event.created_at):%Y-%m-%d %H:%M:%S %Z}"

    @display(description="Recorded", ordering="source")
    def recorded(self, event: AuditEvent) -> str:
        return event.reporter or "by the service"

    @display(description="IP address")
    def address(self, event: AuditEvent) -> str:
        return event.ip_address

    @display(description="Before")
    def values_before(self, event: AuditEvent) -> str:
        return _formatted(event.before)

    @display(description="After")
    def values_after(self, event: AuditEvent) -> str:
        return _formatted(event.after)

    @display(description="Erased values")
    def erased_values(self, event: AuditEvent) -> str:
        return ", ".join(event.erased or ["-"])

    def get_urls(self) -> list[URLPattern]:
        export = self.admin_site.admin_view(self.export)
        return [path("export/<str:file_format>/", export, name="audit_auditevent_export"), *super().get_urls()]

    def export(self, request: HttpRequest, file_format: str) -> HttpResponseBase:
        """The events of the list, with the same filters, as a file."""
        if file_format not in FORMATS or not self.has_view_permission(request):
            raise Http404
        try:
            events = self.get_changelist_instance(request).get_queryset(request)
        except IncorrectLookupParameters:
            return HttpResponse("Invalid filter.", status=400, content_type="text/plain")
        name = f"audit-{timezone.now():%Y%m%d-%H%M}.{file_format}"
        headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
        return StreamingHttpResponse(lines(events, file_format), content_type=FORMATS[file_format], headers=headers)


@admin.register(Checkpoint)
class CheckpointAdmin(AuditAdmin):
    list_display = ["number", "at", "size", "up_to"]


def _formatted(values: JsonObject | None) -> str:
    """Values as indented JSON."""
    if values is None:
        return "-"
    return format_html("<pre>{}</pre>", json.dumps(values, ensure_ascii=False, indent=2, sort_keys=True))
