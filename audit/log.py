"""Writes the service's own events, in the transaction of what they speak of."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

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
    """Append the events in this order: by the actor's client, for its subject, from its address. One query."""
    AuditEvent.objects.bulk_create(
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
            note=event.note,
            before=event.before,
            after=event.after,
        )
        for event in events
    )
