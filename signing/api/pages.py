"""The sort fields of the lists of processes and tasks, and what fits on one of their pages."""

from django.db.models import Case, Count, F, OuterRef, QuerySet, Subquery, Sum, When
from django.db.models.functions import Coalesce, Length

from config.access.actor import Actor
from config.api.lists.pages import Sorts
from signing.models import Process, ProcessQuerySet, Signer
from signing.represent import PROCESS_COLUMNS, Columns

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


def columns_of(rows: ProcessQuerySet) -> "QuerySet[Process, Columns]":
    """The processes as dictionaries with what a page of them needs."""
    return rows.annotate(weight=weight_of_process("id")).values(*PROCESS_COLUMNS, "weight")


def weight_of_process(process_id: str) -> Subquery:
    """The weight of a process in a page (see `require_fit`); `process_id` is the column with its id."""
    comments = Coalesce(Length("comment"), 0) + Coalesce(Length("comment_for_signer"), 0)
    signers = Signer.objects.filter(process=OuterRef(process_id)).order_by().values("process")
    return Subquery(signers.annotate(weight=Count("id") * _SIGNER_WEIGHT + Sum(comments) * 3).values("weight"))
