"""Takes due messages for a sender, and writes down what became of each.

At least once: a message stays claimable until the server took it and that was written down. A sender that dies in
between costs one duplicate at the most, under the same Message-ID.
"""

from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models import F

from audit.log import Event, record
from config.access.actor import SERVICE
from config.vocabulary import EventType
from notifications import failures
from notifications.delivery import rate
from notifications.delivery.connection import Refusal
from notifications.models import Message, MessageStatus, RefusedAddress

BATCH = 20
LEASE = timedelta(seconds=settings.SEND_LEASE)
RENEWED_AFTER = timedelta(seconds=5)
RETRIES = [timedelta(seconds=s) for s in (10, 30, 120, 600, 1800, 3600, 2 * 3600, 4 * 3600)]
GIVE_UP_AFTER = timedelta(days=3)
_LOG_AT_MOST = 50

# What every mail costs is written by hand: the ORM would take longer over these than the database.
_HELD = "id = %s AND lease_until = %s AND tries = %s"
_STILL_HELD = f"SELECT 1 FROM notifications_message WHERE {_HELD} AND status = 'SENDING'"
_RENEW = f"UPDATE notifications_message SET lease_until = %s WHERE {_HELD} AND status = 'SENDING'"
_SENT = (
    "UPDATE notifications_message SET status = 'SENT', reason = '', lease_until = NULL, sent_at = %s, "
    f"written_with = %s WHERE {_HELD} AND status IN ('SENDING', 'WITHDRAWN')"
)


@transaction.atomic
def claim(at: datetime, *, limit: int = BATCH) -> list[Message]:
    """Take up to `limit` due messages, oldest first, as far as the rate allows; no other sender gets them while the
    lease runs."""
    due = Message.objects.due(at).order_by("queued_at", "id")
    messages = list(due.select_for_update(skip_locked=True)[:limit])
    messages = messages[: rate.granted(len(messages))]
    taken = {"status": MessageStatus.SENDING, "lease_until": at + LEASE}
    Message.objects.filter(pk__in=[message.pk for message in messages]).update(**taken, tries=F("tries") + 1)
    for message in messages:
        message.status, message.tries, message.lease_until = MessageStatus.SENDING, message.tries + 1, at + LEASE
    return messages


def give_back(messages: Sequence[Message]) -> None:
    """Leave messages of one claim, none of them begun, to other senders. One query."""
    if messages:
        ours = Message.objects.filter(status=MessageStatus.SENDING, lease_until=messages[0].lease_until)
        queued = {"status": MessageStatus.QUEUED, "lease_until": None, "tries": F("tries") - 1}
        rate.given_back(ours.filter(pk__in=[message.pk for message in messages]).update(**queued))


def still_held(message: Message, *, at: datetime) -> bool:
    """Whether the message was neither withdrawn nor taken over while it waited; its lease is renewed in good time."""
    assert message.lease_until is not None
    if message.lease_until - at > LEASE - RENEWED_AFTER:
        return _run(_STILL_HELD, message.pk, message.lease_until, message.tries)
    renewed = _run(_RENEW, at + LEASE, message.pk, message.lease_until, message.tries)
    message.lease_until = at + LEASE
    return renewed


def mark_sent(message: Message, *, at: datetime, merged: Iterable[Message] = ()) -> None:
    """The server took it. A message withdrawn meanwhile was sent all the same."""
    rows = [row.pk for row in merged]
    with transaction.atomic() if rows else nullcontext():
        if _run(_SENT, at, message.written_with, message.pk, message.lease_until, message.tries) and rows:
            Message.objects.filter(pk__in=rows).update(status=MessageStatus.SENT, sent_at=at, reason="")


@transaction.atomic
def mark_dropped(
    message: Message, status: MessageStatus, reason: str, *, at: datetime, merged: Iterable[Message] = ()
) -> None:
    """It is not to be sent after all, nor are those merged into it."""
    withdrawn_at = at if status == MessageStatus.WITHDRAWN else None
    outcome = {"status": status, "reason": reason, "withdrawn_at": withdrawn_at}
    _mark(message, [MessageStatus.SENDING], outcome, reason, at, merged)


@transaction.atomic
def mark_refused(message: Message, refusal: Refusal, *, at: datetime, merged: Iterable[Message] = ()) -> None:
    """The try failed: another one later, or given up, audited and told."""
    if refusal.permanent and refusal.of_address:
        known = {"answer": refusal.answer, "refused_at": at}
        RefusedAddress.objects.update_or_create(address=message.address.lower(), defaults=known)
    if not (refusal.permanent or at - message.queued_at > GIVE_UP_AFTER):
        wait = RETRIES[min(message.tries, len(RETRIES)) - 1]
        outcome: dict[str, Any] = {"status": MessageStatus.QUEUED, "next_attempt_at": at + wait}
        _mark(message, [MessageStatus.SENDING], {**outcome, "reason": refusal.answer}, refusal.answer, at)
        return
    outcome = {"status": MessageStatus.FAILED, "reason": refusal.answer}
    if _mark(message, [MessageStatus.SENDING], outcome, refusal.answer, at, merged):
        note = f"A {message.event} message to a {message.role} was given up after {message.tries} tries."
        event = Event(
            EventType.FAILURE, process_id=message.process_id or "", signer_id=message.signer_id or "", note=note
        )
        record([event], actor=SERVICE, at=at)
        failures.tell_of(message, at=at)


def _mark(
    message: Message,
    still: list[MessageStatus],
    outcome: dict[str, Any],
    said: str,
    at: datetime,
    merged: Iterable[Message] = (),
) -> int:
    """Write the outcome, unless the lease was lost and another sender holds the message; those merged share it."""
    log = [*message.log, {"at": at.isoformat(), "said": said}][-_LOG_AT_MOST:]
    marked = _held(message, still).update(**outcome, lease_until=None, log=log)
    if marked and merged:
        Message.objects.filter(pk__in=[row.pk for row in merged]).update(**outcome)
    return marked


def _run(statement: str, *values: Any) -> bool:
    """Run one of the statements above; whether the row was still this sender's."""
    adapted = [connection.ops.adapt_datetimefield_value(v) if isinstance(v, datetime) else v for v in values]
    with connection.cursor() as cursor:
        cursor.execute(statement, adapted)
        return bool(cursor.fetchone() if cursor.description else cursor.rowcount)


def _held(message: Message, still: list[MessageStatus]) -> Any:
    """The message's row, if it is in one of these states and this sender still has its lease."""
    return Message.objects.filter(pk=message.pk, status__in=still, lease_until=message.lease_until, tries=message.tries)
