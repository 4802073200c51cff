"""The rows of one process: loaded under the process's row lock, looked up, and seen as a snapshot by `flow`."""

import uuid
from collections import defaultdict

from config.access.actor import Actor
from config.api import conditional
from config.errors import Fault, Forbidden, NotFound
from config.vocabulary import ProcessStatus, Role, SignerStatus, StepStatus
from signing import flow
from signing.models import Process, Signer, Step
from templates_app.rules import Rules


class ProcessRows:
    """A process with its steps and signers. Steps and signers are in the order in which they run.

    `warnings` are what the caller should know about an action: their pointers refer to the body of the request.
    """

    def __init__(self, process: Process, steps: list[Step], signers: list[Signer]) -> None:
        self.process = process
        self.steps = steps
        self.signers = signers
        self.warnings: list[Fault] = []

    def step(self, step_id: uuid.UUID) -> Step:
        """Return the step; `NotFound` if it was removed before the lock was taken."""
        for step in self.steps:
            if step.id == step_id:
                return step
        raise NotFound

    def signer(self, signer_id: uuid.UUID) -> Signer:
        """Return the signer; `NotFound` if it was removed before the lock was taken."""
        for signer in self.signers:
            if signer.id == signer_id:
                return signer
        raise NotFound

    def signers_of(self, step: Step) -> list[Signer]:
        signers = [signer for signer in self.signers if signer.step_id == step.id]
        return sorted(signers, key=lambda signer: signer.position)

    def step_of(self, signer: Signer) -> Step:
        return self.step(signer.step_id)

    def running_step(self) -> Step | None:
        return next((step for step in self.steps if step.status == StepStatus.STARTED), None)

    def snapshot(self) -> flow.ProcessState:
        """Return the process as `flow` sees it."""
        signers: dict[uuid.UUID, list[flow.SignerState]] = defaultdict(list)
        for row in self.signers:
            signers[row.step_id].append(flow.SignerState(row.id, Role(row.role), SignerStatus(row.status)))
        steps = [
            flow.StepState(row.id, tuple(signers[row.id]), StepStatus(row.status))
            for row in sorted(self.steps, key=lambda step: step.process_order)
        ]
        rules = Rules.from_json(self.process.rules)
        return flow.ProcessState(
            ProcessStatus(self.process.status),
            tuple(steps),
            continue_on_decline=rules.continue_on_decline,
            review_required=rules.review_required,
        )


def lock(process: Process, *, expected: frozenset[str] | None = None) -> ProcessRows:
    """Lock the process row, the first lock of every action, and load its steps and signers.

    Raises `NotFound` if the process was deleted, and `conditional.Stale` if `expected`, the entity tags of the
    caller's `If-Match`, does not contain the current version.
    """
    row = Process.objects.select_for_update().filter(pk=process.pk).first()
    if row is None:
        raise NotFound
    conditional.require(row.version, expected)
    signers = row.signers.order_by("step__process_order", "position", "id")
    return ProcessRows(row, list(row.steps.all()), list(signers))


def lock_managed(process: Process, *, actor: Actor, expected: frozenset[str] | None = None) -> ProcessRows:
    """Lock the process; `Forbidden` unless the caller may change it."""
    rows = lock(process, expected=expected)
    if not rows.process.managed_by(actor):
        raise Forbidden(
            "Only the initiator and the owner group may change this process; other callers require the right "
            "'administer' or 'on_behalf'."
        )
    return rows
