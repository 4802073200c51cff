"""A body held against a locked run: what is changed, added, moved and removed, and which acts it reports.

Bodies are what the serializers make of the wire's JSON: column names, only the keys that were
sent. Absent keys stay as they are, null clears. What has happened cannot be rewritten.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from config.api_values import value
from config.errors import DomainError, Fault, Invalid
from config.text import person_key
from config.vocabulary import ProcessStatus, Role, SignerStatus, StepStatus
from signing import flow
from signing.actions.build import (
    DEFAULTS,
    NOT_ACTED,
    SERVERS,
    STEPS,
    Body,
    add_signer,
    add_step,
    check_code,
    check_shape,
)
from signing.actions.document import OF_THE_DOCUMENT, check_document
from signing.actions.run import Run
from signing.messages import EMAIL_ROLE
from signing.models import Process, Signer, Step
from signing.represent import PROCESS_FIELDS, SIGNER_FIELDS, STEP_FIELDS, signer_paths, step_paths

_PERSON = frozenset({"name", "country", "personal_code"})
_REACHED_BY = frozenset({"email", "notification"})


class Frozen(DomainError):
    """The body rewrites what has happened."""

    code = "already_happened"
    status = 409


@dataclass(slots=True)
class Report:
    """A signer's act found in a body, with the columns it brings along."""

    signer: Signer
    status: SignerStatus
    brought: dict[str, Any] = field(default_factory=dict)


def edit_process(run: Run, body: Body) -> list[Report]:
    """Apply a process's body to the run; what it reports is not applied yet, but returned."""
    process = run.process
    changed = changed_columns(process, body, PROCESS_FIELDS)
    if changed.get("initiator", "") is None:
        detail = "A process has an initiator; leave it out to keep the present one."
        raise Invalid(faults=[Fault(detail, code="null", pointer="#/initiator")])
    if changed:
        _require_running(run)
        _note(run, "", PROCESS_FIELDS, process, changed)
        run.touch(process, **changed)
        run.touch(process, **process.search_columns())
        if not changed.keys().isdisjoint(OF_THE_DOCUMENT):
            check_document(run)
    reports = _edit_steps(run, body["steps"]) if "steps" in body else []
    check_shape(run)
    return reports


def edit_step(run: Run, step: Step, body: Body, *, pointer: str = "#", whole: bool = False) -> list[Report]:
    """Apply a step's body. `whole`: it lists all the step's signers in their order, moved ones among them."""
    changed = changed_columns(step, body, STEP_FIELDS)
    if changed.get("process_order", 0) is None:
        del changed["process_order"]
    if changed:
        _require_open(run, step)
        _note(run, f"steps/{step.id}/", STEP_FIELDS, step, changed)
        if "process_order" in changed:
            run.move_step(step, changed.pop("process_order"))
        run.touch(step, **changed)
    if "signers" not in body:
        return []
    return list(_edit_signers(run, step, body["signers"], f"{pointer}/processStepSigners", whole=whole))


def edit_signer(run: Run, step: Step, signer: Signer, body: Body, pointer: str = "#") -> Report | None:
    """Apply a signer's row; the act it reports, if any, is not applied yet, but returned."""
    said = body.get("status")
    if signer.acted and said in NOT_ACTED:
        return None  # read before the act: a stale row says nothing
    reported = None if said in (None, signer.status) or said in NOT_ACTED else SignerStatus(said)
    changed = changed_columns(signer, body, SIGNER_FIELDS)
    if reported == SignerStatus.CANCELED:
        raise flow.ImpossibleTransition("CANCELED cannot be reported: a signer is canceled with its process.")
    if (signer.acted or reported) and _same_person(signer, changed):
        changed = {column: v for column, v in changed.items() if column not in ("country", "personal_code")}
    if signer.acted and (changed or reported):
        raise Frozen(f"The signer {signer} has already acted ({signer.status}); this cannot be changed.")
    brought: dict[str, Any] = {}
    if reported:
        brought = {c: changed.pop(c) for c in list(changed) if c == "comment" or (signer.anonymous and c in _PERSON)}
        _refuse_another_person(changed, pointer)
    if changed:
        _require_open(run, step)
        _note(run, f"signers/{signer.id}/", SIGNER_FIELDS, signer, changed)
        written_to_as = EMAIL_ROLE.get(Role(signer.role))
        run.touch(signer, **changed)
        if not changed.keys().isdisjoint(_PERSON):
            check_code(run, signer, pointer)
        run.touch(signer, **signer.search_columns())
        anew = not changed.keys().isdisjoint(_REACHED_BY) or EMAIL_ROLE.get(Role(signer.role)) != written_to_as
        if signer.status == SignerStatus.STARTED and anew:
            run.call(signer)
    return Report(signer, reported, brought) if reported else None


