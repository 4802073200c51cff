"""Every outgoing message and its delivery, for administrators."""

from collections import defaultdict
from datetime import date, timedelta
from json import dumps
from typing import Any

from django.contrib import admin
from django.db.models import Count, Model, QuerySet
from django.db.models.functions import TruncDate
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.utils import timezone
from unfold.decorators import display

from config.access.backoffice import ReadOnlyAdmin, staff_actor
from config.api_values import JsonObject
from config.errors import Invalid
from config.vocabulary import Right
from notifications import outbox
from notifications.models import Message, MessageQuerySet, MessageStatus, RefusedAddress

COLORS: dict[str, str] = {
    MessageStatus.QUEUED: "info",
    MessageStatus.SENDING: "info",
    MessageStatus.SENT: "success",
    MessageStatus.FAILED: "danger",
    MessageStatus.WITHDRAWN: "warning",
    MessageStatus.SUPPRESSED: "warning",
    MessageStatus.MERGED: "info",
}
CHART_DAYS = 30
# Each is a transaction of its own, within one request.
MAX_SENT_AGAIN = 500
_CHART_BARS = {
    "sent": ([MessageStatus.SENT], "#15803d"),
    "waiting": ([MessageStatus.QUEUED, MessageStatus.SENDING], "#1d4ed8"),
    "failed": ([MessageStatus.FAILED], "#b91c1c"),
    "withdrawn or suppressed": ([MessageStatus.WITHDRAWN, MessageStatus.SUPPRESSED], "#9ca3af"),
}


class NeedsAttentionFilter(admin.SimpleListFilter):
    title = "needs attention"
    parameter_name = "stuck"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin) -> list[tuple[str, str]]:
        return [("yes", "Failed and not handled, attempted without success, or waiting too long")]

    def queryset(self, request: HttpRequest, queryset: Any) -> QuerySet[Message]:
        if self.value() == "yes":
            return queryset.stuck(timezone.now())
        return queryset


class AdministratorsOnly(ReadOnlyAdmin):
    """Rows that only users with the right `administer` see."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[Model]:
        rows = super().get_queryset(request)
        if staff_actor(request).may(Right.ADMINISTER):
            return rows
        return rows.none()


@admin.register(Message)
class MessageAdmin(AdministratorsOnly):
    list_display = [
        "created_at",
        "event",
        "role",
        "name",
        "address",
        "state",
        "waits",
        "attempts",
        "sent_at",
        "handled_by",
    ]
    list_filter = [NeedsAttentionFilter, "status", "waits_for", "event", "role"]
    search_fields = ["address", "name", "process_id"]
    show_full_result_count = False
    exclude = ["context", "log", "key", "leader", "lease_until", "waits_for"]
    buttons = ("send_again", "mark_handled")
    actions = ["send_failed_again", "try_now"]
    list_before_template = "notifications/messages_per_day.html"  # type: ignore[assignment]  # unfold declares it as None

    @display(description="Status", label=COLORS)
    def state(self, message: Message) -> str:
        return message.status

    @display(description="Waits for", ordering="waits_for")
    def waits(self, message: Message) -> str:
        return message.limit_reached

    @admin.action(description="Send failed messages again", permissions=["view"])
    def send_failed_again(self, request: HttpRequest, messages: MessageQuerySet) -> None:
        failed = messages.filter(status=MessageStatus.FAILED, leader=None).order_by("pk")[: MAX_SENT_AGAIN + 1]
        if len(failed) > MAX_SENT_AGAIN:
            raise Invalid(f"At most {MAX_SENT_AGAIN} messages can be sent again at once.")
        sent = 0
        refused = 0
        for message in failed:
            try:
                outbox.send_again(message, actor=staff_actor(request), at=timezone.now())
            except outbox.NotResendable:
                refused += 1
            else:
                sent += 1
        self.message_user(request, f"Failed messages that will be sent again: {sent}. No longer due: {refused}.")

    @admin.action(description="Try waiting messages now", permissions=["view"])
    def try_now(self, request: HttpRequest, messages: MessageQuerySet) -> None:
        tried = outbox.try_now(messages, at=timezone.now())
        limited = messages.queued().exclude(waits_for="").count()
        self.message_user(
            request, f"Messages that will be tried now: {tried}. Still waiting for an hourly limit: {limited}."
        )

    def send_again(self, request: HttpRequest, message: Message) -> str:
        outbox.send_again(message, actor=staff_actor(request), at=timezone.now())
        return "The message will be sent again."

    def mark_handled(self, request: HttpRequest, message: Message) -> str:
        outbox.mark_handled(message, actor=staff_actor(request), at=timezone.now())
        return "The message was marked as handled."

    def changelist_view(self, request: HttpRequest, extra_context: JsonObject | None = None) -> TemplateResponse:
        context: JsonObject = {"per_day": _chart(self.get_queryset(request)), "days_shown": CHART_DAYS}
        return super().changelist_view(request, {**(extra_context or {}), **context})


def _chart(messages: QuerySet[Model]) -> str:
    """Messages by day and status as JSON for Chart.js. The parts of a digest count as one message. One query."""
    since = timezone.now() - timedelta(days=CHART_DAYS)
    messages = messages.filter(created_at__gte=since, leader=None).order_by()
    counts: dict[tuple[date, str], int] = defaultdict(int)
    for row in messages.annotate(day=TruncDate("created_at")).values("day", "status").annotate(count=Count("id")):
        counts[row["day"], row["status"]] = row["count"]

    today = timezone.localdate()
    days = [today - timedelta(days=n) for n in reversed(range(CHART_DAYS))]
    bars = []
    for label, (statuses, color) in _CHART_BARS.items():
        totals = [sum(counts[day, status] for status in statuses) for day in days]
        bars.append({"label": label, "data": totals, "backgroundColor": color, "stack": "day"})
    return dumps({"labels": [f"{day:%d.%m.}" for day in days], "datasets": bars})


@admin.register(RefusedAddress)
class RefusedAddressAdmin(AdministratorsOnly):
    """Addresses that a mail server refused. One is removed when a message to it is accepted."""

    list_display = ["address", "response", "refused_at"]
    search_fields = ["address"]
    ordering = ["-refused_at"]
