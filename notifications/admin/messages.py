"""Every outgoing mail and what became of it, for administrators."""

from collections import defaultdict
from datetime import timedelta
from json import dumps
from typing import Any

from django.contrib import admin
from django.db.models import Count, QuerySet
from django.db.models.functions import TruncDate
from django.http import HttpRequest
from django.utils import timezone
from unfold.decorators import display

from config.access.backoffice import ReadOnlyAdmin, staff_actor
from config.vocabulary import Right
from notifications import outbox
from notifications.models import Message, MessageStatus, RefusedAddress

COLOURS: dict[str, str] = {
    MessageStatus.QUEUED: "info",
    MessageStatus.SENDING: "info",
    MessageStatus.SENT: "success",
    MessageStatus.FAILED: "danger",
    MessageStatus.WITHDRAWN: "warning",
    MessageStatus.SUPPRESSED: "warning",
    MessageStatus.MERGED: "info",
}
DAYS_SHOWN = 30
_BARS = {
    "sent": ([MessageStatus.SENT], "#15803d"),
    "waiting": ([MessageStatus.QUEUED, MessageStatus.SENDING], "#1d4ed8"),
    "given up": ([MessageStatus.FAILED], "#b91c1c"),
    "withdrawn, not to be sent": ([MessageStatus.WITHDRAWN, MessageStatus.SUPPRESSED], "#9ca3af"),
}


class Stuck(admin.SimpleListFilter):
    title = "what needs a look"
    parameter_name = "stuck"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", "Given up and not handled, tried in vain, or waiting too long")]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return queryset.stuck(timezone.now()) if self.value() == "yes" else queryset


class ForAdministrators(ReadOnlyAdmin):
    """Rows that those with `administer` see."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows = super().get_queryset(request)
        return rows if staff_actor(request).may(Right.ADMINISTER) else rows.none()


@admin.register(Message)
class MessageAdmin(ForAdministrators):
    list_display = ["created_at", "event", "role", "name", "address", "state", "tries", "sent_at", "handled_by"]
    list_filter = [Stuck, "status", "event", "role"]
    search_fields = ["address", "name", "process_id"]
    show_full_result_count = False
    exclude = ["context", "log", "key", "leader", "lease_until"]
    buttons = ("send_again", "mark_handled")
    list_before_template = "notifications/messages_per_day.html"  # type: ignore[assignment]

    @display(description="State", label=COLOURS)
    def state(self, message: Message) -> str:
        return message.status

    def send_again(self, request: HttpRequest, message: Message) -> str:
        outbox.send_again(message, actor=staff_actor(request), at=timezone.now())
        return "The message waits to be sent again."

    def mark_handled(self, request: HttpRequest, message: Message) -> str:
        outbox.mark_handled(message, actor=staff_actor(request), at=timezone.now())
        return "The message is marked as handled."

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        chart = self._per_day(self.get_queryset(request))
        shown: dict[str, Any] = {"per_day": chart, "days_shown": DAYS_SHOWN}
        return super().changelist_view(request, {**(extra_context or {}), **shown})

    def _per_day(self, rows: QuerySet[Message]) -> str:
        """Mails by day and fate, as Chart.js reads it: what goes out in another's counts with that. One query."""
        today = timezone.localdate()
        days = [today - timedelta(days=n) for n in reversed(range(DAYS_SHOWN))]
        since = timezone.now() - timedelta(days=DAYS_SHOWN)
        counted = rows.filter(created_at__gte=since, leader=None).order_by().annotate(day=TruncDate("created_at"))
        counts: dict[tuple[Any, str], int] = defaultdict(int)
        for row in counted.values("day", "status").annotate(count=Count("id")):
            counts[row["day"], row["status"]] = row["count"]
        bars = [
            {
                "label": label,
                "data": [sum(counts[day, status] for status in statuses) for day in days],
                "backgroundColor": colour,
                "stack": "day",
            }
            for label, (statuses, colour) in _BARS.items()
        ]
        return dumps({"labels": [f"{day:%d.%m.}" for day in days], "datasets": bars})


@admin.register(RefusedAddress)
class RefusedAddressAdmin(ForAdministrators):
    """Addresses that a mail server refused; one leaves the list when a mail to it is taken."""

    list_display = ["address", "answer", "refused_at"]
    search_fields = ["address"]
    ordering = ["-refused_at"]
