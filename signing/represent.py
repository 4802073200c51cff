"""Rows as JSON objects of the API: for pages, single responses, tasks and audit events.

Lists need two queries, however many processes they hold. A caller who is a signer of a process but does not manage it
sees other people without personal codes, email addresses and private notes.
"""

import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from django.db.models import Model

from config.access.actor import Actor
from config.api.fields import api_fields
from config.api_values import Body, JsonObject, value
from config.errors import Fault
from config.personal_codes import personal_code_warnings
from config.vocabulary import ProcessStatus, Role, SignerStatus, StepStatus
from signing import flow
from signing.models import Process, Signer, Step
from signing.serializers import ProcessSerializer, SignerSerializer, StepSerializer
from templates_app.rules import Rules

# API field -> column.
PROCESS_FIELDS = api_fields(ProcessSerializer, Process)
STEP_FIELDS = api_fields(StepSerializer, Step)
SIGNER_FIELDS = api_fields(SignerSerializer, Signer)

# The name of each rule in audit events -> its field in `Rules`.
RULES_FIELDS = {
    "seal": "seal",
    "isSealRequired": "is_seal_required",
    "continueOnDecline": "continue_on_decline",
    "reviewRequired": "review_required",
    "attributeRules": "attributes",
}

# The fields of a signer that only the signer and those who manage the process see.
PRIVATE_FIELDS = ("signerPersonalCode", "signerEmail", "commentForSigner")

# A row by its columns, from `values()` or from an instance.
Columns = Mapping[str, object]

Children = tuple[Sequence[Step], Sequence[Signer]]


# --- For the API ------------------------------------------------------------------------------


def processes(rows: Iterable[Process], actor: Actor) -> list[JsonObject]:
    """Return each process with its steps and signers. Two queries."""
    page = list(rows)
    ids = [process.id for process in page]
    steps = Step.objects.filter(process__in=ids).order_by("process_order")
    signers = Signer.objects.filter(process__in=ids).order_by("position", "id")
    return _processes(
        page,
        steps.values(*STEP_FIELDS.values(), "process_id"),
        signers.values(*SIGNER_FIELDS.values(), "process_id", "step_id", "person_key", "called_at"),
        actor,
    )


def process(row: Process, actor: Actor, children: Children | None = None) -> JsonObject:
    """Return one process. `children` are its steps and signers, if they are loaded already."""
    if children is None:
        return processes([row], actor)[0]
    steps = sorted(children[0], key=lambda step: step.process_order)
    signers = sorted(children[1], key=lambda signer: (signer.position, signer.id))
    return _processes([row], map(vars, steps), map(vars, signers), actor)[0]


def step(row: Process, step_id: uuid.UUID, actor: Actor, children: Children | None = None) -> JsonObject:
    """Return one step of the process with its signers."""
    steps = process(row, actor, children)["signingProcessSteps"]
    return _with_id(steps, step_id)


def tasks(signers: Iterable[Signer], *, person: str, at: datetime) -> list[JsonObject]:
    """Return each signer row as a task of this person, with the process as the person sees it. Two queries.

    `overdue` is true if the step runs, its due date has passed, and the person has not acted. `actions` are the
    statuses that the person may report now.
    """
    rows = list(signers)
    reader = Actor(client="", subject="", person=person, own=False)
    distinct = {row.process_id: row.process for row in rows}
    by_id = {item["id"]: item for item in processes(distinct.values(), reader)}
    return [_task(row, by_id[str(row.process_id)], at) for row in rows]


def code_warnings(steps: Iterable[JsonObject]) -> list[Fault]:
    """Return the warnings about personal codes in a process's steps, as far as the caller sees the codes."""
    faults: list[Fault] = []
    for index, step in enumerate(steps):
        faults += code_warnings_of_step(step, f"#/signingProcessSteps/{index}")
    return faults


def code_warnings_of_step(step: JsonObject, pointer: str = "#") -> list[Fault]:
    faults: list[Fault] = []
    for index, signer in enumerate(step["processStepSigners"]):
        code_pointer = f"{pointer}/processStepSigners/{index}/signerPersonalCode"
        faults += personal_code_warnings(signer["signerCountry"], signer["signerPersonalCode"], code_pointer)
    return faults


# --- For audit events -------------------------------------------------------------------------


