"""The verdict over the audit trail and over the rows of processes, which must agree with it.

The chain itself is verified in `audit.chain.verify`.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Model, QuerySet

from audit.chain.append import API_READS
from audit.chain.checkpoints import EvidenceInDoubt
from audit.chain.parts import ERASED
from audit.chain.verdict import Finding, Verdict
from audit.chain.verify import Progress, read_snapshot, verify
from audit.models import AuditEvent, AuditHead, EventSource
from config.api_values import is_id
from config.vocabulary import EventType
from signing.evidence.replay import contradictions
from signing.models import Process

PROCESSES_AT_ONCE = 100

# A process has at least one of these events.
_CHANGES = frozenset({EventType.PROCESS_STARTED, EventType.PROCESS_UPDATED, EventType.PROCESS_DELETED})


@dataclass(frozen=True, slots=True)
class Contradiction(Finding):
    """A process whose rows differ from its trail. `what` is the first difference."""

    def __str__(self) -> str:
        return f"process {self.process_id} contradicts its audit trail: {self.what}"


def verdict(
    *, at: datetime, process_id: str | None = None, since: datetime | None = None, progress: Progress | None = None
) -> Verdict:
    """Verify everything, the trail of one process, or the trails with events since a time; then compare the rows.

    A process whose trail is already in doubt is not compared. `progress` is called with the number of events and
    processes that were checked so far.
    """
    # Rows and events are read as of one moment, so that a process that is changing is no false alarm.
    with read_snapshot():
        result = verify(at=at, process_id=process_id, since=since, progress=progress)
        in_doubt = {finding.process_id for finding in result.findings}
        checked = result.events
        for process_ids in _batches(process_id, since):
            for contradiction in _contradictions(process_ids):
                if contradiction.process_id not in in_doubt:
                    result.add(contradiction)
            checked += len(process_ids)
            if progress is not None:
                progress(checked)
        # The trails of processes that no longer exist.
        for process_ids in _chains(process_id, since):
            for contradiction in _missing_processes(process_ids):
                if contradiction.process_id not in in_doubt:
                    result.add(contradiction)
    return result


def require_verified(process_id: str, *, at: datetime) -> None:
    """Raise `EvidenceInDoubt` unless the trail of the process is intact and its rows agree with it."""
    result = verdict(at=at, process_id=process_id)
    if result.findings:
        raise EvidenceInDoubt(f"The evidence of this process is in doubt: {result.findings[0]}.")
    if result.unchecked:
        raise EvidenceInDoubt(f"The audit trail of this process could not be verified: {'; '.join(result.unchecked)}.")


def _batches(process_id: str | None, since: datetime | None) -> Iterator[list[str]]:
    """The ids of the processes to compare. Memory does not grow with their number."""
    if process_id is not None:
        yield [process_id]
        return
    if since is not None:
        events = AuditEvent.objects.filter(created_at__gte=since, seq__isnull=False)
        yield from _pages(events.order_by().values("process_id").distinct(), "process_id")
        return
    yield from _pages(Process.objects.values("pk"), "pk")


def _chains(process_id: str | None, since: datetime | None) -> Iterator[list[str]]:
    """The ids of the chains whose process must exist or have been deleted."""
    if process_id is not None or since is not None:
        yield from _batches(process_id, since)
        return
    yield from _pages(AuditHead.objects.values("pk"), "pk")


def _pages(rows: QuerySet[Model, Mapping[str, object]], key: str) -> Iterator[list[str]]:
    """The values of this column, a limited number at a time."""
    rows = rows.order_by(key)
    batch = list(rows[:PROCESSES_AT_ONCE])
    while batch:
        yield [str(row[key]) for row in batch]
        batch = list(rows.filter(**{f"{key}__gt": batch[-1][key]})[:PROCESSES_AT_ONCE])


def _contradictions(process_ids: Iterable[str]) -> Iterator[Contradiction]:
    """The first difference between each of these processes and its trail. Five queries."""
    ids = [process_id for process_id in process_ids if is_id(process_id)]
    trails: dict[str, list[AuditEvent]] = defaultdict(list)
    of_processes = AuditEvent.objects.filter(process_id__in=ids, seq__isnull=False)
    for event in of_processes.exclude(event_type__in=API_READS).order_by("seq"):
        trails[event.process_id].append(event)

    for process in Process.objects.filter(pk__in=ids).prefetch_related("steps", "signers"):
        process_id = str(process.pk)
        first: str | None = "it has no audit trail"
        if any(event.source == EventSource.SERVICE for event in trails[process_id]):
            first = next(contradictions(process, process.steps.all(), process.signers.all(), trails[process_id]), None)
        if first is not None:
            yield Contradiction(process_id, None, None, "", first)


def _missing_processes(process_ids: Iterable[str]) -> Iterator[Contradiction]:
    """Those of these trails whose process is missing without having been deleted. Two queries."""
    ids = {process_id for process_id in process_ids if is_id(process_id)}
    ids -= {str(pk) for pk in Process.objects.filter(pk__in=ids).values_list("pk", flat=True)}
    changes = AuditEvent.objects.filter(process_id__in=ids, source=EventSource.SERVICE, event_type__in=_CHANGES)
    types: dict[str, set[str]] = defaultdict(set)
    for process_id, event_type, commitments in changes.values_list("process_id", "event_type", "commitments"):
        # An erasure is no change of a process: it may be about events that clients reported. A deletion also erases.
        if event_type == EventType.PROCESS_DELETED or ERASED not in commitments:
            types[process_id].add(event_type)
    for process_id in sorted(types):
        if EventType.PROCESS_DELETED not in types[process_id]:
            yield Contradiction(
                process_id, None, None, "", "the process is missing, but the audit trail does not record its deletion"
            )
