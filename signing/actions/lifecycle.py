"""A process begins, starts, is canceled, is deleted."""

import uuid
from datetime import datetime

from django.db import transaction

from audit.log import Event, record
from config.access.actor import Actor, MissingRight
from config.api_values import Body
from config.errors import DomainError, Fault, Invalid
from config.vocabulary import EventType, ProcessStatus, Right, Role
from notifications import outbox
from signing import flow, messages, represent
from signing.actions.build import add_step, check_shape
from signing.actions.document import check_document, take_rules_along
from signing.actions.hold import OnHold
from signing.actions.locking import lock_managed
from signing.actions.run import Run
from signing.models import Process, Signer
from signing.represent import PROCESS_FIELDS

_STARTS = frozenset({None, ProcessStatus.STARTED})
_SETTABLE = frozenset(PROCESS_FIELDS.values()) - {"id", "created_at", "completed_at", "status", "initiator"}
# What a signer of each role needs before the process may start; an anonymous one needs the address only.
# A code of nothing but spaces and hyphens is none: its key is empty.
_NEEDS = {
    Role.SIGNER: ("email", "country", "code_key"),
    Role.APPROVER: ("email", "country", "code_key"),
    Role.INITIATOR: ("email",),
    Role.VIEWER: ("email",),
    Role.ADMINISTRATOR: (),
}
_WIRE = {"email": "signerEmail", "country": "signerCountry", "code_key": "signerPersonalCode"}


class IncompleteSigners(DomainError):
    """Signers lack what they are reached and known by; the faults name each."""

    code = "incomplete_signers"
    status = 400
    detail = "The process cannot start: some signers lack what they are reached and known by; see errors."


class StillRunning(DomainError):
    code = "still_running"
    status = 409
    detail = "The process is STARTED; only drafts (PENDING) and finished processes can be deleted. Cancel it first."


@transaction.atomic
def create(body: Body, *, actor: Actor, at: datetime) -> Run:
    """A new process of the body: started at once, or kept as a draft if its status says `PENDING`."""
    status = body.get("status")
    if status not in _STARTS | {ProcessStatus.PENDING} or body.get("canceled"):
        detail = "A new process is STARTED (at once) or PENDING (a draft)."
        pointer = "#/canceled" if body.get("canceled") else "#/status"
        raise Invalid(faults=[Fault(detail, code="status_not_allowed", pointer=pointer)])
    initiator = actor.subject if body.get("initiator") is None else body["initiator"]
    require_ownership(actor, initiator=initiator, owner_group=body.get("owner_group"))
    columns = {column: body[column] for column in _SETTABLE if column in body}
    process = Process(created_at=at, initiator=initiator, **columns)
    for column, folded in process.search_columns().items():
        setattr(process, column, folded)
    run = Run(process, [], [], actor=actor, at=at)
    for index, step in enumerate(body.get("steps") or []):
        add_step(run, step, place=index)
    if status not in _STARTS:
        check_document(run)
    check_shape(run)
    if status in _STARTS:
        begin(run)
    run.created(represent.paths(process, run.steps, run.signers))
    return run.insert()


@transaction.atomic
def start(process: Process, *, actor: Actor, at: datetime, expected: frozenset[str] | None = None) -> Run:
    """Start a draft."""
    run = lock_managed(process, actor=actor, at=at, expected=expected)
    begin(run)
    return run.save()


@transaction.atomic
def cancel(
    process: Process,
    *,
    actor: Actor,
    at: datetime,
    reason: str | None = None,
    expected: frozenset[str] | None = None,
) -> Run:
    """End the process for everybody who has not acted yet."""
    run = lock_managed(process, actor=actor, at=at, expected=expected)
    run.become(flow.cancel(run.snapshot()), reason=reason)
    return run.save()


@transaction.atomic
def delete(process: Process, *, actor: Actor, at: datetime, expected: frozenset[str] | None = None) -> None:
    """Remove a draft or a finished process; the audit keeps its events and a tombstone."""
    run = lock_managed(process, actor=actor, at=at, expected=expected)
    if run.process.status == ProcessStatus.STARTED:
        raise StillRunning
    if run.process.hold is not None:
        raise OnHold
    tombstone = Event(
        EventType.PROCESS_DELETED,
        process_id=run.process.id,
        document_id=run.process.document_id,
        before={"status": run.process.status},
    )
    outbox.withdraw(run.process.id, events=messages.TASK_EMAILS, reason="the process was deleted", at=at)
    record([tombstone], actor=actor, at=at)
    run.process.delete()


def begin(run: Run) -> None:
    """Move a draft to its first step, with the rules of its document type."""
    flow.after(ProcessStatus(run.process.status), flow.Move.START)
    take_rules_along(run)
    after = flow.start(run.snapshot())
    require_complete(run)
    run.become(after)


def require_complete(run: Run) -> None:
    """`IncompleteSigners` unless everybody who has not acted can be reached and is known."""
    faults = []
    for index, step in enumerate(run.steps):
        for place, signer in enumerate(run.signers_of(step)):
            for column in _lacks(signer):
                pointer = f"#/signingProcessSteps/{index}/processStepSigners/{place}/{_WIRE[column]}"
                who = f"The {signer.role} {signer.name or _id(signer.id)} in step {step.process_order}"
                detail = f"{who} lacks {_WIRE[column]}."
                faults.append(Fault(detail, code="lacking", pointer=pointer))
    if faults:
        raise IncompleteSigners(faults=faults)


def require_ownership(actor: Actor, *, initiator: str | None = None, owner_group: str | None = None) -> None:
    """`MissingRight` if this makes a process the property of somebody else than the caller and its groups."""
    if actor.acts_for_others:
        return
    if initiator is not None and initiator != actor.subject:
        raise MissingRight(Right.ON_BEHALF, "Naming another initiator than yourself")
    if owner_group is not None and owner_group not in actor.groups:
        raise MissingRight(Right.ON_BEHALF, "Naming an ownerGroup that you do not belong to")


def _lacks(signer: Signer) -> list[str]:
    if signer.acted:
        return []
    needs = ("email",) if signer.anonymous else _NEEDS[Role(signer.role)]
    return [column for column in needs if not getattr(signer, column)]


def _id(signer_id: uuid.UUID) -> str:
    return f"without a name ({signer_id})"
