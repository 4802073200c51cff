"""What happens at the back office, for the audit trail: this floor does not know it, and a setting names its writer."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.conf import settings
from django.utils.module_loading import import_string

from config.access.actor import Actor
from config.vocabulary import EventType


def happened(kind: EventType, *, actor: Actor, at: datetime, method: str, note: str) -> None:
    """Record an event of no process."""
    _note(kind, {"method": method, "note": note}, actor=actor, at=at)


def changed(*changes: Mapping[str, Any], actor: Actor, at: datetime) -> None:
    """Record what somebody has added, changed or deleted, each made by `change`."""
    _note(EventType.PROCESS_UPDATED, *changes, actor=actor, at=at)


def change(
    verb: str,
    row: Any,
    *,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    note: str = "",
) -> dict[str, Any]:
    """What was done to a row: the verb and the row as the event's `method`, and values by their names."""
    method = f"{verb} {row._meta.label_lower} {row.pk}"[:255]
    return {"method": method, "before": before, "after": after, "note": note}


def _note(kind: EventType, *what: Mapping[str, Any], actor: Actor, at: datetime) -> None:
    note: Any = import_string(settings.AUDIT_RECORDER)
    note(kind, *what, actor=actor, at=at)
