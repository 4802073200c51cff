"""Writes events: the service's own, in the transaction of the change they record, and those that clients report."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from itertools import chain
from typing import Any

import structlog
from django.conf import settings
from django.db import transaction

from audit.chain.append import READS, append
from audit.chain.parts import ERASED, NAMES
from audit.models import AppendOnly, AuditEvent, AuditValue, EventSource
from config.access.actor import Actor
from config.api_values import Body, JsonObject
from config.service_name import SERVICE_NAME, resembles_service_name
from config.vocabulary import EventType

_BATCH_SIZE = 500


@dataclass(frozen=True, slots=True)
class Event:
    """What happened. The actor and the time are given to `record`.

    `erased` lists values that are erased from the event's chain: pairs of an event's number and a part.
    """

    event_type: EventType
    process_id: object = ""
    document_id: str | None = None
    signer_id: object = ""
    method: str = ""
    note: str = ""
    before: JsonObject | None = None
    after: JsonObject | None = None
    erased: Sequence[tuple[int, str]] = ()


def record(events: Iterable[Event], *, actor: Actor, at: datetime) -> None:
    """Append events in this order. Reads are left out if `AUDIT_READS` is off."""
    append(new_events(events, actor=actor, at=at))


def new_events(events: Iterable[Event], *, actor: Actor, at: datetime) -> list[tuple[AuditEvent, Body]]:
    """The events to be appended, each with its personal values."""
    return [_new_event(_values(event, actor), at) for event in events if _is_recorded(event)]


def record_unattached(event_type: EventType, *values: Mapping[str, Any], actor: Actor, at: datetime) -> None:
    """Append events that belong to no process, each from its `method`, `note`, `before` and `after`."""
    record([Event(event_type, **fields) for fields in values], actor=actor, at=at)


def report(reports: Sequence[Body], *, actor: Actor, at: datetime) -> list[AuditEvent]:
    """Append events that a client reports, in this order.

    Creator, client and address are the caller's unless the report has others.
    """
    # The caller's values are defaults.
    client = _name_of_caller("client", actor.client)
    subject = _name_of_caller("user", actor.subject)
    defaults = {
        "creator": subject,
        "client_app_name": client,
        "ip_address": actor.address,
        "event_origin": client,
        "reported_by": client if actor.client == actor.subject else f"{client} for {subject}",
    }
    reported = []
    for body in reports:
        values = {**defaults, **body, "source": EventSource.REPORTED}
        reported.append(_new_event(values, at))
    append(reported)
    return [event for event, _ in reported]


def erase_values(
    erased: Mapping[str, Sequence[tuple[int, str]]],
    *,
    note: str,
    actor: Actor,
    at: datetime,
    before: JsonObject | None = None,
    after: Mapping[str, JsonObject] = {},
    event_type: EventType = EventType.PROCESS_UPDATED,
    document_id: str | None = None,
) -> None:
    """Delete values with their salts, and record that in an event of each chain.

    `erased` holds the values of each chain, as pairs of an event's number and a part. `after` holds what is left of
    each process, by chain. Raises `AppendOnly` if a value is itself the record of an erasure.
    """
    values = list(chain.from_iterable(erased.values()))
    if any(part == ERASED for _, part in values):
        raise AppendOnly("the record of an erasure cannot be erased")
    # One event in each chain, with what is left of its process.
    event = Event(event_type, document_id=document_id, note=note, before=before)
    events = [
        replace(event, process_id=process_id, after=after.get(process_id), erased=of_chain)
        for process_id, of_chain in erased.items()
    ]
    with transaction.atomic(savepoint=False):
        record(events, actor=actor, at=at)
        for start in range(0, len(values), _BATCH_SIZE):
            AuditValue.objects.filter(pk__in=values[start : start + _BATCH_SIZE]).delete()


def _name_of_caller(kind: str, name: str) -> str:
    """The name of the caller, such that a reader cannot take it for the service's own."""
    if resembles_service_name(name):
        return f"{kind} {name}"
    return name


def _is_recorded(event: Event) -> bool:
    # With `before`, a PROCESS_OPENED event is an act and not a read.
    return settings.AUDIT_READS or event.event_type not in READS or bool(event.before)


def _values(event: Event, actor: Actor) -> Body:
    return {
        **{field.name: getattr(event, field.name) for field in fields(event)},
        "process_id": str(event.process_id),
        "document_id": event.document_id or "",
        "signer_id": str(event.signer_id),
        "source": EventSource.SERVICE,
        "event_origin": SERVICE_NAME,
        "client_app_name": actor.client,
        "creator": actor.subject,
        "ip_address": actor.address,
    }


def _new_event(values: Body, at: datetime) -> tuple[AuditEvent, Body]:
    """An event, and the values from which its personal values are taken: those can be erased later."""
    columns = {name: value for name, value in values.items() if name not in NAMES}
    request_id = str(structlog.contextvars.get_contextvars().get("request_id", ""))[:64]
    return AuditEvent(**columns, created_at=at, request_id=request_id), values
