"""Tables of the proof: the chains' heads, the id of the database, checkpoints and their leaves.

The events themselves are in `audit.models`.
"""

import uuid
from typing import Any, ClassVar, TypeVar

from django.db import models

# The `prev` of the first event of a chain.
CHAIN_START = "0" * 64

_Row = TypeVar("_Row", bound=models.Model)


class AppendOnly(TypeError):
    """Rows of the audit trail are never changed or deleted."""


class AppendOnlyQuerySet(models.QuerySet[_Row]):
    def update(self, **kwargs: object) -> int:
        raise AppendOnly("the audit trail cannot be changed")

    def delete(self) -> tuple[int, dict[str, int]]:
        raise AppendOnly("the audit trail cannot be deleted")


class AppendOnlyModel(models.Model):
    """Rows that are written once. The database refuses changes as well (`audit.chain.triggers`)."""

    objects: ClassVar[Any] = AppendOnlyQuerySet.as_manager()

    class Meta:
        abstract = True

    def save(self, **kwargs: Any) -> None:
        if not self._state.adding:
            raise AppendOnly("the audit trail cannot be changed")
        super().save(**kwargs)

    def delete(self, *args: object, **kwargs: object) -> tuple[int, dict[str, int]]:
        raise AppendOnly("the audit trail cannot be deleted")


class AuditHead(models.Model):
    """The position and digest of the last event of a chain. Its row is the lock for appending to the chain."""

    process_id = models.CharField(max_length=255, primary_key=True)
    seq = models.PositiveIntegerField(default=0)
    digest = models.CharField(max_length=64, default=CHAIN_START)

    class Meta:
        db_table = "audit_head"


class AuditDatabase(models.Model):
    """The id of this database, in a single row. It is the lock for appending pending events and for checkpoints."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)

    class Meta:
        db_table = "audit_database"


class Checkpoint(AppendOnlyModel):
    """A signed statement: the root of a tree over the heads that have changed since the previous checkpoint.

    All events up to the number `up_to` are covered by this checkpoint or an earlier one. `previous` is the digest of
    the previous checkpoint, `key` the fingerprint of the key that signed this one.
    """

    number = models.PositiveIntegerField(primary_key=True)
    at = models.DateTimeField("time")
    up_to = models.BigIntegerField("covers events up to number")
    size = models.PositiveIntegerField("chains")
    root = models.CharField("root hash", max_length=64)
    previous = models.CharField("digest of the previous checkpoint", max_length=64)
    key = models.CharField("key fingerprint", max_length=64)
    signature = models.CharField(max_length=128)

    class Meta:
        db_table = "audit_checkpoint"
        ordering = ["-number"]

    def __str__(self) -> str:
        return f"checkpoint {self.number}"


class CheckpointLeaf(AppendOnlyModel):
    """The head of one chain as a checkpoint signed it."""

    pk = models.CompositePrimaryKey("checkpoint_id", "index")
    checkpoint = models.ForeignKey(Checkpoint, on_delete=models.DO_NOTHING, related_name="leaves")
    index = models.PositiveIntegerField()
    process_id = models.CharField(max_length=255)
    seq = models.PositiveIntegerField()
    digest = models.CharField(max_length=64)

    class Meta:
        db_table = "audit_checkpoint_leaf"
        indexes = [models.Index("process_id", "seq", name="checkpoints_of_chain")]
