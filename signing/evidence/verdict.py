"""The verdict over the audit trail and over the rows of processes, which must agree with it.

The chain itself is verified in `audit.chain.verify`. Whether every process has a trail is not checked here.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from audit.chain.append import API_READS
from audit.chain.verdict import Finding, Verdict
from audit.chain.verify import Progress, read_snapshot, verify
from audit.models import AuditEvent
from config.api_values import is_id
from config.errors import DomainError
from signing.evidence.replay import contradictions
from signing.models import Process

PROCESSES_AT_ONCE = 100


class EvidenceInDoubt(DomainError):
    """There is no evidence of a process whose trail is not intact or whose rows contradict it."""

    code = "evidence_in_doubt"
    status = 409


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
    key = "pk"
    ids = Process.objects.order_by(key).values_list(key, flat=True)
    if since is not None:
        key = "process_id"
        events = AuditEvent.objects.filter(created_at__gte=since, seq__isnull=False)
        ids = events.order_by(key).values_list(key, flat=True).distinct()
    batch = list(ids[:PROCESSES_AT_ONCE])
    while batch:
        yield [str(process_id) for process_id in batch]
        batch = list(ids.filter(**{f"{key}__gt": batch[-1]})[:PROCESSES_AT_ONCE])


def _contradictions(process_ids: Iterable[str]) -> Iterator[Contradiction]:
    ids = [process_id for process_id in process_ids if is_id(process_id)]
    events: dict[str, list[AuditEvent]] = defaultdict(list)
    of_processes = AuditEvent.objects.filter(process_id__in=ids, seq__isnull=False)
    for event in of_processes.exclude(event_type__in=API_READS).order_by("seq"):
        events[event.process_id].append(event)
    for process in Process.objects.filter(pk__in=events).prefetch_related("steps", "signers"):
        trail = events[str(process.pk)]
        first = next(contradictions(process, process.steps.all(), process.signers.all(), trail), None)
        if first is not None:
            yield Contradiction(str(process.pk), None, None, "", first)
