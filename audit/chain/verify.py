"""Checks the audit trail: chains, personal values, pending events, checkpoints, and the checkpoint file.

All rows are read as of one moment and in batches, so that memory does not grow with the trail. Digests and signatures
are public and are checked even if a secret key is missing.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from itertools import islice
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Exists, OuterRef, QuerySet

from audit.chain import checkpoint_check, checkpoints, triggers
from audit.chain.append import has_valid_mac
from audit.chain.chain_check import ChainCheck, missing_value
from audit.chain.checkpoint_check import LONGEST_DELAY
from audit.chain.commitments import Tampered, Values, check_format, check_values, values_of
from audit.chain.models import AuditDatabase, AuditHead, Checkpoint
from audit.chain.parts import ERASED
from audit.chain.verdict import Finding, Verdict
from audit.models import AuditEvent

_BATCH_SIZE = 2_000

Events = QuerySet[AuditEvent]
# Called with the number of events that were checked so far.
Progress = Callable[[int], None]


def verify(
    *, at: datetime, process_id: str | None = None, since: datetime | None = None, progress: Progress | None = None
) -> Verdict:
    """Check everything, or the chain of one process, or the chains that have events written since a time.

    Checkpoints and their file are checked too; with `process_id`, only the last ones, and the one that covers the
    process.
    """
    verdict = Verdict()
    # The size before the snapshot: lines that are added later belong to checkpoints that the snapshot does not have.
    file_size = checkpoints.file_size()
    with read_snapshot():
        events = AuditEvent.objects.order_by().prefetch_related(None)
        heads = AuditHead.objects.filter(seq__gt=0)
        if process_id is not None:
            events = events.of_process(process_id)
            heads = heads.filter(process_id=process_id)
        if since is not None:
            recent = AuditEvent.objects.order_by().filter(created_at__gte=since, seq__isnull=False)
            events = events.filter(process_id__in=recent.values("process_id"))
        _check_chains(events, verdict, progress)
        _check_lost_chains(heads, verdict)
        _check_pending(events, verdict, at)
        checkpoint_check.check_heads(verdict, process_id)
        _check_checkpoints(verdict, file_size, process_id, at)
        if process_id is None:
            _check_coverage(verdict, at)
            names = ", ".join(triggers.missing())
            if names:
                verdict.notes.append(f"triggers that protect the audit trail are missing; run migrate ({names})")
    return verdict


@contextmanager
def read_snapshot() -> Iterator[None]:
    """Read rows as of the moment of the first query, without blocking writers.

    Inside a transaction, or another `read_snapshot`, it has no effect of its own. `verify` must come first in the
    block, because it reads the size of the checkpoint file before its first query.
    """
    if connection.in_atomic_block:
        yield
    elif connection.vendor == "postgresql":
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            yield
    else:
        # The configured mode, IMMEDIATE, would lock out writers. It is read when the connection is made.
        connection.ensure_connection()
        sqlite: Any = connection
        mode = sqlite.transaction_mode
        sqlite.transaction_mode = "DEFERRED"
        try:
            with transaction.atomic():
                yield
        finally:
            sqlite.transaction_mode = mode


def _check_chains(events: Events, verdict: Verdict, progress: Progress | None) -> None:
    chain: ChainCheck | None = None
    rows = events.filter(seq__isnull=False).order_by("process_id", "seq", "number").iterator(_BATCH_SIZE)
    while batch := list(islice(rows, _BATCH_SIZE)):
        values = values_of(batch)
        heads = AuditHead.objects.in_bulk({event.process_id for event in batch})
        # Follow the chains through the batch. The last one may continue in the next batch.
        for event in batch:
            if chain is None or chain.process_id != event.process_id:
                if chain is not None:
                    chain.end()
                chain = ChainCheck(event.process_id, verdict, heads.get(event.process_id))
            chain.follow(event, values.get(event.number, {}))
        verdict.events += len(batch)
        if progress is not None:
            progress(verdict.events)
    if chain is not None:
        chain.end()


def _check_lost_chains(heads: QuerySet[AuditHead], verdict: Verdict) -> None:
    """Find heads of chains that have no events left."""
    events = AuditEvent.objects.order_by().filter(process_id=OuterRef("pk"), seq__isnull=False)
    for head in heads.filter(~Exists(events)).order_by("pk").iterator():
        what = f"is missing: the chain must end with event {head.seq}, but has no events"
        verdict.add(Finding(head.pk, 1, None, "", what))


def _check_pending(events: Events, verdict: Verdict, at: datetime) -> None:
    """Check that the service wrote each pending event, and that none has been pending for long."""
    late = 0
    pending = events.filter(seq=None).order_by("number").iterator()
    while batch := list(islice(pending, _BATCH_SIZE)):
        values = values_of(batch)
        for event in batch:
            try:
                _check_pending_event(event, values.get(event.number, {}))
            except Tampered as tampered:
                verdict.add(Finding(event.process_id, None, event.number, event.event_type, str(tampered)))
            if at - event.created_at > LONGEST_DELAY:
                late += 1
        verdict.waiting += len(batch)
    if late:
        verdict.could_not.append(
            f"events have been pending for over an hour ({late}): check the worker and its schedule"
        )


def _check_pending_event(event: AuditEvent, values: Values) -> None:
    check_format(event.commitments, values)
    if not has_valid_mac(event):
        raise Tampered("was not written by the service")
    check_values(event.commitments, values)
    # Values may be missing only if an event of the chain records their erasure.
    missing = {(event.number, part) for part in event.commitments.keys() - values.keys()}
    if missing:
        for erasure in AuditEvent.objects.of_process(event.process_id).with_value(ERASED).filter(seq__isnull=False):
            missing.difference_update(erasure.erasures)
    if missing:
        raise Tampered(missing_value(min(missing)[1]))


def _check_checkpoints(verdict: Verdict, file_size: int | None, process_id: str | None, at: datetime) -> None:
    ids = [str(row.id) for row in AuditDatabase.objects.all()[:2]]
    if len(ids) != 1:
        verdict.add_general("the id of the database is missing or not unique")
        return
    if process_id is None:
        checkpoint_check.check_signatures(verdict, ids[0])
        check_file = checkpoint_check.check_file
    else:
        checkpoint_check.check_last_signatures(verdict, ids[0], process_id)
        check_file = checkpoint_check.check_end_of_file
    if file_size is not None:
        check_file(verdict, ids[0], file_size, at=at)
    elif verdict.checkpoints:
        verdict.could_not.append(f"the checkpoint file {settings.AUDIT_CHECKPOINT_FILE.name} does not exist")


def _check_coverage(verdict: Verdict, at: datetime) -> None:
    """Find events that should be covered by a checkpoint by now. Without checkpoints, these are all events."""
    last = Checkpoint.objects.order_by("number").last()
    old = AuditEvent.objects.filter(created_at__lt=at - LONGEST_DELAY, seq__isnull=False)
    if last is not None:
        old = old.filter(number__gt=last.up_to)
    if old.exists():
        verdict.could_not.append(
            "events older than an hour are not in any checkpoint: check the worker and its schedule"
        )
