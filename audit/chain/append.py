"""Appends events to their chains. Each process has a chain, in which every event holds the digest of the previous one.

Changes of a process and reports about it are linked into the chain as they are written, under the lock of the chain's
head; writers of different processes do not wait for each other. Reads, and events without a process, are written as
pending so that readers never wait. A job links them a few seconds later; until then their `mac` proves that the service
wrote them.
"""

import secrets
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import structlog
from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.db.models import Exists, OuterRef

from audit.chain import form, keys, parts, reader_cursor
from audit.chain.models import CHAIN_START, AuditDatabase, AuditHead
from audit.models import AuditEvent, AuditValue
from config import api_values
from config.errors import DomainError
from config.vocabulary import EventType

API_READS = frozenset({EventType.PROCESS_GETONE, EventType.PROCESS_GETALL})
READS = API_READS | {EventType.PROCESS_OPENED}

_BATCH_SIZE = 500
# Locks heads, and creates missing ones, in one statement. With the ORM, locking and advancing a head takes twice
# as long on PostgreSQL, and a whole append 1.25 times (1.45 times for a new chain).
_LOCK = (
    "INSERT INTO audit_head (process_id, seq, digest) VALUES {rows} "
    "ON CONFLICT (process_id) DO UPDATE SET seq = audit_head.seq RETURNING process_id, seq, digest"
)
# For 200 heads, `bulk_update` takes 9 times as long; for a batch of pending events, 13 times.
_ADVANCE = "UPDATE audit_head SET seq = %s, digest = %s WHERE process_id = %s"
_LINK = "UPDATE audit_event SET seq = %s, prev = %s, mac = %s, key_id = %s WHERE number = %s AND seq IS NULL"

logger = structlog.get_logger(__name__)


class DamagedTrail(DomainError):
    """The head of a chain was deleted or set back, so a new event would replace an existing one."""

    code = "damaged_trail"
    status = 409
    detail = "The audit trail of the process is damaged in the database. Until it is restored, nothing can be changed."


def append(new_events: Sequence[tuple[AuditEvent, Mapping[str, Any]]]) -> None:
    """Write events with their personal values, in this order. The events can be read from the objects afterwards."""
    if not new_events:
        return
    events = [event for event, _ in new_events]
    with transaction.atomic(savepoint=False):
        values: list[AuditValue] = []
        for event, personal_values in new_events:
            values += _commit_to(event, parts.split(personal_values))
        # Heads first: readers wait for writers that have taken numbers, so those must not wait for a lock.
        heads = lock_heads({event.process_id for event in events if _is_linked_at_once(event)})
        numbers = reader_cursor.take_numbers(len(events))
        for event, number in zip(events, numbers, strict=True):
            event.number = number
            event.key_id = keys.current()
            if _is_linked_at_once(event):
                _link(event, heads[event.process_id])
            else:
                event.mac = keys.mac(event_bytes(event), key_id=event.key_id)
        try:
            AuditEvent.objects.bulk_create(events)
        except IntegrityError as error:
            raise DamagedTrail from error
        for value in values:
            value.event_id = value.event.number
        AuditValue.objects.bulk_create(values)
        _advance(heads.values())


def append_pending(*, process_id: str | None = None) -> int:
    """Link all pending events, or those of one process, into their chains. Returns how many were linked.

    Each batch is a transaction.
    """
    pending = AuditEvent.objects.filter(seq=None).in_order().prefetch_related(None)
    if process_id is not None:
        pending = pending.of_process(process_id)
    linked = 0
    last_number = 0
    while True:
        with transaction.atomic():
            # One job at a time: two would link the same events.
            AuditDatabase.objects.select_for_update().get()
            events = list(pending.filter(number__gt=last_number)[:_BATCH_SIZE])
            linked += _link_batch(events)
        if len(events) < _BATCH_SIZE:
            return linked
        last_number = events[-1].number


