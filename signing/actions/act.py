"""A signer's act: signing, approving, viewing or declining."""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from config.access.actor import Actor
from config.api_values import Body
from config.errors import DomainError, Fault, Forbidden, Invalid
from config.personal_codes import person_key
from config.vocabulary import SignerStatus
from signing import flow
from signing.actions.build import changed_columns
from signing.actions.changes import Changes
from signing.actions.rows import ProcessRows, lock
from signing.models import Process, Signer
from signing.represent import SIGNER_FIELDS

# The columns that say who an anonymous signer was.
PERSON_COLUMNS = frozenset({"name", "country", "personal_code"})

_CANNOT_CHANGE = "The signer {signer} has already acted ({status}) and cannot be changed."


class NotYourAct(Forbidden):
    code = "not_your_act"
    detail = (
        "A signer may report only their own act and change nothing else; other changes require the right "
        "'administer' or 'on_behalf'."
    )


class AlreadyHappened(DomainError):
    """The request would rewrite the past."""

    code = "already_happened"
    status = 409


@dataclass(frozen=True, slots=True)
class ReportedAct:
    """An act that a request reports. `values` are the columns that come with it: the comment, and the person."""

    signer: Signer
    status: SignerStatus
    values: Body


@transaction.atomic
def act(
    process: Process,
    signer_id: uuid.UUID,
    body: Body,
    *,
    actor: Actor,
    at: datetime,
    expected: frozenset[str] | None = None,
) -> ProcessRows:
    """Report one signer's act. For an anonymous signer the body may name the person.

    Absent and null values stay unchanged. Reporting the same act again changes nothing.
    """
    rows = lock(process, expected=expected)
    signer = rows.signer(signer_id)
    if not (rows.process.managed_by(actor) or signer.is_person(actor)):
        raise NotYourAct
    values = {column: value for column, value in body.items() if value is not None}
    changes = Changes(rows, actor=actor, at=at)
    reported = reported_act(signer, values)
    if reported is None:
        # An act that is already recorded may only be repeated as it was.
        require_unchanged(signer, edits(signer, values))
    else:
        apply_acts(changes, [reported])
    return changes.save()


def reported_act(signer: Signer, body: Body, *, pointer: str = "#") -> ReportedAct | None:
    """Return the act that a signer's body reports; None if there is none, or if it is recorded already."""
    if not reports_act(signer, body):
        return None
    status = SignerStatus(body["status"])
    if status == SignerStatus.CANCELED:
        raise flow.ImpossibleTransition("CANCELED cannot be reported; signers are canceled with their process.")
    if signer.acted:
        raise AlreadyHappened(_CANNOT_CHANGE.format(signer=signer, status=signer.status))

    changed = edits(signer, body, acting=True)
    person = [column for column in changed if column in PERSON_COLUMNS]
    if person and not signer.anonymous:
        raise Invalid(faults=[_not_anonymous(column, pointer) for column in person])
    values = {column: changed[column] for column in ("comment", *person) if column in changed}
    return ReportedAct(signer, status, values)


def reports_act(signer: Signer, body: Body) -> bool:
    """Whether a signer's body has a status that reports an act and is not recorded yet."""
    status = body.get("status")
    return status is not None and status != signer.status and status not in flow.NOT_ACTED


def without_nulls_of_act(body: Body) -> Body:
    """A signer's body that reports an act, again or for the first time, without its nulls: they mean "not given"."""
    if body.get("status") in (None, *flow.NOT_ACTED):
        return body
    return {column: value for column, value in body.items() if value is not None}


def apply_acts(changes: Changes, acts: Iterable[ReportedAct]) -> None:
    """Apply each act and everything that follows from it, in the order in which the steps run."""
    orders = {step.id: step.process_order for step in changes.rows.steps}
    for reported in sorted(acts, key=lambda act: (orders[act.signer.step_id], act.signer.position)):
        before = changes.rows.snapshot()
        after = flow.after_act(before, reported.signer.id, reported.status)
        changes.apply(flow.transitions(before, after), act_values=reported.values)


def edits(signer: Signer, body: Body, *, acting: bool = False) -> Body:
    """Return the columns of a signer that differ in the body.

    Another spelling of the personal code is no difference for a signer who acts or has acted.
    """
    changed = changed_columns(signer, body, SIGNER_FIELDS)
    if (acting or signer.acted) and _names_same_person(signer, changed):
        changed.pop("country", None)
        changed.pop("personal_code", None)
    return changed


def require_unchanged(signer: Signer, changed: Body) -> None:
    """Raise `AlreadyHappened` if the signer has acted and anything is changed."""
    if signer.acted and changed:
        raise AlreadyHappened(_CANNOT_CHANGE.format(signer=signer, status=signer.status))


def is_stale(signer: Signer, body: Body) -> bool:
    """Whether a signer's body was read before the signer acted. Such a body is ignored."""
    return signer.acted and body.get("status") in flow.NOT_ACTED


def _names_same_person(signer: Signer, changed: Body) -> bool:
    """Whether country and code, as changed, name the same person in another spelling."""
    country = changed.get("country", signer.country)
    personal_code = changed.get("personal_code", signer.personal_code)
    return bool(signer.person_key) and person_key(country, personal_code) == signer.person_key


def _not_anonymous(column: str, pointer: str) -> Fault:
    names = {field_column: name for name, field_column in SIGNER_FIELDS.items()}
    detail = "Only the act of an anonymous signer may name the person."
    return Fault(detail, code="not_anonymous", pointer=f"{pointer}/{names[column]}")
