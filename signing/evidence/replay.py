"""Rebuilds a process from the events that the service recorded, and compares its rows with the result.

The chain protects the events; the rows of a process are not protected. The bundle and the certificate are therefore
made from what is rebuilt here. Whether the chain itself is intact is checked elsewhere (`signing.evidence.verdict`).
"""

import json
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain
from operator import attrgetter
from uuid import UUID

from audit.chain import parts
from audit.models import AuditEvent, EventSource
from config.api_values import JsonObject
from config.vocabulary import EventType, ProcessStatus, Role, SignerStatus, StepStatus
from signing import flow, represent
from signing.models import Process, Signer, Step
from templates_app.rules import MalformedRules, Rules

# What the events of `flow` mean, read backwards.
_MOVES: dict[str, ProcessStatus] = {event: status for status, event in flow.PROCESS_EVENTS.items()}
_ACTS: dict[str, SignerStatus] = {event: status for (_, status), event in flow.ACT_EVENTS.items()}
# Statuses and times follow from the types of the events; the order of signers is only how a step is displayed.
_NOT_REPLAYED = frozenset({"status", "completedAt", "signingStatus", "stepStatus", "position"})
# Of these, the events contain some changes only, so their previous values are not compared.
_NOT_COMPARED = _NOT_REPLAYED - {"status"}
# Values that no event contains until they change.
_DEFAULTS: JsonObject = {"hold": None}


@dataclass(slots=True)
class Replay:
    """A process after its events.

    `values` are the values of the process, its steps and its signers, by path as in `represent.paths`. `acts` are the
    events in which signers acted, by signer id; `called` are the signers whose turn has come. `erased_groups` are the
    groups (`audit.chain.parts.group`) of which values were erased. `breaks` names the events that replaced another
    value than the one in the trail: someone changed the row before the service did.
    """

    status: ProcessStatus = ProcessStatus.PENDING
    started_at: datetime | None = None
    ended_at: datetime | None = None
    cancel_reason: str = ""
    deleted: bool = False
    acts: dict[str, AuditEvent] = field(default_factory=dict)
    called: set[str] = field(default_factory=set)
    values: JsonObject = field(default_factory=dict)
    erased_groups: set[str] = field(default_factory=set)
    breaks: list[str] = field(default_factory=list)

    @property
    def completed_at(self) -> datetime | None:
        if self.status != ProcessStatus.COMPLETED:
            return None
        return self.ended_at

    def compare_before(self, event: AuditEvent, restated_later: Set[str]) -> None:
        """Compare the values that the event replaced with those before it.

        Groups that an erasure restates later are left out, because their earlier events are incomplete.
        """
        for name, value in (event.before or {}).items():
            path = _path(event, name)
            if parts.group(path) in restated_later:
                continue
            if not self._is_known(path, value):
                self.breaks.append(f"{path} was changed before event {event.seq}, but not by an event of the trail")

    def apply_transition(self, event: AuditEvent) -> None:
        """Apply what the type of the event means."""
        move = _MOVES.get(event.event_type)
        if move is not None:
            self._move(move, event.created_at)
        if move == ProcessStatus.CANCELED:
            self.cancel_reason = event.note
        if event.event_type == EventType.PROCESS_DELETED:
            self.deleted = True
        if event.event_type == EventType.TASK_STARTED:
            self.called.add(event.signer_id)
        # PROCESS_OPENED is an act only if it changed the signer; otherwise the signer just read the process.
        is_change = isinstance(event.commitments, dict) and "before" in event.commitments
        if event.event_type in _ACTS and is_change:
            if event.signer_id in self.acts:
                self.breaks.append(f"the signer {event.signer_id} acted again in event {event.seq}")
            self.acts[event.signer_id] = event
            declined = _ACTS[event.event_type] == SignerStatus.DECLINED
            if declined and not self.values.get("continueOnDecline"):
                self._move(ProcessStatus.DECLINED, event.created_at)

    def apply_values(self, event: AuditEvent) -> None:
        """Remove the values that the event replaced, and add its new ones."""
        for name in event.before or {}:
            self.values.pop(_path(event, name), None)
        for name, value in (event.after or {}).items():
            path = _path(event, name)
            field_name = path.rpartition("/")[2]
            if field_name not in _NOT_REPLAYED:
                self.values[path] = value
            elif value == SignerStatus.WAITING_FOR_PROCESS:
                self.called.discard(path.split("/")[1])

    def forget(self, groups: Set[str]) -> None:
        self.values = {path: value for path, value in self.values.items() if parts.group(path) not in groups}
        self.erased_groups |= groups

    def _is_known(self, path: str, value: object) -> bool:
        """Whether the value at this path is the one that the events so far gave it."""
        name = path.rpartition("/")[2]
        if name in _NOT_COMPARED:
            return True
        if path == "status":
            return value == self.status
        if path not in self.values and path not in _DEFAULTS:
            return False
        return _is_same(self.values.get(path, _DEFAULTS.get(path)), value)

    def _move(self, status: ProcessStatus, at: datetime) -> None:
        self.status = status
        if status == ProcessStatus.STARTED:
            self.started_at = at
        else:
            self.ended_at = at


