"""Rows made of bodies, and what must hold of a process as a whole."""

from config.api.fields import INT32
from config.api_values import Body
from config.errors import Fault, Invalid
from config.personal_codes import personal_code_faults
from config.vocabulary import Role, SignerStatus
from signing.actions.run import Run
from signing.models import Signer, Step
from signing.represent import SIGNER_FIELDS
from signing.serializers import MAX_SIGNERS, MAX_STEPS

STEPS = "#/signingProcessSteps"
NOT_ACTED = frozenset({SignerStatus.WAITING_FOR_PROCESS, SignerStatus.STARTED})

DEFAULTS = {"role": Role.SIGNER, "notification": True, "anonymous": False}
"""What a null stands for, where that is not null."""

SERVERS = frozenset({"id", "created_at", "completed_at", "status"})
"""Columns that only the server writes; a status in a body is a report, not an edit."""


def add_step(run: Run, body: Body, *, place: int) -> Step:
    """A step at that place of the list: its number is the place, from 1, or the next after the step before it."""
    order = body.get("process_order")
    if order is None:
        order = max(place, run.steps[place - 1].process_order if place else 0) + 1
    step = Step(process=run.process, process_order=order, due_at=body.get("due_at"))
    run.steps.insert(place, step)
    for index, row in enumerate(body.get("signers") or []):
        add_signer(run, step, row, position=index, pointer=f"{STEPS}/{place}/processStepSigners/{index}")
    return step


def add_signer(run: Run, step: Step, body: Body, *, position: int, pointer: str) -> Signer:
    if body.get("status") not in (None, *NOT_ACTED):
        detail = "A signer who is new has not acted; report the act when it has happened."
        run.faults.append(Fault(detail, code="not_called_yet", pointer=f"{pointer}/signingStatus"))
    columns = {c: DEFAULTS.get(c) if body.get(c) is None else body[c] for c in SIGNER_FIELDS.values()}
    wanted = {c: v for c, v in columns.items() if c not in SERVERS}
    signer = Signer(process=run.process, step=step, created_at=run.process.created_at, position=position, **wanted)
    for column, folded in signer.search_columns().items():
        setattr(signer, column, folded)
    run.signers.append(signer)
    check_code(run, signer, pointer)
    return signer


def check_code(run: Run, signer: Signer, pointer: str) -> None:
    """Note a personal code that cannot be one of its country."""
    run.faults += personal_code_faults(signer.country, signer.personal_code, f"{pointer}/signerPersonalCode")


def check_shape(run: Run) -> None:
    """`Invalid` unless there are steps with signers in them, not too many, each step with its own order, and
    nothing else was found wrong on the way."""
    faults = [*run.faults]
    if not run.steps:
        faults.append(Fault("A process needs at least one step.", code="no_steps", pointer=STEPS))
    if len(run.steps) > MAX_STEPS:
        faults.append(Fault(f"A process has at most {MAX_STEPS} steps.", code="too_many", pointer=STEPS))
    if len(run.signers) > MAX_SIGNERS:
        faults.append(Fault(f"A process has at most {MAX_SIGNERS} signers.", code="too_many", pointer=STEPS))
    populated = {signer.step_id for signer in run.signers}
    orders: set[int] = set()
    for index, step in enumerate(run.steps):
        if step.id not in populated:
            pointer = f"{STEPS}/{index}/processStepSigners"
            faults.append(Fault("A step needs at least one signer.", code="no_signers", pointer=pointer))
        if step.process_order in orders:
            detail = f"Two steps have the processOrder {step.process_order}; each needs its own."
            faults.append(Fault(detail, code="order_taken", pointer=f"{STEPS}/{index}/processOrder"))
        if step.process_order > INT32:
            detail = f"No number is left after the step before it; processOrder is at most {INT32}."
            faults.append(Fault(detail, code="max_value", pointer=f"{STEPS}/{index}/processOrder"))
        orders.add(step.process_order)
    if faults:
        raise Invalid(faults=faults)