def changed_columns(row: Process | Step | Signer, body: Body, wire: dict[str, str]) -> dict[str, Any]:
    """The columns that a client may write and of which the body says something new."""
    changed = {}
    for column in wire.values():
        if column in body and column not in SERVERS:
            wanted = DEFAULTS.get(column) if body[column] is None else body[column]
            if not _same(getattr(row, column), wanted):
                changed[column] = wanted
    return changed


def _same(one: Any, other: Any) -> bool:
    """Whether two values are the same on the wire, where 1 is another value than true."""
    if isinstance(one, dict) and isinstance(other, dict):
        return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
    return one == other


def _edit_steps(run: Run, bodies: list[Body]) -> list[Report]:
    known = {str(step.id): step for step in run.steps}
    rows = [(f"{STEPS}/{i}/processStepSigners", body.get("signers", [])) for i, body in enumerate(bodies)]
    _require_known([(STEPS, bodies)], known, "step")
    _require_known(rows, {str(signer.id): signer for signer in run.signers}, "signer")
    kept_steps = {body.get("id") for body in bodies}
    silent = {known[body["id"]].id for body in bodies if body.get("id") and "signers" not in body}
    kept = {row.get("id") for _, listed in rows for row in listed}
    _remove_signers(run, [s for s in run.signers if str(s.id) not in kept and s.step_id not in silent])
    gone = [step for step in run.steps if str(step.id) not in kept_steps]
    for step in gone:
        _require_open(run, step)
        run.before |= step_paths(step)
    run.drop(gone)
    run.steps[:] = [known[body["id"]] for body in bodies if body.get("id")]
    reports = []
    for place, body in enumerate(bodies):
        if body.get("id"):
            reports += edit_step(run, known[body["id"]], body, pointer=f"{STEPS}/{place}", whole=True)
    for place, body in enumerate(bodies):
        if not body.get("id"):
            reports += _add_step(run, body, place)
    return reports


def _add_step(run: Run, body: Body, place: int) -> list[Report]:
    _require_running(run)
    step = add_step(run, {**body, "signers": []}, place=place)
    run.added.append(step)
    run.after |= step_paths(step)
    return edit_step(run, step, body, pointer=f"{STEPS}/{place}", whole=True)


def _edit_signers(run: Run, step: Step, bodies: list[Body], pointer: str, *, whole: bool) -> Iterator[Report]:
    known = {str(signer.id): signer for signer in run.signers}
    _require_known([(pointer, bodies)], known, "signer")
    listed = []
    for index, body in enumerate(bodies):
        signer = known.get(body.get("id") or "")
        if signer is None:
            _require_open(run, step)
            place = f"{pointer}/{index}"
            signer = add_signer(run, step, body, position=_next_position(run, step), pointer=place)
            run.added.append(signer)
            run.after |= signer_paths(signer)
        else:
            if signer.step_id != step.id:
                _move(run, signer, step, f"{pointer}/{index}/id", allowed=whole)
            if report := edit_signer(run, step, signer, body, f"{pointer}/{index}"):
                yield report
        listed.append(signer)
    if whole and any(a.position >= b.position for a, b in pairwise(listed)):
        _require_open(run, step)
        for position, signer in enumerate(listed):
            if signer.position != position:
                run.before[f"signers/{signer.id}/position"] = signer.position
                run.after[f"signers/{signer.id}/position"] = position
                run.touch(signer, position=position)


