"""The sort fields of the lists of processes and tasks."""

from django.db.models import Case, F, When

from config.access.actor import Actor
from config.api.lists.pages import Sorts
from signing.models import Process, ProcessQuerySet

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


def with_readable_email(rows: ProcessQuerySet, actor: Actor) -> ProcessQuerySet:
    """The processes with `readable_email`: the initiator's email address as the caller sees it.

    The order of a list must not reveal an address that its rows hide.
    """
    if actor.sees_everything or not actor.person:
        return rows.annotate(readable_email=F("initiator_email"))
    managed = Process.objects.managed_by(actor)
    readable = When(id__in=managed.values("id"), then=F("initiator_email"))
    return rows.annotate(readable_email=Case(readable, default=None))
