"""The rules of a signing process. Pure: no query, no clock, no email.

A `ProcessState` is a frozen snapshot of a process with its steps and signers. Each move takes a snapshot and returns
the next one, including everything that follows from the move: which step completes, which step starts, whether the
process ends. `transitions` lists what differs between two snapshots; `signing.actions` turns each difference into a
status, an audit event and emails. People, documents and time are left to the callers.
"""

from dataclasses import dataclass, replace
from enum import Enum
from uuid import UUID

from config.errors import DomainError
from config.vocabulary import EventType, ProcessStatus, Role, SignerStatus, StepStatus


class Move(Enum):
    """What can happen to a process as a whole."""

    START = "started"
    COMPLETE = "completed"
    DECLINE = "declined"
    CANCEL = "canceled"


MOVES: dict[tuple[ProcessStatus, Move], ProcessStatus] = {
    (ProcessStatus.PENDING, Move.START): ProcessStatus.STARTED,
    (ProcessStatus.PENDING, Move.CANCEL): ProcessStatus.CANCELED,
    (ProcessStatus.STARTED, Move.CANCEL): ProcessStatus.CANCELED,
    (ProcessStatus.STARTED, Move.COMPLETE): ProcessStatus.COMPLETED,
    (ProcessStatus.STARTED, Move.DECLINE): ProcessStatus.DECLINED,
}

# The audit event of each status that the process, or a signer of a role, reaches. The same event is the occasion of
# emails (`signing.messages.MATRIX`). A status that is not listed has no event of its own: a decline that ends the
# process is recorded as the signer's act, and a canceled signer as part of the process.
PROCESS_EVENTS: dict[ProcessStatus, EventType] = {
    ProcessStatus.STARTED: EventType.PROCESS_STARTED,
    ProcessStatus.COMPLETED: EventType.PROCESS_COMPLETED,
    ProcessStatus.CANCELED: EventType.PROCESS_CANCELED,
}
ACT_EVENTS: dict[tuple[Role, SignerStatus], EventType] = {
    (Role.SIGNER, SignerStatus.SIGNED): EventType.SIGNER_SIGNED,
    (Role.SIGNER, SignerStatus.DECLINED): EventType.SIGNER_DECLINED,
    (Role.INITIATOR, SignerStatus.SIGNED): EventType.SIGNER_SIGNED,
    (Role.INITIATOR, SignerStatus.DECLINED): EventType.SIGNER_DECLINED,
    (Role.APPROVER, SignerStatus.APPROVED): EventType.APPROVER_APPROVED,
    (Role.APPROVER, SignerStatus.DECLINED): EventType.APPROVER_DECLINED,
    (Role.VIEWER, SignerStatus.VIEWED): EventType.PROCESS_OPENED,
}

# Roles that a step waits for.
ACTING = frozenset({Role.SIGNER, Role.APPROVER, Role.INITIATOR})

ACTED = frozenset(status for _, status in ACT_EVENTS)
NOT_ACTED = frozenset({SignerStatus.WAITING_FOR_PROCESS, SignerStatus.STARTED})
FINAL = frozenset({ProcessStatus.COMPLETED, ProcessStatus.CANCELED, ProcessStatus.DECLINED})

# A viewer may still view a completed process, but not one that was stopped.
_STATUSES_FOR_VIEWING = frozenset({ProcessStatus.STARTED, ProcessStatus.COMPLETED})
_STATUSES_FOR_ACTING = frozenset({ProcessStatus.STARTED})

# Steps run in this order of statuses.
_STEP_RANK = {StepStatus.COMPLETED: 0, StepStatus.STARTED: 1, StepStatus.WAITING_FOR_PREVIOUS: 2}


class ImpossibleTransition(DomainError):
    """The current state does not allow the move; the detail names that state."""

    code = "impossible_transition"
    status = 409


class NoActingSigner(DomainError):
    """A process of viewers only would complete without any act."""

    code = "nobody_acts"
    detail = "A process must have at least one SIGNER, APPROVER or INITIATOR in a step."


class OutOfOrder(DomainError):
    """Steps run by processOrder: completed steps and the running step come before waiting steps."""

    code = "step_out_of_order"
    status = 409
    detail = "A waiting step must not come before a step that has started; give it a higher processOrder."


class ReviewNeeded(DomainError):
    """The document profile requires an approval before the first signature."""

    code = "review_required"
    detail = "This document type requires a review: a step with an APPROVER must come before the first SIGNER's step."


