"""Rows that name a person: the database finds those that may, and `Person.is_named_in` decides."""

from collections.abc import Iterable, Iterator, Set
from typing import Any

from axes.models import AccessAttempt, AccessFailureLog
from django.db.models import Q

from config.api.models import IdempotentAnswer
from config.text import plain
from notifications.models import NOT_YET, Message
from signing.erasure.blank import GONE, blanked
from signing.erasure.people import Person, holding
from signing.models import Process, Signer
from templates_app.models import Template

_PROCESS_TEXTS = ("comment", "cancel_reason", "document_name", "initiator_name", "initiator_email")
SIGNER_TEXTS = ("comment", "comment_for_signer")
_MAIL_TEXTS = ("name", "reply_to", "reason", "address", "context")
_AT_ONCE = 100


def processes(person: Person) -> Iterator[Process]:
    """Processes that name the person without having it as a signer."""
    texts = person.hinted(*_PROCESS_TEXTS, "attributes", "initiator")
    comments = Signer.objects.filter(person.hinted(*SIGNER_TEXTS)).values("process_id")
    for process in Process.objects.filter(texts | Q(pk__in=comments)).order_by("pk"):
        said = [text for row in process.signers.all() for text in (row.comment, row.comment_for_signer)]
        if of_process(process, person) or person.is_named_in(said):
            yield process


def of_process(process: Process, person: Person) -> dict[str, Any]:
    """The columns of a process that name the person, without that."""
    changed = texts_of(process, _PROCESS_TEXTS, person)
    if "initiator_email" in changed and process.initiator_name:
        changed["initiator_name"] = None
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
    gone, waiting = [], 0
    for message in Message.objects.filter(may | person.hinted(*_MAIL_TEXTS)).order_by("pk").iterator():
        said = [getattr(message, name) for name in (*_MAIL_TEXTS, "log")]
        named = person.is_named_in(said, names=message.process_id in touched)
        if message.process_id in held or not (named or message.signer_id in signers):
            continue
        if message.status in NOT_YET:
            waiting += 1
        else:
            gone.append(message.pk)
    return gone, waiting


def templates(person: Person) -> Iterator[tuple[Any, dict[str, Any]]]:
    """Templates, and versions of them in their histories, each with its columns without the person."""
    kinds: tuple[Any, ...] = (Template, Template.history.model)
    for model in kinds:
        for row in model.objects.filter(person.hinted("name", "data")).order_by("pk").iterator():
            changed: dict[str, Any] = {}
            if person.is_named_in(row.name):
                changed = {"name": GONE, "name_plain": plain(GONE)}
            if person.is_named_in(row.data):
                changed["data"] = blanked(row.data, person)
            if changed:
                yield row, changed


def answers(person: Person, *, touched: Set[Any], held: Set[Any]) -> Iterator[int]:
    """Remembered answers; those about a process that is kept stay, or its request would be done twice."""
    about, kept = sorted(_within(touched)), _within(held)
    parts = [holding(about[at : at + _AT_ONCE], "body") for at in range(0, len(about), _AT_ONCE)]
    rows = (row for may in (person.hinted("body"), *parts) for row in IdempotentAnswer.objects.filter(may).iterator())
    for pk, body in {row.pk: row.body for row in rows}.items():
        named = person.is_named_in(body, names=any(pk in body for pk in about))
        if named and not any(pk in body for pk in kept):
            yield pk


def _within(processes: Set[Any]) -> set[str]:
    """The ids by which an answer is of one of these processes: its own, and those of its signers."""
    signers = Signer.objects.filter(process__in=processes).values_list("pk", flat=True)
    return {str(pk) for pk in (*processes, *signers)}


def failed_logins(person: Person) -> list[Any]:
    """Logins that failed under a name which is the person's address or code."""
    kinds: tuple[Any, ...] = (AccessAttempt, AccessFailureLog)
    rows = [row for model in kinds for row in model.objects.filter(person.hinted("username"))]
    return [row for row in rows if person.is_named_in(row.username)]