def replay(events: Iterable[AuditEvent]) -> Replay:
    """Rebuild a process from its events, given in the order of the chain. Reported events are ignored."""
    own_events = [event for event in events if event.source == EventSource.SERVICE]
    # The groups of which each event erased values, and how many events are still to come that erase some.
    signer_ids = {event.number: event.signer_id for event in own_events}
    erased_by: dict[int, set[str]] = {}
    for event in own_events:
        erased = [(signer_ids.get(number, ""), part) for number, part in event.erasures]
        if erased:
            erased_by[event.number] = parts.groups(erased)
    restated_later = Counter(chain.from_iterable(erased_by.values()))

    replayed = Replay()
    for event in own_events:
        replayed.compare_before(event, restated_later.keys())
        replayed.apply_transition(event)
        # An erasure lists in `after` the values that are left, so the whole groups are forgotten first.
        groups = erased_by.get(event.number)
        if groups is not None:
            replayed.forget(groups)
            restated_later = +(restated_later - Counter(groups))
        replayed.apply_values(event)
    return replayed


def rebuild(
    process_id: UUID, replayed: Replay, *, positions: Mapping[UUID, int]
) -> tuple[Process, list[Step], list[Signer]]:
    """The replayed process as unsaved rows, steps and signers in their order.

    `positions` orders the signers within a step, because the trail does not contain that order.
    """
    # The process, with the profile's rules as far as the API shows them.
    values = replayed.values
    process = Process(id=process_id, started_at=replayed.started_at, finished_at=replayed.ended_at)
    _set_columns(process, represent.PROCESS_FIELDS, values)
    process.status = replayed.status
    process.completed_at = replayed.completed_at
    rules = Rules.from_json({field_name: values[name] for name, field_name in represent.RULES_FIELDS.items()})
    process.rules = rules.to_json()

    # Its steps and signers.
    steps = {}
    for step_id, step_values in _by_row(values, "steps/").items():
        step = Step(id=UUID(step_id), process_id=process_id)
        _set_columns(step, represent.STEP_FIELDS, step_values)
        steps[step_id] = step
    signers = []
    for signer_id, signer_values in _by_row(values, parts.SIGNER_PREFIX).items():
        signer = Signer(id=UUID(signer_id), process_id=process_id, step=steps[signer_values["step"]])
        _set_columns(signer, represent.SIGNER_FIELDS, signer_values)
        signer.position = positions.get(signer.id, len(positions))
        signers.append(signer)
    signers.sort(key=attrgetter("step.process_order", "position", "id"))
    in_order = sorted(steps.values(), key=attrgetter("process_order"))
    _set_statuses(replayed, rules, in_order, signers)
    return process, in_order, signers


def contradictions(
    process: Process, steps: Collection[Step], signers: Collection[Signer], events: Iterable[AuditEvent]
) -> Iterator[str]:
    """How the rows of a process differ from its events, which are given in the order of the chain.

    The texts contain statuses and times, but no personal data.
    """
    replayed = replay(events)
    yield from replayed.breaks
    # What happened, and when.
    if replayed.deleted:
        yield "the process exists, but the audit trail records its deletion"
    for signer in signers:
        yield from _act_differences(signer, replayed.acts.get(str(signer.id)))
    yield from _process_differences(process, replayed)

    # The values.
    try:
        paths = represent.paths(process, steps, signers) | {"hold": process.hold}
    except MalformedRules:
        yield "its rules are malformed"
        return
    rows = {path: value for path, value in paths.items() if path.rpartition("/")[2] not in _NOT_REPLAYED}
    yield from _value_differences(rows, _DEFAULTS | replayed.values)

    # The columns that follow from them.
    running_due_at = [step.due_at for step in steps if step.status == StepStatus.STARTED]
    if process.due_at not in (running_due_at or [None]):
        yield "the due date of the process differs from that of its running step"
    yield from _search_differences(process, process.search_columns(signers))
    for signer in signers:
        yield from _call_differences(signer, process, called=str(signer.id) in replayed.called)
        yield from _search_differences(signer, signer.search_columns())


def _path(event: AuditEvent, name: str) -> str:
    """The path of a value in the event. An event about a signer contains that signer's values by field."""
    if event.signer_id:
        return f"{parts.SIGNER_PREFIX}{event.signer_id}/{name}"
    return name