@dataclass(frozen=True, slots=True)
class SignerState:
    id: UUID
    role: Role
    status: SignerStatus = SignerStatus.WAITING_FOR_PROCESS

    @property
    def holds_up_step(self) -> bool:
        """Whether the step waits for this signer."""
        return self.role in ACTING and self.status in NOT_ACTED


@dataclass(frozen=True, slots=True)
class StepState:
    id: UUID
    signers: tuple[SignerState, ...]
    status: StepStatus = StepStatus.WAITING_FOR_PREVIOUS


@dataclass(frozen=True, slots=True)
class ProcessState:
    """A snapshot of a process. `steps` are in the order in which they run."""

    status: ProcessStatus
    steps: tuple[StepState, ...]
    continue_on_decline: bool = False
    review_required: bool = False

    @property
    def signers(self) -> list[SignerState]:
        signers: list[SignerState] = []
        for step in self.steps:
            signers += step.signers
        return signers


@dataclass(frozen=True, slots=True)
class Transition:
    """One status that differs between two snapshots: of a signer, of a step, or of the process if both are None.

    `event` is the audit event and the occasion of emails, if there is one.
    """

    before: ProcessStatus | StepStatus | SignerStatus
    after: ProcessStatus | StepStatus | SignerStatus
    event: EventType | None = None
    step: StepState | None = None
    signer: SignerState | None = None


def after(status: ProcessStatus, move: Move) -> ProcessStatus:
    """Return the status that the move leads to, or raise `ImpossibleTransition`."""
    if (status, move) not in MOVES:
        raise ImpossibleTransition(f"A {status} process cannot be {move.value}.")
    return MOVES[status, move]


def after_start(process: ProcessState) -> ProcessState:
    """Start the process and its first step."""
    started = replace(process, status=after(process.status, Move.START))
    require_roles(started)
    return advance(started)


def after_cancel(process: ProcessState) -> ProcessState:
    """Cancel the process for every signer who has not acted."""
    return _stop(process, Move.CANCEL)


def after_act(process: ProcessState, signer_id: UUID, status: SignerStatus) -> ProcessState:
    """Let one signer sign, approve, view or decline. Raises `ImpossibleTransition`."""
    signer = next(signer for signer in process.signers if signer.id == signer_id)
    allowed = acts_of(signer.role)
    if status not in allowed:
        names = ", ".join(sorted(allowed)) or "none"
        raise ImpossibleTransition(f"{status} cannot be reported for the role {signer.role}. Allowed: {names}.")
    if process.status not in _statuses_for_act(signer.role):
        raise ImpossibleTransition(f"{status} cannot be reported in a {process.status} process.")
    if signer.status != SignerStatus.STARTED:
        raise ImpossibleTransition(f"{status} cannot be reported for a signer who is {signer.status}.")

    acted = _with_statuses(process, {signer_id: status})
    if status == SignerStatus.DECLINED and not process.continue_on_decline:
        return _stop(acted, Move.DECLINE)
    return advance(acted)


def acts_of(role: Role) -> frozenset[SignerStatus]:
    """Return the statuses that a signer of this role can report."""
    return frozenset(status for acting_role, status in ACT_EVENTS if acting_role == role)


def allowed_acts(role: Role, status: SignerStatus, process_status: ProcessStatus) -> list[SignerStatus]:
    """Return the statuses that a signer may report now; empty unless it is the signer's turn."""
    if status == SignerStatus.STARTED and process_status in _statuses_for_act(role):
        return sorted(acts_of(role))
    return []


def advance(process: ProcessState) -> ProcessState:
    """Complete the running step if no signer holds it up, start the next one, and complete the process after the last.

    Nothing changes unless the process is `STARTED`. Signers who were added to the running step are started too.
    """
    if process.status != ProcessStatus.STARTED:
        return process
    require_order(process)
    steps = list(process.steps)
    for index, step in enumerate(steps):
        if step.status == StepStatus.COMPLETED:
            continue
        running = _started(step)
        if any(signer.holds_up_step for signer in running.signers):
            steps[index] = running
            return replace(process, steps=tuple(steps))
        steps[index] = replace(running, status=StepStatus.COMPLETED)
    return replace(process, steps=tuple(steps), status=after(process.status, Move.COMPLETE))


