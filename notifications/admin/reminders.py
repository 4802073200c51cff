"""When reminders are sent: one row, edited in place."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.shortcuts import redirect

from config.access.backoffice import AuditedAdmin, staff_actor
from config.api_values import JsonObject
from config.vocabulary import Right
from notifications.models import ReminderSettings


@admin.register(ReminderSettings)
class ReminderSettingsAdmin(AuditedAdmin):
    fieldsets = (
        (None, {"fields": ("active", "days", ("hour", "zone"))}),
        ("Days without reminders", {"fields": ("business_days_only", "quiet_countries")}),
        ("Overdue steps and steps without a due date", {"fields": ("overdue_notice", "without_due_date_every")}),
    )

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: ReminderSettings | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: ReminderSettings | None = None) -> bool:
        return super().has_change_permission(request, obj) and staff_actor(request).may(Right.ADMINISTER)

    def changelist_view(self, request: HttpRequest, extra_context: JsonObject | None = None) -> Any:
        if not self.has_view_permission(request):
            raise PermissionDenied
        row, _ = ReminderSettings.objects.get_or_create(pk=ReminderSettings.ONLY)
        return redirect("admin:notifications_remindersettings_change", row.pk)
