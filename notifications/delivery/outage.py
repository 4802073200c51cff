"""Outages: the mail server refuses the sender, or does not respond. Shared by all senders through one row.

During an outage one sender at a time tries one message, at growing intervals. The first accepted message ends it.
"""

import logging
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from notifications import failures, outbox
from notifications.delivery.connection import Refusal
from notifications.delivery.responses import Cause
from notifications.models import Message, Outage

# How long to wait after each attempt; the last interval repeats.
INTERVALS = [timedelta(minutes=minutes) for minutes in (1, 2, 5, 10)]

# So many recipients in a row, none of them accepted, mean that the sender is at fault.
UNCLEAR_RECIPIENTS = 3
_MAX_UNCLEAR = 50

logger = logging.getLogger(__name__)


def current_outage() -> Outage | None:
    """The outage, or the suspicion of one."""
    return Outage.objects.first()


def take_turn(outage: Outage, *, at: datetime) -> bool:
    """Whether the caller is the sender that may try a message now; the next attempt is scheduled at once."""
    # One conditional update, so that of several senders at once only one succeeds.
    turn = Outage.objects.filter(pk=outage.pk, next_attempt_at=outage.next_attempt_at, next_attempt_at__lte=at)
    wait = INTERVALS[min(outage.attempts, len(INTERVALS) - 1)]
    return turn.update(attempts=F("attempts") + 1, next_attempt_at=at + wait) > 0


def give_back_turn(outage: Outage, *, at: datetime) -> None:
    """Allow another attempt now, because this one said nothing about the outage."""
    turn = Outage.objects.filter(pk=outage.pk, attempts=outage.attempts + 1)
    turn.update(attempts=outage.attempts, next_attempt_at=at)


@transaction.atomic
def record_refusal(message: Message, refusal: Refusal, *, at: datetime) -> Outage:
    """Note a refusal whose cause is or may be the sender. Administrators are notified once per outage."""
    Outage.objects.get_or_create(pk=Outage.ONLY, defaults={"since": at, "response": refusal.response})
    outage = Outage.objects.select_for_update().get(pk=Outage.ONLY)
    outage.response = refusal.response
    if refusal.cause is Cause.UNCLEAR and message.pk not in outage.unclear:
        outage.unclear = [*outage.unclear, message.pk][-_MAX_UNCLEAR:]

    # The outage begins.
    if not outage.is_certain and (refusal.cause is Cause.SENDER or _is_general(outage)):
        outage.since = at
        outage.attempts = 1
        outage.next_attempt_at = at + INTERVALS[0]
        logger.error("sending has stopped: the mail server is unavailable or refuses the sender")

    # A restart of the mail server is not worth a notification: it is over at the second attempt.
    if outage.is_certain and outage.notified_at is None and (refusal.permanent or outage.attempts > 1):
        outage.notified_at = at
        failures.notify_administrators("sending", {"sending": _display_time(outage.since)}, at=at)
    outage.save()
    return outage


def end_outage() -> None:
    """Delete the row, because the server has accepted a message."""
    outage = current_outage()
    if outage is None:
        return
    outage.delete()
    if outage.is_certain:
        logger.warning("sending works again")
        outbox.wake_sender()


def _is_general(outage: Outage) -> bool:
    """Whether enough recipients are concerned that the sender must be at fault."""
    recipients = Message.objects.filter(pk__in=outage.unclear).order_by().values("address_key").distinct()
    return recipients.count() >= UNCLEAR_RECIPIENTS


def _display_time(moment: datetime) -> str:
    return f"{timezone.localtime(moment):%Y-%m-%d %H:%M %Z}"
