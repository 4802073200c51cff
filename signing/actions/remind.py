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
from signing.actions.locking import lock_managed
from signing.actions.run import Run
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

    run: Run
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
    reminded: list[Signer] = []
    skipped: list[tuple[Signer, str]] = []
    for signer in asked:
        if reason := _why_not(signer, last=_last_reminded(run, signer), at=at):
            skipped.append((signer, reason))
        else:
            run.remind(signer)
            reminded.append(signer)
    if not reminded:
        raise NobodyToRemind(faults=[Fault(f"{signer}: {reason}.", code="skipped") for signer, reason in skipped])
    return Reminded(run.save(quietly=True), tuple(reminded), tuple(skipped))


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


def _last_reminded(run: Run, signer: Signer) -> datetime | None:
    """When this person was last reminded in this process, in whichever of its rows."""
    same = [s for s in run.signers if (s.person_key or s.email_plain) == (signer.person_key or signer.email_plain)]
    return max((s.reminded_at for s in same if s.reminded_at is not None), default=None)


def _why_not(signer: Signer, *, last: datetime | None, at: datetime) -> str:
    if Role(signer.role) not in flow.ACTING:
        return f"a {signer.role} has nothing to sign or approve"
    if signer.status != SignerStatus.STARTED:
        return f"this signer is {signer.status}"
    if not signer.notification:
        return "signerNotification is false"
    if last is not None and at - last < NOT_MORE_OFTEN_THAN:
        return f"this person was reminded at {last:%Y-%m-%dT%H:%M:%SZ}; once an hour is allowed"
    return ""
