"""What happened. Events name things by id and hold no foreign key: they outlive what they speak of."""

import uuid
from typing import Any, ClassVar, Self

from django.db import models
from django.db.models import Q
from django.utils.functional import cached_property

from audit.chain import parts
from audit.chain.form import START
from config.vocabulary import EventType

ORIGIN = "paraph"
"""The `eventOrigin` of events that the service itself writes."""


LONGEST_NOTE = 10_000


class Source(models.TextChoices):
    SERVICE = "SERVICE", "the service itself"
    REPORTED = "REPORTED", "reported from outside"


class AppendOnly(TypeError):
    """The trail is never changed or deleted."""


class AppendOnlyQuerySet(models.QuerySet[Any]):
    def update(self, **kwargs: object) -> int:
        raise AppendOnly("the trail cannot be changed")

    def delete(self) -> tuple[int, dict[str, int]]:
        raise AppendOnly("the trail cannot be deleted")


class AppendOnlyModel(models.Model):
    """What is written once. Below, the database refuses too (`audit.chain.triggers`)."""

    objects: ClassVar[Any] = AppendOnlyQuerySet.as_manager()

    class Meta:
        abstract = True

    def save(self, **kwargs: Any) -> None:
        if not self._state.adding:
            raise AppendOnly("the trail cannot be changed")
        super().save(**kwargs)

    def delete(self, *args: object, **kwargs: object) -> tuple[int, dict[str, int]]:
        raise AppendOnly("the trail cannot be deleted")


class AuditEventQuerySet(AppendOnlyQuerySet):
    def of_process(self, process_id: object) -> Self:
        return self.filter(process_id=str(process_id))

    def in_order(self) -> Self:
        return self.order_by("number")

    def with_value(self, part: str, **lookup: Any) -> Self:
        """Those of which a personal value is so: `saying("creator", value="ana")`."""
        conditions = {f"values__{name}": sought for name, sought in lookup.items()}
        return self.filter(values__part=part, **conditions)


class _Events(models.Manager["AuditEvent"]):
    def get_queryset(self) -> Any:
        return super().get_queryset().prefetch_related("values")


def _part(part: str) -> Any:
    return property(lambda event: event.personal_values.get(part, ""))


def _change(name: str) -> Any:
    return property(lambda event: parts.change(name, event.personal_values))


class AuditEvent(AppendOnlyModel):
    """One thing that happened: what, to which process, by whom, through which client, from where.

    `number` rises with every event; `before` and `after` hold what a change changed, by the wire's names. Of a
    reported event `reported_by` is the client that reported it, and `reported_id` and `reported_at` are what that
    client calls it and when it says that it happened; the service's own number and time rule.

    What is personal stands beside it (`AuditValue`), here only what commits to it. `seq`, `prev`, `mac` and `key_id`
    are its place in its process's chain: null while it waits for one, as reads do; its `mac` then holds for no place.
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
        "seq": "seq",
        "erased": "erased",
    }

    number = models.BigAutoField(primary_key=True)
    id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    created_at = models.DateTimeField()
    event_type = models.CharField(max_length=32, choices=EventType.choices)
    source = models.CharField(max_length=8, choices=Source.choices)
    event_origin = models.CharField(max_length=255)
    client_app_name = models.CharField(max_length=255, blank=True)
    process_id = models.CharField(max_length=255, blank=True)
    document_id = models.CharField(max_length=255, blank=True)
    signer_id = models.CharField(max_length=255, blank=True)
    container_id = models.CharField(max_length=255, blank=True)
    method = models.CharField(max_length=255, blank=True)
    request_id = models.CharField(max_length=64, blank=True)
    reported_id = models.CharField(max_length=255, blank=True)
    reported_at = models.DateTimeField(null=True)

    commitments = models.JSONField(default=dict)
    seq = models.PositiveIntegerField(null=True)
    prev = models.CharField(max_length=64, blank=True)
    mac = models.CharField(max_length=64)
    key_id = models.CharField(max_length=32)

    objects: ClassVar[Any] = _Events.from_queryset(AuditEventQuerySet)()

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
        constraints = [
            models.UniqueConstraint("process_id", "seq", name="one_event_per_place"),
        ]

    creator, ip_address, note = _part("creator"), _part("ipAddress"), _part("note")
    customer_personal_code, reported_by = _part("customerPersonalCode"), _part("reportedBy")
    before, after = _change("before"), _change("after")

    def __str__(self) -> str:
        return f"{self.event_type} {self.process_id}".strip()

    @cached_property
    def personal_values(self) -> dict[str, str]:
        """Its personal values by part, as far as they have not been erased."""
        return {kept.part: kept.value for kept in self.values.all()}

    @property
    def erased(self) -> list[str] | None:
        """The parts that were erased, if any."""
        committed = set(self.commitments) if isinstance(self.commitments, dict) else set()
        return sorted(committed - self.personal_values.keys()) or None

    @property
    def erasures(self) -> list[tuple[int, str]]:
        """Which values this event says were erased, as pairs of an event's number and a part."""
        return parts.erasures(self.personal_values)


