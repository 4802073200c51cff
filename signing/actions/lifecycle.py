"""Creates, starts, cancels and deletes processes."""

import logging
from datetime import datetime
from functools import partial

from django.db import transaction

from audit.log import Event, record
from config.access.actor import Actor, MissingRight
from config.api_values import Body
from config.errors import DomainError, Fault, Invalid
from config.vocabulary import EventType, ProcessStatus, Right, Role
from notifications import outbox
from signing import flow, messages
from signing.actions.build import STEPS_POINTER, add_step, check_document, check_shape, copy_rules
from signing.actions.changes import Changes
from signing.actions.hold import OnHold
from signing.actions.rows import ProcessRows, lock_managed
from signing.models import Process, Signer
from signing.represent import PROCESS_FIELDS

logger = logging.getLogger(__name__)

# A new process without a status starts immediately.
_STARTING = frozenset({None, ProcessStatus.STARTED})
_SETTABLE_COLUMNS = frozenset(PROCESS_FIELDS.values()) - {"id", "created_at", "completed_at", "status", "initiator"}

# What a signer of each role must have before the process starts: column -> API field. An anonymous signer needs the
# email address only. `code_key` is empty for a personal code that consists of spaces and hyphens.
_EMAIL = {"email": "signerEmail"}
_EMAIL_AND_IDENTITY = {"email": "signerEmail", "country": "signerCountry", "code_key": "signerPersonalCode"}
_REQUIRED: dict[Role, dict[str, str]] = {
    Role.SIGNER: _EMAIL_AND_IDENTITY,
    Role.APPROVER: _EMAIL_AND_IDENTITY,
    Role.INITIATOR: _EMAIL,
    Role.VIEWER: _EMAIL,
    Role.ADMINISTRATOR: {},
}


class IncompleteSigners(DomainError):
    """Contact or identity details are missing; the faults name each one."""

    code = "incomplete_signers"
    status = 400
    detail = "The process cannot start: contact or identity details are missing for some signers (see `errors`)."


class ProcessRunning(DomainError):
    code = "still_running"
    status = 409
    detail = "A STARTED process cannot be deleted; cancel it first. Drafts and finished processes can be deleted."


@transaction.atomic
def create(body: Body, *, actor: Actor, at: datetime) -> ProcessRows:
    """Create a process: it starts immediately, or stays a draft if the status is `PENDING`."""
    status = body.get("status")
    _require_initial_status(body)
    initiator = body.get("initiator") or actor.subject
    require_ownership(actor, initiator=initiator, owner_group=body.get("owner_group"))

    # Build the rows.
    columns = {column: body[column] for column in _SETTABLE_COLUMNS if column in body}
    process = Process(created_at=at, initiator=initiator, **columns)
    rows = ProcessRows(process, [], [])
    changes = Changes(rows, actor=actor, at=at)
    for index, step in enumerate(body.get("steps") or []):
        add_step(rows, step, index=index, faults=changes.faults)

    # Check them, and start.
    if status not in _STARTING:
        check_document(changes)
    check_shape(rows, changes.faults)
    if status in _STARTING:
        begin(changes)
    rows = changes.insert()
    transaction.on_commit(partial(logger.info, "process %s was created", process.id), robust=True)
    return rows


@transaction.atomic
def start(process: Process, *, actor: Actor, at: datetime, expected: frozenset[str] | None = None) -> ProcessRows:
    """Start a draft."""
    rows = lock_managed(process, actor=actor, expected=expected)
    changes = Changes(rows, actor=actor, at=at)
    begin(changes)
    return changes.save()


@transaction.atomic
def cancel(
    process: Process,
    *,
    actor: Actor,
    at: datetime,
    reason: str | None = None,
    expected: frozenset[str] | None = None,
) -> ProcessRows:
    """Cancel the process for every signer who has not acted."""
    rows = lock_managed(process, actor=actor, expected=expected)
    changes = Changes(rows, actor=actor, at=at)
    before = rows.snapshot()
    changes.apply(flow.transitions(before, flow.after_cancel(before)), reason=reason)
    return changes.save()


@transaction.atomic
def delete(process: Process, *, actor: Actor, at: datetime, expected: frozenset[str] | None = None) -> None:
    """Delete a draft or a finished process. The audit trail keeps its events, with PROCESS_DELETED as the last one."""
    locked = lock_managed(process, actor=actor, expected=expected).process
    if locked.status == ProcessStatus.STARTED:
        raise ProcessRunning
    if locked.hold is not None:
        raise OnHold
    deleted = Event(
        EventType.PROCESS_DELETED,
        process_id=locked.id,
        document_id=locked.document_id,
        before={"status": locked.status},
    )
    outbox.withdraw(locked.id, events=messages.TASK_EMAILS, reason="the process was deleted", at=at)
    record([deleted], actor=actor, at=at)
    locked.delete()


def begin(changes: Changes) -> None:
    """Start a draft with the current rules of its document profile."""
    # Refuse a process that is not a draft before its rules are replaced.
    flow.after(ProcessStatus(changes.process.status), flow.Move.START)
    copy_rules(changes)
    before = changes.rows.snapshot()
    after = flow.after_start(before)
    require_complete(changes.rows)
    changes.apply(flow.transitions(before, after))


def require_complete(rows: ProcessRows) -> None:
    """Raise `IncompleteSigners` unless every signer who has not acted has the required details."""
    faults = []
    for step_index, step in enumerate(rows.steps):
        for index, signer in enumerate(rows.signers_of(step)):
            for field in _missing_fields(signer):
                name = signer.name or f"without a name ({signer.id})"
                detail = f"{field} is missing for the {signer.role} {name} in step {step.process_order}."
                pointer = f"{STEPS_POINTER}/{step_index}/processStepSigners/{index}/{field}"
                faults.append(Fault(detail, code="lacking", pointer=pointer))
    if faults:
        raise IncompleteSigners(faults=faults)


def require_ownership(actor: Actor, *, initiator: str | None = None, owner_group: str | None = None) -> None:
    """Raise `MissingRight` if the caller names another initiator, or a group that the caller does not belong to."""
    if actor.acts_for_others:
        return
    if initiator is not None and initiator != actor.subject:
        raise MissingRight(Right.ON_BEHALF, "Naming an initiator other than yourself")
    if owner_group is not None and owner_group not in actor.groups:
        raise MissingRight(Right.ON_BEHALF, "Naming an ownerGroup that you do not belong to")


def _require_initial_status(body: Body) -> None:
    pointer = None
    if body.get("canceled"):
        pointer = "#/canceled"
    elif body.get("status") not in _STARTING | {ProcessStatus.PENDING}:
        pointer = "#/status"
    if pointer is not None:
        detail = "A new process must be STARTED (it starts immediately) or PENDING (a draft)."
        raise Invalid(faults=[Fault(detail, code="status_not_allowed", pointer=pointer)])


def _missing_fields(signer: Signer) -> list[str]:
    """The API fields that must be set before this signer's process starts."""
    if signer.acted:
        return []
    required = _REQUIRED[Role(signer.role)]
    if signer.anonymous:
        required = _EMAIL
    return [field for column, field in required.items() if not getattr(signer, column)]
