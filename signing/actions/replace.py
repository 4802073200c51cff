"""PUT of a process or a step: the client sends back what it read, with its changes."""

import uuid
from datetime import datetime

from django.db import transaction

from config.access.actor import Actor
from config.api_values import Body
from config.vocabulary import ProcessStatus
from signing import flow
from signing.actions.act import NotYourAct, ReportedAct, apply_acts
from signing.actions.build import check_shape
from signing.actions.changes import Changes
from signing.actions.edit import edit_process, edit_step
from signing.actions.lifecycle import begin, require_complete, require_ownership
from signing.actions.own_acts import own_acts_in_process, own_acts_in_step
from signing.actions.rows import ProcessRows, lock
from signing.models import Process

# The statuses that a process in each status has or has passed. Naming one of them changes nothing.
_PASSED = {status: {ProcessStatus.PENDING, ProcessStatus.STARTED, status} for status in ProcessStatus}
_PASSED[ProcessStatus.PENDING] = {ProcessStatus.PENDING}


@transaction.atomic
def replace(
    process: Process, body: Body, *, actor: Actor, at: datetime, expected: frozenset[str] | None = None
) -> ProcessRows:
    """Apply the body of a process. A body that equals what was read changes nothing."""
    rows = lock(process, expected=expected)
    changes = Changes(rows, actor=actor, at=at)
    new_status = _requested_status(body)

    # A signer may only report their own act.
    if not rows.process.managed_by(actor):
        if _is_news(new_status, rows.process):
            raise NotYourAct
        apply_acts(changes, own_acts_in_process(rows, body, actor=actor))
        return changes.save()

    require_ownership(
        actor,
        initiator=_new_value(body, "initiator", rows.process),
        owner_group=_new_value(body, "owner_group", rows.process),
    )
    acts = edit_process(changes, body)
    if new_status == ProcessStatus.STARTED and rows.process.status == ProcessStatus.PENDING:
        begin(changes)
    _follow(changes, acts)
    if _is_news(new_status, rows.process):
        _change_status(changes, new_status)
    return changes.save()


@transaction.atomic
def replace_step(
    process: Process,
    step_id: uuid.UUID,
    body: Body,
    *,
    actor: Actor,
    at: datetime,
    expected: frozenset[str] | None = None,
) -> ProcessRows:
    """Apply the body of a step. Signers that it leaves out stay. A signer may only report their own act."""
    rows = lock(process, expected=expected)
    changes = Changes(rows, actor=actor, at=at)
    step = rows.step(step_id)
    if not rows.process.managed_by(actor):
        apply_acts(changes, own_acts_in_step(rows, step, body, actor=actor))
        return changes.save()
    acts = edit_step(changes, step, body)
    check_shape(rows, changes.faults)
    _follow(changes, acts)
    return changes.save()


def _follow(changes: Changes, acts: list[ReportedAct]) -> None:
    """Apply what follows from the edits, and then from each act."""
    if changes.process.status == ProcessStatus.STARTED and changes.has_edits:
        require_complete(changes.rows)
        before = changes.rows.snapshot()
        flow.require_roles(before)
        changes.apply(flow.transitions(before, flow.advance(before)))
    apply_acts(changes, acts)


def _change_status(changes: Changes, status: str | None) -> None:
    if status != ProcessStatus.CANCELED:
        raise flow.ImpossibleTransition(f"A {changes.process.status} process cannot become {status}.")
    before = changes.rows.snapshot()
    changes.apply(flow.transitions(before, flow.after_cancel(before)))


def _requested_status(body: Body) -> str | None:
    if body.get("canceled"):
        return ProcessStatus.CANCELED
    return body.get("status")


def _is_news(status: str | None, process: Process) -> bool:
    return status is not None and status not in _PASSED[ProcessStatus(process.status)]


def _new_value(body: Body, column: str, process: Process) -> str | None:
    """The value of a column, if the body changes it."""
    value: str | None = body.get(column)
    if value == getattr(process, column):
        return None
    return value
