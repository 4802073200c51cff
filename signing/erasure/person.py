"""Erases a person: shows first what would go, keeps what a running process or a hold needs, and is itself an event.

Gone are the person's values in finished processes, the mails about them, contacts, remembered answers, and the values
in the trail with their salts; the chains hold all the same. The database finds what may name the person, and
`Person.is_named_in` decides.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Set
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
from audit.values import ERASED, OF_SIGNERS
from config.access.actor import Actor
from config.access.models import User
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
GONE = "(erased)"
_PROCESS_TEXTS = ("comment", "cancel_reason", "document_name", "initiator_name", "initiator_email")
_SIGNER_TEXTS = ("comment", "comment_for_signer")
_OWN = ("name", "country", "personal_code", "email", *_SIGNER_TEXTS)
_MAIL_TEXTS = ("name", "reply_to", "reason")
_AT_ONCE = 500


@dataclass(slots=True)
class Plan:
    """What would go, as rows; and what stays, with the reason."""

    person: Person
    processes: list[tuple[Process, dict[str, Any]]] = field(default_factory=list)
    signers: list[Signer] = field(default_factory=list)
    others: list[tuple[Signer, dict[str, Any]]] = field(default_factory=list)
    messages: list[int] = field(default_factory=list)
    values: dict[str, list[tuple[int, str]]] = field(default_factory=dict)
    contacts: list[Any] = field(default_factory=list)
    histories: list[Any] = field(default_factory=list)
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
            "other signers' comments that name the person": len(self.others),
            "mails": len(self.messages),
            "values in the audit trail": sum(map(len, self.values.values())),
            "contacts": len(self.contacts),
            "lines in the histories of contacts": len(self.histories),
            "templates, and earlier versions, that name the person": len(self.templates),
            "remembered answers": len(self.answers),
            "refused addresses": len(self.refused),
        }

    @property
    def empty(self) -> bool:
        return not any(self.counts.values())


def look(person: Person) -> Plan:
    """What would go, and what would stay. `NobodyFound` where there is neither."""
    plan = Plan(person)
    rows = list(Signer.objects.filter(person.signers).select_related("process").order_by("pk"))
    processes = {row.process_id: row.process for row in rows} | {process.pk: process for process in _naming(person)}
    held = {pk: why for pk, process in processes.items() if (why := _kept_since(process))}
    touched = [process for pk, process in processes.items() if pk not in held]
    plan.kept = [f"process {pk}: {why}" for pk, why in sorted(held.items(), key=str)]
    plan.signers = [row for row in rows if row.process_id not in held]
    ids = {row.pk for row in plan.signers}
    plan.processes = [(process, changed) for process in touched if (changed := _changed_of(process, person))]
    beside = Signer.objects.filter(process__in=touched).exclude(pk__in=ids)
    plan.others = [(row, changed) for row in beside if (changed := _changed(row, _SIGNER_TEXTS, person))]
    plan.messages = list(_messages(plan, {process.pk for process in touched}, held.keys()))
    plan.contacts = list(Contact.objects.filter(person.contacts).values_list("pk", flat=True))
    lines = Contact.history.filter(person.contacts | Q(id__in=plan.contacts))
    plan.histories = list(lines.values_list("history_id", flat=True))
    plan.values = _values(person, set(map(str, ids)), {str(p.pk) for p in touched}, set(map(str, held)))
    plan.values[""] = sorted({*plan.values.pop("", []), *_of_contacts(set(plan.histories))})
    plan.templates = list(_templates(person))
    plan.answers = list(_answers(person, held.keys()))
    plan.refused = list(RefusedAddress.objects.filter(address__in=person.addresses).values_list("pk", flat=True))
    plan.kept += _accounts(person)
    if plan.empty and not plan.kept:
        raise NobodyFound
    return plan


@transaction.atomic
def erase(person: Person, *, actor: Actor, at: datetime) -> Plan:
    """Do it; what went, and what stayed. Processes are locked first, and looked at again under the lock."""
    ids = _processes(look(person))
    list(Process.objects.select_for_update().filter(pk__in=ids).order_by("pk"))
    plan = look(person)
    if plan.empty:
        return plan
    for row in plan.signers:
        _write(row, dict.fromkeys(_OWN))
    for other, changed in plan.others:
        _write(other, changed)
    for process, changed in plan.processes:
        _write(process, changed)
    Process.objects.filter(pk__in=_processes(plan)).update(version=F("version") + 1)
    for some in _some(plan.messages):
        Message.objects.filter(pk__in=some).delete()
    Contact.objects.filter(pk__in=plan.contacts).delete()
    # Deleting has written a last line of each history.
    Contact.history.filter(Q(history_id__in=plan.histories) | Q(id__in=plan.contacts)).delete()
    _forget_names(plan.contacts)
    for template, data in plan.templates:
        type(template).objects.filter(pk=template.pk).update(data=data, version=F("version") + 1)
    IdempotentAnswer.objects.filter(pk__in=plan.answers).delete()
    RefusedAddress.objects.filter(pk__in=plan.refused).delete()
    Upload.objects.all().delete()  # sheets that wait for an hour at most, and cannot be looked into
    chains = {str(pk): plan.values.get(str(pk), []) for pk in _processes(plan)} | plan.values
    log.erase({"": [], **chains}, note=NOTE, actor=actor, at=at)
    return plan


def _naming(person: Person) -> Iterator[Process]:
    """Processes that name the person without having it as a signer."""
    texts = _holding(person.hints, *_PROCESS_TEXTS, "attributes", "initiator")
    comments = Signer.objects.filter(_holding(person.hints, *_SIGNER_TEXTS)).values("process_id")
    for process in Process.objects.filter(texts | Q(pk__in=comments)).order_by("pk"):
        said = [text for row in process.signers.all() for text in (row.comment, row.comment_for_signer)]
        if _changed_of(process, person) or any(person.is_named_in(text) for text in said):
            yield process


def _kept_since(process: Process) -> str:
    if process.hold:
        return f"is on hold ({process.hold})"
    return "" if process.status in flow.FINAL else f"is {ProcessStatus(process.status)}"


def _accounts(person: Person) -> list[str]:
    """Accounts are not erased with what they did: whoever looks after them does that."""
    users = User.objects.exclude(email="", personal_code="")
    mine = [user for user in users if user.email.casefold() in person.addresses or user.person in person.keys]
    return [f"user {user.pk}: an account, which is removed under Users" for user in mine]


def _processes(plan: Plan) -> set[Any]:
    rows = (*plan.signers, *(row for row, _ in plan.others))
    return {row.process_id for row in rows} | {process.pk for process, _ in plan.processes}


def _holding(words: Iterable[str], *columns: str) -> Q:
    """Rows of which a column holds one of the words, also as JSON escapes it; none if there are no words."""
    written = {form for word in words for form in (word, json.dumps(word)[1:-1])}
    found = [Q(**{f"{column}__icontains": form}) for column in columns for form in sorted(written)]
    return reduce(or_, found) if found else Q(pk__in=[])


def _changed(row: Any, columns: Iterable[str], person: Person) -> dict[str, Any]:
    """The columns of a row that name the person, emptied."""
    return {column: None for column in columns if person.is_named_in(getattr(row, column), names=True)}


def _changed_of(process: Process, person: Person) -> dict[str, Any]:
    changed = _changed(process, _PROCESS_TEXTS, person)
    said = process.attributes or {}
    attributes = {name: blanked(value, person, names=True) for name, value in said.items()}
    if attributes != said:
        changed["attributes"] = attributes
    return changed | ({"initiator": GONE} if person.is_named_in(process.initiator) else {})


def _messages(plan: Plan, touched: Set[Any], held: Set[Any]) -> Iterator[int]:
    person, signers = plan.person, {row.pk for row in plan.signers}
    may = Q(address__in=person.addresses) | Q(signer_id__in=signers) | Q(process_id__in=touched)
    may |= _holding(person.hints, "context", "address", *_MAIL_TEXTS)
    waiting = 0
    for message in Message.objects.filter(may).order_by("pk").iterator():
        inside = message.process_id in touched
        texts = [message.address, json.dumps(message.context, ensure_ascii=False), json.dumps(message.log)]
        texts += [getattr(message, name) for name in _MAIL_TEXTS]
        named = any(person.is_named_in(text, names=inside) for text in texts)
        if message.process_id in held or not (named or message.signer_id in signers):
            continue
        if message.status in NOT_YET:
            waiting += 1
        else:
            yield message.pk
    if waiting:
        plan.kept.append(f"{waiting} mails that have not gone out yet")


def _values(person: Person, signers: set[str], touched: set[str], held: Set[str]) -> dict[str, list[tuple[int, str]]]:
    """The values in the trail by their chain: those of the person's own rows, and those that name the person."""
    values = AuditValue.objects.exclude(event__process_id__in=held).exclude(part=ERASED)
    columns = ("event__process_id", "event__signer_id", "event_id", "part", "value")
    chains, own = set(touched), set(signers)
    hinted = values.filter(_holding(person.hints, "value") | Q(event__signer_id__in=signers))
    for chain, signer, _, part, value in hinted.values_list(*columns).iterator():
        if signer in signers or person.is_named_in(value):
            chains |= {chain} - {""}
            own |= {part.rpartition(OF_SIGNERS)[2]} if OF_SIGNERS in part else set()
    found: dict[str, list[tuple[int, str]]] = defaultdict(list)
    rows = values.filter(Q(event__process_id__in=chains) | _holding(person.hints, "value"))
    for chain, signer, number, part, value in rows.values_list(*columns).order_by("event_id", "part").iterator():
        if _is_theirs(person, own, signer, part) or person.is_named_in(value, names=_may_name(chain, part, value)):
            found[chain].append((number, part))
    return dict(found)


