"""A body held against a locked run: what is changed, added and removed, and which acts it reports.

Bodies are what the serializers make of the wire's JSON: column names, only the keys that were
sent. Absent keys stay as they are, null clears. What has happened cannot be rewritten.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from config.errors import DomainError, Fault, Invalid
from config.vocabulary import ProcessStatus, Role, SignerStatus, StepStatus
from signing import flow
from signing.actions.run import Run
from signing.models import Process, Signer, Step
from signing.represent import PROCESS_WIRE, SIGNER_WIRE, STEP_WIRE, value

Body = dict[str, Any]

MAX_STEPS = 100
MAX_SIGNERS = 500

_DEFAULTS = {"role": Role.SIGNER, "notification": True, "anonymous": False}
_BROUGHT_BY_ACT = ("comment",)
_BROUGHT_BY_ANONYMOUS_ACT = ("comment", "name", "country", "personal_code")
_NOT_ACTED = frozenset({SignerStatus.WAITING_FOR_PROCESS, SignerStatus.STARTED})
# Columns that only the server writes; a status in a body is a report, not an edit.
_SERVERS = frozenset({"id", "created_at", "completed_at", "status"})
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
    changed = differences(process, body, PROCESS_WIRE)
    if changed.get("initiator", "") is None:
        detail = "A process has an initiator; leave it out to keep the present one."
        raise Invalid(faults=[Fault(detail, code="null", pointer="#/initiator")])
    if changed and process.finished:
        raise _finished(process)
    _note(run, "", PROCESS_WIRE, process, changed)
    if changed:
        run.touch(process, **changed)
        run.touch(process, **process.folded())
    if "steps" not in body:
        return []
    reports = _edit_steps(run, body["steps"])
    check_shape(run)
    return reports


def edit_step(run: Run, step: Step, body: Body, *, pointer: str = "#", removes: bool = False) -> list[Report]:
    """Apply a step's body; signers that it leaves out are removed only if `removes`."""
    changed = differences(step, body, STEP_WIRE)
    if changed.get("process_order", 0) is None:
        del changed["process_order"]
    if changed:
        _require_open(run, step)
        _note(run, f"steps/{step.id}/", STEP_WIRE, step, changed)
        if "process_order" in changed:
            run.move_step(step, changed.pop("process_order"))
        run.touch(step, **changed)
    if "signers" not in body:
        return []
    return list(_edit_signers(run, step, body["signers"], pointer=f"{pointer}/processStepSigners", removes=removes))


def add_step(run: Run, body: Body, *, position: int) -> Step:
    order = body.get("process_order")
    step = Step(process=run.process, process_order=position if order is None else order, due_at=body.get("due_at"))
    run.steps.append(step)
    for index, row in enumerate(body.get("signers") or []):
        add_signer(run, step, row, position=index)
    return step


def add_signer(run: Run, step: Step, body: Body, *, position: int) -> Signer:
    columns = {c: _DEFAULTS.get(c) if body.get(c) is None else body[c] for c in SIGNER_WIRE.values()}
    wanted = {c: v for c, v in columns.items() if c not in _SERVERS}
    signer = Signer(process=run.process, step=step, position=position, **wanted)
    for column, folded in signer.folded().items():
        setattr(signer, column, folded)
    run.signers.append(signer)
    return signer


def everything(run: Run) -> dict[str, Any]:
    """The process with its steps and signers by path, as `before` and `after` of events hold it."""
    paths = _row("", PROCESS_WIRE, run.process)
    for step in run.steps:
        paths |= _row(f"steps/{step.id}/", STEP_WIRE, step)
    for signer in run.signers:
        paths |= _row(f"signers/{signer.id}/", SIGNER_WIRE, signer)
    return paths


def check_shape(run: Run) -> None:
    """`Invalid` unless there are steps with signers in them, not too many, each step with its own order."""
    at = "#/signingProcessSteps"
    faults = []
    if not run.steps:
        faults.append(Fault("A process needs at least one step.", code="no_steps", pointer=at))
    if len(run.steps) > MAX_STEPS:
        faults.append(Fault(f"A process has at most {MAX_STEPS} steps.", code="too_many", pointer=at))
    if len(run.signers) > MAX_SIGNERS:
        faults.append(Fault(f"A process has at most {MAX_SIGNERS} signers.", code="too_many", pointer=at))
    populated = {signer.step_id for signer in run.signers}
    orders: set[int] = set()
    for index, step in enumerate(run.steps):
        if step.id not in populated:
            pointer = f"{at}/{index}/processStepSigners"
            faults.append(Fault("A step needs at least one signer.", code="no_signers", pointer=pointer))
        if step.process_order in orders:
            detail = f"Two steps have the processOrder {step.process_order}; each needs its own."
            faults.append(Fault(detail, code="order_taken", pointer=f"{at}/{index}/processOrder"))
        orders.add(step.process_order)
    if faults:
        raise Invalid(faults=faults)


def _edit_steps(run: Run, bodies: list[Body]) -> list[Report]:
    known = {str(step.id): step for step in run.steps}
    _require_known(bodies, known, "#/signingProcessSteps", "step")
    kept: list[Step] = []
    reports: list[Report] = []
    for index, body in enumerate(bodies):
        step = known.get(body.get("id") or "")
        if step is None:
            _require_running(run)
            step = add_step(run, {**body, "signers": []}, position=index + 1)
            run.added.append(step)
            run.after |= _row(f"steps/{step.id}/", STEP_WIRE, step)
        reports += edit_step(run, step, body, pointer=f"#/signingProcessSteps/{index}", removes=True)
        kept.append(step)
    _remove_steps(run, [step for step in run.steps if step not in kept])
    run.steps[:] = kept
    return reports


