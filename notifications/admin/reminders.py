"""When reminders go out: the one row, changed in place."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.shortcuts import redirect
from django.urls import reverse

from config.access.backoffice import AuditedAdmin, staff_actor
from config.vocabulary import Right
from notifications.models import ReminderSettings


@admin.register(ReminderSettings)
class ReminderSettingsAdmin(AuditedAdmin):
    fieldsets = (
        (None, {"fields": ("active", "days", ("hour", "zone"))}),
        ("Days on which nobody is reminded", {"fields": ("business_days_only", "quiet_countries")}),
        ("Beyond due dates", {"fields": ("overdue_notice", "without_due_date_every")}),
    )

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_change_permission(request, obj) and staff_actor(request).may(Right.ADMINISTER)

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        kept = ReminderSettings.objects.get_or_create(pk=ReminderSettings.ONLY)[0]
        return redirect(reverse("admin:notifications_remindersettings_change", args=[kept.pk]))
