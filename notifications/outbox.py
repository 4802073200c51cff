"""Puts messages into the queue and takes them out again, in the caller's transaction."""

import uuid
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from celery import current_app
from django.conf import settings
from django.db import transaction
from django.db.models import Case, F, PositiveSmallIntegerField, Q, When

from audit.log import Event, record
from config.access.actor import SERVICE, Actor
from config.addresses import address_key
from config.errors import DomainError
from config.vocabulary import EventType
from notifications.drafts import Draft, message_from
from notifications.hooks import process_hooks
from notifications.models import NOT_YET, RESENDABLE, Message, MessageQuerySet, MessageStatus, RefusedAddress

# The name of the task that sends due messages.
DELIVER_TASK = "notifications.deliver"

NO_LONGER_DUE = "no longer due when it was to be sent"

# A message that is sent again within this time counts twice for the hourly limits.
_HOUR = timedelta(hours=1)


class NotResendable(DomainError):
    code = "not_resendable"
    status = 409


def enqueue(drafts: Iterable[Draft], *, at: datetime, actor: Actor = SERVICE) -> None:
    """Queue one message per key and wake a sender on commit; the messages count for the actor's client. One query."""
    client = ""
    if actor != SERVICE:
        client = actor.client
    messages = [message_from(draft, at=at, client=client) for draft in drafts]
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
    """Withdraw the unsent messages about these events, for these signers or for all. One query.

    A message that a sender holds at this moment may still arrive, but is not retried.
    """
    unsent = Message.objects.of_process(process_id).filter(event__in=events, status__in=NOT_YET)
    if signers is not None:
        unsent = unsent.filter(signer_id__in=list(signers))
    unsent.update(status=MessageStatus.WITHDRAWN, reason=reason, withdrawn_at=at)


def notified_signers(process_id: uuid.UUID, *, event: EventType) -> set[uuid.UUID]:
    """The signers who got a message about this event, or may have: it was attempted and has not failed."""
    attempted = Q(attempts__gt=0) & ~Q(status__in=[MessageStatus.FAILED, MessageStatus.SUPPRESSED])
    messages = Message.objects.of_process(process_id).filter(
        attempted | Q(sent_at__isnull=False), event=event, signer_id__isnull=False
    )
    return {signer_id for signer_id in messages.values_list("signer_id", flat=True) if signer_id}


@transaction.atomic
def send_again(message: Message, *, actor: Actor, at: datetime) -> None:
    """Queue a sent or failed message once more; `NotResendable` in any other status, or if it is no longer due."""
    # Of a digest, the parts that are still due are sent again.
    rows = [message]
    if message.is_digest:
        rows = list(message.merged.filter(status__in=RESENDABLE))
    due = process_hooks().still_due(rows, at=at)
    if not due:
        raise NotResendable("This message is no longer due: it is not the signer's turn, or the process was deleted.")

    # One conditional update, so that of several callers at once only one succeeds.
    resendable = Message.objects.filter(pk=message.pk, status__in=RESENDABLE, leader=None)
    queued = resendable.update(
        status=MessageStatus.QUEUED,
        queued_at=at,
        attempts=0,
        next_attempt_at=None,
        earlier_sends=_earlier_sends(at),
        reason="",
        handled_at=None,
        handled_by="",
    )
    if not queued:
        raise NotResendable(f"Only a SENT or FAILED message can be sent again; this one is {message.status}.")
    if message.is_digest:
        Message.objects.filter(pk__in=due).update(status=MessageStatus.MERGED, queued_at=at, reason="")
    record([_event(message, EventType.AUDIT_EMAIL_REMINDER, "was sent again")], actor=actor, at=at)
    wake_sender()


@transaction.atomic
def try_now(messages: MessageQuerySet, *, at: datetime) -> int:
    """Try those of these messages now that wait for another attempt; returns their number.

    A message that waits for an hourly limit keeps waiting.
    """
    # Rows that a sender or an action has locked are skipped, because waiting for their locks could be mutual.
    waiting = messages.queued().filter(next_attempt_at__gt=at, waits_for="").order_by()
    rows = waiting.select_for_update(skip_locked=True).values("pk")
    tried = Message.objects.filter(pk__in=rows).update(next_attempt_at=None)
    wake_sender()
    return tried


@transaction.atomic
def mark_handled(message: Message, *, actor: Actor, at: datetime) -> None:
    """Record that a failed message needs no further attention; `NotResendable` if it is not an unhandled failure.

    The parts of a digest are handled with it.
    """
    failed = Message.objects.filter(pk=message.pk, status=MessageStatus.FAILED, handled_at=None, leader=None)
    if not failed.update(handled_at=at, handled_by=actor.subject):
        raise NotResendable("Only a failed message that is not yet handled can be marked as handled.")
    record([_event(message, EventType.PROCESS_UPDATED, "was marked as handled")], actor=actor, at=at)


def _earlier_sends(at: datetime) -> Case:
    """How often a message that is sent again was sent within an hour."""
    within_hour = Q(sent_at__gt=at - _HOUR)
    return Case(
        When(within_hour, status=MessageStatus.SENT, then=F("earlier_sends") + 1),
        When(within_hour, then=F("earlier_sends")),
        default=0,
        output_field=PositiveSmallIntegerField(),
    )


def _event(message: Message, event_type: EventType, action: str) -> Event:
    """The audit event of an action on a message, in the chain of its process."""
    note = f"The {message.event} message to the {message.role} {action}."
    return Event(event_type, message.process_id or "", signer_id=message.signer_id or "", note=note)


def withdraw_undue_parts(digest: Message, *, at: datetime) -> list[Message]:
    """Withdraw the parts of a digest that are no longer due and return the others. At most four queries.

    To be called right before the digest is sent.
    """
    parts = list(Message.objects.filter(leader=digest, status=MessageStatus.MERGED).order_by("id"))
    due = process_hooks().still_due(parts, at=at)
    undue = [part.pk for part in parts if part.pk not in due]
    Message.objects.filter(pk__in=undue, status=MessageStatus.MERGED).update(
        status=MessageStatus.WITHDRAWN, reason=NO_LONGER_DUE, withdrawn_at=at
    )
    return [part for part in parts if part.pk in due]


def refused_addresses(addresses: Iterable[str | None]) -> dict[str, RefusedAddress]:
    """The addresses among these that a mail server refused, by `address_key`. At most one query."""
    keys = {address_key(address) for address in addresses if address}
    return {row.address: row for row in RefusedAddress.objects.filter(address__in=keys)}


def wake_sender() -> None:
    """Wake a sender on commit. A failure only costs time, because the periodic task finds the messages as well."""
    if settings.CELERY_BROKER_URL:
        transaction.on_commit(_send_deliver_task, robust=True)


def _send_deliver_task() -> None:
    current_app.send_task(DELIVER_TASK)
