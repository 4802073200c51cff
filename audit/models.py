"""Events of the audit trail and their personal values. Both refer to other rows by id and outlive them.

The tables of the proof are in `audit.chain.models`.
"""

import uuid
from typing import Any, ClassVar, Self

from django.db import models
from django.db.models import Q
from django.utils.functional import cached_property

from audit.chain import parts
from audit.chain.models import AppendOnly as AppendOnly
from audit.chain.models import AppendOnlyModel, AppendOnlyQuerySet
from audit.chain.models import AuditDatabase as AuditDatabase
from audit.chain.models import AuditHead as AuditHead
from audit.chain.models import Checkpoint as Checkpoint
from audit.chain.models import CheckpointLeaf as CheckpointLeaf
from config.api_values import JsonObject
from config.vocabulary import EventType

LONGEST_NOTE = 10_000


class EventSource(models.TextChoices):
    SERVICE = "SERVICE", "Recorded by the service"
    REPORTED = "REPORTED", "Reported by a client"


class AuditEventQuerySet(AppendOnlyQuerySet["AuditEvent"]):
    def of_process(self, process_id: object) -> Self:
        return self.filter(process_id=str(process_id))

    def in_order(self) -> Self:
        return self.order_by("number")

    def with_value(self, part: str, **lookup: Any) -> Self:
        """Events with a matching personal value: `with_value("creator", value="ana")`."""
        conditions = {f"values__{name}": expected for name, expected in lookup.items()}
        return self.filter(values__part=part, **conditions)


class AuditEventManager(models.Manager.from_queryset(AuditEventQuerySet)):  # type: ignore[misc]  # a base class made at run time
    """Loads the personal values with the events, because the properties of an event read them."""

    def get_queryset(self) -> AuditEventQuerySet:
        return super().get_queryset().prefetch_related("values")


def _text(part: str) -> "cached_property[str]":
    """A personal value as a property; empty if there is none, or if it was erased."""

    def text(event: "AuditEvent") -> str:
        return event.personal_values.get(part, "")

    return cached_property(text)


class AuditEvent(AppendOnlyModel):
    """One thing that happened: what, to which process, by whom, through which client, from which address.

    `number` increases with every event. In a reported event, `reported_by` is the client that reported it, and
    `reported_id` and `reported_at` are the id and the time that the client sent.

    Personal data is in `AuditValue`; the event itself has only commitments to it. `seq`, `prev`, `mac` and `key_id`
    are the event's position in the chain of its process. `seq` is null while the event is pending; its `mac` then
    covers the event without a position.
    """

    number = models.BigAutoField(primary_key=True)
    id = models.UUIDField("ID", default=uuid.uuid4, unique=True, editable=False)
    created_at = models.DateTimeField("time")
    event_type = models.CharField("type", max_length=32, choices=EventType.choices)
    source = models.CharField(max_length=8, choices=EventSource.choices)
    event_origin = models.CharField("origin", max_length=255)
    client_app_name = models.CharField("client", max_length=255, blank=True)
    process_id = models.CharField("process ID", max_length=255, blank=True)
    document_id = models.CharField("document ID", max_length=255, blank=True)
    signer_id = models.CharField("signer ID", max_length=255, blank=True)
    container_id = models.CharField("container ID", max_length=255, blank=True)
    method = models.CharField(max_length=255, blank=True)
    request_id = models.CharField("request ID", max_length=64, blank=True)
    reported_id = models.CharField("ID sent by the client", max_length=255, blank=True)
    reported_at = models.DateTimeField("time sent by the client", null=True)

    commitments = models.JSONField(default=dict)
    seq = models.PositiveIntegerField("position in the chain", null=True)
    prev = models.CharField("digest of the previous event", max_length=64, blank=True)
    mac = models.CharField("MAC", max_length=64)
    key_id = models.CharField("key ID", max_length=32)

    objects: ClassVar[Any] = AuditEventManager()

    class Meta:
        db_table = "audit_event"
        ordering = ["-number"]
        indexes = [
            models.Index("process_id", "number", name="audit_of_process"),
            models.Index("document_id", "number", name="audit_of_document"),
            models.Index("event_type", "number", name="audit_by_type"),
            models.Index("created_at", "number", name="audit_by_time"),
            models.Index("number", name="audit_waiting", condition=Q(seq=None)),
        ]
        constraints = [models.UniqueConstraint("process_id", "seq", name="one_event_per_place")]

    def __str__(self) -> str:
        return f"{self.event_type} {self.process_id}".strip()

    @cached_property
    def personal_values(self) -> dict[str, str]:
        """The personal values by part, without those that were erased."""
        return {row.part: row.value for row in self.values.all()}

    creator = _text("creator")
    ip_address = _text("ipAddress")
    note = _text("note")
    customer_personal_code = _text("customerPersonalCode")
    reported_by = _text("reportedBy")

    @property
    def reporter(self) -> str:
        """`reported by X` if a client reported the event; empty for the service's own events."""
        if self.source == EventSource.SERVICE:
            return ""
        return f"reported by {self.reported_by or '(erased)'}"

    @property
    def before(self) -> JsonObject | None:
        """The values that a change replaced, by API field."""
        return parts.change("before", self.personal_values)

    @property
    def after(self) -> JsonObject | None:
        """The values that a change set, by API field."""
        return parts.change("after", self.personal_values)

    @property
    def erased(self) -> list[str] | None:
        """The parts that were erased; None if there are none."""
        # Someone with access to the database may have written commitments that are not an object.
        if not isinstance(self.commitments, dict):
            return None
        return sorted(self.commitments.keys() - self.personal_values.keys()) or None

    @property
    def erasures(self) -> list[tuple[int, str]]:
        """The values whose erasure this event records: pairs of an event's number and a part."""
        return parts.erasures(self.personal_values)


class AuditValue(models.Model):
    """A personal value of an event, with the salt of its commitment. Both are erased together and never changed."""

    pk = models.CompositePrimaryKey("event_id", "part")
    event = models.ForeignKey(AuditEvent, on_delete=models.DO_NOTHING, related_name="values", db_constraint=False)
    part = models.CharField(max_length=80)
    salt = models.CharField(max_length=32)
    value = models.TextField()

    class Meta:
        db_table = "audit_value"
        indexes = [models.Index("value", "event", name="audit_by_creator", condition=Q(part="creator"))]
