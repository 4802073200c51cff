"""Whether the rows of a process agree with what its trail says happened: the trail is protected, the rows are not."""

import json
from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from audit.chain import parts
from audit.chain.verify import verify
from audit.models import AuditEvent
from config.errors import DomainError
from config.vocabulary import EventType, ProcessStatus, SignerStatus
from signing import represent
from signing.models import Process, Signer, Step

E, P, S = EventType, ProcessStatus, SignerStatus
_ACTS: dict[str, str] = {
    E.SIGNER_SIGNED: S.SIGNED,
    E.APPROVER_APPROVED: S.APPROVED,
    E.PROCESS_OPENED: S.VIEWED,
    E.SIGNER_DECLINED: S.DECLINED,
    E.APPROVER_DECLINED: S.DECLINED,
}
_MOVES: dict[str, str] = {
    E.PROCESS_STARTED: P.STARTED,
    E.PROCESS_COMPLETED: P.COMPLETED,
    E.PROCESS_CANCELED: P.CANCELED,
}
_BY_EVENTS = frozenset({"status", "completedAt", "signingStatus"})
"""What is told by what happened, and held against that."""
_NOT_TOLD = frozenset({"stepStatus", "position"})
"""What follows from the rest, and in which order signers of a step are shown."""
_FIRST = {"hold": None}
"""What is so until an event tells otherwise."""


class Doubtful(DomainError):
    """No evidence is made of what is in doubt."""

    code = "evidence_in_doubt"
    status = 409


def require_agreement(
    process: Process, steps: Sequence[Step], signers: Sequence[Signer], events: Sequence[AuditEvent], *, at: datetime
) -> None:
    """`Doubtful` unless the process's trail verifies, and says what the rows say."""
    if wrong := not_whole(process, at=at):
        raise Doubtful(f"The trail of this process {wrong}.")
    for wrong in contradictions(process, steps, signers, events):
        raise Doubtful(f"What is kept of this process contradicts its trail: {wrong}.")


def not_whole(process: Process, *, at: datetime) -> str:
    """What is wrong with the trail of this process, or that it could not be checked; nothing if it is whole."""
    verdict = verify(at=at, process_id=str(process.id))
    if verdict.findings:
        return f"is not whole: {verdict.findings[0]}"
    return f"could not be checked: {'; '.join(verdict.unchecked)}" if verdict.unchecked else ""


def contradictions(
    process: Process, steps: Iterable[Step], signers: Sequence[Signer], events: Iterable[AuditEvent]
) -> Iterator[str]:
    """Where the rows say something else than the service's own events, which are given in their order."""
    told = _Told.by(event for event in events if event.source == "SERVICE")
    for signer in signers:
        said, at = told.acts.get(str(signer.id), (None, None))
        if (signer.status if signer.acted else None) != said:
            yield f"the signer {signer.id} is {signer.status}, and the trail says {said or 'that nobody acted'}"
        elif signer.acted_at != at:
            yield f"the signer {signer.id} acted at {signer.acted_at}, and the trail says {at}"
    if process.status != told.state:
        yield f"the process is {process.status}, and the trail says {told.state}"
    for what, moment, at in (
        ("started", process.started_at, told.started_at),
        ("ended", process.finished_at, told.ended_at if process.finished else None),
        ("was completed", process.completed_at, told.ended_at if process.status == P.COMPLETED else None),
    ):
        if moment != at:
            yield f"the process {what} at {moment}, and the trail says {at}"
    kept = represent.paths(process, steps, signers) | {"hold": process.hold}
    yield from _otherwise(_compared(kept), _compared(_FIRST | told.values))
    rows: list[Any] = [process, *signers]
    for row in rows:
        if wrong := [column for column, folded in row.search_columns().items() if getattr(row, column) != folded]:
            yield f"{wrong[0]} of {row.pk} is not made of what it stands for"


def contradiction(process: Process) -> str:
    """The first of them, or nothing."""
    events = AuditEvent.objects.of_process(process.pk).filter(seq__isnull=False).order_by("seq")
    return next(contradictions(process, process.steps.all(), list(process.signers.all()), events), "")


def told_anew(process: Process, groups: Set[str]) -> dict[str, Any]:
    """What an event has to tell when values of these groups were erased, so that the trail knows what is left."""
    left = _compared(represent.paths(process, process.steps.all(), process.signers.all()))
    return {path: said for path, said in left.items() if parts.group(path) in groups}


def _compared(said: dict[str, Any]) -> dict[str, Any]:
    return {path: v for path, v in said.items() if path.rpartition("/")[2] not in _BY_EVENTS | _NOT_TOLD}


def _otherwise(kept: dict[str, Any], told: dict[str, Any]) -> Iterator[str]:
    """Which values are others than the events told, or are missing, or were never told."""
    for path in sorted(kept.keys() | told.keys()):
        if path not in told:
            yield f"the trail does not know of {path}"
        elif path not in kept:
            yield f"{path} is missing, and the trail knows of it"
        elif _written(kept[path]) != _written(told[path]):
            yield f"{path} is not what the trail says"


def _written(value: Any) -> str:
    """A value as JSON, by which 1 is not true, and -0.0 is 0.0: one of the databases makes that of it."""
    return json.dumps(json.loads(json.dumps(value), parse_float=lambda text: float(text) + 0.0), sort_keys=True)


@dataclass(slots=True)
class _Told:
    """What the events say, the later ones over the earlier. Where values were erased, that event tells what is left."""

    state: str = P.PENDING
    acts: dict[str, tuple[str, datetime]] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)
    started_at: datetime | None = None
    ended_at: datetime | None = None

    @classmethod
    def by(cls, events: Iterable[AuditEvent]) -> "_Told":
        told, about = cls(), dict[int, str]()
        for event in events:
            about[event.number] = event.signer_id
            if event.event_type in _MOVES:
                told._move(_MOVES[event.event_type], event.created_at)
            if event.event_type in _ACTS and "before" in event.commitments:
                told._act(event.signer_id, _ACTS[event.event_type], event.created_at)
            # What was erased is forgotten first: the same event tells what is left of it.
            told._forget(parts.groups((about.get(number, ""), part) for number, part in event.erasures))
            path = f"{parts.SIGNER_PREFIX}{event.signer_id}/" if event.signer_id else ""
            gone = {path + name for name in event.before or {}}
            told.values = {name: v for name, v in told.values.items() if name not in gone}
            told.values |= {path + name: v for name, v in (event.after or {}).items()}
        return told

    def _move(self, state: str, at: datetime) -> None:
        self.state = state
        if state == P.STARTED:
            self.started_at = at
        else:
            self.ended_at = at

    def _act(self, signer_id: str, status: str, at: datetime) -> None:
        self.acts[signer_id] = (status, at)
        if status == S.DECLINED and not self.values.get("continueOnDecline"):
            self._move(P.DECLINED, at)

    def _forget(self, groups: Set[str]) -> None:
        self.values = {path: v for path, v in self.values.items() if parts.group(path) not in groups}
