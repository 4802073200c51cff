"""Gives events their places: each process has a chain, in which every event names the one before it.

What changes a process, and what is reported of it, gets its place when it is written, under the lock of that chain's
head: writers of different processes do not wait for each other. Reads, and what belongs to no process, are written
without one, so that readers wait for nobody, and get it from a job some seconds later; until then their `mac` tells
that the service wrote them.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import structlog
from django.conf import settings
from django.db import connection, transaction

from audit.chain import form, keys, parts, reader_cursor
from audit.models import AuditDatabase, AuditEvent, AuditHead, AuditValue
from config import api_values
from config.vocabulary import EventType

READS = frozenset({EventType.PROCESS_GETONE, EventType.PROCESS_GETALL, EventType.PROCESS_OPENED})
BATCH = 500
_PLACED = "UPDATE audit_event SET seq = %s, prev = %s, mac = %s, key_id = %s WHERE number = %s AND seq IS NULL"
# What every change of a process costs is written by hand: the ORM would take longer over these than the database.
_READ = "SELECT seq, digest FROM audit_head WHERE process_id = %s"
_LOCK = f"{_READ} FOR UPDATE"
_BEGIN = (
    "INSERT INTO audit_head (process_id, seq, digest) VALUES (%s, 0, %s) "
    "ON CONFLICT (process_id) DO UPDATE SET seq = audit_head.seq RETURNING seq, digest"
)
_ADVANCE = "UPDATE audit_head SET seq = %s, digest = %s WHERE process_id = %s"
logger = structlog.get_logger(__name__)


def append(written: Sequence[tuple[AuditEvent, Mapping[str, Any]]]) -> None:
    """Write events with what is personal in them, in this order; their values can be read from them afterwards."""
    if not written:
        return
    events = [event for event, _ in written]
    with transaction.atomic(savepoint=False):
        kept = [value for event, said in written for value in _committed(event, parts.split(said))]
        heads = locked({event.process_id for event in events if _has_place_at_once(event)})
        for number, event in zip(reader_cursor.take_numbers(len(events)), events, strict=True):
            event.number, event.key_id = number, keys.current()
            if _has_place_at_once(event):
                _link(event, heads[event.process_id])
            else:
                event.mac = keys.mac(canonical(event), key_id=event.key_id)
        AuditEvent.objects.bulk_create(events)
        for value in kept:
            value.event_id = value.event.number
        AuditValue.objects.bulk_create(kept)
        if heads:
            _write(heads.values())


def give_places(*, process_id: str | None = None) -> int:
    """Give a place to those that wait, or to those of one process; how many. Each batch is a transaction."""
    done, after = 0, 0
    while batch := _give_some(after, process_id):
        after, placed = batch
        done += placed
    return done


def locked(chains: Iterable[str]) -> dict[str, AuditHead]:
    """The heads of these chains under their locks, taken in one order by everybody; new chains at their beginning."""
    names = sorted(set(chains))
    if len(names) == 1:
        return {names[0]: _one_locked(names[0])}
    AuditHead.objects.bulk_create([AuditHead(process_id=name) for name in names], ignore_conflicts=True)
    heads = AuditHead.objects.select_for_update().filter(process_id__in=names).order_by("process_id")
    return {head.process_id: head for head in heads} if names else {}


def canonical(event: AuditEvent) -> bytes:
    """The event's canonical form at its place, or at none."""
    return form.event(
        process_id=event.process_id,
        seq=event.seq or 0,
        prev=event.prev,
        fields=[text(getattr(event, name)) for name in form.FIELDS],
        commitments=event.commitments,
        key_id=event.key_id,
    )


def _give_some(after: int, process_id: str | None) -> tuple[int, int] | None:
    with transaction.atomic():
        AuditDatabase.objects.select_for_update().get()
        waiting = AuditEvent.objects.filter(seq=None, number__gt=after).in_order().prefetch_related(None)
        events = list((waiting.of_process(process_id) if process_id is not None else waiting)[:BATCH])
        if not events:
            return None
        heads = locked({event.process_id for event in events})
        placed = [event for event in events if _is_ours(event)]
        for event in placed:
            event.key_id = keys.current()
            _link(event, heads[event.process_id])
        with connection.cursor() as cursor:
            cursor.executemany(_PLACED, [(e.seq, e.prev, e.mac, e.key_id, e.number) for e in placed])
        _write(heads.values())
        return events[-1].number, len(placed)


def _is_ours(event: AuditEvent) -> bool:
    """Whether the service wrote this event, and to wait for its place: else somebody else would get a place for his."""
    known = event.key_id in settings.AUDIT_KEYS and isinstance(event.commitments, dict)
    ours = known and not _has_place_at_once(event) and keys.mac(canonical(event), key_id=event.key_id) == event.mac
    if not ours:
        logger.error("an audit event that the service did not write gets no place", number=event.number)
    return ours


def _has_place_at_once(event: AuditEvent) -> bool:
    """An act reported as PROCESS_OPENED changes the process; and what was erased must not be missing for a moment."""
    committed = event.commitments.keys()
    changes = event.event_type not in READS or not committed.isdisjoint(parts.CHANGES)
    return parts.ERASED in committed or (bool(event.process_id) and changes)


def _committed(event: AuditEvent, values: Mapping[str, str]) -> list[AuditValue]:
    kept = [AuditValue(event=event, part=part, salt=form.salt(), value=text) for part, text in values.items()]
    event.commitments = {value.part: form.commitment(value.salt, value.value) for value in kept}
    event.personal_values = dict(values)
    return kept


def _link(event: AuditEvent, head: AuditHead) -> None:
    event.seq, event.prev = head.seq + 1, head.digest
    made = canonical(event)
    event.mac = keys.mac(made, key_id=event.key_id)
    head.seq, head.digest = event.seq, form.digest(made)


def _one_locked(name: str) -> AuditHead:
    with connection.cursor() as cursor:
        cursor.execute(_LOCK if connection.vendor == "postgresql" else _READ, [name])
        found = cursor.fetchone()
        if found is None:
            cursor.execute(_BEGIN, [name, form.START])
            found = cursor.fetchone()
    return AuditHead(process_id=name, seq=found[0], digest=found[1])


def _write(heads: Iterable[AuditHead]) -> None:
    changed = [(head.seq, head.digest, head.process_id) for head in heads]
    with connection.cursor() as cursor:
        cursor.executemany(_ADVANCE, changed) if len(changed) > 1 else cursor.execute(_ADVANCE, *changed)


def text(value: Any) -> Any:
    """A column's value as the wire writes it; null is the empty text."""
    return "" if value is None else api_values.value(value)
