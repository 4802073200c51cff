"""The rules of a signing process, pure: no query, no clock, no mail.

A process is a frozen `Process` of steps of signers. Each move takes one and gives the next, with
everything that follows from the move already done: what closes, what opens, what ends. Nothing
here knows people, documents or time; `signing.actions` turns the difference between two
snapshots into rows, audit events and messages.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum, auto
from uuid import UUID

from config.errors import DomainError
from config.vocabulary import ProcessStatus as P
from config.vocabulary import Role
from config.vocabulary import SignerStatus as S
from config.vocabulary import StepStatus as T


class Move(Enum):
    START = auto()
    COMPLETE = auto()
    DECLINE = auto()
    CANCEL = auto()


MOVES: dict[tuple[P, Move], P] = {
    (P.PENDING, Move.START): P.STARTED,
    (P.PENDING, Move.CANCEL): P.CANCELED,
    (P.STARTED, Move.CANCEL): P.CANCELED,
    (P.STARTED, Move.COMPLETE): P.COMPLETED,
    (P.STARTED, Move.DECLINE): P.DECLINED,
}

ACTS: dict[Role, frozenset[S]] = {
    Role.SIGNER: frozenset({S.SIGNED, S.DECLINED}),
    Role.INITIATOR: frozenset({S.SIGNED, S.DECLINED}),
    Role.APPROVER: frozenset({S.APPROVED, S.DECLINED}),
    Role.VIEWER: frozenset({S.VIEWED}),
    Role.ADMINISTRATOR: frozenset(),
}
"""What a signer of each role may report once it is its turn."""

ACTING = frozenset({Role.SIGNER, Role.APPROVER, Role.INITIATOR})
"""Roles that a step waits for."""

ACTED = frozenset({S.SIGNED, S.APPROVED, S.VIEWED, S.DECLINED})
FINAL = frozenset({P.COMPLETED, P.CANCELED, P.DECLINED})
_DONE = frozenset({S.SIGNED, S.APPROVED, S.DECLINED})
# A viewer may still look when the process has completed, but not when it was stopped.
_ACTS_ALLOWED_IN = {Role.VIEWER: frozenset({P.STARTED, P.COMPLETED})}


class ImpossibleTransition(DomainError):
    """The present state does not allow the move; the detail names that state."""

    code = "impossible_transition"
    status = 409


class NobodyActs(DomainError):
    """A process in which nobody signs or approves would end without anybody having acted."""

    code = "nobody_acts"
    detail = "Nobody in this process signs or approves: it needs a SIGNER, an APPROVER or an INITIATOR in a step."


class OutOfOrder(DomainError):
    """Steps run by processOrder: what has run or runs stands before what waits."""

    code = "step_out_of_order"
    status = 409
    detail = "A step that still waits cannot stand before one that has started; give it a higher processOrder."


class ReviewNeeded(DomainError):
    """The document's profile asks that somebody approves before the first signature."""

    code = "review_required"
    detail = "This document type needs a review: a step with an APPROVER has to precede the first SIGNER's step."


@dataclass(frozen=True, slots=True)
class Signer:
    id: UUID
    role: Role
    status: S = S.WAITING_FOR_PROCESS

    @property
    def holds_up(self) -> bool:
        """Whether the step waits for this signer."""
        return self.role in ACTING and self.status not in _DONE


@dataclass(frozen=True, slots=True)
class Step:
    id: UUID
    signers: tuple[Signer, ...]
    status: T = T.WAITING_FOR_PREVIOUS


@dataclass(frozen=True, slots=True)
class Process:
    """A snapshot; `steps` stand in the order in which they run."""

    status: P
    steps: tuple[Step, ...]
    continue_on_decline: bool = False
    review_required: bool = False

    @property
    def signers(self) -> tuple[Signer, ...]:
        return tuple(signer for step in self.steps for signer in step.signers)


def after(status: P, move: Move) -> P:
    """The status that the move leads to; `ImpossibleTransition` if it leads nowhere."""
    try:
        return MOVES[status, move]
    except KeyError:
        raise ImpossibleTransition(f"The process is {status}: it cannot {move.name.lower()} any more.") from None


def start(process: Process) -> Process:
    """Open the first step, and what follows from that."""
    started = replace(process, status=after(process.status, Move.START))
    return advance(require_roles(started))


