"""Rows built from request bodies, and what a process as a whole must satisfy."""

import json
from collections.abc import Mapping

from django.conf import settings

from config.api.fields import INT32
from config.api_values import Body
from config.errors import DomainError, Fault, Invalid
from config.personal_codes import personal_code_faults
from config.vocabulary import Role
from signing import flow
from signing.actions.changes import Changes
from signing.actions.rows import ProcessRows
from signing.models import Process, Signer, Step
from signing.represent import SIGNER_FIELDS
from signing.serializers import MAX_SIGNERS, MAX_STEPS
from templates_app.rules import Rules, rules_for

STEPS_POINTER = "#/signingProcessSteps"

# What null means in these columns.
NULL_VALUES = {"role": Role.SIGNER, "notification": True, "anonymous": False}

# Columns that only the server writes. A signer's status in a body is a report of an act, not an edit.
SERVER_COLUMNS = frozenset({"id", "created_at", "completed_at", "status"})

# The columns of a process that its document profile is chosen by or restricts.
DOCUMENT_COLUMNS = frozenset({"attributes", "document_type", "owner_group"})


class IncompleteDocument(DomainError):
    """The attributes do not satisfy the document profile; the faults name each problem."""

    code = "incomplete_document"
    status = 400
    detail = "The process cannot start: the document's attributes do not fit its document type (see `errors`)."


def add_step(rows: ProcessRows, body: Body, *, index: int, faults: list[Fault]) -> Step:
    """Build a step and its signers at this index of the list.

    A step without a processOrder gets its index, from 1, or the next number after the step before it.
    """
    order = body.get("process_order")
    if order is None:
        previous = rows.steps[index - 1].process_order if index else 0
        order = max(index, previous) + 1
    step = Step(process=rows.process, process_order=order, due_at=body.get("due_at"))
    rows.steps.insert(index, step)
    for position, signer in enumerate(body.get("signers") or []):
        pointer = f"{STEPS_POINTER}/{index}/processStepSigners/{position}"
        add_signer(rows, step, signer, position=position, pointer=pointer, faults=faults)
    return step


def add_signer(
    rows: ProcessRows, step: Step, body: Body, *, position: int, pointer: str, faults: list[Fault]
) -> Signer:
    """Build a signer in a step."""
    if body.get("status") not in (None, *flow.NOT_ACTED):
        detail = "A new signer must not have a reported act; report the act after adding the signer."
        faults.append(Fault(detail, code="not_called_yet", pointer=f"{pointer}/signingStatus"))
    columns = {}
    for column in SIGNER_FIELDS.values():
        if column not in SERVER_COLUMNS:
            columns[column] = value_of(body, column)
    process = rows.process
    signer = Signer(process=process, step=step, created_at=process.created_at, position=position, **columns)
    for column, text in signer.search_columns().items():
        setattr(signer, column, text)
    rows.signers.append(signer)
    faults += personal_code_faults(signer.country, signer.personal_code, f"{pointer}/signerPersonalCode")
    return signer


def value_of(body: Body, column: str) -> object:
    """Return the value of a column in a body; null is replaced by what it means."""
    value = body.get(column)
    if value is None:
        return NULL_VALUES.get(column)
    return value


def changed_columns(row: Process | Step | Signer, body: Body, fields: Mapping[str, str]) -> Body:
    """Return the columns that a client may write and that differ in the body."""
    changed: Body = {}
    for column in fields.values():
        if column in body and column not in SERVER_COLUMNS:
            new = value_of(body, column)
            if not _same_json(getattr(row, column), new):
                changed[column] = new
    return changed


def check_shape(rows: ProcessRows, faults: list[Fault]) -> None:
    """Raise `Invalid` with these faults and those of the process as a whole, if there are any.

    A process has steps with signers in them, not too many, and each step has its own processOrder.
    """
    faults = list(faults)
    if not rows.steps:
        faults.append(Fault("A process must have at least one step.", code="no_steps", pointer=STEPS_POINTER))
    if len(rows.steps) > MAX_STEPS:
        detail = f"A process must have at most {MAX_STEPS} steps."
        faults.append(Fault(detail, code="too_many", pointer=STEPS_POINTER))
    if len(rows.signers) > MAX_SIGNERS:
        detail = f"A process must have at most {MAX_SIGNERS} signers."
        faults.append(Fault(detail, code="too_many", pointer=STEPS_POINTER))
    steps_with_signers = {signer.step_id for signer in rows.signers}
    orders: set[int] = set()
    for index, step in enumerate(rows.steps):
        pointer = f"{STEPS_POINTER}/{index}"
        if step.id not in steps_with_signers:
            detail = "A step must have at least one signer."
            faults.append(Fault(detail, code="no_signers", pointer=f"{pointer}/processStepSigners"))
        if step.process_order in orders:
            detail = f"processOrder must be unique; {step.process_order} is used by two steps."
            faults.append(Fault(detail, code="order_taken", pointer=f"{pointer}/processOrder"))
        if step.process_order > INT32:
            detail = f"processOrder must be at most {INT32}; no number is left after the step before it."
            faults.append(Fault(detail, code="max_value", pointer=f"{pointer}/processOrder"))
        orders.add(step.process_order)
    if faults:
        raise Invalid(faults=faults)


def check_document(changes: Changes) -> None:
    """Collect what violates the rules of the document profile.

    A started process keeps the rules that it was started with; a draft follows the current ones and may be incomplete.
    """
    process = changes.process
    if process.rules is None:
        changes.faults += _document_faults(process, _current_rules(process), complete=False)
    else:
        changes.faults += _document_faults(process, Rules.from_json(process.rules), complete=True)


def copy_rules(changes: Changes) -> None:
    """Copy the current rules of the document profile to a process that starts.

    Raises `IncompleteDocument` if the process violates them.
    """
    rules = _current_rules(changes.process)
    faults = _document_faults(changes.process, rules, complete=True)
    if faults:
        raise IncompleteDocument(faults=faults)
    changes.set(changes.process, rules=rules.to_json())


def _current_rules(process: Process) -> Rules:
    return rules_for(document_type=process.document_type, owner_group=process.owner_group)


def _document_faults(process: Process, rules: Rules, *, complete: bool) -> list[Fault]:
    faults = list(rules.faults(process.attributes or {}, complete=complete))
    profile_required = settings.DOCUMENT_PROFILES_REQUIRED and (complete or process.document_type)
    if profile_required and not rules.has_profile and process.rules is None:
        detail = "documentType must be the type of a document profile."
        faults.append(Fault(detail, code="unknown_document_type", pointer="#/documentType"))
    return faults


def _same_json(one: object, other: object) -> bool:
    """Whether two values are the same in JSON, where 1 and true differ."""
    if isinstance(one, dict) and isinstance(other, dict):
        return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
    return one == other
