"""Reads processes with their steps and signers as JSON objects: for the lists, single processes and tasks of the API.

The processes are read in one statement, all their steps and signers in a second one. Between the two, a process may
change; the versions show that, and the read is repeated (`config.api.snapshots.consistent`).
"""

import uuid
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Any

from django.db import connection
from django.db.models import Count, Sum
from django.db.models.functions import Coalesce, Length

from config.access.actor import Actor
from config.api.lists import pages
from config.api.renderers import python_json
from config.api.snapshots import ChangedMeanwhile
from config.api_values import JsonObject
from config.compiled import CompiledQuery
from config.vocabulary import ProcessStatus, Role, SignerStatus, StepStatus
from signing import flow
from signing.models import Process, Signer
from signing.represent import PROCESS_COLUMNS, SIGNER_COLUMNS, STEP_COLUMNS, Columns, process_objects, with_id

# The columns of a task that its JSON is made of: of the signer's row, and of the process.
TASK_COLUMNS = ("id", "step_id", "created_at", *(f"process__{column}" for column in PROCESS_COLUMNS))
# The JSON of a signer, up to three times, and the objects that it is made of. Its comments are at most as long as here.
_SIGNER_WEIGHT = 3_200
_HEAVIEST_SIGNER = _SIGNER_WEIGHT + 3 * (4_000 + 4_000)


def read_processes(rows: Sequence[Columns], actor: Actor) -> list[JsonObject]:
    """Return a process for each row, which has `represent.PROCESS_COLUMNS`. One statement.

    The objects hold times and IDs as the database returns them, for `json_response`. Raises `PageTooLarge`, and
    `ChangedMeanwhile` if a process has changed since its row was read.
    """
    ids = [row["id"] for row in rows]
    children = _children(ids)
    signer_counts = Counter(child[0] for child in children)
    if sum(signer_counts[process_id] for process_id in ids) * _HEAVIEST_SIGNER > pages.MAX_WEIGHT:
        _require_fit(ids)
    versions = {process_id: version for process_id, version, *_ in children}
    if any(versions.get(row["id"]) != row["version"] for row in rows):
        raise ChangedMeanwhile
    processes = process_objects(rows, [child[2:] for child in children], actor)
    for process in processes:
        if process["attributes"] is not None:
            process["attributes"] = python_json(process["attributes"])
    return processes


def read_tasks(rows: Sequence[Columns], *, person: str, at: datetime) -> list[JsonObject]:
    """Return a task of this person for each row, which has TASK_COLUMNS; the process is as the person sees it.

    One statement. Raises the same as `read_processes`.

    `overdue` is true if the step runs, its due date has passed, and the person has not acted. `actions` are the
    statuses that the person may report now.
    """
    reader = Actor(client="", subject="", person=person, own=False)
    process_rows = [{column: row[f"process__{column}"] for column in PROCESS_COLUMNS} for row in rows]
    processes = read_processes(process_rows, reader)
    return [_task(row, process, at) for row, process in zip(rows, processes, strict=True)]


def _children(process_ids: Sequence[uuid.UUID]) -> list[tuple[Any, ...]]:
    """Process ID, version, the values of STEP_COLUMNS and those of SIGNER_COLUMNS, a row for each signer, in order."""
    # A query without ids finds nothing, and the ORM does not compile it.
    if not process_ids:
        return []
    distinct = list(dict.fromkeys(process_ids))
    adapt = Process._meta.pk.get_db_prep_value
    return _query_of_children(len(distinct)).rows([adapt(process_id, connection) for process_id in distinct])


@cache
def _query_of_children(count: int) -> CompiledQuery:
    """The query for the signers of so many processes. It stops where they no longer fit into a response."""
    processes = Process.objects.filter(id__in=[uuid.uuid4() for _ in range(count)])
    ordered = processes.order_by("steps__process_order", "steps__signers__position", "steps__signers__id")
    step_columns = [f"steps__{column}" for column in STEP_COLUMNS]
    signer_columns = [f"steps__signers__{column}" for column in SIGNER_COLUMNS]
    rows = ordered.values_list("id", "version", *step_columns, *signer_columns)
    return CompiledQuery(rows[: pages.MAX_WEIGHT // _SIGNER_WEIGHT + 1])


def _require_fit(process_ids: Sequence[uuid.UUID]) -> None:
    """Raise `PageTooLarge` if the signers of these processes, one process for each row, are too many for one page."""
    comments = Coalesce(Length("comment"), 0) + Coalesce(Length("comment_for_signer"), 0)
    signers = Signer.objects.filter(process__in=set(process_ids)).values("process_id")
    sizes = signers.annotate(weight=Count("id") * _SIGNER_WEIGHT + Sum(comments) * 3)
    weight_of = dict(sizes.values_list("process_id", "weight"))
    pages.require_fit([weight_of.get(process_id, 0) for process_id in process_ids])


def _task(row: Columns, process: JsonObject, at: datetime) -> JsonObject:
    step = with_id(process["signingProcessSteps"], row["step_id"])
    signer = with_id(step["processStepSigners"], row["id"])
    status = SignerStatus(signer["signingStatus"])
    is_open = status == SignerStatus.STARTED and step["stepStatus"] == StepStatus.STARTED
    return {
        "process": process,
        "step": step,
        "signer": signer,
        "overdue": is_open and step["dueDate"] is not None and step["dueDate"] < at,
        "actions": flow.allowed_acts(Role(signer["signerRole"]), status, ProcessStatus(process["status"])),
    }
