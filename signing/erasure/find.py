"""Where a person is named: the database finds what may name it, and `Person.is_named_in` decides."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Set
from functools import reduce
from operator import or_
from typing import Any

from axes.models import AccessAttempt, AccessFailureLog
from django.db.models import Q

from audit.models import AuditEvent, AuditValue
from audit.values import CHANGES, ERASED, OF_SIGNERS
from config.api.models import IdempotentAnswer
from config.text import plain
from contacts.models import Contact
from notifications.models import NOT_YET, Message
from signing.erasure.blank import GONE, blanked
from signing.erasure.people import Person
from signing.models import Process, Signer
from templates_app.models import Template

Part = tuple[int, str]
"""A value in the trail: the number of its event, and its part."""

_PROCESS_TEXTS = ("comment", "cancel_reason", "document_name", "initiator_name", "initiator_email")
SIGNER_TEXTS = ("comment", "comment_for_signer")
_MAIL_TEXTS = ("name", "reply_to", "reason")
_MAIL_PARTS = (*_MAIL_TEXTS, "address", "context", "log")
_TEMPLATES = "templates_app.template"
_VERBS = ("add", "change", "delete")


def holding(words: Iterable[str], *columns: str) -> Q:
    """Rows of which a column holds one of the words; none if there are no words."""
    found = [Q(**{f"{column}__icontains": word}) for column in columns for word in sorted(words)]
    return reduce(or_, found) if found else Q(pk__in=[])


def naming(person: Person) -> Iterator[Process]:
    """Processes that name the person without having it as a signer."""
    texts = holding(person.hints, *_PROCESS_TEXTS, "attributes", "initiator")
    comments = Signer.objects.filter(holding(person.hints, *SIGNER_TEXTS)).values("process_id")
    for process in Process.objects.filter(texts | Q(pk__in=comments)).order_by("pk"):
        said = [text for row in process.signers.all() for text in (row.comment, row.comment_for_signer)]
        if of_process(process, person) or person.is_named_in(said):
            yield process


def of_process(process: Process, person: Person) -> dict[str, Any]:
    """The columns of a process that name the person, without that."""
    changed = texts_of(process, _PROCESS_TEXTS, person)
    said = process.attributes or {}
    attributes = blanked(said, person, names=True)
    if attributes != said:
        changed["attributes"] = attributes
    return changed | ({"initiator": GONE} if person.is_named_in(process.initiator) else {})


def texts_of(row: Any, columns: Iterable[str], person: Person) -> dict[str, Any]:
    """The columns of a row that name the person, emptied."""
    return {column: None for column in columns if person.is_named_in(getattr(row, column), names=True)}


def messages(person: Person, *, signers: Set[Any], touched: Set[Any], held: Set[Any]) -> tuple[list[int], int]:
    """The mails that are of the person, and how many more are and have not gone out yet."""
    may = Q(address__in=person.addresses) | Q(signer_id__in=signers) | Q(process_id__in=touched)
    may |= holding(person.hints, "context", "address", *_MAIL_TEXTS)
    gone, waiting = [], 0
    for message in Message.objects.filter(may).order_by("pk").iterator():
        said = [getattr(message, name) for name in _MAIL_PARTS]
        named = person.is_named_in(said, names=message.process_id in touched)
        if message.process_id in held or not (named or message.signer_id in signers):
            continue
        if message.status in NOT_YET:
            waiting += 1
        else:
            gone.append(message.pk)
    return gone, waiting


def values(person: Person, *, signers: Set[str], touched: Set[str], held: Set[str]) -> dict[str, list[Part]]:
    """The values in the trail by their chain: those of the person's own rows, and those that name the person."""
    kept = AuditValue.objects.exclude(event__process_id__in=held).exclude(part=ERASED)
    columns = ("event__process_id", "event__signer_id", "event__method", "event_id", "part", "value")
    chains, own, users = set(touched), set(signers), set()
    hinted = kept.filter(holding(person.hints, "value") | Q(event__signer_id__in=signers))
    for chain, signer, method, _, part, value in hinted.values_list(*columns).iterator():
        if signer in signers or person.is_named_in(value):
            chains |= {chain} - {""}
            own |= {part.rpartition(OF_SIGNERS)[2]} if OF_SIGNERS in part else set()
            users |= {method.partition(" ")[2]} if " access.user " in method else set()
    found: dict[str, list[Part]] = defaultdict(list)
    rows = kept.filter(Q(event__process_id__in=chains) | holding(person.hints, "value"))
    for chain, signer, _, number, part, value in rows.values_list(*columns).order_by("event_id", "part").iterator():
        if _is_theirs(own, signer, part) or person.is_named_in(value, names=_may_name(chain, part, value)):
            found[chain].append((number, part))
    found[""] = sorted({*found[""], *told_of_rows(users)})
    return dict(found)


