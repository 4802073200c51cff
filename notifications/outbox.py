"""Puts messages into the queue and takes them out again, in the caller's transaction."""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from celery import current_app
from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils.module_loading import import_string

from audit.log import Event, record
from config.access.actor import Actor
from config.errors import DomainError
from config.vocabulary import EventType, Role
from notifications.models import RESENDABLE, Message, MessageStatus

BELL = "notifications.deliver"
"""The name of the task that sends what is due."""


class NotResendable(DomainError):
    code = "not_resendable"
    status = 409


@dataclass(frozen=True, slots=True)
class Draft:
    """A message to be: `key` names what it is for; `suppressed` says why it is only noted, not sent."""

    key: str
    event: EventType
    role: Role
    address: str
    name: str = ""
    language: str = ""
    process_id: uuid.UUID | None = None
    signer_id: uuid.UUID | None = None
    context: dict[str, Any] = field(default_factory=dict)
    suppressed: str = ""


def enqueue(drafts: Iterable[Draft], *, at: datetime) -> None:
    """Queue the messages once per key; the senders' bell rings when the transaction commits. One query."""
    messages = [
        Message(
            key=draft.key,
            event=draft.event,
            role=draft.role,
            language=draft.language,
            address=draft.address,
            name=draft.name,
            process_id=draft.process_id,
            signer_id=draft.signer_id,
            context=draft.context,
            status=MessageStatus.SUPPRESSED if draft.suppressed else MessageStatus.QUEUED,
            reason=draft.suppressed,
            created_at=at,
            queued_at=at,
        )
        for draft in drafts
    ]
    if messages:
        Message.objects.bulk_create(messages, ignore_conflicts=True)
        ring()


def withdraw(
    process_id: uuid.UUID, *, events: Sequence[EventType], reason: str, signers: Iterable[uuid.UUID] | None = None
) -> None:
    """Take back what is not sent yet of these events, for these signers or for all. One query.

    What a sender holds at this moment may still arrive, but is not tried again.
    """
    waiting = Message.objects.of_process(process_id).filter(
        event__in=events, status__in=[MessageStatus.QUEUED, MessageStatus.SENDING]
    )
    if signers is not None:
        waiting = waiting.filter(signer_id__in=list(signers))
    waiting.update(status=MessageStatus.WITHDRAWN, reason=reason)


def reached(process_id: uuid.UUID, *, event: EventType) -> set[uuid.UUID]:
    """The signers to whom a message of this event went out, or may have: it was tried and not refused for good."""
    tried = Q(tries__gt=0) & ~Q(status__in=[MessageStatus.FAILED, MessageStatus.SUPPRESSED])
    messages = Message.objects.of_process(process_id).filter(
        tried | Q(sent_at__isnull=False), event=event, signer_id__isnull=False
    )
    return {signer_id for signer_id in messages.values_list("signer_id", flat=True) if signer_id}


@transaction.atomic
def send_again(message: Message, *, actor: Actor, at: datetime) -> None:
    """Queue a message that failed or was sent once more; `NotResendable` in any other state, or when it is not due."""
    still_due: Any = import_string(settings.STILL_DUE)
    if not still_due(message):
        raise NotResendable("This is no longer due: it is not this person's turn, or the process is gone.")
    again = Message.objects.filter(pk=message.pk, status__in=RESENDABLE)
    if not again.update(status=MessageStatus.QUEUED, queued_at=at, tries=0, next_attempt_at=None, reason=""):
        raise NotResendable(
            f"Only a message that was sent or has failed can be sent again; this one is {message.status}."
        )
    sent_again = Event(
        EventType.AUDIT_EMAIL_REMINDER,
        process_id=message.process_id or "",
        signer_id=message.signer_id or "",
        note=f"The {message.event} message to a {message.role} was sent again.",
    )
    record([sent_again], actor=actor, at=at)
    ring()


def ring() -> None:
    """Wake a sender after commit. A bell that fails costs delay only: the sweep finds what it did not announce."""
    if settings.CELERY_BROKER_URL:
        transaction.on_commit(_strike, robust=True)


def _strike() -> None:
    current_app.send_task(BELL)
