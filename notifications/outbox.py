"""Puts messages into the queue and takes them out again, in the caller's transaction."""

import uuid
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from celery import current_app
from django.conf import settings
from django.db import transaction
from django.db.models import Q

from audit.log import Event, record
from config.access.actor import Actor
from config.errors import DomainError
from config.vocabulary import EventType
from notifications.drafts import Draft, message_from
from notifications.hooks import process_hooks
from notifications.models import NOT_YET, RESENDABLE, Message, MessageStatus, RefusedAddress

DELIVER_TASK = "notifications.deliver"
"""The name of the task that sends what is due."""


NO_LONGER_DUE = "no longer due when it was to be sent"


class NotResendable(DomainError):
    code = "not_resendable"
    status = 409


def enqueue(drafts: Iterable[Draft], *, at: datetime) -> None:
    """Queue the messages once per key; the senders' bell rings when the transaction commits. One query."""
    messages = [message_from(draft, at=at) for draft in drafts]
    if messages:
        Message.objects.bulk_create(messages, ignore_conflicts=True)
        wake_sender()


def withdraw(
    process_id: uuid.UUID,
    *,
    events: Sequence[EventType],
    reason: str,
    at: datetime,
    signers: Iterable[uuid.UUID] | None = None,
) -> None:
    """Take back what is not sent yet of these events, for these signers or for all. One query.

    What a sender holds at this moment may still arrive, but is not tried again.
    """
    waiting = Message.objects.of_process(process_id).filter(event__in=events, status__in=NOT_YET)
    if signers is not None:
        waiting = waiting.filter(signer_id__in=list(signers))
    waiting.update(status=MessageStatus.WITHDRAWN, reason=reason, withdrawn_at=at)


def notified_signers(process_id: uuid.UUID, *, event: EventType) -> set[uuid.UUID]:
    """The signers to whom a message of this event went out, or may have: it was tried and not refused for good."""
    tried = Q(tries__gt=0) & ~Q(status__in=[MessageStatus.FAILED, MessageStatus.SUPPRESSED])
    messages = Message.objects.of_process(process_id).filter(
        tried | Q(sent_at__isnull=False), event=event, signer_id__isnull=False
    )
    return {signer_id for signer_id in messages.values_list("signer_id", flat=True) if signer_id}


@transaction.atomic
def send_again(message: Message, *, actor: Actor, at: datetime) -> None:
    """Queue a message that failed or was sent once more; `NotResendable` in any other state, or when it is not due."""
    leads = bool(message.context.get("merged"))
    rows = list(message.merged.filter(status__in=RESENDABLE)) if leads else []
    due = still_due(rows if leads else [message], at=at)
    if not due:
        raise NotResendable("This is no longer due: it is not this person's turn, or the process is gone.")
    again = Message.objects.filter(pk=message.pk, status__in=RESENDABLE, leader=None)
    anew: dict[str, Any] = {"tries": 0, "next_attempt_at": None, "reason": "", "handled_at": None, "handled_by": ""}
    if not again.update(status=MessageStatus.QUEUED, queued_at=at, **anew):
        raise NotResendable(
            f"Only a message that was sent or has failed can be sent again; this one is {message.status}."
        )
    if rows:
        Message.objects.filter(pk__in=due).update(status=MessageStatus.MERGED, queued_at=at, reason="")
    record([_of(message, EventType.AUDIT_EMAIL_REMINDER, "was sent again")], actor=actor, at=at)
    wake_sender()


@transaction.atomic
def mark_handled(message: Message, *, actor: Actor, at: datetime) -> None:
    """Say that a failure needs nothing more; `NotResendable` if the message is none that was given up.

    What went out in another's mail is handled with it.
    """
    failed = Message.objects.filter(pk=message.pk, status=MessageStatus.FAILED, handled_at=None, leader=None)
    if not failed.update(handled_at=at, handled_by=actor.subject):
        raise NotResendable("Only a message that was given up, and is not handled yet, can be marked as handled.")
    record([_of(message, EventType.PROCESS_UPDATED, "was marked as handled")], actor=actor, at=at)


def _of(message: Message, kind: EventType, what: str) -> Event:
    """The event of what somebody did with a message, in the chain of its process."""
    note = f"The {message.event} message to a {message.role} {what}."
    return Event(kind, message.process_id or "", signer_id=message.signer_id or "", note=note)


def merged_into(leader: Message, *, at: datetime) -> list[Message] | None:
    """The messages that go out in this one now, the others withdrawn; None if it leads none.

    To be asked right before it is sent. Two queries.
    """
    if not leader.context.get("merged"):
        return None
    rows = list(Message.objects.filter(leader=leader, status=MessageStatus.MERGED).order_by("id"))
    due = still_due(rows, at=at)
    if gone := [row.pk for row in rows if row.pk not in due]:
        withdrawn = {"status": MessageStatus.WITHDRAWN, "reason": NO_LONGER_DUE, "withdrawn_at": at}
        Message.objects.filter(pk__in=gone, status=MessageStatus.MERGED).update(**withdrawn)
    return [row for row in rows if row.pk in due]


def still_due(messages: Iterable[Message], *, at: datetime) -> set[int]:
    """The ids of those messages that make sense at that moment, as those say who write them (a setting)."""
    return process_hooks().still_due(messages, at=at)


def refused_addresses(addresses: Iterable[str | None]) -> dict[str, RefusedAddress]:
    """Those of these addresses that a mail server refused, by the address in small letters. One query."""
    asked = {address.lower() for address in addresses if address}
    return {row.address: row for row in RefusedAddress.objects.filter(address__in=asked)} if asked else {}


def wake_sender() -> None:
    """Wake a sender after commit. A bell that fails costs delay only: the sweep finds what it did not announce."""
    if settings.CELERY_BROKER_URL:
        transaction.on_commit(_strike, robust=True)


def _strike() -> None:
    current_app.send_task(DELIVER_TASK)
