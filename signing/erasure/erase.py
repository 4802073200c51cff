"""Erases a person: a preview first, and then all redactors in one transaction.

Processes that are running, on hold or have unsent emails keep what they need. The erasure itself is an event.
"""

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from audit import log
from config.access.actor import Actor
from config.errors import DomainError
from contacts.models import Upload
from signing.erasure.person import Person
from signing.erasure.redactors import REDACTORS
from signing.erasure.scope import ErasureScope, find_scope

NOTE = "The personal data of a person was erased."


class NothingFound(DomainError):
    """No data of the person is stored."""

    code = "nobody_found"
    status = 404
    detail = "No data about this person is stored. Nothing was changed."


@dataclass(frozen=True, slots=True)
class ErasureSummary:
    """How much is removed, by label; what is kept, with reasons; and by which identifiers to erase again later.

    Once an erasure has removed the rows that tie a code to an address, each must be named on its own.
    """

    counts: dict[str, int]
    kept: list[str]
    again: list[str]


def preview(person: Person) -> ErasureSummary:
    """What an erasure would remove and keep. `NothingFound` if there is neither."""
    return _summarize(find_scope(person))


@transaction.atomic
def erase(person: Person, *, actor: Actor, at: datetime) -> ErasureSummary:
    """Remove the person's data; returns what was removed and kept. `NothingFound` if there is neither."""
    # What is found under the locks is removed; a process that was not found before is kept.
    locked = find_scope(person).lock()
    scope = find_scope(person, locked=locked)
    summary = _summarize(scope)
    if summary.counts:
        for redactor in REDACTORS:
            redactor.redact(scope)
        # Contact sheets wait for their import for an hour at most. They cannot be searched, so all are deleted.
        Upload.objects.all().delete()
        # The chains of the trail are locked last, as in all actions.
        log.erase_values(scope.values, after=scope.remaining, note=NOTE, actor=actor, at=at)
    return summary


def _summarize(scope: ErasureScope) -> ErasureSummary:
    counts = {redactor.label: redactor.preview(scope) for redactor in REDACTORS}
    counts["values in the audit trail"] = sum(map(len, scope.values.values()))
    counts = {label: count for label, count in counts.items() if count}
    postponed = scope.postponed()
    kept = postponed + scope.accounts()
    if not (counts or kept):
        raise NothingFound
    identifiers = sorted(scope.person.keys | scope.person.addresses)
    return ErasureSummary(counts, kept, again=identifiers if postponed and len(identifiers) > 1 else [])