def _move(run: Run, signer: Signer, step: Step, pointer: str, *, allowed: bool) -> None:
    """Put a signer who has not acted into another step."""
    if not allowed:
        detail = "This signer stands in another step; move it with a PUT of the process."
        raise Invalid(faults=[Fault(detail, code="in_another_step", pointer=pointer)])
    if signer.acted:
        raise Frozen(f"The signer {signer} has already acted ({signer.status}); this cannot be moved.")
    left = next((other for other in run.steps if other.id == signer.step_id), None)
    for touched in (step, left):
        if touched is not None:
            _require_open(run, touched)
    run.before[f"signers/{signer.id}/step"] = str(signer.step_id)
    run.after[f"signers/{signer.id}/step"] = str(step.id)
    position = _next_position(run, step)
    run.touch(signer, step=step, position=position)
    if signer.status == SignerStatus.STARTED and step.status == StepStatus.WAITING_FOR_PREVIOUS:
        run.uncall(signer)


def _remove_signers(run: Run, signers: list[Signer]) -> None:
    for signer in signers:
        if signer.acted:
            raise Frozen(f"The signer {signer} has already acted ({signer.status}); this cannot be removed.")
        _require_open(run, run.step_of(signer))
        run.before |= signer_paths(signer)
    run.drop(signers)


def _same_person(signer: Signer, changed: dict[str, Any]) -> bool:
    """Whether country and code, as changed, still name the same person in another spelling."""
    country, code = (changed.get(c, getattr(signer, c)) for c in ("country", "personal_code"))
    return bool(signer.person_key) and person_key(country, code) == signer.person_key


def _refuse_another_person(changed: dict[str, Any], pointer: str) -> None:
    detail = "Only the act of an anonymous signer brings the person."
    wire = {column: name for name, column in SIGNER_FIELDS.items()}
    faults = [Fault(detail, code="not_anonymous", pointer=f"{pointer}/{wire[c]}") for c in changed if c in _PERSON]
    if faults:
        raise Invalid(faults=faults)


def _require_open(run: Run, step: Step) -> None:
    _require_running(run)
    if step.status == StepStatus.COMPLETED:
        raise Frozen(f"Step {step.process_order} is COMPLETED; it cannot be changed, moved or removed.")


def _require_running(run: Run) -> None:
    if run.process.finished:
        status = ProcessStatus(run.process.status)
        raise Frozen(f"The process is {status}; a finished process cannot be changed.")


def _require_known(lists: list[tuple[str, list[Body]]], known: dict[str, Any], what: str) -> None:
    """Every id names a row of this process, and none stands twice."""
    faults, seen = [], set()
    for pointer, bodies in lists:
        for index, body in enumerate(bodies):
            key = body.get("id")
            if not key:
                continue
            at = f"{pointer}/{index}/id"
            if key not in known:
                detail = f"This process has no {what} with this id; leave the id out to add one."
                faults.append(Fault(detail, code="unknown_id", pointer=at))
            elif key in seen:
                faults.append(Fault(f"This {what} stands here twice.", code="repeated", pointer=at))
            seen.add(key)
    if faults:
        raise Invalid(faults=faults)


def _next_position(run: Run, step: Step) -> int:
    return max((signer.position + 1 for signer in run.signers_of(step)), default=0)


def _note(run: Run, path: str, wire: dict[str, str], row: Any, changed: dict[str, Any]) -> None:
    for name, column in wire.items():
        if column in changed:
            run.before[path + name] = value(getattr(row, column))
            run.after[path + name] = value(changed[column])
