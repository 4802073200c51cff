"""Retention: finished processes are deleted after the number of days that the profile of their document type sets.

Their emails and the personal values of their events are deleted with them. The events stay; PROCESS_DELETED is the
tombstone.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from audit import log
from audit.chain.parts import ERASED
from audit.models import AuditValue
from config.access.actor import SERVICE
from config.vocabulary import EventType
from notifications.models import Message
from signing.models import Process
from templates_app.models import DocumentProfile


@dataclass(frozen=True, slots=True)
class DueProcesses:
    """How many processes of a profile are due for deletion, and how many more are due but on hold."""

    profile: DocumentProfile
    processes: int
    held: int


def summarize(*, at: datetime) -> list[DueProcesses]:
    """What is due, for every profile with a retention."""
    summary = []
    for profile in _profiles_with_retention():
        processes = due(profile, at=at)
        not_held = processes.filter(hold=None).count()
        summary.append(DueProcesses(profile, not_held, processes.exclude(hold=None).count()))
    return summary


def due(profile: DocumentProfile, *, at: datetime) -> QuerySet[Process]:
    """Processes whose retention by this profile has ended, including those on hold."""
    before = at - timedelta(days=profile.retention_days or 0)
    processes = Process.objects.filter(document_type=profile.document_type, finished_at__lte=before)
    if profile.owner_group:
        return processes.filter(owner_group=profile.owner_group)
    # A group with a profile of its own for this type does not use the general profile.
    of_groups = DocumentProfile.objects.filter(document_type=profile.document_type, owner_group__gt="")
    return processes.exclude(owner_group__in=list(of_groups.values_list("owner_group", flat=True)))


def apply(*, at: datetime) -> int:
    """Delete what is due, each process in its own transaction; returns how many were deleted."""
    deleted = 0
    for profile in _profiles_with_retention():
        for process_id in list(due(profile, at=at).filter(hold=None).values_list("pk", flat=True)):
            deleted += _delete(process_id, profile, at)
    return deleted


def _profiles_with_retention() -> QuerySet[DocumentProfile]:
    return DocumentProfile.objects.exclude(retention_days=None)


@transaction.atomic
def _delete(process_id: UUID, profile: DocumentProfile, at: datetime) -> bool:
    # The process may have been put on hold, or deleted, after it was found.
    process = due(profile, at=at).select_for_update().filter(pk=process_id, hold=None).first()
    if process is None:
        return False

    # Messages before the chain of the trail: senders lock them in this order.
    Message.objects.of_process(process_id).delete()
    values = AuditValue.objects.filter(event__process_id=str(process_id)).exclude(part=ERASED).order_by("pk")
    log.erase_values(
        {str(process_id): list(values.values_list("event_id", "part"))},
        note=f"Deleted by retention, {profile.retention_days} days after the process ended.",
        event_type=EventType.PROCESS_DELETED,
        document_id=process.document_id,
        before={"status": process.status},
        actor=SERVICE,
        at=at,
    )
    process.delete()
    return True
