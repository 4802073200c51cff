"""A caller asks to remind signers now, in addition to the scheduled reminders."""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction

from config.access.actor import Actor
from config.errors import DomainError, Fault, Invalid
from config.vocabulary import EventType, ProcessStatus, Role, SignerStatus
from signing import flow
from signing.actions.changes import Changes
from signing.actions.rows import ProcessRows, lock_managed
from signing.messages import NOTIFICATION_DISABLED
from signing.models import Process, Signer

MIN_INTERVAL = timedelta(hours=1)


class NoRemindableSigner(DomainError):
    """None of the signers can be reminded now; the faults name the reason for each."""

    code = "nobody_to_remind"
    status = 409
    detail = "No signer can be reminded now."


@dataclass(frozen=True, slots=True)
class Reminded:
    """The signers who were reminded, and those who were not, each with the reason."""

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
    """Remind these signers, or every signer whose turn it is; each person at most once an hour."""
    rows = lock_managed(process, actor=actor, expected=expected)
    if rows.process.status != ProcessStatus.STARTED:
        raise flow.ImpossibleTransition(f"Signers of a {rows.process.status} process cannot be reminded.")
    changes = Changes(rows, actor=actor, at=at)
    reminded: list[Signer] = []
    skipped: list[tuple[Signer, str]] = []
    for signer in _requested_signers(rows, signers):
        reason = _reason_to_skip(rows, signer, at=at)
        if reason is not None:
            skipped.append((signer, reason))
            continue
        changes.set(signer, reminded_at=at)
        changes.record(EventType.REMINDER, signer=signer)
        changes.notify(EventType.REMINDER, signer=signer, step=rows.step_of(signer))
        reminded.append(signer)
    if not reminded:
        raise NoRemindableSigner(faults=[Fault(f"{signer}: {reason}.", code="skipped") for signer, reason in skipped])
    changes.save(new_version=False)
    return Reminded(tuple(reminded), tuple(skipped))


def _requested_signers(rows: ProcessRows, ids: Iterable[uuid.UUID] | None) -> list[Signer]:
    if ids is None:
        acting = [signer for signer in rows.signers if signer.role in flow.ACTING]
        return [signer for signer in acting if signer.status == SignerStatus.STARTED]
    by_id = {signer.id: signer for signer in rows.signers}
    requested_ids = list(ids)
    faults = [
        Fault("The id must be that of a signer of this process.", code="unknown_id", pointer=f"#/signers/{index}")
        for index, signer_id in enumerate(requested_ids)
        if signer_id not in by_id
    ]
    if faults:
        raise Invalid(faults=faults)
    return [by_id[signer_id] for signer_id in dict.fromkeys(requested_ids)]


def _reason_to_skip(rows: ProcessRows, signer: Signer, *, at: datetime) -> str | None:
    if Role(signer.role) not in flow.ACTING:
        return f"a {signer.role} neither signs nor approves"
    if signer.status != SignerStatus.STARTED:
        return f"this signer is {signer.status}"
    if not signer.notification:
        return NOTIFICATION_DISABLED
    last = _last_reminded_at(rows, signer)
    if last is not None and at - last < MIN_INTERVAL:
        return f"this person was reminded at {last:%Y-%m-%dT%H:%M:%SZ}; only one reminder per hour is allowed"
    return None


def _last_reminded_at(rows: ProcessRows, signer: Signer) -> datetime | None:
    """When this person was last reminded in this process, in any of the person's signer rows."""
    times = []
    for other in rows.signers:
        if _identity(other) == _identity(signer) and other.reminded_at is not None:
            times.append(other.reminded_at)
    return max(times, default=None)


def _identity(signer: Signer) -> str:
    return signer.person_key or signer.email_key
