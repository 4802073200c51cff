from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from unfold.decorators import display

from config.access.backoffice import ReadOnlyAdmin, staff_actor
from config.vocabulary import Right
from notifications import outbox
from notifications.models import Message, MessageStatus

COLOURS: dict[str, str] = {
    MessageStatus.QUEUED: "info",
    MessageStatus.SENDING: "info",
    MessageStatus.SENT: "success",
    MessageStatus.FAILED: "danger",
    MessageStatus.WITHDRAWN: "warning",
    MessageStatus.SUPPRESSED: "warning",
}


@admin.register(Message)
class MessageAdmin(ReadOnlyAdmin):
    """Every outgoing mail and what became of it, for administrators."""

    list_display = ["created_at", "event", "role", "name", "address", "state", "tries", "sent_at"]
    list_filter = ["status", "event", "role"]
    search_fields = ["address", "name", "process_id"]
    show_full_result_count = False
    exclude = ["context"]
    buttons = ("send_again",)

    @display(description="State", label=COLOURS)
    def state(self, message: Message) -> str:
        return message.status

    def get_queryset(self, request: HttpRequest) -> QuerySet[Message]:
        rows = super().get_queryset(request)
        return rows if staff_actor(request).may(Right.ADMINISTER) else rows.none()

    def send_again(self, request: HttpRequest, message: Message) -> str:
        outbox.send_again(message, actor=staff_actor(request), at=timezone.now())
        return "The message waits to be sent again."
