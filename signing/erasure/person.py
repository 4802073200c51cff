"""Erases a person: shows first what would go, keeps what a running process or a hold needs, and is itself an event.

Gone are the person's values in finished processes, the mails about them, contacts, remembered answers, and the values
in the trail with their salts; the chains hold all the same, and the trail knows of each process what is left.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db import transaction
from django.db.models import F, Model
from django.utils import timezone

from audit import log
from audit.chain.parts import SIGNER_PREFIX, groups
from config.access.actor import Actor
from config.access.models import User
from config.api.models import IdempotentAnswer
from config.api_values import is_id
from config.vocabulary import ProcessStatus
from contacts.models import Contact, Upload
from notifications.models import NOT_YET, Message, RefusedAddress
from signing import flow
from signing.erasure import find, told
from signing.erasure.blank import GONE
from signing.erasure.people import NobodyFound, Person
from signing.evidence.replay import contradiction, not_whole, told_anew
from signing.models import Process, Signer
from templates_app.models import Template

NOTE = "The personal values of a person were erased."
_OWN = ("name", "country", "personal_code", "email", *find.SIGNER_TEXTS)
_TEMPLATES = "templates_app.template"
_AT_ONCE = 500


@dataclass(slots=True)
class Plan:
    """What would go, as rows, the columns that change beside some; and what stays, with the reason.

    `touched` are the processes of which anything goes, in their rows or in the trail; `contacts` are the person now,
    `once_contacts` also those that were it; `values` are by their chains.
    """

    person: Person
    touched: dict[Any, Process] = field(default_factory=dict)
    processes: list[tuple[Process, dict[str, Any]]] = field(default_factory=list)
    signers: list[Signer] = field(default_factory=list)
    others: list[tuple[Signer, dict[str, Any]]] = field(default_factory=list)
    messages: list[int] = field(default_factory=list)
    values: dict[str, list[told.Part]] = field(default_factory=dict)
    contacts: list[Any] = field(default_factory=list)
    once_contacts: list[Any] = field(default_factory=list)
    histories: list[int] = field(default_factory=list)
    templates: list[tuple[Any, dict[str, Any]]] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    refused: list[Any] = field(default_factory=list)
    logins: list[Any] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    again: list[str] = field(default_factory=list)

    @property
    def counts(self) -> dict[str, int]:
        """How much would go, in words."""
        return {
            "signers of finished processes": len(self.signers),
            "finished processes with texts that name the person": len(self.processes),
            "other signers' comments that name the person": len(self.others),
            "mails": len(self.messages),
            "values in the audit trail": sum(map(len, self.values.values())),
            "contacts": len(self.contacts),
            "lines in the histories of contacts": len(self.histories),
            "templates, and earlier versions, that name the person": len(self.templates),
            "remembered answers": len(self.answers),
            "refused addresses": len(self.refused),
            "failed logins": len(self.logins),
        }

    @property
    def empty(self) -> bool:
        return not any(self.counts.values())


def look(person: Person) -> Plan:
    """What would go, and what would stay. `NobodyFound` where there is neither."""
    plan = Plan(person)
    rows = list(Signer.objects.filter(person.signers).select_related("process").order_by("pk"))
    chains = told.chains(person, {str(row.pk) for row in rows})
    processes = {row.process_id: row.process for row in rows} | {row.pk: row for row in find.processes(person)}
    processes |= Process.objects.in_bulk([chain for chain in chains if is_id(chain)])
    held = _held(processes)
    plan.touched = {pk: process for pk, process in processes.items() if pk not in held}
    plan.signers = [row for row in rows if row.process_id not in held]
    ids = {row.pk for row in plan.signers}
    touched = plan.touched.values()
    plan.processes = [(process, changed) for process in touched if (changed := find.of_process(process, person))]
    beside = Signer.objects.filter(process__in=plan.touched).exclude(pk__in=ids)
    plan.others = [(row, changed) for row in beside if (changed := find.texts_of(row, find.SIGNER_TEXTS, person))]
    plan.messages, waiting = find.messages(person, signers=ids, touched=plan.touched.keys(), held=held.keys())
    plan.contacts = list(Contact.objects.filter(person.contacts).values_list("pk", flat=True))
    lines = told.contact_lines(person, plan.contacts)
    plan.once_contacts = list(lines)
    plan.histories = [line for history in lines.values() for line, _, theirs in history if theirs]
    plan.templates = list(find.templates(person))
    # Of a long text events tell the digest, from which a code can be guessed.
    told_of_templates = told.of_rows({f"{_TEMPLATES} {row.id}" for row, _ in plan.templates})
    plan.values = {"": sorted({*told.in_journal(person), *told.of_contacts(lines), *told_of_templates})}
    for chain in sorted((chains | set(map(str, plan.touched))) - set(map(str, held))):
        plan.values[chain] = told.in_chain(chain, person, set(map(str, ids)))
    plan.answers = list(find.answers(person, touched=plan.touched.keys(), held=held.keys()))
    plan.refused = list(RefusedAddress.objects.filter(address__in=person.addresses).values_list("pk", flat=True))
    plan.logins = find.failed_logins(person)
    plan.kept = [f"process {pk}: {why}" for pk, why in sorted(held.items(), key=str)]
    if waiting:
        plan.kept.append(f"{waiting} mails that have not gone out yet")
    if plan.kept and len(person.keys) + len(person.addresses) > 1:
        plan.again = sorted(person.keys | person.addresses)
    plan.kept += _accounts(person)
    if plan.empty and not plan.kept:
        raise NobodyFound
    return plan


@transaction.atomic
def erase(person: Person, *, actor: Actor, at: datetime) -> Plan:
    """Do it; what went, and what stayed. What is changed is locked first, and looked at again under the lock."""
    plan = _locked(person)
    if plan.empty:
        return plan
    for signer in plan.signers:
        _write(signer, dict.fromkeys(_OWN))
    for row, changed in (*plan.others, *plan.processes):
        _write(row, changed)
    rows = (*plan.signers, *(row for row, _ in plan.others))
    written = {row.process_id for row in rows} | {process.pk for process, _ in plan.processes}
    Process.objects.filter(pk__in=written).update(version=F("version") + 1)
    for some in _some(plan.messages):
        Message.objects.filter(pk__in=some).delete()
    Contact.objects.filter(pk__in=plan.contacts).delete()
    # Deleting has written a last line of each history.
    Contact.history.filter(id__in=plan.contacts).delete()
    for some in _some(plan.histories):
        Contact.history.filter(history_id__in=some).delete()
    for template, changed in plan.templates:
        version = {"version": F("version") + 1} if isinstance(template, Template) else {}
        type(template).objects.filter(pk=template.pk).update(**changed, **version)
    _forget_names(Contact, plan.once_contacts)
    _forget_names(Template, {row.id for row, _ in plan.templates})
    IdempotentAnswer.objects.filter(pk__in=plan.answers).delete()
    RefusedAddress.objects.filter(pk__in=plan.refused).delete()
    for login in plan.logins:
        login.delete()
    Upload.objects.all().delete()  # sheets that wait for an hour at most, and cannot be looked into
    log.erase(plan.values, after=_left(plan), note=NOTE, actor=actor, at=at)
    return plan


def _locked(person: Person) -> Plan:
    """The plan, when all that it changes is locked: what came to it meanwhile is locked, too."""
    locked: set[tuple[Any, Any]] = set()
    while True:
        plan = look(person)
        templates = [row.pk for row, _ in plan.templates if isinstance(row, Template)]
        rows: dict[Any, Iterable[Any]] = {Process: plan.touched, Contact: plan.once_contacts, Template: templates}
        wanted = {(model, pk) for model, pks in rows.items() for pk in pks}
        if wanted <= locked:
            return plan
        for model in rows:
            _lock(model, {pk for kind, pk in wanted - locked if kind is model})
        locked |= wanted


def _lock(model: type[Model], pks: set[Any]) -> None:
    list(model._default_manager.select_for_update().filter(pk__in=pks).order_by("pk"))


def _held(processes: dict[Any, Process]) -> dict[Any, str]:
    """Which processes keep what they say, and why."""
    waiting = Message.objects.filter(process_id__in=processes, status__in=NOT_YET)
    written_to = set(waiting.values_list("process_id", flat=True))
    held = {}
    for pk, process in processes.items():
        if process.hold:
            held[pk] = f"is on hold ({process.hold})"
        elif process.status not in flow.FINAL:
            held[pk] = f"is {ProcessStatus(process.status)}"
        elif pk in written_to:
            held[pk] = "has mails that have not gone out yet"
        elif wrong := _doubtful(process):
            held[pk] = f"{wrong}; this is to be looked into first"
    return held


def _doubtful(process: Process) -> str:
    """What an erasure would cover up: it takes values away, and tells the trail those that are left."""
    # In a transaction a chain and its head are not read as of one moment: what is reported between passes the second.
    if wrong := not_whole(process, at=timezone.now()) and not_whole(process, at=timezone.now()):
        return f"its trail {wrong}"
    wrong = contradiction(process)
    return f"contradicts its trail: {wrong}" if wrong else ""


def _left(plan: Plan) -> dict[str, dict[str, Any]]:
    """What is left of the processes where values went from rows or from the trail."""
    gone: dict[Any, set[str]] = defaultdict(set)
    for process, _ in plan.processes:
        gone[process.pk].add("")
    for signer in (*plan.signers, *(row for row, _ in plan.others)):
        gone[signer.process_id].add(f"{SIGNER_PREFIX}{signer.pk}")
    for pk in plan.touched:
        parts = plan.values[str(pk)]
        about = told.about(parts)
        gone[pk] |= groups((about.get(number, ""), part) for number, part in parts)
    left = {pk: told_anew(process, gone[pk]) for pk, process in Process.objects.in_bulk(plan.touched).items()}
    return {str(pk): said for pk, said in left.items() if said}


def _accounts(person: Person) -> list[str]:
    """Accounts are not erased with what they did: whoever looks after them does that."""
    users = User.objects.exclude(email="", personal_code="")
    mine = [user for user in users if user.email.casefold() in person.addresses or user.person in person.keys]
    return [f"user {user.pk}: an account, which is removed under Users" for user in mine]


def _write(row: Any, columns: dict[str, Any]) -> None:
    for column, value in columns.items():
        setattr(row, column, value)
    folded = row.search_columns()
    for column, value in folded.items():
        setattr(row, column, value)
    row.save(update_fields=[*columns, *folded])


def _forget_names(model: type[Model], pks: Iterable[Any]) -> None:
    """The back office's log names rows as they were called."""
    kind = ContentType.objects.get_for_model(model)
    LogEntry.objects.filter(content_type=kind, object_id__in=list(map(str, pks))).update(object_repr=GONE)


def _some(pks: list[int]) -> Iterator[list[int]]:
    return (pks[start : start + _AT_ONCE] for start in range(0, len(pks), _AT_ONCE))
