"""Applies a request body to a process: what is changed, added, moved and removed. Returns the acts that it reports.

Bodies are validated by the serializers: column names, only the keys that were sent. Absent keys stay unchanged, null
clears, which `ProcessRows.warnings` name. The past cannot be rewritten.
"""

from collections.abc import Collection, Mapping
from itertools import pairwise

from config.api_values import Body
from config.errors import Fault, Invalid, cleared
from config.personal_codes import personal_code_faults
from config.vocabulary import Role, SignerStatus, StepStatus
from signing.actions.act import (
    PERSON_COLUMNS,
    AlreadyHappened,
    ReportedAct,
    edits,
    is_stale,
    reported_act,
    require_unchanged,
    without_nulls_of_act,
)
from signing.actions.build import (
    DOCUMENT_COLUMNS,
    STEPS_POINTER,
    add_signer,
    add_step,
    changed_columns,
    check_document,
    check_shape,
)
from signing.actions.changes import Changes
from signing.messages import EMAIL_ROLE
from signing.models import Process, Signer, Step
from signing.represent import PROCESS_FIELDS, SIGNER_FIELDS, STEP_FIELDS

# A signer whose turn it is is notified again when one of these columns changes.
_CONTACT_COLUMNS = frozenset({"email", "notification"})


def edit_process(changes: Changes, body: Body) -> list[ReportedAct]:
    """Apply the body of a process. The acts that it reports are returned, not applied."""
    process = changes.process
    changed = changed_columns(process, body, PROCESS_FIELDS)
    if changed:
        _require_running(changes)
        _warn_of_handover(changes, changed)
        _note(changes, "", PROCESS_FIELDS, process, changed)
        _warn_of_cleared(changes, PROCESS_FIELDS, body, changed, "#")
        changes.set(process, **changed)
        if not changed.keys().isdisjoint(DOCUMENT_COLUMNS):
            check_document(changes)
    acts: list[ReportedAct] = []
    if "steps" in body:
        acts = _edit_steps(changes, body["steps"])
    check_shape(changes.rows, changes.faults)
    return acts


def edit_step(
    changes: Changes, step: Step, body: Body, *, pointer: str = "#", complete: bool = False
) -> list[ReportedAct]:
    """Apply the body of a step.

    `complete`: the body lists every signer of the step in order, including those moved here from another step.
    """
    changed = changed_columns(step, body, STEP_FIELDS)
    if "process_order" in changed and changed["process_order"] is None:
        del changed["process_order"]
    if changed:
        _require_open(changes, step)
        _note(changes, f"steps/{step.id}/", STEP_FIELDS, step, changed)
        _warn_of_cleared(changes, STEP_FIELDS, body, changed, pointer)
        if "process_order" in changed:
            changes.move_step(step, changed.pop("process_order"))
        changes.set(step, **changed)
    if "signers" not in body:
        return []
    return _edit_signers(changes, step, body["signers"], f"{pointer}/processStepSigners", complete=complete)


def _edit_steps(changes: Changes, bodies: list[Body]) -> list[ReportedAct]:
    rows = changes.rows
    existing = {str(step.id): step for step in rows.steps}
    _require_valid_ids(rows.steps, rows.signers, bodies)

    # Remove first, so that a removed step's processOrder is free for another one.
    _remove_missing_signers(changes, existing, bodies)
    _remove_missing_steps(changes, bodies)
    rows.steps[:] = [existing[body["id"]] for body in bodies if body.get("id")]

    # Existing steps come before new ones: a new step without a processOrder gets the number after the step before it.
    acts: list[ReportedAct] = []
    for index, body in enumerate(bodies):
        if body.get("id"):
            step = existing[body["id"]]
            acts += edit_step(changes, step, body, pointer=f"{STEPS_POINTER}/{index}", complete=True)
    for index, body in enumerate(bodies):
        if not body.get("id"):
            acts += _add_step(changes, body, index)
    return acts


def _add_step(changes: Changes, body: Body, index: int) -> list[ReportedAct]:
    _require_running(changes)
    step = add_step(changes.rows, {**body, "signers": []}, index=index, faults=changes.faults)
    changes.add_step(step)
    return edit_step(changes, step, body, pointer=f"{STEPS_POINTER}/{index}", complete=True)