class AuditValue(models.Model):
    """A personal value of an event, with the salt of its commitment: erased together, and never changed."""

    pk = models.CompositePrimaryKey("event_id", "part")
    event = models.ForeignKey(AuditEvent, on_delete=models.DO_NOTHING, related_name="values", db_constraint=False)
    part = models.CharField(max_length=80)
    salt = models.CharField(max_length=32)
    value = models.TextField()

    class Meta:
        db_table = "audit_value"
        indexes = [models.Index("value", "event", name="audit_by_creator", condition=Q(part="creator"))]

    def __str__(self) -> str:
        return self.part


class AuditHead(models.Model):
    """The last event of a chain, and the lock that whoever appends to it takes."""

    process_id = models.CharField(max_length=255, primary_key=True)
    seq = models.PositiveIntegerField(default=0)
    digest = models.CharField(max_length=64, default=START)

    class Meta:
        db_table = "audit_head"

    def __str__(self) -> str:
        return f"{self.process_id} {self.seq}"


class AuditDatabase(models.Model):
    """Which database this is, in one row; the lock of whoever gives places or makes checkpoints."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)

    class Meta:
        db_table = "audit_database"

    def __str__(self) -> str:
        return str(self.id)


class Checkpoint(AppendOnlyModel):
    """A signed statement of how far chains had come: the root of a tree over the heads that had changed.

    All events up to the number `up_to` are in it, or in one before. `previous` is the digest of the one before it,
    `key` the fingerprint of the key that signed it.
    """

    number = models.PositiveIntegerField(primary_key=True)
    at = models.DateTimeField()
    up_to = models.BigIntegerField()
    size = models.PositiveIntegerField()
    root = models.CharField(max_length=64)
    previous = models.CharField(max_length=64)
    key = models.CharField(max_length=64)
    signature = models.CharField(max_length=128)

    class Meta:
        db_table = "audit_checkpoint"
        ordering = ["-number"]

    def __str__(self) -> str:
        return f"checkpoint {self.number}"


class CheckpointLeaf(AppendOnlyModel):
    """A head as a checkpoint found it."""

    pk = models.CompositePrimaryKey("checkpoint_id", "index")
    checkpoint = models.ForeignKey(Checkpoint, on_delete=models.DO_NOTHING, related_name="leaves")
    index = models.PositiveIntegerField()
    process_id = models.CharField(max_length=255)
    seq = models.PositiveIntegerField()
    digest = models.CharField(max_length=64)

    class Meta:
        db_table = "audit_checkpoint_leaf"
        indexes = [models.Index("process_id", "seq", name="checkpoints_of_chain")]

    def __str__(self) -> str:
        return f"{self.process_id} {self.seq}"
