"""A legal hold: while it lasts, nothing of a process is erased or deleted."""

from datetime import datetime

from django.db import transaction

from audit.log import Event, record
from config.access.actor import Actor, MissingRight
from config.errors import DomainError, Fault, Invalid
from config.vocabulary import EventType, Right
from signing.actions.locking import lock
from signing.models import Process

LONGEST = 255


class OnHold(DomainError):
    code = "on_hold"
    status = 409
    detail = "The process is on hold: nothing of it may be deleted until an administrator releases it."


@transaction.atomic
def hold(process: Process, *, actor: Actor, at: datetime, reason: str | None) -> None:
    """Put the process on hold for a reason, or release it with None. Needs `administer`."""
    if not actor.may(Right.ADMINISTER):
        raise MissingRight(Right.ADMINISTER, "A hold")
    if reason is not None and not 0 < len(reason.strip()) <= LONGEST:
        detail = f"A hold has a reason of at most {LONGEST} characters."
        raise Invalid(faults=[Fault(detail, code="required", pointer="#/reason")])
    run = lock(process, actor=actor, at=at)
    if run.process.hold == reason:
        return
    changed = Event(
        EventType.PROCESS_UPDATED,
        process_id=run.process.id,
        document_id=run.process.document_id,
        before={"hold": run.process.hold},
        after={"hold": reason},
    )
    run.process.hold = reason
    run.process.save(update_fields=["hold"])
    record([changed], actor=actor, at=at)
