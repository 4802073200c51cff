"""Rows to the wire's dicts, for pages, single answers and steps alike: one query a table.

Who does not manage a process but is a signer of it sees other people without codes and addresses.
"""

import uuid
from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from django.db.models import QuerySet

from config.access.actor import Actor
from config.vocabulary import ProcessStatus, StepStatus
from signing import flow
from signing.models import Process, Signer, Step

PROCESS_WIRE = {
    "id": "id",
    "createdAt": "created_at",
    "processInitiatorEmail": "initiator_email",
    "documentId": "document_id",
    "documentName": "document_name",
    "initiator": "initiator",
    "comment": "comment",
    "status": "status",
    "documentType": "document_type",
    "ownerGroup": "owner_group",
    "completedAt": "completed_at",
    "initiatorName": "initiator_name",
}
STEP_WIRE = {"id": "id", "processOrder": "process_order", "stepStatus": "status", "dueDate": "due_at"}
SIGNER_WIRE = {
    "id": "id",
    "signerName": "name",
    "signerCountry": "country",
    "signerPersonalCode": "personal_code",
    "signerEmail": "email",
    "signerRole": "role",
    "signerComment": "comment",
    "commentForSigner": "comment_for_signer",
    "signingStatus": "status",
    "signerNotification": "notification",
    "signerLanguage": "language",
    "anonymous": "anonymous",
}
PRIVATE = ("signerPersonalCode", "signerEmail")

Wire = dict[str, Any]


def processes(rows: Iterable[Process], actor: Actor) -> list[Wire]:
    """Each process with its steps and signers. Two queries, however many there are."""
    found = list(rows)
    ids = [process.id for process in found]
    steps = _steps(Step.objects.filter(process__in=ids), Signer.objects.filter(process__in=ids), actor, found)
    return [_process(process, steps[process.id], process.managed_by(actor)) for process in found]


def process(row: Process, actor: Actor) -> Wire:
    return processes([row], actor)[0]


def step(process: Process, step_id: uuid.UUID, actor: Actor) -> Wire:
    """One step of the process with its signers. Two queries."""
    steps = Step.objects.filter(process=process, id=step_id)
    return _steps(steps, Signer.objects.filter(step=step_id), actor, [process])[process.id][0]


def value(raw: Any) -> Any:
    """A column's value as the wire writes it: ids as text, moments in UTC."""
    if isinstance(raw, datetime):
        return raw.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return str(raw) if isinstance(raw, uuid.UUID) else raw


def _process(row: Process, steps: list[Wire], managed: bool) -> Wire:
    signers = [signer for step in steps for signer in step["processStepSigners"]]
    signed = flow.totals([(signer["signerRole"], signer["signingStatus"]) for signer in signers])
    wire = {name: value(getattr(row, column)) for name, column in PROCESS_WIRE.items()}
    if not managed:
        wire["processInitiatorEmail"] = None
    return wire | {
        "canceled": row.status == ProcessStatus.CANCELED,
        "signingProcessSteps": steps,
        "totalSigners": signed[0],
        "totalSigned": signed[1],
        "signers": signers,
        "currentInProgressStep": next((step for step in steps if step["stepStatus"] == StepStatus.STARTED), None),
    }


def _steps(
    steps: QuerySet[Step], signers: QuerySet[Signer], actor: Actor, parents: list[Process]
) -> dict[uuid.UUID, list[Wire]]:
    managed = {process.id: process.managed_by(actor) for process in parents}
    within: dict[uuid.UUID, list[Wire]] = defaultdict(list)
    extra = ("step_id", "process_id", "person_key", "called_at")
    for row in signers.order_by("position", "id").values(*SIGNER_WIRE.values(), *extra):
        wire = {name: value(row[column]) for name, column in SIGNER_WIRE.items()}
        own = actor.person and row["person_key"] == actor.person and row["called_at"] is not None
        if not (managed[row["process_id"]] or own):
            wire |= dict.fromkeys(PRIVATE)
        within[row["step_id"]].append(wire)
    found: dict[uuid.UUID, list[Wire]] = defaultdict(list)
    for row in steps.order_by("process_order").values(*STEP_WIRE.values(), "process_id"):
        wire = {name: value(row[column]) for name, column in STEP_WIRE.items()}
        found[row["process_id"]].append(wire | {"processStepSigners": within[row["id"]]})
    return found
