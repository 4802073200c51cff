"""The sort fields of the lists of processes and tasks, and what fits on one of their pages."""

import uuid
from collections.abc import Sequence

from django.db.models import Case, Count, F, Sum, When
from django.db.models.functions import Coalesce, Length

from config.access.actor import Actor
from config.api.lists.pages import Sorts, require_fit
from signing.models import Process, ProcessQuerySet, Signer

# API field -> column. The initiator's email address is an annotation of `with_readable_email`.
PROCESS_SORTS: Sorts = {
    "id": "id",
    "createdAt": "created_at",
    "completedAt": "completed_at",
    "documentId": "document_id",
    "documentName": "document_name",
    "documentType": "document_type",
    "status": "status",
    "ownerGroup": "owner_group",
    "initiator": "initiator",
    "initiatorName": "initiator_name",
    "processInitiatorEmail": "readable_email",
    "dueDate": "due_at",
}

# A task shows its person no email address of the initiator.
_OF_TASKS = {"id": "id", "createdAt": "created_at", "processInitiatorEmail": None, "dueDate": "step__due_at"}
TASK_SORTS: Sorts = {field: f"process__{column}" for field, column in PROCESS_SORTS.items()} | _OF_TASKS

# The JSON of a signer, up to three times, and the objects that it is made of.
_SIGNER_WEIGHT = 3_200


def with_readable_email(rows: ProcessQuerySet, actor: Actor) -> ProcessQuerySet:
    """The processes with `readable_email`: the initiator's email address as the caller sees it.

    The order of a list must not reveal an address that its rows hide.
    """
    if actor.sees_everything or not actor.person:
        return rows.annotate(readable_email=F("initiator_email"))
    managed = Process.objects.managed_by(actor)
    readable = When(id__in=managed.values("id"), then=F("initiator_email"))
    return rows.annotate(readable_email=Case(readable, default=None))


def require_processes_fit(process_ids: Sequence[uuid.UUID]) -> None:
    """Raise `PageTooLarge` if the signers of these processes, one process for each row, are too many for one page."""
    comments = Coalesce(Length("comment"), 0) + Coalesce(Length("comment_for_signer"), 0)
    signers = Signer.objects.filter(process__in=set(process_ids)).values("process_id")
    sizes = signers.annotate(weight=Count("id") * _SIGNER_WEIGHT + Sum(comments) * 3)
    weight_of = dict(sizes.values_list("process_id", "weight"))
    require_fit([weight_of[process_id] for process_id in process_ids])
