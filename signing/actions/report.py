"""What a person did is reported: one small call, or a row in a step that was read and sent back."""

import uuid
from datetime import datetime

from django.db import transaction

from config.access.actor import Actor
from config.errors import Fault, Forbidden, Invalid
from config.vocabulary import SignerStatus
from signing import flow
from signing.actions.edit import Body, Report, differences, edit_signer
from signing.actions.run import Run, lock
from signing.models import Process, Signer, Step
from signing.represent import SIGNER_WIRE, STEP_WIRE

_NOT_ACTED = frozenset({SignerStatus.WAITING_FOR_PROCESS, SignerStatus.STARTED})
_PRIVATE = ("personal_code", "email")
_PERSON = {"name": "signerName", "country": "signerCountry", "personal_code": "signerPersonalCode"}


class NotYourAct(Forbidden):
    code = "not_your_act"
    detail = "A signer reports its own act and changes nothing else."


@transaction.atomic
def act(
    process: Process,
    signer_id: uuid.UUID,
    body: Body,
    *,
    actor: Actor,
    at: datetime,
    expected: frozenset[str] | None = None,
) -> tuple[Process, Step]:
    """One signer signs, approves, looks or declines; an anonymous one may bring who it was.

    The same act reported again changes nothing. Answers the process and the signer's step.
    """
    run = lock(process, actor=actor, at=at, expected=expected)
    own = run.signer(signer_id)
    if not (run.process.managed_by(actor) or own.is_person(actor)):
        raise NotYourAct
    if not own.anonymous:
        _refuse_another_person(own, body)
    step = run.step_of(own)
    settle(run, [report] if (report := edit_signer(run, step, own, body)) else [])
    return run.save(), step


def settle(run: Run, reports: list[Report]) -> None:
    """What follows from each act."""
    for report in reports:
        run.become(flow.act(run.snapshot(), report.signer.id, report.status), brought=report.brought)


def report_own(run: Run, step: Step, body: Body) -> list[Report]:
    """The caller's own acts in a step's body; `NotYourAct` if the body says anything else that is new.

    What the caller was shown as null (other people's codes and addresses) says nothing.
    """
    if differences(step, body, STEP_WIRE):
        raise NotYourAct
    signers = {str(signer.id): signer for signer in run.signers_of(step)}
    reports = []
    for row in body.get("signers", []):
        signer = signers.get(row.get("id") or "")
        if signer is None:
            raise NotYourAct
        own = signer.is_person(run.actor)
        said = row.get("status")
        if not own and signer.acted and said in _NOT_ACTED:
            continue
        shown = row if own else {c: v for c, v in row.items() if not (c in _PRIVATE and v is None)}
        changed = differences(signer, shown, SIGNER_WIRE).keys() - ({"comment"} if own else set())
        if changed or (not own and said not in (None, signer.status)):
            raise NotYourAct
        if own and (report := edit_signer(run, step, signer, row)):
            reports.append(report)
    return reports


def _refuse_another_person(signer: Signer, body: Body) -> None:
    faults = [
        Fault("Only the act of an anonymous signer brings the person.", code="not_anonymous", pointer=f"#/{wire}")
        for column, wire in _PERSON.items()
        if body.get(column) not in (None, getattr(signer, column))
    ]
    if faults:
        raise Invalid(faults=faults)
    for column in _PERSON:
        body.pop(column, None)
