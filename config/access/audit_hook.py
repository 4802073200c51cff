"""Records back office activity in the audit trail.

`config` is below `audit` and cannot import it. `audit` registers its recorder in `AuditConfig.ready()`.
"""

from datetime import datetime
from typing import Protocol

from django.db.models import Model

from config.access.actor import Actor
from config.api_values import JsonObject
from config.vocabulary import EventType


class Recorder(Protocol):
    """Appends one event of this type per object; each has `method` and `note`, and maybe `before` and `after`."""

    def __call__(self, event_type: EventType, *values: JsonObject, actor: Actor, at: datetime) -> None: ...


_recorders: list[Recorder] = []


def register_recorder(recorder: Recorder) -> None:
    """Send every event of this module to the recorder."""
    _recorders.append(recorder)


def record_events(event_type: EventType, *values: JsonObject, actor: Actor, at: datetime) -> None:
    """Record events that belong to no process."""
    for recorder in _recorders:
        recorder(event_type, *values, actor=actor, at=at)


def record_changes(*changes: JsonObject, actor: Actor, at: datetime) -> None:
    """Record rows that a user added, changed or deleted. Each change is made by `row_change`."""
    record_events(EventType.PROCESS_UPDATED, *changes, actor=actor, at=at)


def row_change(
    verb: str, row: Model, *, before: JsonObject | None = None, after: JsonObject | None = None, note: str = ""
) -> JsonObject:
    """Describe the change of one row. The event's `method` is the verb and the row: `add contacts.contact 7`."""
    method = f"{verb} {row._meta.label_lower} {row.pk}"[:255]
    return {"method": method, "before": before, "after": after, "note": note}
