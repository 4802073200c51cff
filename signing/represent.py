"""Rows as JSON objects of the API: for pages, single responses, tasks and audit events.

Lists need one statement for steps and signers, however many processes they hold. A caller who is a signer of a process
but does not manage it sees other people without personal codes, email addresses and private notes.
"""

import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.db.models import Model

from config.access.actor import Actor
from config.api.fields import api_fields
from config.api_values import Body, JsonObject, value
from config.errors import Fault
from config.personal_codes import personal_code_warnings
from config.vocabulary import ProcessStatus, StepStatus
from signing import flow
from signing.models import Process, Signer, Step, is_managed
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
_HIDDEN = dict.fromkeys(PRIVATE_FIELDS)

# The columns of a process that its JSON is made of.
PROCESS_COLUMNS = (*PROCESS_FIELDS.values(), "rules", "version")
STEP_COLUMNS = (*STEP_FIELDS.values(), "process_id")
_PROCESS_ID = STEP_COLUMNS.index("process_id")
SIGNER_COLUMNS = (*SIGNER_FIELDS.values(), "person_key", "called_at")

# A process by its columns.
Columns = Mapping[str, Any]
Children = tuple[Sequence[Step], Sequence[Signer]]
# The values of STEP_COLUMNS, and of SIGNER_COLUMNS for one of the step's signers; those are None if it has none.
_StepAndSigner = tuple[Any, ...]


# --- For the API ------------------------------------------------------------------------------


def process_objects(rows: Sequence[Columns], children: Iterable[_StepAndSigner], actor: Actor) -> list[JsonObject]:
    """Return the processes. `children` are in the order of the steps, and of the signers in each."""
    managed_ids = {row["id"] for row in rows if is_managed(row["initiator"], row["owner_group"], actor)}

    # Each signer is one object, to which its step and its process refer.
    steps_of: dict[object, dict[object, JsonObject]] = defaultdict(dict)
    for values in children:
        step_id = values[0]
        process_id = values[_PROCESS_ID]
        steps = steps_of[process_id]
        if step_id not in steps:
            steps[step_id] = dict(zip(STEP_FIELDS, values, strict=False)) | {"processStepSigners": []}
        signer = _signer(values[len(STEP_COLUMNS) :], actor, managed=process_id in managed_ids)
        if signer["id"] is not None:
            steps[step_id]["processStepSigners"].append(signer)

    return [_process(row, list(steps_of[row["id"]].values()), managed=row["id"] in managed_ids) for row in rows]


def process(row: Process, actor: Actor, children: Children | None = None) -> JsonObject:
    """Return one process. `children` are its steps and signers, if they are loaded already."""
    steps, signers = children or (list(row.steps.all()), list(row.signers.all()))
    signers_of: dict[uuid.UUID, list[Signer]] = defaultdict(list)
    for signer in sorted(signers, key=lambda signer: (signer.position, signer.id)):
        signers_of[signer.step_id].append(signer)
    rows: list[_StepAndSigner] = []
    for step in sorted(steps, key=lambda step: step.process_order):
        step_values = _values(step, STEP_COLUMNS)
        rows += [step_values + _values(signer, SIGNER_COLUMNS) for signer in signers_of[step.id]]
        if step.id not in signers_of:
            rows.append(step_values + (None,) * len(SIGNER_COLUMNS))
    columns = dict(zip(PROCESS_COLUMNS, _values(row, PROCESS_COLUMNS), strict=True))
    return process_objects([columns], rows, actor)[0]


def step(row: Process, step_id: uuid.UUID, actor: Actor, children: Children | None = None) -> JsonObject:
    """Return one step of the process with its signers."""
    return with_id(process(row, actor, children)["signingProcessSteps"], step_id)


def with_id(items: Iterable[JsonObject], item_id: uuid.UUID) -> JsonObject:
    """Return the step or signer with this id."""
    return next(item for item in items if item["id"] in (item_id, str(item_id)))


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


# --- Building the JSON ------------------------------------------------------------------------


def _signer(values: tuple[Any, ...], actor: Actor, *, managed: bool) -> JsonObject:
    signer = dict(zip(SIGNER_FIELDS, values, strict=False))
    if not managed:
        # The caller is this signer and it has been the signer's turn (`Signer.is_person`).
        person_key, called_at = values[-2:]
        is_caller = actor.person and person_key == actor.person and called_at is not None
        if not is_caller:
            signer.update(_HIDDEN)
    return signer


def _process(row: Columns, steps: list[JsonObject], *, managed: bool) -> JsonObject:
    signers: list[JsonObject] = []
    for step in steps:
        signers += step["processStepSigners"]
    total, signed = flow.totals([(signer["signerRole"], signer["signingStatus"]) for signer in signers])
    process = {name: row[column] for name, column in PROCESS_FIELDS.items()}
    if not managed:
        process["processInitiatorEmail"] = None
    rules = Rules.from_json(row["rules"])
    return process | {
        "seal": rules.seal,
        "isSealRequired": rules.is_seal_required,
        "canceled": row["status"] == ProcessStatus.CANCELED,
        "signingProcessSteps": steps,
        "totalSigners": total,
        "totalSigned": signed,
        "signers": signers,
        "currentInProgressStep": next((step for step in steps if step["stepStatus"] == StepStatus.STARTED), None),
    }


def _values(row: Model, columns: Sequence[str]) -> tuple[Any, ...]:
    return tuple(value(getattr(row, column)) for column in columns)
