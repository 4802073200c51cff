"""Writes events: the service's own, in the transaction of what they speak of, and those that others report."""

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from django.conf import settings
from django.db import transaction

from audit.chain.append import READS, append
from audit.chain.parts import ERASED, TEXT_PARTS
from audit.models import ORIGIN, AuditEvent, AuditValue, Source
from config.access.actor import Actor
from config.api_values import is_id
from config.vocabulary import EventType

_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Event:
    """What happened, before it is known who did it and when.

    `erased` are the values that were taken from its chain: of the event with that number the part of that name.
    """

    type: EventType
    process_id: object = ""
    document_id: str | None = None
    signer_id: object = ""
    method: str = ""
    note: str = ""
    before: dict[str, Any] | None = None
    after: dict[str, Any] | None = None
    erased: Sequence[tuple[int, str]] = ()


def record(events: Iterable[Event], *, actor: Actor, at: datetime) -> None:
    """Append the events in this order: by the actor's client, for its subject, from its address."""
    written = [
        (
            AuditEvent(
                created_at=at,
                event_type=event.type,
                source=Source.SERVICE,
                event_origin=ORIGIN,
                client_app_name=actor.client,
                process_id=str(event.process_id),
                document_id=event.document_id or "",
                signer_id=str(event.signer_id),
                method=event.method,
                request_id=_request_id(),
            ),
            {
                "creator": actor.subject,
                "ip_address": actor.address,
                "note": event.note,
                "before": event.before,
                "after": event.after,
                "erased": event.erased,
            },
        )
        for event in events
        if settings.AUDIT_READS or event.type not in READS or event.before
    ]
    append(written)


def record_unattached(event_type: EventType, *values: Mapping[str, Any], actor: Actor, at: datetime) -> None:
    """Append events that belong to no process, each from its `method`, `note`, `before` and `after`."""
    record([Event(event_type, **said) for said in values], actor=actor, at=at)


def report(said: Sequence[dict[str, Any]], *, actor: Actor, at: datetime) -> list[AuditEvent]:
    """Append what a client says has happened, in this order, as columns by their names.

    What it leaves out of creator, client and address is that of the caller.
    """
    own = {
        "creator": actor.subject,
        "client_app_name": actor.client,
        "ip_address": actor.address or "",
        "event_origin": f"client {actor.client}" if is_reserved(actor.client) else actor.client,
        "reported_by": actor.client if actor.client == actor.subject else f"{actor.client} for {actor.subject}",
    }
    written = []
    for columns in said:
        known = {**own, **columns}
        if is_id(known.get("process_id", "")):
            known["process_id"] = known["process_id"].lower()
        personal = {name: known.pop(name) for name in TEXT_PARTS if name in known}
        event = AuditEvent(**known, created_at=at, source=Source.REPORTED, request_id=_request_id())
        written.append((event, personal))
    append(written)
    return [event for event, _ in written]


def erase(
    erased: Mapping[str, Sequence[tuple[int, str]]],
    *,
    note: str,
    actor: Actor,
    at: datetime,
    after: Mapping[str, dict[str, Any]] | None = None,
    event_type: EventType = EventType.PROCESS_UPDATED,
    **more: Any,
) -> None:
    """Delete values, by their chain as pairs of an event's number and a part, with their salts; and say so in an event
    of each chain, which also stands for what was erased beside the trail. `after` tells by chain what is left."""
    with transaction.atomic(savepoint=False):
        left = after or {}
        events = [
            Event(event_type, chain, note=note, erased=pairs, after=left.get(chain), **more)
            for chain, pairs in erased.items()
        ]
        record(events, actor=actor, at=at)
        gone = [pair for pairs in erased.values() for pair in pairs]
        assert all(part != ERASED for _, part in gone), "what says that values were erased is kept"
        for start in range(0, len(gone), _AT_ONCE):
            AuditValue.objects.filter(pk__in=gone[start : start + _AT_ONCE]).delete()


def is_reserved(origin: str) -> bool:
    """Whether an origin is, or looks like, the service's own."""
    seen = "".join(c for c in unicodedata.normalize("NFKC", origin) if unicodedata.category(c) != "Cf")
    return seen.strip().casefold() == ORIGIN


def _request_id() -> str:
    return str(structlog.contextvars.get_contextvars().get("request_id", ""))[:64]
