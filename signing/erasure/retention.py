"""Retention: some days after a process has finished it is removed, with its mails and what is personal of it in the
trail. Its events stay; PROCESS_DELETED is the tombstone. How many days says the profile of its document's type."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q

from audit import log
from audit.chain.parts import ERASED
from audit.models import AuditValue
from config.access.actor import SERVICE
from config.vocabulary import EventType
from notifications.models import Message
from signing.models import Process
from templates_app.models import DocumentProfile

BATCH = 100
_NOBODYS = Q(owner_group=None) | Q(owner_group="")


@dataclass(frozen=True, slots=True)
class Due:
    """What a profile's retention would remove now: `processes` are due, `held` of them are on hold and stay."""

    profile: DocumentProfile
    processes: int
    held: int


def preview(*, at: datetime) -> list[Due]:
    """What is due now, by profile."""
    return [
        Due(profile, rows.filter(hold=None).count(), rows.exclude(hold=None).count())
        for profile in DocumentProfile.objects.exclude(retention_days=None)
        for rows in [due(profile, at=at)]
    ]


def due(profile: DocumentProfile, *, at: datetime) -> Any:
    """The processes whose time is over by this profile, those on hold included."""
    before = at - timedelta(days=profile.retention_days or 0)
    rows = Process.objects.filter(document_type=profile.document_type, finished_at__lte=before)
    if profile.owner_group:
        return rows.filter(owner_group=profile.owner_group)
    own = DocumentProfile.objects.filter(document_type=profile.document_type).exclude(_NOBODYS)
    return rows.exclude(owner_group__in=list(own.values_list("owner_group", flat=True)))


def apply(*, at: datetime) -> int:
    """Remove what is due; how many processes. Each is a transaction."""
    return sum(_remove(pk, profile, at) for profile, pk in _due(at))


def _due(at: datetime) -> Iterator[tuple[DocumentProfile, Any]]:
    for profile in DocumentProfile.objects.exclude(retention_days=None):
        rows = due(profile, at=at).filter(hold=None).order_by("pk")
        while batch := list(rows.values_list("pk", flat=True)[:BATCH]):
            yield from ((profile, pk) for pk in batch)
            rows = rows.filter(pk__gt=batch[-1])


@transaction.atomic
def _remove(pk: Any, profile: DocumentProfile, at: datetime) -> bool:
    process = due(profile, at=at).select_for_update().filter(pk=pk, hold=None).first()
    if process is None:
        return False
    chain = str(pk)
    values = AuditValue.objects.filter(event__process_id=chain).exclude(part=ERASED).values_list("event_id", "part")
    Message.objects.of_process(pk).delete()
    log.erase(
        {chain: list(values.order_by("event_id", "part"))},
        note=f"Removed by retention; days kept after it had finished: {profile.retention_days}.",
        event_type=EventType.PROCESS_DELETED,
        document_id=process.document_id,
        before={"status": process.status},
        actor=SERVICE,
        at=at,
    )
    process.delete()
    return True
