"""A client sends back what it read, changed: edits, and the acts and moves that the body reports."""

import uuid
from datetime import datetime

from django.db import transaction

from config.access.actor import Actor
from config.api_values import Body
from config.vocabulary import ProcessStatus
from signing import flow
from signing.actions.build import check_shape
from signing.actions.edit import Report, edit_process, edit_step
from signing.actions.lifecycle import begin, require_complete, require_ownership
from signing.actions.locking import lock
from signing.actions.report import NotYourAct, own_acts, own_acts_in_process, settle
from signing.actions.run import Run
from signing.models import Process

_PASSED = {
    ProcessStatus.PENDING: frozenset({ProcessStatus.PENDING}),
    ProcessStatus.STARTED: frozenset({ProcessStatus.PENDING, ProcessStatus.STARTED}),
    **{end: frozenset({ProcessStatus.PENDING, ProcessStatus.STARTED, end}) for end in flow.FINAL},
}
"""The statuses that a process has or has passed: naming one says nothing."""


@transaction.atomic
def replace(process: Process, body: Body, *, actor: Actor, at: datetime, expected: frozenset[str] | None = None) -> Run:
    """Make the process what the body says; unchanged bodies change nothing."""
    run = lock(process, actor=actor, at=at, expected=expected)
    asked = ProcessStatus.CANCELED if body.get("canceled") else body.get("status")
    if not run.process.managed_by(actor):
        if asked is not None and asked not in _PASSED[ProcessStatus(run.process.status)]:
            raise NotYourAct
        settle(run, own_acts_in_process(run, body))
        return run.save()
    new = {name: body[name] for name in ("initiator", "owner_group") if _differs(run.process, body, name)}
    require_ownership(actor, **new)
    reports = edit_process(run, body)
    if asked == ProcessStatus.STARTED and run.process.status == ProcessStatus.PENDING:
        begin(run)
    _follow(run, reports)
    if asked is not None and asked not in _PASSED[ProcessStatus(run.process.status)]:
        if asked != ProcessStatus.CANCELED:
            raise flow.ImpossibleTransition(f"The process is {run.process.status}: it cannot be made {asked}.")
        run.become(flow.cancel(run.snapshot()))
    return run.save()


@transaction.atomic
def replace_step(
    process: Process,
    step_id: uuid.UUID,
    body: Body,
    *,
    actor: Actor,
    at: datetime,
    expected: frozenset[str] | None = None,
) -> Run:
    """Make one step what the body says; signers it leaves out stay. A signer may report its own act alone."""
    run = lock(process, actor=actor, at=at, expected=expected)
    step = run.step(step_id)
    if not run.process.managed_by(actor):
        settle(run, own_acts(run, step, body))
        return run.save()
    reports = edit_step(run, step, body)
    check_shape(run)
    _follow(run, reports)
    return run.save()


def _follow(run: Run, reports: list[Report]) -> None:
    """What follows from the edits, and then from each act."""
    if run.process.status == ProcessStatus.STARTED and (run.before or run.after):
        require_complete(run)
        run.become(flow.advance(flow.require_roles(run.snapshot())))
    settle(run, reports)


def _differs(process: Process, body: Body, name: str) -> bool:
    return body.get(name) is not None and body[name] != getattr(process, name)
