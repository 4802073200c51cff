"""Rows to the wire's dicts, for pages, single answers and steps alike: one query a table.

Who does not manage a process but is a signer of it sees other people without codes and addresses.
"""

import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from config.access.actor import Actor
from config.api.fields import api_fields
from config.api_values import value
from config.errors import Fault
from config.personal_codes import personal_code_warnings
from config.vocabulary import ProcessStatus, Role, SignerStatus, StepStatus
from signing import flow
from signing.models import Process, Signer, Step
from signing.serializers import ProcessSerializer, SignerSerializer, StepSerializer
from templates_app.rules import Rules

PROCESS_FIELDS = api_fields(ProcessSerializer, Process)
STEP_FIELDS = api_fields(StepSerializer, Step)
SIGNER_FIELDS = api_fields(SignerSerializer, Signer)
PRIVATE = ("signerPersonalCode", "signerEmail")

Wire = dict[str, Any]
Row = Mapping[str, Any]
"""A row by its columns, from `values()` or from an instance."""

Within = tuple[Sequence[Step], Sequence[Signer]]


def paths(process: Process, steps: Iterable[Step], signers: Iterable[Signer]) -> Wire:
    """The process with its steps and signers by path, as `before` and `after` of events hold it."""
    told = _paths("", PROCESS_FIELDS, process) | rules(process)
    for step in steps:
        told |= step_paths(step)
    for signer in signers:
        told |= signer_paths(signer)
    return told


def seal(process: Process) -> Wire:
    """What the rules that it started with say of a seal."""
    rules = Rules.of(process.rules)
    return {"seal": rules.seal, "isSealRequired": rules.is_seal_required}


def rules(process: Process) -> Wire:
    """What else than the process says how it goes on: the rules that it started with, those of none before."""
    return {**seal(process), "continueOnDecline": Rules.of(process.rules).continue_on_decline}


def step_paths(step: Step) -> Wire:
    return _paths(f"steps/{step.id}/", STEP_FIELDS, step)


def signer_paths(signer: Signer) -> Wire:
    """A signer's values by path, and the step that it is in."""
    place = f"signers/{signer.id}/"
    return _paths(place, SIGNER_FIELDS, signer) | {f"{place}step": str(signer.step_id)}


def _paths(place: str, names: dict[str, str], row: Any) -> Wire:
    return {place + name: value(getattr(row, column)) for name, column in names.items() if column != "id"}


def processes(rows: Iterable[Process], actor: Actor) -> list[Wire]:
    """Each process with its steps and signers. Two queries, however many there are."""
    found = list(rows)
    ids = [process.id for process in found]
    steps = Step.objects.filter(process__in=ids).order_by("process_order")
    signers = Signer.objects.filter(process__in=ids).order_by("position", "id")
    return _processes(
        found,
        steps.values(*STEP_FIELDS.values(), "process_id"),
        signers.values(*SIGNER_FIELDS.values(), "process_id", "step_id", "person_key", "called_at"),
        actor,
    )


def process(row: Process, actor: Actor, within: Within | None = None) -> Wire:
    """One process; `within` are its steps and signers where they are at hand already."""
    if within is None:
        return processes([row], actor)[0]
    return _processes([row], *_in_order(within), actor)[0]


def step(row: Process, step_id: uuid.UUID, actor: Actor, within: Within | None = None) -> Wire:
    """One step of the process with its signers."""
    wire = process(row, actor, within)
    return next(step for step in wire["signingProcessSteps"] if step["id"] == str(step_id))


def tasks(rows: Iterable[Signer], *, person: str, at: datetime) -> list[Wire]:
    """Each signer's row as that person's task: the process as the person sees it. Two queries, however many.

    `overdue`: the step runs, its due date is past, and this person has not acted. `actions`: the statuses it may
    report now.
    """
    found = list(rows)
    reader = Actor(client="", subject="", person=person, own=False)
    wires = processes({row.process_id: row.process for row in found}.values(), reader)
    seen = {wire["id"]: wire for wire in wires}
    return [_task(row, seen[str(row.process_id)], at) for row in found]


def doubts(steps: Iterable[Wire]) -> list[Fault]:
    """What is to be remarked of the personal codes in a process's steps, those of others than the reader hidden."""
    places = enumerate(steps)
    return [doubt for place, step in places for doubt in doubts_of_step(step, f"#/signingProcessSteps/{place}")]


def doubts_of_step(step: Wire, pointer: str = "#") -> list[Fault]:
    return [
        doubt
        for place, signer in enumerate(step["processStepSigners"])
        for doubt in personal_code_warnings(
            signer["signerCountry"],
            signer["signerPersonalCode"],
            f"{pointer}/processStepSigners/{place}/signerPersonalCode",
        )
    ]


def _task(row: Signer, process: Wire, at: datetime) -> Wire:
    step = next(step for step in process["signingProcessSteps"] if step["id"] == str(row.step_id))
    open_still = row.status == SignerStatus.STARTED and row.step.status == StepStatus.STARTED
    return {
        "process": process,
        "step": step,
        "signer": next(signer for signer in step["processStepSigners"] if signer["id"] == str(row.id)),
        "overdue": open_still and row.step.due_at is not None and row.step.due_at < at,
        "actions": flow.may_report(Role(row.role), SignerStatus(row.status), ProcessStatus(row.process.status)),
    }


def _in_order(within: Within) -> tuple[list[Row], list[Row]]:
    steps = sorted(within[0], key=lambda step: step.process_order)
    signers = sorted(within[1], key=lambda signer: (signer.position, signer.id))
    return [vars(step) for step in steps], [vars(signer) for signer in signers]


def _processes(rows: list[Process], steps: Iterable[Row], signers: Iterable[Row], actor: Actor) -> list[Wire]:
    managed = {process.id: process.managed_by(actor) for process in rows}
    in_step: dict[uuid.UUID, list[Wire]] = defaultdict(list)
    for row in signers:
        wire = {name: value(row[column]) for name, column in SIGNER_FIELDS.items()}
        own = actor.person and row["person_key"] == actor.person and row["called_at"] is not None
        if not (managed[row["process_id"]] or own):
            wire |= dict.fromkeys(PRIVATE)
        in_step[row["step_id"]].append(wire)
    in_process: dict[uuid.UUID, list[Wire]] = defaultdict(list)
    for row in steps:
        wire = {name: value(row[column]) for name, column in STEP_FIELDS.items()}
        in_process[row["process_id"]].append(wire | {"processStepSigners": in_step[row["id"]]})
    return [_process(process, in_process[process.id], managed[process.id]) for process in rows]


def _process(row: Process, steps: list[Wire], managed: bool) -> Wire:
    signers = [signer for step in steps for signer in step["processStepSigners"]]
    total, signed = flow.totals([(signer["signerRole"], signer["signingStatus"]) for signer in signers])
    wire = {name: value(getattr(row, column)) for name, column in PROCESS_FIELDS.items()}
    if not managed:
        wire["processInitiatorEmail"] = None
    return wire | {
        **seal(row),
        "canceled": row.status == ProcessStatus.CANCELED,
        "signingProcessSteps": steps,
        "totalSigners": total,
        "totalSigned": signed,
        "signers": signers,
        "currentInProgressStep": next((step for step in steps if step["stepStatus"] == StepStatus.STARTED), None),
    }