def _set_columns(row: Process | Step | Signer, fields: Mapping[str, str], values: JsonObject) -> None:
    columns = {column.name: column for column in row._meta.concrete_fields}
    for name, column in fields.items():
        if name in values:
            setattr(row, column, columns[column].to_python(values[name]))


def _by_row(values: JsonObject, prefix: str) -> dict[str, JsonObject]:
    """The values below a prefix such as `steps/`, by the id of their row and by API field."""
    rows: dict[str, JsonObject] = defaultdict(dict)
    for path, value in values.items():
        if path.startswith(prefix):
            row_id, _, name = path.removeprefix(prefix).partition("/")
            rows[row_id][name] = value
    return rows


def _set_statuses(replayed: Replay, rules: Rules, steps: Collection[Step], signers: Collection[Signer]) -> None:
    """Repeat the acts by the rules of `flow`, which gives the status of every step and signer.

    A change of these rules must still allow what happened before it.
    """
    # The process as a draft.
    in_step = defaultdict(list)
    for signer in signers:
        in_step[signer.step_id].append(flow.SignerState(signer.id, Role(signer.role)))
    flow_steps = [flow.StepState(step.id, tuple(in_step[step.id])) for step in steps]
    state = flow.ProcessState(ProcessStatus.PENDING, tuple(flow_steps), rules.continue_on_decline)

    # What happened to it, in order.
    if replayed.started_at is not None:
        state = flow.after_start(state)
    for signer_id, act in replayed.acts.items():
        state = flow.after_act(state, UUID(signer_id), _ACTS[act.event_type])
    if replayed.status == ProcessStatus.CANCELED:
        state = flow.after_cancel(state)

    # The statuses that follow.
    for step, step_state in zip(steps, state.steps, strict=True):
        step.status = step_state.status
    statuses = {signer.id: signer.status for signer in state.signers}
    for signer in signers:
        signer.status = statuses[signer.id]
        if str(signer.id) in replayed.acts:
            signer.acted_at = replayed.acts[str(signer.id)].created_at


def _act_differences(signer: Signer, act: AuditEvent | None) -> Iterator[str]:
    if act is None:
        if signer.acted or signer.acted_at is not None:
            yield f"the signer {signer.id} is {signer.status}, but the trail contains no act of this signer"
    elif signer.status != _ACTS[act.event_type]:
        yield f"the signer {signer.id} is {signer.status}, but {_ACTS[act.event_type]} in the trail"
    elif signer.acted_at != act.created_at:
        yield f"the signer {signer.id} acted at {signer.acted_at}, but at {act.created_at} in the trail"


def _call_differences(signer: Signer, process: Process, *, called: bool) -> Iterator[str]:
    if (signer.called_at is not None) != called:
        yield f"the signer {signer.id} was called at {signer.called_at}, which differs from the trail"
    if signer.created_at != process.created_at:
        yield f"the signer {signer.id} was created at {signer.created_at}, but the process at {process.created_at}"


def _process_differences(process: Process, replayed: Replay) -> Iterator[str]:
    comparisons = (
        ("is", process.status, replayed.status),
        ("started at", process.started_at, replayed.started_at),
        ("ended at", process.finished_at, replayed.ended_at),
        ("was completed at", process.completed_at, replayed.completed_at),
    )
    for verb, value, replayed_value in comparisons:
        if value != replayed_value:
            yield f"the process {verb} {value}, but {replayed_value} in the trail"
    if (process.cancel_reason or "") != replayed.cancel_reason:
        yield "the reason for the cancellation differs from the trail"


def _value_differences(rows: JsonObject, replayed: JsonObject) -> Iterator[str]:
    for path in sorted(rows.keys() | replayed.keys()):
        if path not in replayed:
            yield f"{path} is not in the trail"
        elif path not in rows:
            yield f"{path} is in the trail, but missing from the database"
        elif not _is_same(rows[path], replayed[path]):
            yield f"{path} differs from the trail"


def _is_same(value: object, other: object) -> bool:
    # Most values are texts, which need no normal form.
    if isinstance(value, str) and isinstance(other, str):
        return value == other
    return _normalized(value) == _normalized(other)


def _normalized(value: object) -> str:
    """A value as JSON, in which 1 and true differ."""
    return json.dumps(json.loads(json.dumps(value), parse_float=_parse_float), sort_keys=True)


def _parse_float(text: str) -> float:
    """One of the databases stores -0.0 as 0.0. Adding 0.0 makes both the same."""
    return float(text) + 0.0


def _search_differences(row: Process | Signer, search_columns: Mapping[str, str]) -> Iterator[str]:
    for column, expected in search_columns.items():
        if getattr(row, column) != expected:
            yield f"the search column {column} of {row.pk} does not match its values"