def lock_heads(process_ids: Iterable[str]) -> dict[str, AuditHead]:
    """Lock the heads of these chains, and create those of new chains."""
    # All callers lock in the same order: otherwise two could wait for each other.
    names = sorted(set(process_ids))
    if not names:
        return {}
    rows = ", ".join([f"(%s, 0, '{CHAIN_START}')"] * len(names))
    with connection.cursor() as cursor:
        cursor.execute(_LOCK.format(rows=rows), names)
        return {name: AuditHead(process_id=name, seq=seq, digest=digest) for name, seq, digest in cursor.fetchall()}


def event_bytes(event: AuditEvent) -> bytes:
    """The event's canonical form, at its position or pending."""
    fields = [api_values.value(getattr(event, name)) or "" for name in form.FIELDS]
    return form.canonical_event(event.process_id, event.seq or 0, event.prev, fields, event.commitments, event.key_id)


def _link_batch(events: Sequence[AuditEvent]) -> int:
    if not events:
        return 0
    heads = lock_heads({event.process_id for event in events})
    for process_id in _chains_with_a_wrong_head(heads):
        logger.error("the head of an audit chain is not its end; pending events stay out of it", chain=process_id)
        del heads[process_id]
    authentic = [event for event in events if event.process_id in heads and _is_authentic(event)]
    for event in authentic:
        event.key_id = keys.current()
        _link(event, heads[event.process_id])
    with connection.cursor() as cursor:
        rows = [(event.seq, event.prev, event.mac, event.key_id, event.number) for event in authentic]
        cursor.executemany(_LINK, rows)
    _advance(heads.values())
    return len(authentic)


def _chains_with_a_wrong_head(process_ids: Iterable[str]) -> list[str]:
    """The chains that continue after their heads. Someone deleted the head, or set it back."""
    following = AuditEvent.objects.order_by().filter(process_id=OuterRef("pk"), seq=OuterRef("seq") + 1)
    heads = AuditHead.objects.filter(Exists(following), pk__in=list(process_ids))
    return list(heads.values_list("pk", flat=True))


def has_valid_mac(event: AuditEvent) -> bool:
    """Whether a key of the service made the MAC of this event."""
    known = event.key_id in settings.AUDIT_KEYS
    return known and keys.mac(event_bytes(event), key_id=event.key_id) == event.mac


def _is_authentic(event: AuditEvent) -> bool:
    """Whether the service wrote this event, as a pending one. A row that someone inserted must not enter the chain."""
    if isinstance(event.commitments, dict) and not _is_linked_at_once(event) and has_valid_mac(event):
        return True
    logger.error("a pending audit event with a wrong MAC stays out of the chain", number=event.number)
    return False


def _is_linked_at_once(event: AuditEvent) -> bool:
    parts_of_event = event.commitments.keys()
    # Without the record of an erasure, the erased values would be reported as tampering.
    if parts.ERASED in parts_of_event:
        return True
    # A PROCESS_OPENED event may be an act that changes the process.
    is_change = event.event_type not in READS or not parts_of_event.isdisjoint(parts.CHANGES)
    return is_change and bool(event.process_id)


def _commit_to(event: AuditEvent, values: Mapping[str, str]) -> list[AuditValue]:
    """Set the event's commitments to these values. Returns the rows of the values, with new salts."""
    rows = [AuditValue(event=event, part=part, salt=secrets.token_hex(16), value=text) for part, text in values.items()]
    event.commitments = {row.part: form.commitment(row.salt, row.value) for row in rows}
    event.personal_values = dict(values)
    return rows


def _link(event: AuditEvent, head: AuditHead) -> None:
    """Place the event after the head, and move the head to it."""
    event.seq = head.seq + 1
    event.prev = head.digest
    canonical = event_bytes(event)
    event.mac = keys.mac(canonical, key_id=event.key_id)
    head.seq = event.seq
    head.digest = form.digest(canonical)


def _advance(heads: Iterable[AuditHead]) -> None:
    rows = [(head.seq, head.digest, head.process_id) for head in heads]
    with connection.cursor() as cursor:
        if len(rows) == 1:
            cursor.execute(_ADVANCE, rows[0])
        elif rows:
            cursor.executemany(_ADVANCE, rows)
