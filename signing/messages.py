"""Who is notified of which event.

`MATRIX` maps each event and role to the signers whom the event can reach; whether they get an email depends on the
texts that exist (`notifications.texts`). A draft holds what its text may mention, and never a personal code or a link.
Nothing is written here.
"""

import uuid
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from django.conf import settings

from config.api_values import JsonObject, value
from config.vocabulary import EventType, Role
from notifications.drafts import Draft
from notifications.texts.choice import NoText, TextDisabled, Texts
from signing.models import Process, Signer, Step

# The emails that ask a signer to act. They are withdrawn when there is nothing left to do.
TASK_EMAILS = (EventType.TASK_STARTED, EventType.REMINDER)

# The role whose text a signer gets. As the role of an email, INITIATOR means the initiator of the process; a signer
# with the role INITIATOR gets the text for signers. An ADMINISTRATOR only gets emails about failures.
EMAIL_ROLE = {
    Role.SIGNER: Role.SIGNER,
    Role.INITIATOR: Role.SIGNER,
    Role.APPROVER: Role.APPROVER,
    Role.VIEWER: Role.VIEWER,
}

NOTIFICATION_DISABLED = "signerNotification is false"


@dataclass(frozen=True, slots=True)
class Occasion:
    """Something that happened in a process, for which emails may be due.

    `signer` is the signer who acted or whose turn it is. `notified` are the signers who received an earlier email.
    """

    event: EventType
    process: Process
    signers: Sequence[Signer]
    at: datetime
    signer: Signer | None = None
    step: Step | None = None
    reason: str | None = None
    notified: Collection[uuid.UUID] = ()


Audience = Callable[[Occasion], Iterable[Signer]]


def signer_concerned(occasion: Occasion) -> list[Signer]:
    if occasion.signer is None:
        return []
    return [occasion.signer]


def signers_called(occasion: Occasion) -> list[Signer]:
    return [signer for signer in occasion.signers if signer.called_at is not None]


def signers_notified(occasion: Occasion) -> list[Signer]:
    return [signer for signer in occasion.signers if signer.id in occasion.notified]


def every_signer(occasion: Occasion) -> Sequence[Signer]:
    return occasion.signers


_ALL_ROLES = (Role.INITIATOR, Role.SIGNER, Role.APPROVER, Role.VIEWER)

# Event -> role -> the signers of this role whom the event can reach. For INITIATOR, the recipient is the initiator of
# the process instead. Overdue notices and FAILURE emails have their own recipients. The shipped texts decide which of
# these emails are sent by default; an operator adds and removes texts in the back office.
MATRIX: dict[EventType, dict[Role, Audience]] = {
    EventType.PROCESS_STARTED: dict.fromkeys(_ALL_ROLES, every_signer),
    EventType.TASK_STARTED: dict.fromkeys(_ALL_ROLES, signer_concerned),
    EventType.REMINDER: dict.fromkeys((Role.SIGNER, Role.APPROVER), signer_concerned),
    EventType.SIGNER_SIGNED: dict.fromkeys(_ALL_ROLES, signers_called),
    EventType.APPROVER_APPROVED: dict.fromkeys(_ALL_ROLES, signers_called),
    EventType.SIGNER_DECLINED: dict.fromkeys(_ALL_ROLES, signers_called),
    EventType.APPROVER_DECLINED: dict.fromkeys(_ALL_ROLES, signers_called),
    EventType.PROCESS_CANCELED: dict.fromkeys(_ALL_ROLES, signers_notified),
    EventType.PROCESS_COMPLETED: dict.fromkeys(_ALL_ROLES, every_signer),
}


def drafts_for(occasion: Occasion, texts: Texts) -> Iterator[Draft]:
    """Yield the messages of an occasion: one per recipient of each role that has a text."""
    for role, audience in MATRIX.get(occasion.event, {}).items():
        if not texts.has_text(occasion.event, role):
            continue
        if role == Role.INITIATOR:
            drafts = to_initiator(occasion)
        else:
            drafts = [to_signer(occasion, signer) for signer in audience(occasion) if _has_role(signer, role)]
        for draft in drafts:
            yield from with_text(draft, texts)


