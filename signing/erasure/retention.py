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
from config.text import spellings
from config.vocabulary import EventType
from notifications import failures
from notifications.models import Message
from signing.models import Process
from templates_app.models import DocumentProfile


@dataclass(frozen=True, slots=True)
class DueProcesses:
    """How many processes of a profile are due for deletion, and how many more are due but on hold.

    They are deleted from `starts_at` on, when the warning period of the retention has ended. `then` is how many
    processes that are finished now will be due at that time.
    """

    profile: DocumentProfile
    processes: int
    held: int
    starts_at: datetime | None = None
    then: int = 0


def summarize(*, at: datetime) -> list[DueProcesses]:
    """What is due, for every profile with a retention."""
    summary = []
    for profile in _profiles_with_retention():
        processes = due(profile, at=at)
        not_held = processes.filter(hold=None).count()
        held = processes.exclude(hold=None).count()
        starts_at = None
        then = not_held
        if not _has_started(profile, at):
            starts_at = profile.retention_starts_at
            then = due(profile, at=starts_at or at).filter(hold=None).count()
        summary.append(DueProcesses(profile, not_held, held, starts_at, then))
    return summary


def announce(*, at: datetime) -> int:
    """Notify the administrators once of each retention in its warning period; returns how many were announced."""
    announced = 0
    for row in summarize(at=at):
        if row.starts_at is None or row.profile.retention_announced_at is not None:
            continue
        with transaction.atomic():
            unannounced = DocumentProfile.objects.filter(
                pk=row.profile.pk, retention_announced_at=None, retention_starts_at=row.starts_at
            )
            # Another worker may have announced it, or the profile may have changed again.
            if not unannounced.update(retention_announced_at=at):
                continue
            failures.notify_administrators(f"retention:{row.profile.pk}", {"retention": _text(row)}, at=at)
            announced += 1
    return announced


def _text(row: DueProcesses) -> str:
    profile = row.profile
    group = f", {profile.owner_group}" if profile.owner_group else ""
    starts_at = f"{row.starts_at:%Y-%m-%d %H:%M} UTC"
    return f"{profile} ({profile.document_type}{group}), {profile.retention_days} days: {row.then} from {starts_at}"


def due(profile: DocumentProfile, *, at: datetime) -> QuerySet[Process]:
    """Processes whose retention by this profile has ended, including those on hold."""
    before = at - timedelta(days=profile.retention_days or 0)
    processes = Process.objects.filter(document_type__in=spellings(profile.document_type), finished_at__lte=before)
    if profile.owner_group:
        return processes.filter(owner_group__in=spellings(profile.owner_group))
    # A group with a profile of its own for this type does not use the general profile.
    of_groups = DocumentProfile.objects.filter(document_type__in=spellings(profile.document_type), owner_group__gt="")
    groups = set().union(*map(spellings, of_groups.values_list("owner_group", flat=True)))
    return processes.exclude(owner_group__in=groups)


def apply(*, at: datetime) -> int:
    """Delete what is due, each process in its own transaction; returns how many were deleted."""
    deleted = 0
    for profile in _profiles_with_retention():
        if not _has_started(profile, at):
            continue
        for process_id in list(due(profile, at=at).filter(hold=None).values_list("pk", flat=True)):
            deleted += _delete(process_id, profile, at)
    return deleted


def _has_started(profile: DocumentProfile, at: datetime) -> bool:
    return profile.retention_starts_at is None or profile.retention_starts_at <= at


def _profiles_with_retention() -> QuerySet[DocumentProfile]:
    return DocumentProfile.objects.exclude(retention_days=None)


@transaction.atomic
def _delete(process_id: UUID, profile: DocumentProfile, at: datetime) -> bool:
    # The process may have been put on hold, or deleted, after it was found.
    # So may the profile have changed: a new warning period starts with each change.
    current = _profiles_with_retention().select_for_update().filter(pk=profile.pk).first()
    if current is None or not _has_started(current, at):
        return False
    process = due(current, at=at).select_for_update().filter(pk=process_id, hold=None).first()
    if process is None:
        return False

    # Messages before the chain of the trail: senders lock them in this order.
    Message.objects.of_process(process_id).delete()
    values = AuditValue.objects.filter(event__process_id=str(process_id)).exclude(part=ERASED).order_by("pk")
    log.erase_values(
        {str(process_id): list(values.values_list("event_id", "part"))},
        note=f"The process was deleted at the end of its {current.retention_days}-day retention period.",
        event_type=EventType.PROCESS_DELETED,
        document_id=process.document_id,
        before={"status": process.status},
        actor=SERVICE,
        at=at,
    )
    process.delete()
    return True
