"""What the document's type asks of a process: its profile's rules, held against what is said of the document."""

from django.conf import settings

from config.errors import DomainError, Fault
from signing.actions.run import Run
from signing.models import Process
from templates_app.rules import Rules, rules_for

OF_THE_DOCUMENT = frozenset({"attributes", "document_type", "owner_group"})
"""The columns of a process by which its rules are found, and which they speak of."""


class IncompleteDocument(DomainError):
    """What is said of the document is not what its type asks for; the faults name each."""

    code = "incomplete_document"
    status = 400
    detail = "The process cannot start: what is said of the document is not what its type asks for; see errors."


def check_document(run: Run) -> None:
    """Note what does not fit the rules: those the process took along, or, of a draft, those of today."""
    started = run.process.rules is not None
    rules = Rules.of(run.process.rules) if started else _todays(run.process)
    run.faults += _faults(run.process, rules, complete=started)


def take_rules_along(run: Run) -> None:
    """Give the process the rules that it starts with; `IncompleteDocument` unless everything that they ask is there."""
    rules = _todays(run.process)
    if faults := _faults(run.process, rules, complete=True):
        raise IncompleteDocument(faults=faults)
    run.touch(run.process, rules=rules.kept())


def _todays(process: Process) -> Rules:
    return rules_for(document_type=process.document_type, owner_group=process.owner_group)


def _faults(process: Process, rules: Rules, *, complete: bool) -> list[Fault]:
    faults = list(rules.faults(process.attributes or {}, complete=complete))
    needed = settings.DOCUMENT_PROFILES_REQUIRED and (complete or process.document_type)
    if needed and not rules.known and process.rules is None:
        detail = "This service takes only document types that a document profile knows."
        faults.append(Fault(detail, code="unknown_document_type", pointer="#/documentType"))
    return faults
