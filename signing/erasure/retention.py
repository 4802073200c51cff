"""Retention: finished processes are deleted after the number of days that the profile of their document type sets.

Their emails and the personal values of their events are deleted with them. The events stay; PROCESS_DELETED is the
tombstone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.template.defaultfilters import pluralize

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

# How many of the processes that will be deleted a preview names.
PREVIEWED_PROCESSES = 20


@dataclass(frozen=True, slots=True)
class DueProcesses:
    """How many processes of a profile are due for deletion, and how many more are due but on hold.

    `starts_at` is when the deletion starts, if the warning period has not ended. `then` is how many processes that are
    finished now will be due at that time, and `first` are those of them that finished first.
    """

    profile: DocumentProfile
    processes: int
    held: int
    starts_at: datetime | None
    then: int
    first: Sequence[Process]

    @property
    def more(self) -> int:
        """The number of processes that will be deleted, but are not among the first."""
        return self.then - len(self.first)


def summarize(*, at: datetime) -> list[DueProcesses]:
    """What is due, for every profile with a retention."""
    summary = []
    for profile in _profiles_with_retention():
        summary.append(_summary_of(profile, at=at))
    return summary


def _summary_of(profile: DocumentProfile, *, at: datetime) -> DueProcesses:
    starts_at = None
    if not _has_started(profile, at):
        # Until the administrators have been notified, this is the earliest start.
        starts_at = profile.retention_starts_at or _end_of_warning_period(at)
    processes = due(profile, at=at)
    deleted = due(profile, at=starts_at or at).filter(hold=None).order_by("finished_at", "pk")
    return DueProcesses(
        profile,
        processes=processes.filter(hold=None).count(),
        held=processes.exclude(hold=None).count(),
        starts_at=starts_at,
        then=deleted.count(),
        first=list(deleted[:PREVIEWED_PROCESSES]),
    )


def announce(*, at: datetime) -> int:
    """Start the warning period of each new or changed retention, and notify the administrators of it.

    Returns how many were announced.
    """
    announced = 0
    for profile in _profiles_with_retention().filter(retention_starts_at=None):
        announced += _announce(profile, at)
    return announced


@transaction.atomic
def _announce(profile: DocumentProfile, at: datetime) -> bool:
    # Another worker may have announced it, or the profile may have changed.
    current = _profiles_with_retention().select_for_update().filter(pk=profile.pk, retention_starts_at=None).first()
    if current is None:
        return False
    current.retention_starts_at = _end_of_warning_period(at)
    # Not a change of the profile: without a new version and history entry.
    DocumentProfile.objects.filter(pk=current.pk).update(retention_starts_at=current.retention_starts_at)
    cause = f"retention:{current.pk}:{current.retention_starts_at:%Y%m%d%H%M%S}"
    failures.notify_administrators(cause, {"retention": _text(_summary_of(current, at=at))}, at=at)
    return True


def _end_of_warning_period(at: datetime) -> datetime:
    return at + timedelta(days=settings.RETENTION_WARNING_DAYS)


def _text(row: DueProcesses) -> str:
    profile = row.profile
    group = f", {profile.owner_group}" if profile.owner_group else ""
    days = f"{profile.retention_days} day{pluralize(profile.retention_days)}"
    processes = f"{row.then} process{pluralize(row.then, 'es')}"
    start = f"{profile.retention_starts_at:%Y-%m-%d %H:%M} UTC"
    return f"{profile} ({profile.document_type}{group}), kept for {days}: {processes}, starting {start}"


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
    """Announce new retentions, and delete what is due, each process in its own transaction.

    Returns how many were deleted.
    """
    announce(at=at)
    deleted = 0
    for profile in _profiles_with_retention():
        if not _has_started(profile, at):
            continue
        for process_id in list(due(profile, at=at).filter(hold=None).values_list("pk", flat=True)):
            deleted += _delete(process_id, profile, at)
    return deleted


def _has_started(profile: DocumentProfile, at: datetime) -> bool:
    return profile.retention_starts_at is not None and profile.retention_starts_at <= at


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
