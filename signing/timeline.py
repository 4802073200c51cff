"""The history of one process for the back office: its events, the changes of state in them, and its emails."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from operator import attrgetter

from audit.models import AuditEvent
from notifications.models import Message

_STATES = ("status", "signingStatus", "stepStatus")


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the history.

    `who` starts with `reported by X` if a client reported the event. `state` is a change of state such as
    `STARTED → SIGNED`. `values` are the other changes: path, value before, value after. `place` is the position of an
    event in its chain, `erased` the number of its values that were erased.
    """

    at: datetime
    what: str
    who: str
    state: str = ""
    note: str = ""
    place: int | None = None
    values: list[tuple[str, object, object]] = field(default_factory=list)
    erased: int = 0


def timeline(events: Iterable[AuditEvent], messages: Iterable[Message]) -> list[Entry]:
    """Oldest first. Events come before the emails that they caused at the same moment."""
    # The sort is stable: entries of the same moment stay in this order.
    entries = [_event_entry(event) for event in events]
    for message in messages:
        entries += _message_entries(message)
    return sorted(entries, key=attrgetter("at"))


def _event_entry(event: AuditEvent) -> Entry:
    who = event.creator or "(erased)"
    if event.client_app_name != event.creator:
        who += f", via {event.client_app_name}"
    if event.ip_address:
        who += f" ({event.ip_address})"
    if event.reporter:
        who = f"{event.reporter}: {who}"
    before = event.before or {}
    after = event.after or {}
    states = [f"{before.get(name) or '–'} → {after[name]}" for name in _STATES if name in after]
    paths = [path for path in {**before, **after} if path not in _STATES]
    values = [(path, before.get(path), after.get(path)) for path in paths]
    erased = len(event.erased or [])
    return Entry(event.created_at, event.event_type, who, ", ".join(states), event.note, event.seq, values, erased)


def _message_entries(message: Message) -> Iterator[Entry]:
    email = f"{message.event} email"
    recipient = f"{message.name} {message.address} ({message.role})".strip()
    yield Entry(message.created_at, f"{email} queued", recipient)
    if message.sent_at:
        yield Entry(message.sent_at, f"{email} sent", recipient)
    elif message.withdrawn_at:
        yield Entry(message.withdrawn_at, f"{email} withdrawn", recipient, note=message.reason)
    for attempt in message.attempt_log:
        yield Entry(attempt["at"], f"{email}: failed attempt", recipient, note=attempt["response"])
