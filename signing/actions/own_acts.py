"""PUT by a signer who does not manage the process: it may report their own act and contain nothing else that is new."""

from collections.abc import Mapping

from config.access.actor import Actor
from config.api_values import Body
from config.vocabulary import ProcessStatus
from signing.actions.act import NotYourAct, ReportedAct, is_stale, reported_act, reports_act, without_nulls_of_act
from signing.actions.build import changed_columns
from signing.actions.rows import ProcessRows
from signing.models import Process, Signer, Step
from signing.represent import PRIVATE_FIELDS, PROCESS_FIELDS, SIGNER_FIELDS, STEP_FIELDS

# Signers are shown these columns as null and send them back as null.
_INITIATOR_COLUMNS = frozenset({"initiator_email"})
_PRIVATE_COLUMNS = frozenset(SIGNER_FIELDS[name] for name in PRIVATE_FIELDS)


def own_acts_in_process(rows: ProcessRows, body: Body, *, actor: Actor) -> list[ReportedAct]:
    """Return the caller's own acts in the body of a process; `NotYourAct` if anything else in it is new."""
    is_canceled = rows.process.status == ProcessStatus.CANCELED
    is_edited = _has_news(rows.process, body, PROCESS_FIELDS, hidden=_INITIATOR_COLUMNS)
    if is_edited or bool(body.get("canceled")) != is_canceled:
        raise NotYourAct
    step_bodies = body.get("steps")
    if step_bodies is None:
        return []
    steps = {str(step.id): step for step in rows.steps}
    if len(step_bodies) != len(steps) or any(step_body.get("id") not in steps for step_body in step_bodies):
        raise NotYourAct
    acts: list[ReportedAct] = []
    for step_body in step_bodies:
        acts += own_acts_in_step(rows, steps[step_body["id"]], step_body, actor=actor, complete=True)
    return acts


def own_acts_in_step(
    rows: ProcessRows, step: Step, body: Body, *, actor: Actor, complete: bool = False
) -> list[ReportedAct]:
    """Return the caller's own acts in the body of a step; `NotYourAct` if anything else in it is new.

    `complete`: the body must list every signer of the step.
    """
    if changed_columns(step, body, STEP_FIELDS):
        raise NotYourAct
    signer_bodies = body.get("signers")
    if signer_bodies is None:
        return []
    signers = {str(signer.id): signer for signer in rows.signers_of(step)}
    if any(signer_body.get("id") not in signers for signer_body in signer_bodies):
        raise NotYourAct
    if complete and len(signer_bodies) != len(signers):
        raise NotYourAct
    acts = []
    for signer_body in signer_bodies:
        own_act = _own_act(signers[signer_body["id"]], signer_body, actor)
        if own_act is not None:
            acts.append(own_act)
    return acts


def _own_act(signer: Signer, body: Body, actor: Actor) -> ReportedAct | None:
    if is_stale(signer, body):
        return None
    if not signer.is_person(actor):
        if reports_act(signer, body) or _has_news(signer, body, SIGNER_FIELDS, hidden=_PRIVATE_COLUMNS):
            raise NotYourAct
        return None
    body = without_nulls_of_act(body)
    if reports_act(signer, body):
        if changed_columns(signer, body, SIGNER_FIELDS).keys() - {"comment"}:
            raise NotYourAct
        return reported_act(signer, body)
    given = {column: value for column, value in body.items() if value is not None or column not in _PRIVATE_COLUMNS}
    if changed_columns(signer, given, SIGNER_FIELDS):
        raise NotYourAct
    return None


def _has_news(row: Process | Signer, body: Body, fields: Mapping[str, str], *, hidden: frozenset[str]) -> bool:
    """Whether the body differs from what the caller was shown, in which hidden columns are null.

    A hidden column is not compared with the row: otherwise the response would confirm a guess.
    """
    if any(body.get(column) is not None for column in hidden):
        return True
    shown = {column: value for column, value in body.items() if column not in hidden}
    return bool(changed_columns(row, shown, fields))
