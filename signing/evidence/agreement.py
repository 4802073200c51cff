"""Whether the rows of a process agree with what its trail says happened: the trail is protected, the rows are not."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from audit.chain.verify import verify
from audit.models import AuditEvent
from audit.values import OF_SIGNERS
from config.errors import DomainError
from config.vocabulary import EventType, ProcessStatus, SignerStatus
from config.wire import value
from signing.models import Process, Signer

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


_OF_PROCESS = {
    "documentId": "document_id",
    "documentName": "document_name",
    "initiator": "initiator",
    "initiatorName": "initiator_name",
}
_OF_SIGNERS = {
    "signerName": "name",
    "signerCountry": "country",
    "signerPersonalCode": "personal_code",
    "signerEmail": "email",
    "signerRole": "role",
}
"""What a certificate and a bundle say of people and of the document."""


class Doubtful(DomainError):
    """No evidence is made of what is in doubt."""

    code = "evidence_in_doubt"
    status = 409


def require_agreement(process: Process, signers: list[Signer], events: list[AuditEvent], *, at: datetime) -> None:
    """`Doubtful` unless the process's trail verifies, and says of its states what the rows say."""
    verdict = verify(at=at, process_id=str(process.id))
    if verdict.findings:
        raise Doubtful(f"The trail of this process is not whole: {verdict.findings[0]}.")
    if verdict.unchecked:
        raise Doubtful(f"The trail of this process could not be checked: {'; '.join(verdict.unchecked)}.")
    for wrong in contradictions(process, signers, events):
        raise Doubtful(f"What is kept of this process contradicts its trail: {wrong}.")


def contradictions(process: Process, signers: Iterable[Signer], events: Iterable[AuditEvent]) -> Iterator[str]:
    """Where the rows say something else than the service's own events."""
    told = _Told.by(event for event in events if event.source == "SERVICE")
    for signer in signers:
        said, at = told.acts.get(str(signer.id), (None, None))
        if (signer.status if signer.acted else None) != said:
            yield f"the signer {signer.id} is {signer.status}, and the trail says {said or 'that nobody acted'}"
        elif signer.acted and signer.acted_at != at:
            yield f"the signer {signer.id} acted at {signer.acted_at}, and the trail says {at}"
        yield from told.otherwise(f"signers/{signer.id}/", signer, _OF_SIGNERS)
    declined = process.status == P.DECLINED and any(said == S.DECLINED for said, _ in told.acts.values())
    if process.status != told.state and not (declined and told.state == P.STARTED):
        yield f"the process is {process.status}, and the trail says {told.state}"
    if process.finished and process.finished_at not in told.moments:
        yield f"the process ended at {process.finished_at}, and the trail knows of nothing then"
    yield from told.otherwise("", process, _OF_PROCESS)


@dataclass(slots=True)
class _Told:
    """What the events say, the later ones over the earlier; values of which a part was erased are not known."""

    state: str = P.PENDING
    acts: dict[str, tuple[str, datetime]] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)
    moments: set[datetime] = field(default_factory=set)
    erased: set[str] = field(default_factory=set)

    @classmethod
    def by(cls, events: Iterable[AuditEvent]) -> "_Told":
        told = cls()
        for event in events:
            told.state = _MOVES.get(event.event_type, told.state)
            told.moments.add(event.created_at)
            if event.event_type in _ACTS and "before" in event.commitments:
                told.acts[event.signer_id] = (_ACTS[event.event_type], event.created_at)
            path = f"{OF_SIGNERS}{event.signer_id}/" if event.signer_id else ""
            told.values |= {path + name: value for name, value in (event.after or {}).items()}
            told.erased |= {path or f"{part.partition(' ')[2]}/".lstrip("/") for part in event.erased or []}
        return told

    def otherwise(self, path: str, row: Any, names: dict[str, str]) -> Iterator[str]:
        """Which of a row's values are others than the events told."""
        if path in self.erased:
            return
        for name, column in names.items():
            if path + name in self.values and (kept := value(getattr(row, column))) != self.values[path + name]:
                yield f"{path}{name} is {kept!r} and not what the trail says"
