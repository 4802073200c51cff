"""What a person did is reported: one small call, or a row in a step or process that was read and sent back."""

import uuid
from datetime import datetime

from django.db import transaction

from config.access.actor import Actor
from config.api_values import Body
from config.errors import Forbidden
from signing import flow
from signing.actions.build import NOT_ACTED
from signing.actions.edit import Report, changed_columns, edit_signer
from signing.actions.locking import lock
from signing.actions.run import Run
from signing.models import Process, Signer, Step
from signing.represent import PROCESS_FIELDS, SIGNER_FIELDS, STEP_FIELDS

_PRIVATE = frozenset({"personal_code", "email", "initiator_email"})


class NotYourAct(Forbidden):
    code = "not_your_act"
    detail = "A signer reports its own act and changes nothing else; that needs 'administer' or 'on_behalf'."


@transaction.atomic
def act(
    process: Process,
    signer_id: uuid.UUID,
    body: Body,
    *,
    actor: Actor,
    at: datetime,
    expected: frozenset[str] | None = None,
) -> Run:
    """One signer signs, approves, looks or declines; an anonymous one may bring who it was.

    What the body leaves out or says null stays. The same act reported again changes nothing.
    """
    run = lock(process, actor=actor, at=at, expected=expected)
    own = run.signer(signer_id)
    if not (run.process.managed_by(actor) or own.is_person(actor)):
        raise NotYourAct
    said = {column: value for column, value in body.items() if value is not None}
    report = edit_signer(run, run.step_of(own), own, said)
    settle(run, [report] if report else [])
    return run.save()


def settle(run: Run, reports: list[Report]) -> None:
    """What follows from each act, in the order in which the steps run."""
    order = {step.id: step.process_order for step in run.steps}
    for report in sorted(reports, key=lambda report: (order[report.signer.step_id], report.signer.position)):
        run.become(flow.act(run.snapshot(), report.signer.id, report.status), brought=report.brought)


def own_acts_in_process(run: Run, body: Body) -> list[Report]:
    """The caller's own acts in a process's body; `NotYourAct` if the body says anything else that is new."""
    bodies = body.get("steps")
    if _news(run.process, body, PROCESS_FIELDS) or bool(body.get("canceled")) != (run.process.status == "CANCELED"):
        raise NotYourAct
    if bodies is None:
        return []
    steps = {str(step.id): step for step in run.steps}
    if [row.get("id") for row in bodies if row.get("id") in steps] != [row.get("id") for row in bodies]:
        raise NotYourAct
    if len(bodies) != len(steps):
        raise NotYourAct
    return [report for row in bodies for report in own_acts(run, steps[row["id"]], row, whole=True)]


def own_acts(run: Run, step: Step, body: Body, *, whole: bool = False) -> list[Report]:
    """The caller's own acts in a step's body; `NotYourAct` if the body says anything else that is new.

    What the caller was shown as null (other people's codes and addresses) says nothing.
    """
    signers = {str(signer.id): signer for signer in run.signers_of(step)}
    rows = body.get("signers")
    if changed_columns(step, body, STEP_FIELDS) or any(row.get("id") not in signers for row in rows or []):
        raise NotYourAct
    if whole and rows is not None and len(rows) != len(signers):
        raise NotYourAct
    reports = [_own_act(run, step, signers[row["id"]], row) for row in rows or []]
    return [report for report in reports if report is not None]


def _own_act(run: Run, step: Step, signer: Signer, row: Body) -> Report | None:
    said = row.get("status")
    acts = said not in (None, signer.status) and said not in NOT_ACTED
    if signer.acted and said in NOT_ACTED:
        return None
    if acts and signer.is_person(run.actor):
        if changed_columns(signer, row, SIGNER_FIELDS).keys() - {"comment"}:
            raise NotYourAct
        return edit_signer(run, step, signer, row)
    if acts or _news(signer, row, SIGNER_FIELDS):
        raise NotYourAct
    return None


def _news(row: Process | Signer, body: Body, wire: dict[str, str]) -> bool:
    """Whether the body says something new, beside what the caller was shown as null."""
    return bool(changed_columns(row, {c: v for c, v in body.items() if v is not None or c not in _PRIVATE}, wire))
