"""Records back office activity in the audit trail.

`config` is below `audit` and cannot import it. `audit` registers its recorder in `AuditConfig.ready()`.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Protocol

from django.db.models import Model

from config.access.actor import Actor
from config.vocabulary import EventType


class Recorder(Protocol):
    """Appends one event of this type per mapping; each has `method`, `note`, `before` and `after`."""

    def __call__(self, event_type: EventType, *values: Mapping[str, Any], actor: Actor, at: datetime) -> None: ...


_recorders: list[Recorder] = []


def register(recorder: Recorder) -> None:
    """Send every event of this module to the recorder."""
    _recorders.append(recorder)


def happened(event_type: EventType, *, actor: Actor, at: datetime, method: str, note: str) -> None:
    """Record an event that belongs to no process."""
    _record(event_type, {"method": method, "note": note}, actor=actor, at=at)


def changed(*changes: Mapping[str, Any], actor: Actor, at: datetime) -> None:
    """Record rows that a user added, changed or deleted. Each change is made by `change`."""
    _record(EventType.PROCESS_UPDATED, *changes, actor=actor, at=at)


def change(
    verb: str,
    row: Model,
    *,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    note: str = "",
) -> dict[str, Any]:
    """Describe the change of one row. The event's `method` is the verb and the row: `add contacts.contact 7`."""
    method = f"{verb} {row._meta.label_lower} {row.pk}"[:255]
    return {"method": method, "before": before, "after": after, "note": note}


def _record(event_type: EventType, *values: Mapping[str, Any], actor: Actor, at: datetime) -> None:
    for recorder in _recorders:
        recorder(event_type, *values, actor=actor, at=at)
