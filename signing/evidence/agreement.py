"""Whether the rows of a process agree with what its trail says happened: the trail is protected, the rows are not."""

from collections.abc import Iterable, Iterator
from datetime import datetime

from audit.chain.verify import verify
from audit.models import AuditEvent
from config.errors import DomainError
from config.vocabulary import EventType, ProcessStatus, SignerStatus
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
    acts: dict[str, str] = {}
    state = str(P.PENDING)
    for event in events:
        if event.source != "SERVICE":
            continue
        state = _MOVES.get(event.event_type, state)
        if event.event_type in _ACTS and (event.before is not None or "before" in event.commitments):
            acts[event.signer_id] = _ACTS[event.event_type]
    for signer in signers:
        said = acts.get(str(signer.id))
        if (signer.status if signer.acted else None) != said:
            yield f"the signer {signer.id} is {signer.status}, and the trail says {said or 'that nobody acted'}"
    declined = process.status == P.DECLINED and S.DECLINED in acts.values()
    if process.status != state and not (declined and state == P.STARTED):
        yield f"the process is {process.status}, and the trail says {state}"