def _of_contacts(histories: Set[int]) -> Iterator[tuple[int, str]]:
    """What events tell of the person as a contact, when these lines of the contacts' histories are the person's: an
    event has the moment of its line, and tells before what the line before it says."""
    mine = Contact.history.filter(history_id__in=histories)
    lines = Contact.history.filter(id__in=mine.values("id")).order_by("id", "history_date", "history_id")
    theirs, last = set(), None
    for line, pk, at in lines.values_list("history_id", "id", "history_date"):
        theirs |= {(str(pk), at, "before")} if last == pk else set()
        theirs |= {(str(pk), at, "after")} if line in histories else set()
        last = pk if line in histories else None
    told = AuditValue.objects.filter(event__process_id="", event__created_at__in={at for _, at, _ in theirs})
    for method, at, number, part in told.values_list("event__method", "event__created_at", "event_id", "part"):
        if (method.rpartition(" ")[2], at, part) in theirs:
            yield number, part


def _is_theirs(person: Person, own: set[str], signer: str, part: str) -> bool:
    """Whether a part is of one of the person's own rows; who reported it stays, unless that was the person."""
    of_row = part.rpartition(OF_SIGNERS)[2] if OF_SIGNERS in part else ""
    return of_row in own if of_row else bool(signer) and signer in own and part not in ("creator", "reportedBy")