def with_text(draft: Draft, texts: Texts) -> Iterator[Draft]:
    """Yield the draft if there is a text for it. If that text is disabled, the draft is marked as suppressed."""
    try:
        texts.choose(draft.event, draft.role, tag=draft.language, group=draft.owner_group)
    except TextDisabled as disabled:
        yield replace(draft, suppressed=draft.suppressed or disabled.detail)
    except NoText:
        return
    else:
        yield draft


def to_initiator(occasion: Occasion, *, key: str | None = None, extra: JsonObject | None = None) -> list[Draft]:
    """Return the message of an occasion to the initiator; none if the process has no initiator email.

    `extra` is added to what the text may mention. `key` replaces the usual key.
    """
    process = occasion.process
    if not process.initiator_email:
        return []
    draft = Draft(
        key=key or f"{_key_prefix(occasion)}:initiator",
        event=occasion.event,
        role=Role.INITIATOR,
        address=process.initiator_email,
        name=process.initiator_name or "",
        process_id=process.id,
        owner_group=process.owner_group,
        context=context(occasion, name=process.initiator_name) | (extra or {}),
    )
    return [draft]


def to_signer(occasion: Occasion, signer: Signer, *, key: str | None = None) -> Draft:
    """Return the message of an occasion to one signer. `key` replaces the usual key."""
    process = occasion.process
    suppressed = ""
    if not signer.notification:
        suppressed = NOTIFICATION_DISABLED
    return Draft(
        key=key or f"{_key_prefix(occasion)}:{signer.id}{_key_time(occasion, signer)}",
        event=occasion.event,
        role=EMAIL_ROLE[Role(signer.role)],
        address=signer.email or "",
        name=signer.name or "",
        language=signer.language or "",
        process_id=process.id,
        signer_id=signer.id,
        owner_group=process.owner_group,
        reply_to=_reply_to(process),
        context=context(occasion, name=signer.name, recipient=signer),
        suppressed=suppressed,
    )


def context(occasion: Occasion, *, name: str | None, recipient: Signer | None = None) -> JsonObject:
    """Return what the text of a message may mention. Without a recipient, it is a message to the initiator."""
    process = occasion.process
    actor = occasion.signer
    values: JsonObject = {
        "process": {
            "name": process.document_name or process.document_id or "a document",
            "id": process.document_id,
            "type": process.document_type,
            # The initiator's own emails mention neither the initiator's name nor the comment.
            "initiator": process.initiator_name if recipient else None,
            "comment": process.comment if recipient else None,
        },
        "signer": {"name": name},
        "initiator": {"name": process.initiator_name},
        "actor": {
            "name": actor.name if actor else None,
            "reason": occasion.reason,
            "self": actor is not None and actor is recipient,
        },
    }
    if occasion.step is not None:
        values["step"] = {"number": occasion.step.process_order}
        values["dueDate"] = value(occasion.step.due_at)
    if recipient is not None and occasion.event in TASK_EMAILS:
        values["personalComment"] = recipient.comment_for_signer
    return values


def _has_role(signer: Signer, role: Role) -> bool:
    return bool(signer.email) and EMAIL_ROLE.get(Role(signer.role)) == role


def _reply_to(process: Process) -> str:
    if settings.EMAIL_REPLY_TO_INITIATOR:
        return process.initiator_email or ""
    return ""


def _key_prefix(occasion: Occasion) -> str:
    subject = occasion.signer or occasion.process
    return f"{occasion.event.lower()}:{subject.id}"


def _key_time(occasion: Occasion, signer: Signer) -> str:
    """The part of a message key that distinguishes repeated messages to one signer."""
    at = None
    if occasion.event == EventType.TASK_STARTED:
        at = signer.called_at
    elif occasion.event == EventType.REMINDER:
        at = occasion.at
    if at is None:
        return ""
    return f":{at:%Y%m%dT%H%M%S%f}"