def _remove_missing_signers(changes: Changes, steps: Mapping[str, Step], bodies: list[Body]) -> None:
    """Remove the signers who are not listed. A step without a list of signers keeps its signers."""
    listed_ids = set()
    unlisted_step_ids = set()
    for body in bodies:
        if "signers" in body:
            listed_ids |= {signer.get("id") for signer in body["signers"]}
        elif body.get("id"):
            unlisted_step_ids.add(steps[body["id"]].id)
    for signer in list(changes.rows.signers):
        if str(signer.id) in listed_ids or signer.step_id in unlisted_step_ids:
            continue
        if signer.acted:
            raise AlreadyHappened(f"The signer {signer} has already acted ({signer.status}) and cannot be removed.")
        _require_open(changes, changes.rows.step_of(signer))
        changes.remove_signer(signer)


def _remove_missing_steps(changes: Changes, bodies: list[Body]) -> None:
    listed_ids = {body.get("id") for body in bodies}
    for step in list(changes.rows.steps):
        if str(step.id) not in listed_ids:
            _require_open(changes, step)
            changes.remove_step(step)


def _edit_signers(
    changes: Changes, step: Step, bodies: list[Body], pointer: str, *, complete: bool
) -> list[ReportedAct]:
    existing = {str(signer.id): signer for signer in changes.rows.signers}
    _require_ids([(pointer, bodies)], existing, "signer")
    acts = []
    listed = []
    for index, body in enumerate(bodies):
        signer_pointer = f"{pointer}/{index}"
        signer = existing.get(body.get("id") or "")
        if signer is None:
            signer = _add_signer(changes, step, body, signer_pointer)
        else:
            if signer.step_id != step.id:
                _move_signer(changes, signer, step, f"{signer_pointer}/id", allowed=complete)
            reported = _edit_signer(changes, step, signer, body, signer_pointer)
            if reported is not None:
                acts.append(reported)
        listed.append(signer)
    if complete:
        _reorder_signers(changes, step, listed)
    return acts


def _edit_signer(changes: Changes, step: Step, signer: Signer, body: Body, pointer: str) -> ReportedAct | None:
    """Apply the body of one signer. The act that it reports, if any, is returned, not applied."""
    if is_stale(signer, body):
        return None
    body = without_nulls_of_act(body)
    reported = reported_act(signer, body, pointer=pointer)
    changed = edits(signer, body, acting=reported is not None)
    if reported is None:
        require_unchanged(signer, changed)
    else:
        changed = {column: new for column, new in changed.items() if column not in reported.values}
    if changed:
        _require_open(changes, step)
        _note(changes, f"signers/{signer.id}/", SIGNER_FIELDS, signer, changed)
        _warn_of_cleared(changes, SIGNER_FIELDS, body, changed, pointer)
        _write_signer(changes, signer, changed, pointer)
    return reported


def _write_signer(changes: Changes, signer: Signer, changed: Body, pointer: str) -> None:
    email_role = EMAIL_ROLE.get(Role(signer.role))
    changes.set(signer, **changed)
    changes.set(signer, **signer.search_columns())
    if not changed.keys().isdisjoint(PERSON_COLUMNS):
        code_pointer = f"{pointer}/signerPersonalCode"
        changes.faults += personal_code_faults(signer.country, signer.personal_code, code_pointer)
    gets_another_email = EMAIL_ROLE.get(Role(signer.role)) != email_role
    contact_changed = not changed.keys().isdisjoint(_CONTACT_COLUMNS)
    if signer.status == SignerStatus.STARTED and (gets_another_email or contact_changed):
        changes.call(signer)


def _add_signer(changes: Changes, step: Step, body: Body, pointer: str) -> Signer:
    _require_open(changes, step)
    position = _next_position(changes, step)
    signer = add_signer(changes.rows, step, body, position=position, pointer=pointer, faults=changes.faults)
    changes.add_signer(signer)
    return signer