def _may_name(chain: str, part: str, value: str) -> bool:
    """Whether a name in it is the person's: not where another one of that name is described."""
    return bool(chain) and not (OF_SIGNERS in part and "signerName" in value)


def _templates(person: Person) -> Iterator[tuple[Any, Any]]:
    kinds: tuple[Any, ...] = (Template, Template.history.model)
    for model in kinds:
        for row in model.objects.filter(_holding(person.hints, "data")).order_by("pk").iterator():
            if person.is_named_in(row.data) and (data := blanked(row.data, person)) != row.data:
                yield row, data


def _answers(person: Person, held: Set[Any]) -> Iterator[int]:
    """Remembered answers; those about a process that runs stay, or its request would be done twice."""
    for answer in IdempotentAnswer.objects.filter(_holding(person.hints, "body")).iterator():
        about_held = any(str(pk) in answer.body for pk in held)
        if not about_held and person.is_named_in(_readable(answer.body)):
            yield answer.pk


def _readable(text: str) -> str:
    try:
        return json.dumps(json.loads(text), ensure_ascii=False)
    except ValueError:
        return text


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
    LogEntry.objects.filter(content_type=kind, object_id__in=map(str, contacts)).update(object_repr=GONE)


def _some(pks: list[int]) -> Iterator[list[int]]:
    return (pks[start : start + _AT_ONCE] for start in range(0, len(pks), _AT_ONCE))