def paths(process: Process, steps: Iterable[Step], signers: Iterable[Signer]) -> JsonObject:
    """Return every value of a process by path, as `before` and `after` of audit events hold it."""
    values = _by_path("", PROCESS_FIELDS, process) | rules(process)
    for step in steps:
        values |= step_paths(step)
    for signer in signers:
        values |= signer_paths(signer)
    return values


def step_paths(step: Step) -> JsonObject:
    """Return the values of a step by path."""
    return _by_path(f"steps/{step.id}/", STEP_FIELDS, step)


def signer_paths(signer: Signer) -> JsonObject:
    """Return the values of a signer by path, and the id of the signer's step."""
    prefix = f"signers/{signer.id}/"
    return _by_path(prefix, SIGNER_FIELDS, signer) | {f"{prefix}step": str(signer.step_id)}


def signer_values(columns: Body) -> JsonObject:
    """Return these columns of a signer by API field."""
    return {name: columns[column] for name, column in SIGNER_FIELDS.items() if column in columns}


def rules(process: Process) -> JsonObject:
    """Return the rules that the process was started with; the defaults before it starts."""
    rules = Rules.from_json(process.rules).to_json()
    return {name: rules[field] for name, field in RULES_FIELDS.items()}


def _by_path(prefix: str, fields: dict[str, str], row: Model) -> JsonObject:
    return {prefix + name: value(getattr(row, column)) for name, column in fields.items() if column != "id"}


def _seal(process: Process) -> JsonObject:
    rules = Rules.from_json(process.rules)
    return {"seal": rules.seal, "isSealRequired": rules.is_seal_required}


# --- Building the JSON ------------------------------------------------------------------------


def _processes(
    rows: Sequence[Process], steps: Iterable[Columns], signers: Iterable[Columns], actor: Actor
) -> list[JsonObject]:
    managed_ids = {process.id for process in rows if process.managed_by(actor)}

    signers_by_step: dict[object, list[JsonObject]] = defaultdict(list)
    for row in signers:
        signer = _fields(SIGNER_FIELDS, row)
        if row["process_id"] not in managed_ids and not _is_caller(row, actor):
            signer |= dict.fromkeys(PRIVATE_FIELDS)
        signers_by_step[row["step_id"]].append(signer)

    steps_by_process: dict[object, list[JsonObject]] = defaultdict(list)
    for row in steps:
        step = _fields(STEP_FIELDS, row)
        step["processStepSigners"] = signers_by_step[row["id"]]
        steps_by_process[row["process_id"]].append(step)

    return [_process(row, steps_by_process[row.id], managed=row.id in managed_ids) for row in rows]


def _process(row: Process, steps: list[JsonObject], *, managed: bool) -> JsonObject:
    signers: list[JsonObject] = []
    for step in steps:
        signers += step["processStepSigners"]
    total, signed = flow.totals([(signer["signerRole"], signer["signingStatus"]) for signer in signers])
    process = _fields(PROCESS_FIELDS, vars(row))
    if not managed:
        process["processInitiatorEmail"] = None
    return process | {
        **_seal(row),
        "canceled": row.status == ProcessStatus.CANCELED,
        "signingProcessSteps": steps,
        "totalSigners": total,
        "totalSigned": signed,
        "signers": signers,
        "currentInProgressStep": next((step for step in steps if step["stepStatus"] == StepStatus.STARTED), None),
    }


def _task(row: Signer, process: JsonObject, at: datetime) -> JsonObject:
    step = _with_id(process["signingProcessSteps"], row.step_id)
    is_open = row.status == SignerStatus.STARTED and row.step.status == StepStatus.STARTED
    return {
        "process": process,
        "step": step,
        "signer": _with_id(step["processStepSigners"], row.id),
        "overdue": is_open and row.step.due_at is not None and row.step.due_at < at,
        "actions": flow.allowed_acts(Role(row.role), SignerStatus(row.status), ProcessStatus(row.process.status)),
    }


def _fields(fields: dict[str, str], row: Columns) -> JsonObject:
    return {name: value(row[column]) for name, column in fields.items()}


def _is_caller(signer: Columns, actor: Actor) -> bool:
    """Whether the caller is this signer and it has been the signer's turn (`Signer.is_person`)."""
    return bool(actor.person) and signer["person_key"] == actor.person and signer["called_at"] is not None


def _with_id(items: Iterable[JsonObject], item_id: uuid.UUID) -> JsonObject:
    return next(item for item in items if item["id"] == str(item_id))
