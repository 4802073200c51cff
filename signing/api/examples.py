"""The examples in the API docs, built from the request bodies in `examples/`."""

import json
import uuid
from datetime import UTC, datetime

from django.conf import settings

from config.access.actor import SERVICE
from config.api_values import JsonObject
from signing import flow, represent
from signing.actions.build import add_step
from signing.actions.rows import ProcessRows
from signing.models import Process
from signing.serializers import ProcessSerializer


def _load(name: str) -> JsonObject:
    path = settings.BASE_DIR / "examples" / f"{name}.json"
    body: JsonObject = json.loads(path.read_text(encoding="utf-8"))
    return body


def _example_id(name: str) -> uuid.UUID:
    """An id that stays the same, so that the published schema does."""
    return uuid.uuid5(uuid.NAMESPACE_URL, f"https://example.org/{name}")


def _started_process(body: JsonObject) -> JsonObject:
    """The response to a request that creates a process with this body."""
    serializer = ProcessSerializer(data=body)
    serializer.is_valid(raise_exception=True)
    columns = dict(serializer.validated_data)
    steps = columns.pop("steps")
    created_at = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
    process = Process(id=_example_id("process"), created_at=created_at, initiator="portal", **columns)
    rows = ProcessRows(process, [], [])
    for index, step in enumerate(steps):
        add_step(rows, step, index=index, faults=[])
    _set_ids(rows)
    _set_statuses(rows, flow.start(rows.snapshot()))
    return represent.process(process, SERVICE, (rows.steps, rows.signers))


def _set_ids(rows: ProcessRows) -> None:
    for step in rows.steps:
        signers = rows.signers_of(step)
        step.id = _example_id(f"step/{step.process_order}")
        for signer in signers:
            signer.step = step
            signer.id = _example_id(f"step/{step.process_order}/signer/{signer.position}")


def _set_statuses(rows: ProcessRows, state: flow.ProcessState) -> None:
    rows.process.status = state.status
    for step in state.steps:
        rows.step(step.id).status = step.status
    for signer in state.signers:
        rows.signer(signer.id).status = signer.status


CREATE_BODY = _load("anonymous-signer")
TWO_STEPS_BODY = _load("two-step-contract")
DRAFT_BODY = _load("draft")
SIGNED_BODY = {"signingStatus": "SIGNED", "signerComment": "Signed with a qualified certificate."}
DECLINED_BODY = {"signingStatus": "DECLINED", "signerComment": "The amount is not what we agreed."}

PROCESS = _started_process(TWO_STEPS_BODY)
STEP: JsonObject = PROCESS["signingProcessSteps"][0]
SIGNER: JsonObject = STEP["processStepSigners"][0]
SIGNER_ID: str = SIGNER["id"]
TASK = {"process": PROCESS, "step": STEP, "signer": SIGNER, "overdue": False, "actions": ["DECLINED", "SIGNED"]}
VERDICT = {"whole": True, "checkedAt": "2026-11-24T09:30:00Z", "events": 5, "firstBad": None, "notChecked": []}