def told_of_rows(rows: Iterable[str]) -> Iterator[Part]:
    """What events tell of rows that are set up in the back office, each by its kind and key as events name it."""
    methods = [f"{verb} {row}" for row in rows for verb in _VERBS]
    told = AuditValue.objects.filter(event__process_id="", event__method__in=methods, part__in=CHANGES)
    yield from told.values_list("event_id", "part")


def _is_theirs(own: Set[str], signer: str, part: str) -> bool:
    """Whether a part is of one of the person's own rows; who reported it stays, unless that was the person."""
    of_row = part.rpartition(OF_SIGNERS)[2] if OF_SIGNERS in part else ""
    return of_row in own if of_row else bool(signer) and signer in own and part not in ("creator", "reportedBy")


def _may_name(chain: str, part: str, value: str) -> bool:
    """Whether a name in it is the person's: not where another one of that name is described."""
    return bool(chain) and not (OF_SIGNERS in part and "signerName" in value)


def contact_lines(person: Person, contacts: Iterable[Any]) -> dict[Any, list[tuple[int, Any, bool]]]:
    """Of each contact that is or was the person, its history: the number of each line, its moment, and whether it is
    the person's. All of those that are the person now; a line without code and address goes with the one after it."""
    now = set(contacts)
    matching = dict(Contact.history.filter(person.contacts).values_list("history_id", "id"))
    lines = Contact.history.filter(id__in=now.union(matching.values())).order_by("history_id")
    found: dict[Any, list[tuple[int, Any, bool | None]]] = defaultdict(list)
    for pk, line, at, code, address in lines.values_list("id", "history_id", "history_date", "code_key", "email_plain"):
        theirs = True if pk in now or line in matching else (False if code or address else None)
        found[pk].append((line, at, theirs))
    return {pk: _settled(lines) for pk, lines in found.items()}


def _settled(lines: list[tuple[int, Any, bool | None]]) -> list[tuple[int, Any, bool]]:
    last = next((theirs for *_, theirs in reversed(lines) if theirs is not None), False)
    settled = []
    for line, at, theirs in reversed(lines):
        last = last if theirs is None else theirs
        settled.append((line, at, last))
    return settled[::-1]


def told_of_contacts(lines: Mapping[Any, list[tuple[int, Any, bool]]]) -> Iterator[Part]:
    """What events tell of the person as a contact: an event has the moment of its line in the contact's history, and
    tells before what the line before it says."""
    sought = set()
    for pk, history in lines.items():
        before = False
        for _, at, theirs in history:
            sought |= {(str(pk), at, "before")} if before else set()
            sought |= {(str(pk), at, "after")} if theirs else set()
            before = theirs
    told = AuditValue.objects.filter(event__process_id="", event__created_at__in={at for _, at, _ in sought})
    for method, at, number, part in told.values_list("event__method", "event__created_at", "event_id", "part"):
        if (method.rpartition(" ")[2], at, part) in sought:
            yield number, part


def templates(person: Person) -> Iterator[tuple[Any, dict[str, Any]]]:
    """Templates, and versions of them in their histories, each with its columns without the person."""
    kinds: tuple[Any, ...] = (Template, Template.history.model)
    for model in kinds:
        for row in model.objects.filter(holding(person.hints, "name", "data")).order_by("pk").iterator():
            changed: dict[str, Any] = {}
            if person.is_named_in(row.name):
                changed = {"name": GONE, "name_plain": plain(GONE)}
            if person.is_named_in(row.data):
                changed["data"] = blanked(row.data, person)
            if changed:
                yield row, changed


def told_of_templates(found: Iterable[tuple[Any, dict[str, Any]]]) -> Iterator[Part]:
    """What events tell of templates that named the person: of a long one its digest, and that can be guessed from."""
    return told_of_rows({f"{_TEMPLATES} {row.id}" for row, _ in found})


def answers(person: Person, held: Set[Any]) -> Iterator[int]:
    """Remembered answers; those about a process that runs stay, or its request would be done twice."""
    for answer in IdempotentAnswer.objects.filter(holding(person.hints, "body")).iterator():
        if not any(str(pk) in answer.body for pk in held) and person.is_named_in(answer.body):
            yield answer.pk


def failed_logins(person: Person) -> list[Any]:
    """Logins that failed under a name which is the person's address or code."""
    kinds: tuple[Any, ...] = (AccessAttempt, AccessFailureLog)
    rows = [row for model in kinds for row in model.objects.filter(holding(person.hints, "username"))]
    return [row for row in rows if person.is_named_in(row.username)]


def signer_of(numbers: Iterable[int]) -> dict[int, str]:
    """Which signers events are about, by the events' numbers."""
    return dict(AuditEvent.objects.filter(number__in=numbers).values_list("number", "signer_id"))
