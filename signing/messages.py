"""Who is told what: one function an audience, one table of event, role and audience.

The table says whom an event can reach; texts decide who is written to. Drafts carry what a text may say, and never a
personal code or a link; nothing here writes.
"""

import uuid
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.conf import settings

from config.api_values import value
from config.vocabulary import EventType, Role
from notifications.drafts import Draft
from notifications.texts.choice import NoText, TextDisabled, Texts
from signing.models import Process, Signer, Step

TASK_EMAILS = (EventType.TASK_STARTED, EventType.REMINDER)
"""What is withdrawn when there is nothing left to do for a signer."""

EMAIL_ROLE = {
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


def tell(occasion: Occasion, texts: Texts) -> Iterator[Draft]:
    """The messages that this occasion calls for: to each role for which there is a text, or one that is switched off.

    What is switched off, or not wanted, is noted and not sent.
    """
    for role, audience in MATRIX.get(occasion.event, {}).items():
        if not texts.any(occasion.event, role):
            continue
        drafts = _to_initiator(occasion) if role == Role.INITIATOR else _to_signers(occasion, role, audience(occasion))
        for draft in drafts:
            yield from by_texts(draft, texts)


def by_texts(draft: Draft, texts: Texts) -> Iterator[Draft]:
    """The draft, noted as suppressed where its text is switched off; nothing where there is no text."""
    try:
        texts.choose(draft.event, draft.role, tag=draft.language, group=draft.owner_group)
    except TextDisabled as off:
        yield replace(draft, suppressed=draft.suppressed or off.detail)
    except NoText:
        return
    else:
        yield draft


Audience = Callable[[Occasion], Iterable[Signer]]


def the_one_concerned(occasion: Occasion) -> list[Signer]:
    return [occasion.signer] if occasion.signer else []


def those_called(occasion: Occasion) -> list[Signer]:
    return [signer for signer in occasion.signers if signer.called_at is not None]


def those_notified(occasion: Occasion) -> list[Signer]:
    return [signer for signer in occasion.signers if signer.id in occasion.called]


def everybody(occasion: Occasion) -> Sequence[Signer]:
    return occasion.signers


def _each(*roles: Role, to: Audience) -> dict[Role, Audience]:
    return dict.fromkeys(roles, to)


_PEOPLE = (Role.INITIATOR, Role.SIGNER, Role.APPROVER, Role.VIEWER)
MATRIX: dict[EventType, dict[Role, Audience]] = {
    EventType.PROCESS_STARTED: _each(*_PEOPLE, to=everybody),
    EventType.TASK_STARTED: _each(*_PEOPLE, to=the_one_concerned),
    EventType.REMINDER: _each(Role.SIGNER, Role.APPROVER, to=the_one_concerned),
    EventType.SIGNER_SIGNED: _each(*_PEOPLE, to=those_called),
    EventType.APPROVER_APPROVED: _each(*_PEOPLE, to=those_called),
    EventType.SIGNER_DECLINED: _each(*_PEOPLE, to=those_called),
    EventType.APPROVER_DECLINED: _each(*_PEOPLE, to=those_called),
    EventType.PROCESS_CANCELED: _each(*_PEOPLE, to=those_notified),
    EventType.PROCESS_COMPLETED: _each(*_PEOPLE, to=everybody),
}
"""Whom of each role an event reaches. Who is written to in the end is a question of the texts that there are: those
that ship make the product's table, and an operator adds to it and takes from it."""


def _to_initiator(occasion: Occasion) -> Iterator[Draft]:
    process = occasion.process
    if process.initiator_email:
        yield Draft(
            key=f"{_subject(occasion)}:initiator",
            event=occasion.event,
            role=Role.INITIATOR,
            address=process.initiator_email,
            name=process.initiator_name or "",
            process_id=process.id,
            owner_group=process.owner_group,
            context=context(occasion, name=process.initiator_name),
        )


def _to_signers(occasion: Occasion, role: Role, signers: Iterable[Signer]) -> Iterator[Draft]:
    for signer in signers:
        if EMAIL_ROLE.get(Role(signer.role)) == role and signer.email:
            yield to_signer(occasion, signer)


def to_signer(occasion: Occasion, signer: Signer) -> Draft:
    """The message of this occasion to one signer."""
    process = occasion.process
    when = _MOMENTS.get(occasion.event, lambda *_: None)(occasion, signer)
    moment = f":{when:%Y%m%dT%H%M%S%f}" if when else ""
    return Draft(
        key=f"{_subject(occasion)}:{signer.id}{moment}",
        event=occasion.event,
        role=EMAIL_ROLE[Role(signer.role)],
        address=signer.email or "",
        name=signer.name or "",
        language=signer.language or "",
        process_id=process.id,
        signer_id=signer.id,
        owner_group=process.owner_group,
        reply_to=reply_to(process),
        context=context(occasion, name=signer.name, to=signer),
        suppressed="" if signer.notification else NOT_WANTED,
    )


_MOMENTS: dict[EventType, Callable[[Occasion, Signer], datetime | None]] = {
    EventType.TASK_STARTED: lambda occasion, signer: signer.called_at,
    EventType.REMINDER: lambda occasion, signer: occasion.at,
}
"""What may happen again to the same signer is told apart by its moment."""


def reply_to(process: Process) -> str:
    """Where answers to a process's mails go: nowhere in particular, unless the setting says to its initiator."""
    return (process.initiator_email or "") if settings.EMAIL_REPLY_TO_INITIATOR else ""


def _subject(occasion: Occasion) -> str:
    return f"{occasion.event.lower()}:{occasion.signer.id if occasion.signer else occasion.process.id}"


def context(occasion: Occasion, *, name: str | None, to: Signer | None = None) -> dict[str, Any]:
    """What the message's text may speak of; the initiator's own mail does without its name and comment."""
    process, actor = occasion.process, occasion.signer
    said: dict[str, Any] = {
        "process": {
            "name": process.document_name or process.document_id or "a document",
            "id": process.document_id,
            "type": process.document_type,
            "initiator": process.initiator_name if to else None,
            "comment": process.comment if to else None,
        },
        "signer": {"name": name},
        "initiator": {"name": process.initiator_name},
        "actor": {
            "name": actor.name if actor else None,
            "reason": occasion.reason,
            "self": actor is not None and actor is to,
        },
    }
    if occasion.step is not None:
        said["step"] = {"number": occasion.step.process_order}
        said["dueDate"] = value(occasion.step.due_at)
    if to is not None and occasion.event in TASK_EMAILS:
        said["personalComment"] = to.comment_for_signer
    return said
