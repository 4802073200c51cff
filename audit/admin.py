from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from audit.models import AuditEvent
from config.access.backoffice import ReadOnlyAdmin, staff_actor
from config.vocabulary import Right


@admin.register(AuditEvent)
class AuditEventAdmin(ReadOnlyAdmin):
    """The trail, for those who may read it: `audit_read` or `administer`."""

    list_display = ["created_at", "event_type", "creator", "client_app_name", "ip_address", "process_id", "note"]
    list_filter = ["event_type", "source"]
    search_fields = ["process_id", "document_id", "values__value"]
    show_full_result_count = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[AuditEvent]:
        rows = super().get_queryset(request)
        actor = staff_actor(request)
        return rows if actor.may(Right.ADMINISTER) or actor.may(Right.AUDIT_READ) else rows.none()
