"""One row is one outgoing message; the table is the queue."""

from datetime import datetime

from django.db import models
from django.db.models import Q

from config.vocabulary import EventType, Role


class MessageStatus(models.TextChoices):
    QUEUED = "QUEUED", "waits to be sent"
    SENDING = "SENDING", "a sender holds it"
    SENT = "SENT", "the mail server took it"
    FAILED = "FAILED", "given up"
    WITHDRAWN = "WITHDRAWN", "no longer due"
    SUPPRESSED = "SUPPRESSED", "not to be sent"


RESENDABLE = (MessageStatus.SENT, MessageStatus.FAILED)


class MessageQuerySet(models.QuerySet["Message"]):
    def of_process(self, process_id: object) -> "MessageQuerySet":
        return self.filter(process_id=process_id)

    def queued(self) -> "MessageQuerySet":
        return self.filter(status=MessageStatus.QUEUED)

    def due(self, at: datetime) -> "MessageQuerySet":
        """What a sender may take: queued and not waiting for a retry, or left behind by a dead sender."""
        return self.filter(
            Q(status=MessageStatus.QUEUED) & (Q(next_attempt_at=None) | Q(next_attempt_at__lte=at))
            | Q(status=MessageStatus.SENDING, lease_until__lt=at)
        )


class Message(models.Model):
    """A mail to one address about one event.

    `key` names what the message is for; the same key is written once, whatever is repeated.
    `context` is what it is rendered with: no personal codes, no links that give access.
    `next_attempt_at` is null until the first failure; `lease_until` is set while a sender holds it.
    """

    key = models.CharField(max_length=255, unique=True)
    event = models.CharField(max_length=32, choices=EventType.choices)
    role = models.CharField(max_length=16, choices=Role.choices)
    language = models.CharField(max_length=35, blank=True)
    address = models.EmailField(max_length=254)
    name = models.CharField(max_length=255, blank=True)
    process_id = models.UUIDField(null=True)
    signer_id = models.UUIDField(null=True)
    context = models.JSONField(default=dict)
    status = models.CharField(max_length=10, choices=MessageStatus.choices, default=MessageStatus.QUEUED)
    reason = models.TextField(blank=True, help_text="Why it was withdrawn or suppressed, or the server's last answer.")
    tries = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField()
    queued_at = models.DateTimeField(help_text="When it was last put into the queue; retries end some days later.")
    next_attempt_at = models.DateTimeField(null=True)
    lease_until = models.DateTimeField(null=True)
    sent_at = models.DateTimeField(null=True)

    objects = MessageQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(
                "queued_at",
                name="message_queue",
                condition=Q(status__in=[MessageStatus.QUEUED, MessageStatus.SENDING]),
            ),
            models.Index("process_id", "created_at", name="message_of_process"),
            models.Index("created_at", name="message_by_time"),
        ]

    def __str__(self) -> str:
        return f"{self.event} to {self.role}"

    @property
    def resendable(self) -> bool:
        """Whether it may be queued once more: it was sent, or given up."""
        return self.status in RESENDABLE
