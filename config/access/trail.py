"""What happens at the back office, for the audit trail: this floor does not know it, and a setting names its writer."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.conf import settings
from django.utils.module_loading import import_string

from config.access.actor import Actor
from config.vocabulary import EventType


def happened(kind: EventType, *, actor: Actor, at: datetime, **what: Any) -> None:
    """Record an event of no process; `what` are `method`, `note`, `before` and `after`."""
    note: Any = import_string(settings.AUDIT_RECORDER)
    note(kind, actor=actor, at=at, **what)


def changed(
    verb: str,
    row: Any,
    *,
    actor: Actor,
    at: datetime,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    note: str = "",
) -> None:
    """Record that somebody added, changed or deleted a row of what the service is set up with."""
    method = f"{verb} {row._meta.label_lower} {row.pk}"[:255]
    happened(EventType.PROCESS_UPDATED, actor=actor, at=at, method=method, before=before, after=after, note=note)