def cancel(process: Process) -> Process:
    """End the process for everybody who has not acted yet."""
    return _stop(process, Move.CANCEL)


def act(process: Process, signer_id: UUID, status: S) -> Process:
    """One signer signs, approves, looks or declines, and what follows from that."""
    signer = next(s for s in process.signers if s.id == signer_id)
    if status not in ACTS[signer.role]:
        allowed = ", ".join(sorted(ACTS[signer.role])) or "nothing"
        raise ImpossibleTransition(f"The role {signer.role} may report {allowed}, not {status}.")
    if process.status not in _ACTS_ALLOWED_IN.get(signer.role, {P.STARTED}):
        raise ImpossibleTransition(f"The process is {process.status}: {status} cannot be reported.")
    if signer.status != S.STARTED:
        raise ImpossibleTransition(f"This signer is {signer.status}: {status} cannot be reported.")
    process = _each_signer(process, lambda s: replace(s, status=status) if s.id == signer_id else s)
    if status == S.DECLINED and not process.continue_on_decline:
        return _stop(process, Move.DECLINE)
    return advance(process)


def may_report(role: Role, status: S, process: P) -> list[S]:
    """What a signer may report now: nothing unless it is its turn."""
    turn = status == S.STARTED and process in _ACTS_ALLOWED_IN.get(role, {P.STARTED})
    return sorted(ACTS[role]) if turn else []


def advance(process: Process) -> Process:
    """Close the running step if nobody holds it up, open the next, complete after the last.

    Nothing happens unless the process is `STARTED`. Signers of the running step who were not
    called yet (added while it runs) are called, those of waiting steps are not.
    """
    if process.status != P.STARTED:
        return process
    steps = list(in_order(process).steps)
    for index, step in enumerate(steps):
        if step.status == T.COMPLETED:
            continue
        steps[index] = step = _called(step)
        if any(signer.holds_up for signer in step.signers):
            break
        steps[index] = replace(step, status=T.COMPLETED)
    else:
        process = replace(process, status=after(process.status, Move.COMPLETE))
    return replace(process, steps=tuple(steps))


def in_order(process: Process) -> Process:
    """The process itself, or `OutOfOrder` when a step that waits stands before one that does not."""
    rank = {T.COMPLETED: 0, T.STARTED: 1, T.WAITING_FOR_PREVIOUS: 2}
    ranks = [rank[step.status] for step in process.steps if step.status in rank]
    if ranks != sorted(ranks):
        raise OutOfOrder
    return process


def require_roles(process: Process) -> Process:
    """The process itself, or `NobodyActs`, or `ReviewNeeded` where its rules ask for a review before signing."""
    if not any(signer.role in ACTING for signer in process.signers):
        raise NobodyActs
    roles = [{signer.role for signer in step.signers} for step in process.steps]
    first = next((place for place, within in enumerate(roles) if Role.SIGNER in within), None)
    if process.review_required and first is not None and not any(Role.APPROVER in within for within in roles[:first]):
        raise ReviewNeeded
    return process


def totals(signers: list[tuple[str, str]]) -> tuple[int, int]:
    """(totalSigners, totalSigned) of the (role, status) of each signer."""
    acting = [status for role, status in signers if role in ACTING]
    return len(acting), sum(status in (S.SIGNED, S.APPROVED) for status in acting)


def _called(step: Step) -> Step:
    waiting = S.WAITING_FOR_PROCESS
    signers = tuple(replace(s, status=S.STARTED) if s.status == waiting else s for s in step.signers)
    return replace(step, status=T.STARTED, signers=signers)


def _stop(process: Process, move: Move) -> Process:
    status = after(process.status, move)
    open_signer = {S.WAITING_FOR_PROCESS, S.STARTED}
    stopped = _each_signer(process, lambda s: replace(s, status=S.CANCELED) if s.status in open_signer else s)
    steps = tuple(s if s.status == T.COMPLETED else replace(s, status=T.CANCELED) for s in stopped.steps)
    return replace(stopped, status=status, steps=steps)


def _each_signer(process: Process, change: Callable[[Signer], Signer]) -> Process:
    steps = tuple(replace(step, signers=tuple(map(change, step.signers))) for step in process.steps)
    return replace(process, steps=steps)
