"""A client sends back what it read, changed: edits, and the acts and moves that the body reports."""

import uuid
from datetime import datetime
from typing import Any

from django.db import transaction

from config.access.actor import Actor
from config.errors import Forbidden
from config.vocabulary import ProcessStatus
from signing import flow
from signing.actions.edit import Body, Report, check_shape, edit_process, edit_step
from signing.actions.lifecycle import begin, require_complete, require_ownership
from signing.actions.report import report_own, settle
from signing.actions.run import Run, lock
from signing.models import Process

_PASSED = {
    ProcessStatus.PENDING: frozenset({ProcessStatus.PENDING}),
    ProcessStatus.STARTED: frozenset({ProcessStatus.PENDING, ProcessStatus.STARTED}),
    **{end: frozenset({ProcessStatus.PENDING, ProcessStatus.STARTED, end}) for end in flow.FINAL},
}
"""The statuses that a process has or has passed: naming one says nothing."""


@transaction.atomic
def replace(
    process: Process, body: Body, *, actor: Actor, at: datetime, expected: frozenset[str] | None = None
) -> Process:
    """Make the process what the body says; unchanged bodies change nothing."""
    run = lock(process, actor=actor, at=at, expected=expected)
    if not run.process.managed_by(actor):
        raise Forbidden("A signer reports its own act only: PUT the step, or POST /api/signers/{signerId}/act.")
    new = {name: body[name] for name in ("initiator", "owner_group") if _differs(run.process, body, name)}
    require_ownership(actor, **new)
    reports = edit_process(run, body)
    asked = ProcessStatus.CANCELED if body.get("canceled") else body.get("status")
    if asked == ProcessStatus.STARTED and run.process.status == ProcessStatus.PENDING:
        begin(run)
    _settle(run, reports)
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
) -> Process:
    """Make one step what the body says; signers it leaves out stay. A signer's own act is all a signer may report."""
    run = lock(process, actor=actor, at=at, expected=expected)
    step = run.step(step_id)
    if not run.process.managed_by(actor):
        reports = report_own(run, step, body)
    else:
        reports = edit_step(run, step, body)
        check_shape(run)
    _settle(run, reports)
    return run.save()


def _settle(run: Run, reports: list[Report]) -> None:
    """What follows from the edits, and then from each act."""
    if run.process.status == ProcessStatus.STARTED:
        if run.before or run.after:
            require_complete(run)
        run.become(flow.advance(run.snapshot()))
    settle(run, reports)


def _differs(process: Process, body: dict[str, Any], name: str) -> bool:
    return body.get(name) is not None and body[name] != getattr(process, name)
