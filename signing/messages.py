"""Who is told what: one function an audience, one table of event and audiences.

The table is the mail matrix of the product. Drafts carry what a text may say, and never a
personal code or a link; nothing here writes.
"""

import uuid
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings

from config.vocabulary import EventType, ProcessStatus, Role, SignerStatus
from config.wire import value
from notifications.models import Message
from notifications.outbox import Draft
from signing.models import Process, Signer, Step

TASK_MAILS = (EventType.TASK_STARTED, EventType.REMINDER)
"""What is withdrawn when there is nothing left to do for a signer."""

WRITTEN_TO_AS = {
    Role.SIGNER: Role.SIGNER,
    Role.INITIATOR: Role.SIGNER,
    Role.APPROVER: Role.APPROVER,
    Role.VIEWER: Role.VIEWER,
}
"""The role whose text a signer gets; an ADMINISTRATOR is written to about failures only."""

NOT_WANTED = "signerNotification is false"


@dataclass(frozen=True, slots=True)
class Occasion:
    """Something happened in a process: to or by `signer`, if to anybody; `called` are those reached by a call."""

    event: EventType
    process: Process
    signers: Sequence[Signer]
    at: datetime
    signer: Signer | None = None
    step: Step | None = None
    reason: str | None = None
    called: Collection[uuid.UUID] = ()


def tell(occasion: Occasion) -> Iterator[Draft]:
    """The messages that this occasion calls for."""
    for audience in MATRIX.get(occasion.event, ()):
        yield from audience(occasion)


def initiator(occasion: Occasion) -> Iterator[Draft]:
    process = occasion.process
    if process.initiator_email:
        yield Draft(
            key=f"{_subject(occasion)}:initiator",
            event=occasion.event,
            role=Role.INITIATOR,
            address=process.initiator_email,
            name=process.initiator_name or "",
            process_id=process.id,
            context=_context(occasion, name=process.initiator_name),
        )


def the_one_called(occasion: Occasion) -> Iterator[Draft]:
    assert occasion.signer is not None
    yield from _to_signer(occasion, occasion.signer, when=occasion.signer.called_at)


def the_one_reminded(occasion: Occasion) -> Iterator[Draft]:
    assert occasion.signer is not None
    yield from _to_signer(occasion, occasion.signer, when=occasion.at)


def the_decliner_and_signers_called(occasion: Occasion) -> Iterator[Draft]:
    for signer in occasion.signers:
        if WRITTEN_TO_AS.get(Role(signer.role)) == Role.SIGNER and signer.called_at is not None:
            yield from _to_signer(occasion, signer)


def everybody_notified(occasion: Occasion) -> Iterator[Draft]:
    for signer in occasion.signers:
        if signer.id in occasion.called:
            yield from _to_signer(occasion, signer)


def everybody(occasion: Occasion) -> Iterator[Draft]:
    for signer in occasion.signers:
        yield from _to_signer(occasion, signer)


MATRIX: dict[EventType, tuple[Callable[[Occasion], Iterator[Draft]], ...]] = {
    EventType.PROCESS_STARTED: (initiator,),
    EventType.TASK_STARTED: (the_one_called,),
    EventType.REMINDER: (the_one_reminded,),
    EventType.SIGNER_SIGNED: (),
    EventType.APPROVER_APPROVED: (initiator,),
    EventType.SIGNER_DECLINED: (initiator, the_decliner_and_signers_called),
    EventType.APPROVER_DECLINED: (initiator,),
    EventType.PROCESS_CANCELED: (initiator, everybody_notified),
    EventType.PROCESS_COMPLETED: (initiator, everybody),
}


def link(signer_id: uuid.UUID) -> str:
    """The signer's own address in the portal, made when a mail is sent."""
    return settings.PORTAL_URL.replace("{signerId}", str(signer_id))


def still_due(message: Message) -> bool:
    """Whether a message makes sense now: a call or reminder only while it is that signer's turn."""
    if message.event not in TASK_MAILS or message.signer_id is None:
        return True
    return (
        Signer.objects.filter(id=message.signer_id, status=SignerStatus.STARTED)
        .exclude(process__status__in=[ProcessStatus.CANCELED, ProcessStatus.DECLINED])
        .exists()
    )


def watchers(process_id: uuid.UUID | None) -> list[str]:
    """The addresses of a process's ADMINISTRATOR rows, who hear of failures."""
    if process_id is None:
        return []
    rows = Signer.objects.filter(process_id=process_id, role=Role.ADMINISTRATOR, notification=True)
    return [address for address in rows.values_list("email", flat=True) if address]


def _to_signer(occasion: Occasion, signer: Signer, *, when: datetime | None = None) -> Iterator[Draft]:
    role = WRITTEN_TO_AS.get(Role(signer.role))
    if role is None or not signer.email:
        return
    moment = f":{when:%Y%m%dT%H%M%S%f}" if when else ""
    yield Draft(
        key=f"{_subject(occasion)}:{signer.id}{moment}",
        event=occasion.event,
        role=role,
        address=signer.email,
        name=signer.name or "",
        language=signer.language or "",
        process_id=occasion.process.id,
        signer_id=signer.id,
        context=_context(occasion, name=signer.name, to=signer),
        suppressed="" if signer.notification else NOT_WANTED,
    )


def _subject(occasion: Occasion) -> str:
    return f"{occasion.event.lower()}:{occasion.signer.id if occasion.signer else occasion.process.id}"


def _context(occasion: Occasion, *, name: str | None, to: Signer | None = None) -> dict[str, Any]:
    process, actor = occasion.process, occasion.signer
    context: dict[str, Any] = {
        "process": {
            "name": process.document_name or process.document_id or "a document",
            "initiator": process.initiator_name if to else None,
            "comment": process.comment if to else None,
        },
        "signer": {"name": name},
        "actor": {
            "name": actor.name if actor else None,
            "reason": occasion.reason,
            "self": actor is not None and actor is to,
        },
    }
    if to is not None and occasion.event in TASK_MAILS:
        context["personalComment"] = to.comment_for_signer
        context["dueDate"] = value(occasion.step.due_at) if occasion.step else None
    return context
