"""Somebody asks Paraph to remind those who have not acted."""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction

from config.access.actor import Actor
from config.errors import DomainError, Fault, Invalid
from config.vocabulary import ProcessStatus, Role, SignerStatus
from signing import flow
from signing.actions.run import Run, lock_managed
from signing.models import Process, Signer

NOT_MORE_OFTEN_THAN = timedelta(hours=1)


class NobodyToRemind(DomainError):
    """Nobody was asked for who can be reminded now; the faults say why of each."""

    code = "nobody_to_remind"
    status = 409
    detail = "Nobody can be reminded now."


@dataclass(frozen=True, slots=True)
class Reminded:
    """Who was reminded, and who was not and why."""

    process: Process
    reminded: tuple[Signer, ...]
    skipped: tuple[tuple[Signer, str], ...]


@transaction.atomic
def remind(
    process: Process,
    *,
    actor: Actor,
    at: datetime,
    signers: Iterable[uuid.UUID] | None = None,
    expected: frozenset[str] | None = None,
) -> Reminded:
    """Remind the named signers, or everybody whose turn it is; each at most once an hour."""
    run = lock_managed(process, actor=actor, at=at, expected=expected)
    if run.process.status != ProcessStatus.STARTED:
        raise flow.ImpossibleTransition(f"The process is {run.process.status}: nobody can be reminded.")
    asked = _asked(run, None if signers is None else list(signers))
    reasons = [(signer, _why_not(signer, at)) for signer in asked]
    skipped = tuple((signer, reason) for signer, reason in reasons if reason)
    reminded = tuple(signer for signer, reason in reasons if not reason)
    if not reminded:
        raise NobodyToRemind(faults=[Fault(f"{signer.id}: {reason}", code="skipped") for signer, reason in skipped])
    for signer in reminded:
        run.remind(signer)
    return Reminded(run.save(quietly=True), reminded, skipped)


def _asked(run: Run, ids: list[uuid.UUID] | None) -> list[Signer]:
    if ids is None:
        return [s for s in run.signers if s.role in flow.ACTING and s.status == SignerStatus.STARTED]
    known = {signer.id: signer for signer in run.signers}
    faults = [
        Fault("This process has no signer with this id.", code="unknown_id", pointer=f"#/signers/{index}")
        for index, asked in enumerate(ids)
        if asked not in known
    ]
    if faults:
        raise Invalid(faults=faults)
    return [known[asked] for asked in dict.fromkeys(ids)]


def _why_not(signer: Signer, at: datetime) -> str:
    if Role(signer.role) not in flow.ACTING:
        return f"a {signer.role} has nothing to sign or approve"
    if signer.status != SignerStatus.STARTED:
        return f"this signer is {signer.status}"
    if not signer.notification:
        return "signerNotification is false"
    if signer.reminded_at is not None and at - signer.reminded_at < NOT_MORE_OFTEN_THAN:
        return f"already reminded at {signer.reminded_at:%Y-%m-%dT%H:%M:%SZ}; once an hour is allowed"
    return ""
