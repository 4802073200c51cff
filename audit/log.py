"""Writes events: the service's own, in the transaction of what they speak of, and those that others report."""

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from django.db import transaction

from audit import horizon
from audit.models import ORIGIN, AuditEvent, Source
from config.access.actor import Actor
from config.vocabulary import EventType


@dataclass(frozen=True, slots=True)
class Event:
    """What happened, before it is known who did it and when."""

    type: EventType
    process_id: object = ""
    document_id: str | None = None
    signer_id: object = ""
    note: str = ""
    before: dict[str, Any] | None = None
    after: dict[str, Any] | None = None


def record(events: Iterable[Event], *, actor: Actor, at: datetime) -> None:
    """Append the events in this order: by the actor's client, for its subject, from its address."""
    _append(
        [
            AuditEvent(
                created_at=at,
                event_type=event.type,
                source=Source.SERVICE,
                event_origin=ORIGIN,
                creator=actor.subject,
                client_app_name=actor.client,
                ip_address=actor.address or "",
                process_id=str(event.process_id),
                document_id=event.document_id or "",
                signer_id=str(event.signer_id),
                request_id=_request_id(),
                note=event.note,
                before=event.before,
                after=event.after,
            )
            for event in events
        ]
    )


def report(said: Sequence[dict[str, Any]], *, actor: Actor, at: datetime) -> list[AuditEvent]:
    """Append what a client says has happened, in this order, as columns by their names.

    What it leaves out of creator, client and address is that of the caller.
    """
    own = {
        "creator": actor.subject,
        "client_app_name": actor.client,
        "ip_address": actor.address or "",
        "event_origin": f"client {actor.client}" if is_reserved(actor.client) else actor.client,
    }
    by = actor.client if actor.client == actor.subject else f"{actor.client} for {actor.subject}"
    events = [
        AuditEvent(
            **{**own, **columns},
            created_at=at,
            source=Source.REPORTED,
            reported_by=by,
            request_id=_request_id(),
        )
        for columns in said
    ]
    _append(events)
    return events


def is_reserved(origin: str) -> bool:
    """Whether an origin is, or looks like, the service's own."""
    seen = "".join(c for c in unicodedata.normalize("NFKC", origin) if unicodedata.category(c) != "Cf")
    return seen.strip().casefold() == ORIGIN


def _append(events: list[AuditEvent]) -> None:
    if events:
        with transaction.atomic(savepoint=False):
            horizon.announce()
            AuditEvent.objects.bulk_create(events)


def _request_id() -> str:
    return str(structlog.contextvars.get_contextvars().get("request_id", ""))[:64]
