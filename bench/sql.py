"""Each operation as hand-written SQL on the service's own tables: the same rows read and written, the same response.

What a request needs besides is left out: the caller, checks, and the keys of the audit trail.
"""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson
from psycopg import Cursor
from psycopg.rows import TupleRow

from bench.copies import Connection, Copy, EventCopy, copy_of, event_copies, fresh_ids
from config.api.lists.cursors import Position

_PROCESS_FIELDS = {
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
    "attributes": "attributes",
}
_STEP_FIELDS = {"id": "id", "processOrder": "process_order", "stepStatus": "status", "dueDate": "due_at"}
_SIGNER_FIELDS = {
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
_HIDDEN = dict.fromkeys(("signerPersonalCode", "signerEmail", "commentForSigner"))
_SIGNED = ("SIGNED", "APPROVED")
_LIMIT = 10_000
_SIZE = 25

_PROCESS_COLUMNS = ", ".join(f"p.{column}" for column in _PROCESS_FIELDS.values())
_CHILDREN = (
    f"SELECT s.process_id, {', '.join(f's.{column}' for column in _STEP_FIELDS.values())},"
    f" {', '.join(f'g.{column}' for column in _SIGNER_FIELDS.values())}, g.person_key"
    " FROM signing_step s JOIN signing_signer g ON g.step_id = s.id WHERE s.process_id = ANY(%s)"
    " ORDER BY s.process_order, g.position, g.id"
)
_ONE = f"SELECT p.version, {_PROCESS_COLUMNS}, p.rules FROM signing_process p WHERE p.id = %s"
_ESTIMATE = (
    f"CASE WHEN (SELECT reltuples FROM pg_class WHERE oid = 'signing_process'::regclass) > 2 * {_LIMIT}"
    f" THEN {_LIMIT + 1} ELSE (SELECT count(*) FROM (SELECT 1 FROM signing_process LIMIT {_LIMIT + 1}) q) END"
)
_NEWEST = (
    f"SELECT {_ESTIMATE}, {_PROCESS_COLUMNS}, p.rules FROM signing_process p"
    f" ORDER BY p.created_at DESC, p.id DESC LIMIT {_SIZE + 1}"
)
_FILTER = "owner_group = %(group)s AND status = %(status)s AND created_at >= %(after)s AND created_at < %(before)s"
_FILTERED = (
    f"SELECT (SELECT count(*) FROM (SELECT 1 FROM signing_process WHERE {_FILTER} LIMIT {_LIMIT + 1}) q),"
    f" {_PROCESS_COLUMNS}, p.rules FROM signing_process p WHERE {_FILTER}"
    f" ORDER BY p.created_at DESC, p.id DESC LIMIT {_SIZE + 1}"
)
_PERSON = "person_key = %(person)s AND called_at IS NOT NULL"
_TASKS = (
    f"SELECT (SELECT count(*) FROM (SELECT 1 FROM signing_signer WHERE {_PERSON} LIMIT {_LIMIT + 1}) q),"
    f" g.id, g.step_id, g.created_at, {_PROCESS_COLUMNS}, p.rules"
    f" FROM signing_signer g JOIN signing_process p ON p.id = g.process_id WHERE g.person_key = %(person)s"
    f" AND g.called_at IS NOT NULL ORDER BY g.created_at DESC, g.id DESC LIMIT {_SIZE + 1}"
)
_LOCK = "SELECT p.version, p.status FROM signing_process p JOIN signing_signer g ON g.process_id = p.id WHERE g.id = %s"
_LOCK += " FOR UPDATE OF p"
_CHILDREN_OF_SIGNER = _CHILDREN.replace("= ANY(%s)", "= (SELECT process_id FROM signing_signer WHERE id = %s)")
_SIGN = "UPDATE signing_signer SET status = 'SIGNED', acted_at = now() WHERE id = %s"
_RAISE_VERSION = "UPDATE signing_process SET version = version + 1 WHERE id = %s"
_WITHDRAW = (
    "UPDATE notifications_message SET status = 'WITHDRAWN', reason = 'the signer has acted', withdrawn_at = now()"
    " WHERE process_id = %s AND signer_id = %s AND event IN ('TASK_STARTED', 'REMINDER')"
    " AND status IN ('QUEUED', 'SENDING', 'MERGED')"
)


@dataclass(frozen=True, slots=True)
class Created:
    """The rows and the response of a process that the service created."""

    process_id: str
    ids: list[str]
    rows: list[Copy]
    events: list[EventCopy]
    messages: Copy
    response: str


def created(connection: Connection, response: bytes) -> Created:
    """What the service wrote when it created the process of this response."""
    body = json.loads(response)
    process_id = body["id"]
    ids = [process_id]
    for step in body["signingProcessSteps"]:
        ids.append(step["id"])
        ids += [signer["id"] for signer in step["processStepSigners"]]
    tables = {"signing_process": "id = %s", "signing_step": "process_id = %s", "signing_signer": "process_id = %s"}
    tables["audit_head"] = "process_id = %s"
    rows = [copy_of(connection, table, where, [process_id], ids) for table, where in tables.items()]
    events = event_copies(connection, "process_id = %s AND seq IS NOT NULL", [process_id], ids)
    messages = copy_of(connection, "notifications_message", "process_id = %s", [process_id], ids)
    return Created(process_id, ids, rows, events, messages, response.decode())


def create(connection: Connection, copy: Created) -> bytes:
    """Insert such a process, with its audit events and messages, in one round trip."""
    new_ids = fresh_ids(copy.ids)
    with connection.pipeline(), connection.transaction():
        for rows in copy.rows:
            rows.execute(connection, new_ids)
        for event in copy.events:
            event.execute(connection, new_ids)
        copy.messages.execute(connection, new_ids)
    response = copy.response
    for old_id, new_id in new_ids.items():
        response = response.replace(old_id, new_id)
    return response.encode()


def get(connection: Connection, process_id: str, read: EventCopy) -> bytes:
    """Read a process and record that, in one round trip."""
    with connection.pipeline():
        processes = _run(connection, _ONE, [process_id])
        children = _run(connection, _CHILDREN, [[process_id]])
        read.execute(connection, dict.fromkeys(read.ids, process_id))
        (row,) = processes.fetchall()
        (process,) = _processes([row[1:]], children.fetchall())
    return _dumps(process | {"warnings": []})


def get_version(connection: Connection, process_id: str) -> bytes:
    """Read the process, whose version is the one that the client knows."""
    (row,) = _run(connection, _ONE, [process_id]).fetchall()
    assert row[0] == 1
    return b""


def list_newest(connection: Connection, read: EventCopy) -> bytes:
    """The first page of all processes."""
    return _page(connection, _run(connection, _NEWEST).fetchall(), read)


def list_filtered(connection: Connection, filters: Mapping[str, Any], read: EventCopy) -> bytes:
    """The first page of the processes of a group, a status and a time."""
    return _page(connection, _run(connection, _FILTERED, filters).fetchall(), read)


def tasks(connection: Connection, person: str, read: EventCopy) -> bytes:
    """The first page of a person's tasks."""
    rows = _run(connection, _TASKS, {"person": person}).fetchall()
    shown = rows[:_SIZE]
    processes = _read_children(connection, [row[4:] for row in shown], read, person)
    content = []
    for row, process in zip(shown, processes, strict=True):
        step = next(step for step in process["signingProcessSteps"] if step["id"] == row[2])
        signer = next(signer for signer in step["processStepSigners"] if signer["id"] == row[1])
        is_open = signer["signingStatus"] == "STARTED" and step["stepStatus"] == "STARTED"
        overdue = is_open and step["dueDate"] < datetime.now(UTC)
        actions: list[str] = []
        if is_open:
            actions = ["DECLINED", "SIGNED"]
        content.append({"process": process, "step": step, "signer": signer, "overdue": overdue, "actions": actions})
    return _dumps(_page_body(content, rows, end=(shown[-1][3], shown[-1][1])))


def act(connection: Connection, signer_id: str, signed: EventCopy) -> bytes:
    """Report that a signer has signed, whose step continues: two round trips. Returns the step."""
    with connection.pipeline(), connection.transaction():
        # Lock the process and read its rows.
        locked = _run(connection, _LOCK, [signer_id])
        children = _run(connection, _CHILDREN_OF_SIGNER, [signer_id])
        assert locked.fetchone() is not None
        rows = children.fetchall()
        process_id = str(rows[0][0])
        (steps,) = _steps_by_process(rows, None).values()
        step = next(step for step in steps if step["stepStatus"] == "STARTED")
        signer = next(signer for signer in step["processStepSigners"] if signer["id"] == UUID(signer_id))
        assert signer["signingStatus"] == "STARTED"

        # Write.
        _run(connection, _SIGN, [signer_id])
        _run(connection, _RAISE_VERSION, [process_id])
        _run(connection, _WITHDRAW, [process_id, signer_id])
        signed.execute(connection, dict(zip(signed.ids, (process_id, signer_id), strict=True)), process_id)
    signer["signingStatus"] = "SIGNED"
    return _dumps(step | {"warnings": []})


def report(connection: Connection, process_id: str, event: EventCopy, response: bytes) -> bytes:
    """Insert an event that a client reports about a process, in one round trip."""
    with connection.pipeline(), connection.transaction():
        event.execute(connection, dict.fromkeys(event.ids, process_id), process_id)
    return response


def _page(connection: Connection, rows: Sequence[TupleRow], read: EventCopy) -> bytes:
    content = _read_children(connection, [row[1:] for row in rows[:_SIZE]], read)
    return _dumps(_page_body(content, rows, end=(content[-1]["createdAt"], content[-1]["id"])))


def _read_children(
    connection: Connection, processes: Sequence[TupleRow], read: EventCopy, person: str | None = None
) -> list[dict[str, Any]]:
    """The processes with their steps and signers, in one round trip that also records the read."""
    with connection.pipeline():
        children = _run(connection, _CHILDREN, [[row[0] for row in processes]])
        read.execute(connection, {})
        return _processes(processes, children.fetchall(), person)


def _processes(
    rows: Sequence[TupleRow], children: Sequence[TupleRow], person: str | None = None
) -> list[dict[str, Any]]:
    """The JSON of processes; with a person, what this person sees."""
    steps_by_process = _steps_by_process(children, person)
    processes = []
    for row in rows:
        steps = steps_by_process[row[0]]
        signers = [signer for step in steps for signer in step["processStepSigners"]]
        process = dict(zip(_PROCESS_FIELDS, row, strict=False))
        if person is not None:
            process["processInitiatorEmail"] = None
        rules = row[-1] or {}
        processes.append(
            process
            | {
                "seal": rules.get("seal"),
                "isSealRequired": rules.get("is_seal_required", False),
                "canceled": process["status"] == "CANCELED",
                "signingProcessSteps": steps,
                "totalSigners": len(signers),
                "totalSigned": sum(signer["signingStatus"] in _SIGNED for signer in signers),
                "signers": signers,
                "currentInProgressStep": next((step for step in steps if step["stepStatus"] == "STARTED"), None),
            }
        )
    return processes


def _steps_by_process(children: Sequence[TupleRow], person: str | None) -> dict[UUID, list[dict[str, Any]]]:
    steps: dict[UUID, dict[UUID, dict[str, Any]]] = defaultdict(dict)
    for process_id, step_id, *values, person_key in children:
        step = steps[process_id].get(step_id)
        if step is None:
            step = dict(zip(_STEP_FIELDS, (step_id, *values), strict=False)) | {"processStepSigners": []}
            steps[process_id][step_id] = step
        signer = dict(zip(_SIGNER_FIELDS, values[len(_STEP_FIELDS) - 1 :], strict=True))
        if person is not None and person_key != person:
            signer |= _HIDDEN
        step["processStepSigners"].append(signer)
    return {process_id: list(of_process.values()) for process_id, of_process in steps.items()}


def _page_body(content: Sequence[Any], rows: Sequence[TupleRow], *, end: tuple[datetime, UUID]) -> dict[str, Any]:
    """A first page. The first column of the rows is the total, and `end` is the place of the last row."""
    total = min(rows[0][0], _LIMIT)
    next_cursor = None
    if len(rows) > _SIZE:
        next_cursor = Position(*end, descending=True).cursor()
    return {
        "content": content,
        "totalElements": total,
        "totalElementsExact": rows[0][0] <= _LIMIT,
        "totalPages": -(-total // _SIZE),
        "number": 0,
        "size": _SIZE,
        "numberOfElements": len(content),
        "first": True,
        "last": len(rows) <= _SIZE,
        "empty": not content,
        "nextCursor": next_cursor,
    }


def _dumps(content: object) -> bytes:
    return orjson.dumps(content, option=orjson.OPT_UTC_Z)


def _run(connection: Connection, query: str, parameters: Sequence[Any] | Mapping[str, Any] = ()) -> Cursor[TupleRow]:
    return connection.execute(query.encode(), parameters, prepare=True)
