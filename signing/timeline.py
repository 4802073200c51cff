"""What happened to a process in one line of time: events, the state changes in them, and mails."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from audit.models import AuditEvent
from notifications.models import Message

_STATES = ("status", "signingStatus", "stepStatus")


@dataclass(frozen=True, slots=True)
class Entry:
    """`kind` is event or mail; `state` is a change of state as `STARTED → SIGNED`; `values` what changed, by path."""

    at: datetime
    kind: str
    what: str
    who: str
    state: str = ""
    note: str = ""
    place: int | None = None
    values: list[tuple[str, Any, Any]] = field(default_factory=list)
    erased: int = 0


def timeline(events: Iterable[AuditEvent], messages: Iterable[Message]) -> list[Entry]:
    """Oldest first; of one moment, events before the mails that they caused."""
    entries = [_happened(event) for event in events]
    entries += [entry for message in messages for entry in _mailed(message)]
    return sorted(entries, key=lambda entry: (entry.at, entry.kind == "mail"))


def _happened(event: AuditEvent) -> Entry:
    before, after = event.before or {}, event.after or {}
    by = "" if event.client_app_name == event.creator else f", by {event.client_app_name}"
    address = f" ({event.ip_address})" if event.ip_address else ""
    return Entry(
        event.created_at,
        "event",
        event.event_type,
        f"{event.creator or '(erased)'}{by}{address}",
        state=", ".join(f"{before.get(name) or '–'} → {after[name]}" for name in _STATES if name in after),
        note=event.note,
        place=event.seq,
        values=[(path, before.get(path), after.get(path)) for path in {**before, **after} if path not in _STATES],
        erased=len(event.erased or []),
    )


def _mailed(message: Message) -> Iterator[Entry]:
    what, whom = f"{message.event} mail", f"{message.name} {message.address} ({message.role})".strip()
    yield Entry(message.created_at, "mail", f"{what} written", whom)
    if message.sent_at:
        yield Entry(message.sent_at, "mail", f"{what} sent", whom)
    elif message.withdrawn_at:
        yield Entry(message.withdrawn_at, "mail", f"{what} withdrawn", whom, note=message.reason)
    for attempt in message.attempt_log:
        yield Entry(attempt["at"], "mail", f"{what} tried", whom, note=attempt["response"])