def transitions(before: ProcessState, after: ProcessState) -> list[Transition]:
    """List what differs between two snapshots of one process, in the order in which it is recorded.

    The order is: steps, the start of the process, acts, signers whose turn it is, canceled signers, the end.
    """
    steps_before = {step.id: step.status for step in before.steps}
    steps = [Transition(steps_before[step.id], step.status, step=step) for step in after.steps]
    signers_before = {signer.id: signer.status for signer in before.signers}
    signers = [
        Transition(signers_before[signer.id], signer.status, _signer_event(signer), signer=signer)
        for signer in after.signers
    ]
    acts = [transition for transition in signers if transition.after in ACTED]
    calls = [transition for transition in signers if transition.after == SignerStatus.STARTED]
    cancellations = [transition for transition in signers if transition.after == SignerStatus.CANCELED]
    process = Transition(before.status, after.status, PROCESS_EVENTS.get(after.status))
    ordered = [*steps, *acts, *calls, *cancellations, process]
    if after.status == ProcessStatus.STARTED:
        ordered = [*steps, process, *acts, *calls, *cancellations]
    return [transition for transition in ordered if transition.before != transition.after]


def require_order(process: ProcessState) -> None:
    """Raise `OutOfOrder` if a waiting step comes before one that has started."""
    ranks = [_STEP_RANK[step.status] for step in process.steps if step.status in _STEP_RANK]
    if ranks != sorted(ranks):
        raise OutOfOrder


def require_roles(process: ProcessState) -> None:
    """Raise `NoActingSigner`, or `ReviewNeeded` if the profile requires a review that is missing."""
    if not any(signer.role in ACTING for signer in process.signers):
        raise NoActingSigner
    if process.review_required and not _is_reviewed(process):
        raise ReviewNeeded


def totals(signers: list[tuple[str, str]]) -> tuple[int, int]:
    """Return (totalSigners, totalSigned) for the (role, status) of each signer."""
    acting = [status for role, status in signers if role in ACTING]
    signed = [status for status in acting if status in (SignerStatus.SIGNED, SignerStatus.APPROVED)]
    return len(acting), len(signed)


def _statuses_for_act(role: Role) -> frozenset[ProcessStatus]:
    if role == Role.VIEWER:
        return _STATUSES_FOR_VIEWING
    return _STATUSES_FOR_ACTING


def _is_reviewed(process: ProcessState) -> bool:
    """Whether an approver's step comes before the first signer's step. A process without a signer needs no review."""
    approved = False
    for step in process.steps:
        roles = {signer.role for signer in step.signers}
        if Role.SIGNER in roles:
            return approved
        approved = approved or Role.APPROVER in roles
    return True


def _started(step: StepState) -> StepState:
    """The step as it runs: each of its signers who was waiting is started."""
    waiting = [signer for signer in step.signers if signer.status == SignerStatus.WAITING_FOR_PROCESS]
    signers = _changed(step.signers, dict.fromkeys([signer.id for signer in waiting], SignerStatus.STARTED))
    return replace(step, status=StepStatus.STARTED, signers=signers)


def _stop(process: ProcessState, move: Move) -> ProcessState:
    """End the process; its signers who have not acted and its steps that are not completed are canceled."""
    status = after(process.status, move)
    open_ids = [signer.id for signer in process.signers if signer.status in NOT_ACTED]
    stopped = _with_statuses(process, dict.fromkeys(open_ids, SignerStatus.CANCELED))
    steps = []
    for step in stopped.steps:
        if step.status != StepStatus.COMPLETED:
            step = replace(step, status=StepStatus.CANCELED)
        steps.append(step)
    return replace(stopped, status=status, steps=tuple(steps))


def _with_statuses(process: ProcessState, statuses: dict[UUID, SignerStatus]) -> ProcessState:
    """The process with the given statuses of signers, by id."""
    steps = [replace(step, signers=_changed(step.signers, statuses)) for step in process.steps]
    return replace(process, steps=tuple(steps))


def _changed(signers: tuple[SignerState, ...], statuses: dict[UUID, SignerStatus]) -> tuple[SignerState, ...]:
    changed = list(signers)
    for index, signer in enumerate(signers):
        # The others are not copied, because a replay of a large process changes one signer at a time.
        if signer.id in statuses:
            changed[index] = replace(signer, status=statuses[signer.id])
    return tuple(changed)


def _signer_event(signer: SignerState) -> EventType | None:
    if signer.status == SignerStatus.STARTED:
        return EventType.TASK_STARTED
    return ACT_EVENTS.get((signer.role, signer.status))
