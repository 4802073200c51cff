"""Claims due messages for a sender, and records the outcome of each.

At least once: a message can be claimed until the server has accepted it and that is recorded. A sender that dies in
between causes at most one duplicate, with the same Message-ID.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection, transaction
from django.db.models import F

from audit.log import Event, record
from config.access.actor import SERVICE
from config.api_values import JsonObject
from config.vocabulary import EventType
from notifications import failures
from notifications.delivery import hourly, rate
from notifications.delivery.connection import Refusal
from notifications.delivery.responses import Cause
from notifications.models import Message, MessageQuerySet, MessageStatus, RefusedAddress
from notifications.outbox import NO_LONGER_DUE

CLAIM_SIZE = 10

# Longer than one attempt can take (EMAIL_TIMEOUT and EMAIL_SEND_DEADLINE), which the settings check.
LEASE = timedelta(seconds=settings.SEND_LEASE)

# How long to wait after each attempt; the last interval repeats.
RETRIES = [timedelta(seconds=s) for s in (10, 30, 120, 600, 1800, 3600, 2 * 3600, 4 * 3600)]
GIVE_UP_AFTER = timedelta(days=3)
# A message that could not be tried for a long time is not given up at its first failure.
_MIN_ATTEMPTS = len(RETRIES)
# After a failure that may be the fault of the sender, other messages are tried before this one. After a connection lost
# in DATA the message may have been sent, so that each attempt may cause a duplicate.
_UNCLEAR_RETRY = timedelta(minutes=10)
_RENEW_AFTER = timedelta(seconds=5)
_MAX_LOG_ENTRIES = 50


@transaction.atomic
def claim(at: datetime, *, limit: int = CLAIM_SIZE) -> list[Message]:
    """Claim up to `limit` due messages, oldest first, within the rate limit and the hourly limits. No other sender gets
    them before the lease ends."""
    hourly.lock_claims()
    messages = _first_due(at, limit)
    messages = messages[: rate.take(len(messages))]
    Message.objects.filter(pk__in=[message.pk for message in messages]).update(
        status=MessageStatus.SENDING,
        lease_until=at + LEASE,
        next_attempt_at=None,
        waits_for="",
        attempts=F("attempts") + 1,
    )
    # In memory, these values must match the database, because later updates are conditional on them. What the message
    # waited for stays, for `release`.
    for message in messages:
        message.status = MessageStatus.SENDING
        message.lease_until = at + LEASE
        message.attempts += 1
    return messages


def _first_due(at: datetime, limit: int) -> list[Message]:
    """Lock the first due messages that the hourly limits allow."""
    due = Message.objects.due(at).select_for_update(skip_locked=True)[:limit]
    while messages := list(due.all()):
        allowed = hourly.allowed(messages, at=at)
        if allowed:
            return allowed
        # All of these were put off. Later messages overtake them.
    return []


def keep_claim(message: Message, *, at: datetime) -> bool:
    """Whether the message is still claimed: not withdrawn and not taken over while it waited. Renews an older lease."""
    assert message.lease_until is not None
    # Renewing costs a commit, so a fresh lease is only checked.
    if message.lease_until - at > LEASE - _RENEW_AFTER:
        return _is_claimed(message)
    renewed = _claimed(message, MessageStatus.SENDING).update(lease_until=at + LEASE)
    message.lease_until = at + LEASE
    return renewed > 0


@transaction.atomic
def mark_sent(message: Message, *, at: datetime, merged: Sequence[Message] = ()) -> None:
    """Record that the server accepted the message. A message withdrawn in the meantime was sent all the same."""
    claimed = _claimed(message, MessageStatus.SENDING, MessageStatus.WITHDRAWN)
    sent = claimed.update(
        status=MessageStatus.SENT, reason="", lease_until=None, sent_at=at, template_used=message.template_used
    )
    if sent and merged:
        _parts(merged).update(status=MessageStatus.SENT, reason="", sent_at=at)


@transaction.atomic
def mark_withdrawn(message: Message, *, at: datetime) -> None:
    """Record that the message was not sent because it is no longer due."""
    _finish(message, {"status": MessageStatus.WITHDRAWN, "reason": NO_LONGER_DUE, "withdrawn_at": at}, at=at)


@transaction.atomic
def mark_suppressed(message: Message, reason: str, *, at: datetime, merged: Sequence[Message] = ()) -> None:
    """Record that the message is not sent because its text is disabled."""
    _finish(message, {"status": MessageStatus.SUPPRESSED, "reason": reason}, at=at, merged=merged)


@transaction.atomic
def release(messages: Sequence[Message]) -> None:
    """Return messages that were claimed but not tried, because sending has stopped. They keep their place."""
    for message in messages:
        _claimed(message, MessageStatus.SENDING).update(
            status=MessageStatus.QUEUED,
            lease_until=None,
            next_attempt_at=message.next_attempt_at,
            waits_for=message.waits_for,
            attempts=F("attempts") - 1,
        )


@transaction.atomic
def mark_refused(
    message: Message, refusal: Refusal, *, at: datetime, merged: Sequence[Message] = (), in_outage: bool = False
) -> None:
    """Record a failed attempt: the message is retried later, or fails for good.

    During an outage no message fails, whatever its age. A failure for good is audited and reported to the
    administrators.
    """
    # The back office shows which addresses do not work.
    if refusal.permanent and refusal.cause is Cause.RECIPIENT:
        RefusedAddress.objects.update_or_create(
            address=message.address_key, defaults={"response": refusal.response, "refused_at": at}
        )
    is_final = refusal.permanent and refusal.cause in (Cause.RECIPIENT, Cause.MESSAGE)
    is_old = at - message.queued_at > GIVE_UP_AFTER and message.attempts >= _MIN_ATTEMPTS
    if not is_final and (in_outage or not is_old):
        wait = _wait(message, refusal, in_outage=in_outage)
        outcome = {"status": MessageStatus.QUEUED, "reason": refusal.response, "next_attempt_at": at + wait}
        # Attempts during an outage do not count. It stays visible that there was one: the email may have been sent.
        if in_outage:
            outcome["attempts"] = 1
        _finish(message, outcome, at=at)
        return
    if _finish(message, {"status": MessageStatus.FAILED, "reason": refusal.response}, at=at, merged=merged):
        note = f"The {message.event} message to the {message.role} failed for good. Attempts: {message.attempts}."
        event = Event(EventType.FAILURE, message.process_id or "", signer_id=message.signer_id or "", note=note)
        record([event], actor=SERVICE, at=at)
        failures.notify_of_failed_message(message, at=at)


def _wait(message: Message, refusal: Refusal, *, in_outage: bool) -> timedelta:
    """How long the message waits for its next attempt."""
    wait = RETRIES[min(message.attempts, len(RETRIES)) - 1]
    if refusal.cause is Cause.UNCLEAR:
        wait = max(wait, _UNCLEAR_RETRY)
    # The outage itself limits the attempts. When it ends, messages wait no longer than its last interval.
    if in_outage:
        wait = min(wait, _UNCLEAR_RETRY)
    return wait


def _finish(message: Message, outcome: JsonObject, *, at: datetime, merged: Sequence[Message] = ()) -> bool:
    """Record an outcome other than sent, unless the claim was lost; the parts of a digest share it."""
    log = [*message.log, {"at": at.isoformat(), "response": outcome["reason"]}][-_MAX_LOG_ENTRIES:]
    claimed = _claimed(message, MessageStatus.SENDING)
    if not claimed.update(**outcome, lease_until=None, log=log):
        return False
    if merged:
        _parts(merged).update(**outcome)
    return True


def _claimed(message: Message, *statuses: MessageStatus) -> MessageQuerySet:
    """The row of the message, if it has one of these statuses and this sender still holds the lease."""
    return Message.objects.filter(
        pk=message.pk, status__in=statuses, lease_until=message.lease_until, attempts=message.attempts
    )


def _is_claimed(message: Message) -> bool:
    # In SQL because it runs for every message: the ORM takes 4.9 times as long (0.82 ms instead of 0.17 ms, median of
    # 3,000 on PostgreSQL). The other statements commit, which takes so long that the ORM makes no difference.
    statement = (
        "SELECT 1 FROM notifications_message WHERE id = %s AND status = %s AND lease_until = %s AND attempts = %s"
    )
    lease_until = connection.ops.adapt_datetimefield_value(message.lease_until)
    with connection.cursor() as cursor:
        cursor.execute(statement, [message.pk, MessageStatus.SENDING.value, lease_until, message.attempts])
        return cursor.fetchone() is not None


def _parts(merged: Sequence[Message]) -> MessageQuerySet:
    return Message.objects.filter(pk__in=[part.pk for part in merged])
