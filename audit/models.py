"""What happened. Events name things by id and hold no foreign key: they outlive what they speak of."""

import uuid
from typing import Any, ClassVar

from django.db import models

from config.vocabulary import EventType

ORIGIN = "paraph"
"""The `eventOrigin` of events that the service itself writes."""


LONGEST_NOTE = 10_000


class Source(models.TextChoices):
    SERVICE = "SERVICE", "the service itself"
    REPORTED = "REPORTED", "reported from outside"


class AppendOnly(TypeError):
    """An audit event is never changed or deleted."""


class AuditEventQuerySet(models.QuerySet["AuditEvent"]):
    def of_process(self, process_id: object) -> "AuditEventQuerySet":
        return self.filter(process_id=str(process_id))

    def in_order(self) -> "AuditEventQuerySet":
        return self.order_by("number")

    def update(self, **kwargs: object) -> int:
        raise AppendOnly("audit events cannot be changed")

    def delete(self) -> tuple[int, dict[str, int]]:
        raise AppendOnly("audit events cannot be deleted")


class AuditEvent(models.Model):
    """One thing that happened: what, to which process, by whom, through which client, from where.

    `number` rises with every event; `before` and `after` hold what a change changed, by the wire's names. Of a
    reported event `reported_by` is the client that reported it, and `reported_id` and `reported_at` are what that
    client calls it and when it says that it happened; the service's own number and time rule.
    """

    WIRE: ClassVar[dict[str, str]] = {
        "id": "id",
        "createdAt": "created_at",
        "eventType": "event_type",
        "eventOrigin": "event_origin",
        "creator": "creator",
        "documentId": "document_id",
        "signerId": "signer_id",
        "customerPersonalCode": "customer_personal_code",
        "note": "note",
        "processId": "process_id",
        "ipAddress": "ip_address",
        "containerId": "container_id",
        "method": "method",
        "clientAppName": "client_app_name",
        "number": "number",
        "source": "source",
        "requestId": "request_id",
        "reportedBy": "reported_by",
        "reportedId": "reported_id",
        "reportedAt": "reported_at",
        "before": "before",
        "after": "after",
    }

    number = models.BigAutoField(primary_key=True)
    id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    created_at = models.DateTimeField()
    event_type = models.CharField(max_length=32, choices=EventType.choices)
    source = models.CharField(max_length=8, choices=Source.choices)
    event_origin = models.CharField(max_length=255)
    creator = models.CharField(max_length=255, blank=True)
    client_app_name = models.CharField(max_length=255, blank=True)
    ip_address = models.CharField(max_length=255, blank=True)
    process_id = models.CharField(max_length=255, blank=True)
    document_id = models.CharField(max_length=255, blank=True)
    signer_id = models.CharField(max_length=255, blank=True)
    customer_personal_code = models.CharField(max_length=64, blank=True)
    container_id = models.CharField(max_length=255, blank=True)
    method = models.CharField(max_length=255, blank=True)
    request_id = models.CharField(max_length=64, blank=True)
    reported_by = models.CharField(max_length=600, blank=True)
    reported_id = models.CharField(max_length=255, blank=True)
    reported_at = models.DateTimeField(null=True)
    note = models.CharField(max_length=LONGEST_NOTE, blank=True)
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)

    objects = AuditEventQuerySet.as_manager()

    class Meta:
        ordering = ["-number"]
        indexes = [
            models.Index("process_id", "number", name="audit_of_process"),
            models.Index("document_id", "number", name="audit_of_document"),
            models.Index("event_type", "number", name="audit_by_type"),
            models.Index("creator", "number", name="audit_by_creator"),
            models.Index("created_at", "number", name="audit_by_time"),
        ]

    def __str__(self) -> str:
        return f"{self.event_type} {self.process_id}".strip()

    def save(self, **kwargs: Any) -> None:
        if not self._state.adding:
            raise AppendOnly("audit events cannot be changed")
        super().save(**kwargs)

    def delete(self, *args: object, **kwargs: object) -> tuple[int, dict[str, int]]:
        raise AppendOnly("audit events cannot be deleted")
