"""Erases a person: shows first what would go, keeps what a running process or a hold needs, and is itself an event.

Gone are the person's values in finished processes, the mails about them, contacts, remembered answers, and the values
in the trail with their salts; the chains hold all the same.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import reduce
from operator import or_
from typing import Any

from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db import transaction
from django.db.models import F, Q

from audit import log
from audit.models import AuditValue
from audit.values import CHANGES, OF_SIGNERS
from config.access.actor import Actor
from config.api.models import IdempotentAnswer
from config.vocabulary import ProcessStatus
from contacts.models import Contact, Upload
from notifications.models import NOT_YET, Message, RefusedAddress
from signing import flow
from signing.erasure.blank import blanked
from signing.erasure.people import NobodyFound, Person
from signing.models import Process, Signer
from templates_app.models import Template

NOTE = "The personal values of a person were erased."
_PROCESS_TEXTS = ("comment", "cancel_reason", "document_name", "initiator_name", "initiator_email")
_SIGNER_TEXTS = ("comment", "comment_for_signer")
_OWN = ("name", "country", "personal_code", "email", *_SIGNER_TEXTS)
_AT_ONCE = 500


@dataclass(slots=True)
class Plan:
    """What would go, as rows; and what stays, with the reason."""

    person: Person
    processes: list[Process] = field(default_factory=list)
    signers: list[Signer] = field(default_factory=list)
    others: list[Signer] = field(default_factory=list)
    messages: list[int] = field(default_factory=list)
    values: dict[str, list[tuple[int, str]]] = field(default_factory=dict)
    contacts: list[Any] = field(default_factory=list)
    templates: list[tuple[Any, Any]] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    refused: list[Any] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)

    @property
    def counts(self) -> dict[str, int]:
        """How much would go, in words."""
        return {
            "signers of finished processes": len(self.signers),
            "finished processes with texts that name the person": len(self.processes),
            "signers' texts that name the person": len(self.others),
            "mails": len(self.messages),
            "values in the audit trail": sum(map(len, self.values.values())),
            "contacts, with their histories": len(self.contacts),
            "templates, and earlier versions, that name the person": len(self.templates),
            "remembered answers": len(self.answers),
            "refused addresses": len(self.refused),
        }


def look(person: Person) -> Plan:
    """What would go, and what would stay. `NobodyFound` where there is neither."""
    plan = Plan(person)
    rows = list(Signer.objects.filter(person.signers).select_related("process").order_by("pk"))
    named = Process.objects.filter(_holding(person.words, *_PROCESS_TEXTS, "attributes"))
    processes = {row.process_id: row.process for row in rows} | {process.pk: process for process in named}
    held = {pk: why for pk, process in processes.items() if (why := _kept_since(process))}
    plan.kept = [f"process {pk}: {why}" for pk, why in sorted(held.items(), key=str)]
    plan.signers = [row for row in rows if row.process_id not in held]
    touched = [process for pk, process in processes.items() if pk not in held]
    plan.processes = [
        process for process in touched if _changed(process, _PROCESS_TEXTS, person) or _said(process, person)
    ]
    ids = {row.pk for row in plan.signers}
    beside = Signer.objects.filter(process__in=touched).exclude(pk__in=ids)
    plan.others = [row for row in beside if _changed(row, _SIGNER_TEXTS, person)]
    plan.messages = list(_messages(plan, [process.pk for process in touched], held))
    plan.values = _values(person, ids, {str(process.pk) for process in touched}, {str(pk) for pk in held})
    plan.contacts = list(Contact.objects.filter(person.contacts).values_list("pk", flat=True))
    old = Contact.history.filter(person.contacts).values_list("id", flat=True)
    plan.contacts += sorted(set(old) - set(plan.contacts), key=str)
    plan.templates = list(_templates(person))
    plan.answers = list(IdempotentAnswer.objects.filter(_holding(person.words, "body")).values_list("pk", flat=True))
    plan.refused = list(RefusedAddress.objects.filter(address__in=person.addresses).values_list("pk", flat=True))
    if not (any(plan.counts.values()) or plan.kept):
        raise NobodyFound
    return plan


@transaction.atomic
def erase(person: Person, *, actor: Actor, at: datetime) -> Plan:
    """Do it; what went, and what stayed. Processes are locked first, and looked at again under the lock."""
    found = look(person)
    ids = {row.process_id for row in (*found.signers, *found.others)} | {process.pk for process in found.processes}
    list(Process.objects.select_for_update().filter(pk__in=ids).order_by("pk"))
    plan = look(person)
    for row in plan.signers:
        _write(row, dict.fromkeys(_OWN))
    for row in plan.others:
        _write(row, _changed(row, _SIGNER_TEXTS, person))
    for process in plan.processes:
        _write(process, _changed(process, _PROCESS_TEXTS, person) | _said(process, person))
    changed = {row.process_id for row in (*plan.signers, *plan.others)} | {process.pk for process in plan.processes}
    Process.objects.filter(pk__in=changed).update(version=F("version") + 1)
    for some in _some(plan.messages):
        Message.objects.filter(pk__in=some).delete()
    Contact.objects.filter(pk__in=plan.contacts).delete()
    Contact.history.filter(id__in=plan.contacts).delete()
    _forget_names(plan.contacts)
    for row, data in plan.templates:
        type(row).objects.filter(pk=row.pk).update(data=data)
    IdempotentAnswer.objects.filter(pk__in=plan.answers).delete()
    RefusedAddress.objects.filter(pk__in=plan.refused).delete()
    Upload.objects.all().delete()  # sheets that wait for an hour at most, and cannot be looked into
    chains = {str(pk): plan.values.get(str(pk), []) for pk in changed} | plan.values
    log.erase({"": [], **chains}, note=NOTE, actor=actor, at=at)
    return plan


def _kept_since(process: Process) -> str:
    if process.hold:
        return f"is on hold ({process.hold})"
    return "" if process.status in flow.FINAL else f"is {ProcessStatus(process.status)}"


def _holding(words: frozenset[str], *columns: str) -> Q:
    """Rows of which a column holds one of the words; none if there are no words."""
    written = {*words, *(json.dumps(word)[1:-1] for word in words)}  # JSON may stand there with its letters escaped
    found = [Q(**{f"{column}__icontains": word}) for column in columns for word in sorted(written)]
    return reduce(or_, found) if found else Q(pk__in=[])


def _changed(row: Any, columns: Iterable[str], person: Person) -> dict[str, Any]:
    """The columns of a row that name the person, emptied."""
    return {column: None for column in columns if person.is_named_in(getattr(row, column), names=True)}


def _said(process: Process, person: Person) -> dict[str, Any]:
    attributes = blanked(process.attributes, person, names=True)
    return {} if attributes == process.attributes else {"attributes": attributes}


def _messages(plan: Plan, processes: list[Any], held: dict[Any, str]) -> Iterator[int]:
    person = plan.person
    theirs = Q(address__in=person.addresses) | Q(signer_id__in=[row.pk for row in plan.signers])
    named = _holding(person.words, "context", "address", "name", "reply_to", "reason")
    in_processes = Q(process_id__in=processes) & _holding(person.words | person.names, "context", "name", "reason")
    rows = Message.objects.filter(theirs | named | in_processes).exclude(process_id__in=list(held))
    waiting = 0
    for pk, status in rows.order_by("pk").values_list("pk", "status"):
        if status in NOT_YET:
            waiting += 1
        else:
            yield pk
    if waiting:
        plan.kept.append(f"{waiting} mails that have not gone out yet")


def _values(person: Person, signers: set[Any], touched: set[str], held: set[str]) -> dict[str, list[tuple[int, str]]]:
    """The values in the trail by their chain."""
    ids = sorted(map(str, signers))
    about = Q(event__signer_id__in=ids) & ~Q(part="creator")
    own = Q(part__in=[f"{change} {OF_SIGNERS}{pk}" for change in CHANGES for pk in ids])
    named = _holding(person.words, "value")
    in_processes = Q(event__process_id__in=touched) & _holding(person.names, "value")
    rows = AuditValue.objects.filter(about | own | named | in_processes).exclude(event__process_id__in=held)
    found: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for chain, number, part in rows.values_list("event__process_id", "event_id", "part").order_by("event_id", "part"):
        found[chain].append((number, part))
    return dict(found)


def _templates(person: Person) -> Iterator[tuple[Any, Any]]:
    kinds: tuple[Any, ...] = (Template, Template.history.model)
    for model in kinds:
        for row in model.objects.filter(_holding(person.words, "data")).order_by("pk").iterator():
            yield row, blanked(row.data, person)


def _write(row: Any, columns: dict[str, Any]) -> None:
    for column, value in columns.items():
        setattr(row, column, value)
    folded = row.folded()
    for column, value in folded.items():
        setattr(row, column, value)
    row.save(update_fields=[*columns, *folded])


def _forget_names(contacts: list[Any]) -> None:
    """The back office's log names contacts as they were called."""
    kind = ContentType.objects.get_for_model(Contact)
    LogEntry.objects.filter(content_type=kind, object_id__in=map(str, contacts)).update(object_repr="(erased)")


def _some(pks: list[int]) -> Iterator[list[int]]:
    return (pks[start : start + _AT_ONCE] for start in range(0, len(pks), _AT_ONCE))
