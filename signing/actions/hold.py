"""Legal hold: while a process is on hold, it is neither erased nor deleted."""

from datetime import datetime

from django.db import transaction

from audit.log import Event, record
from config.access.actor import Actor, MissingRight
from config.errors import DomainError, Fault, Invalid
from config.vocabulary import EventType, Right
from signing.actions.rows import lock
from signing.models import Process

MAX_REASON = 255


class OnHold(DomainError):
    code = "on_hold"
    status = 409
    detail = "A process on hold cannot be deleted; an administrator must release it first."


@transaction.atomic
def hold(process: Process, *, actor: Actor, at: datetime, reason: str | None) -> None:
    """Put the process on hold for a reason; release it if the reason is None. Requires `administer`."""
    if not actor.may(Right.ADMINISTER):
        raise MissingRight(Right.ADMINISTER, "Putting a process on hold or releasing it")
    if reason is not None and not 0 < len(reason.strip()) <= MAX_REASON:
        detail = f"The reason for a hold must have 1 to {MAX_REASON} characters."
        raise Invalid(faults=[Fault(detail, code="required", pointer="#/reason")])
    locked = lock(process).process
    if locked.hold == reason:
        return
    updated = Event(
        EventType.PROCESS_UPDATED,
        process_id=locked.id,
        document_id=locked.document_id,
        before={"hold": locked.hold},
        after={"hold": reason},
    )
    locked.hold = reason
    locked.save(update_fields=["hold"])
    record([updated], actor=actor, at=at)