def _move_signer(changes: Changes, signer: Signer, step: Step, pointer: str, *, allowed: bool) -> None:
    """Move a signer who has not acted to this step."""
    if not allowed:
        detail = "This signer belongs to another step; update the process to move the signer."
        raise Invalid(faults=[Fault(detail, code="in_another_step", pointer=pointer)])
    if signer.acted:
        raise AlreadyHappened(f"The signer {signer} has already acted ({signer.status}) and cannot be moved.")
    _require_open(changes, step)
    # The former step may have been removed by the same request.
    for other in changes.rows.steps:
        if other.id == signer.step_id:
            _require_open(changes, other)
    changes.note_change(f"signers/{signer.id}/step", str(signer.step_id), str(step.id))
    changes.set(signer, step=step, position=_next_position(changes, step))
    if signer.status == SignerStatus.STARTED and step.status == StepStatus.WAITING_FOR_PREVIOUS:
        changes.return_to_waiting(signer)


def _reorder_signers(changes: Changes, step: Step, listed: list[Signer]) -> None:
    """Give the signers of a step the positions of the list, if their order has changed."""
    if all(one.position < other.position for one, other in pairwise(listed)):
        return
    _require_open(changes, step)
    for position, signer in enumerate(listed):
        if signer.position != position:
            changes.note_change(f"signers/{signer.id}/position", signer.position, position)
            changes.set(signer, position=position)


def _next_position(changes: Changes, step: Step) -> int:
    return max((signer.position + 1 for signer in changes.rows.signers_of(step)), default=0)


def _note(
    changes: Changes, prefix: str, fields: Mapping[str, str], row: Process | Step | Signer, changed: Body
) -> None:
    for name, column in fields.items():
        if column in changed:
            changes.note_change(prefix + name, getattr(row, column), changed[column])


def _warn_of_cleared(changes: Changes, fields: Mapping[str, str], body: Body, changed: Body, pointer: str) -> None:
    """Name each field that the body clears, or resets to its default, with a null."""
    for name, column in fields.items():
        if column in changed and body[column] is None:
            changes.rows.warnings.append(cleared(f"{pointer}/{name}"))


def _warn_of_handover(changes: Changes, changed: Body) -> None:
    """Name the initiator, or the owner group, whose process this no longer is."""
    process = changes.process
    if "initiator" in changed:
        detail = f"'{process.initiator}' is no longer the initiator and may no longer be able to see the process."
        changes.rows.warnings.append(Fault(detail, code="handed_over", pointer="#/initiator"))
    if "owner_group" in changed and process.owner_group:
        group = process.owner_group
        detail = f"The process no longer belongs to '{group}', whose members may no longer be able to see it."
        changes.rows.warnings.append(Fault(detail, code="handed_over", pointer="#/ownerGroup"))


def _require_open(changes: Changes, step: Step) -> None:
    _require_running(changes)
    if step.status == StepStatus.COMPLETED:
        detail = f"Step {step.process_order} is COMPLETED and cannot be changed, moved or removed."
        raise AlreadyHappened(detail)


def _require_running(changes: Changes) -> None:
    if changes.process.finished:
        raise AlreadyHappened(f"A {changes.process.status} process cannot be changed.")


def _require_valid_ids(steps: list[Step], signers: list[Signer], bodies: list[Body]) -> None:
    """Raise `Invalid` unless every id in the body names a row of this process, and none is used twice."""
    _require_ids([(STEPS_POINTER, bodies)], {str(step.id) for step in steps}, "step")
    signer_lists = []
    for index, body in enumerate(bodies):
        signer_lists.append((f"{STEPS_POINTER}/{index}/processStepSigners", body.get("signers", [])))
    _require_ids(signer_lists, {str(signer.id) for signer in signers}, "signer")


def _require_ids(lists: list[tuple[str, list[Body]]], existing_ids: Collection[str], kind: str) -> None:
    faults = []
    used_ids = set()
    for pointer, bodies in lists:
        for index, body in enumerate(bodies):
            row_id = body.get("id")
            if not row_id:
                continue
            id_pointer = f"{pointer}/{index}/id"
            if row_id not in existing_ids:
                detail = f"The id must be that of a {kind} of this process; leave it out to add a {kind}."
                faults.append(Fault(detail, code="unknown_id", pointer=id_pointer))
            elif row_id in used_ids:
                faults.append(Fault(f"A {kind} must not be listed twice.", code="repeated", pointer=id_pointer))
            used_ids.add(row_id)
    if faults:
        raise Invalid(faults=faults)