def _remove_steps(run: Run, steps: list[Step]) -> None:
    for step in steps:
        _require_open(run, step)
        run.before |= _row(f"steps/{step.id}/", STEP_WIRE, step)
        _remove_signers(run, run.signers_of(step))
    run.drop(steps)


def _edit_signers(run: Run, step: Step, bodies: list[Body], *, pointer: str, removes: bool) -> Iterator[Report]:
    known = {str(signer.id): signer for signer in run.signers}
    _require_known(bodies, known, pointer, "signer")
    kept = set()
    for index, body in enumerate(bodies):
        signer = known.get(body.get("id") or "")
        if signer is None:
            _require_open(run, step)
            signer = add_signer(run, step, body, position=_next_position(run, step))
            run.added.append(signer)
            run.after |= _row(f"signers/{signer.id}/", SIGNER_WIRE, signer)
        elif signer.step_id != step.id:
            detail = "This signer stands in another step; to add it here leave out the id."
            raise Invalid(faults=[Fault(detail, code="in_another_step", pointer=f"{pointer}/{index}/id")])
        elif report := edit_signer(run, step, signer, body):
            yield report
        kept.add(signer.id)
    if removes:
        _remove_signers(run, [signer for signer in run.signers_of(step) if signer.id not in kept])


def edit_signer(run: Run, step: Step, signer: Signer, body: Body) -> Report | None:
    said = body.get("status")
    if signer.acted and said in _NOT_ACTED:
        return None  # read before the act: a stale row says nothing
    reported = None if said in (None, signer.status) or said in _NOT_ACTED else SignerStatus(said)
    changed = differences(signer, body, SIGNER_WIRE)
    if reported == SignerStatus.CANCELED:
        raise flow.ImpossibleTransition("CANCELED cannot be reported: a signer is canceled with its process.")
    if signer.acted and (changed or reported):
        raise Frozen(f"The signer {signer} has already acted ({signer.status}); this cannot be changed.")
    brought: dict[str, Any] = {}
    if reported:
        carried = _BROUGHT_BY_ANONYMOUS_ACT if signer.anonymous else _BROUGHT_BY_ACT
        brought = {column: changed.pop(column) for column in carried if column in changed}
    if changed:
        _require_open(run, step)
        _note(run, f"signers/{signer.id}/", SIGNER_WIRE, signer, changed)
        run.touch(signer, **changed)
        run.touch(signer, **signer.folded())
        if signer.status == SignerStatus.STARTED and not changed.keys().isdisjoint(_REACHED_BY):
            run.call(signer)
    return Report(signer, reported, brought) if reported else None


def _remove_signers(run: Run, signers: list[Signer]) -> None:
    for signer in signers:
        if signer.acted:
            raise Frozen(f"The signer {signer} has already acted ({signer.status}); this cannot be removed.")
        _require_open(run, run.step_of(signer))
        run.before |= _row(f"signers/{signer.id}/", SIGNER_WIRE, signer)
    run.drop(signers)


def _require_open(run: Run, step: Step) -> None:
    _require_running(run)
    if step.status == StepStatus.COMPLETED:
        raise Frozen(f"Step {step.process_order} is COMPLETED; it cannot be changed, moved or removed.")


def _require_running(run: Run) -> None:
    if run.process.finished:
        raise _finished(run.process)


def _finished(process: Process) -> Frozen:
    return Frozen(f"The process is {ProcessStatus(process.status)}; a finished process cannot be changed.")


def _require_known(bodies: list[Body], known: dict[str, Any], pointer: str, what: str) -> None:
    faults, seen = [], set()
    for index, body in enumerate(bodies):
        key = body.get("id")
        if not key:
            continue
        if key not in known:
            detail = f"This process has no {what} with this id; leave the id out to add one."
            faults.append(Fault(detail, code="unknown_id", pointer=f"{pointer}/{index}/id"))
        elif key in seen:
            faults.append(Fault(f"This {what} stands here twice.", code="repeated", pointer=f"{pointer}/{index}/id"))
        seen.add(key)
    if faults:
        raise Invalid(faults=faults)


def _next_position(run: Run, step: Step) -> int:
    return max((signer.position + 1 for signer in run.signers_of(step)), default=0)


def differences(row: Process | Step | Signer, body: Body, wire: dict[str, str]) -> dict[str, Any]:
    changed = {}
    for column in wire.values():
        if column in body and column not in _SERVERS:
            wanted = _DEFAULTS.get(column) if body[column] is None else body[column]
            if getattr(row, column) != wanted:
                changed[column] = wanted
    return changed


def _note(run: Run, path: str, wire: dict[str, str], row: Any, changed: dict[str, Any]) -> None:
    for name, column in wire.items():
        if column in changed:
            run.before[path + name] = value(getattr(row, column))
            run.after[path + name] = value(changed[column])


def _row(path: str, wire: dict[str, str], row: Any) -> dict[str, Any]:
    return {path + name: value(getattr(row, column)) for name, column in wire.items() if column != "id"}
