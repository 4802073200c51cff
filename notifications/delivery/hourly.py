"""How many emails one address gets, and one client causes, within any hour. Messages beyond a limit wait.

The messages themselves are the count: those that were sent in the last hour or are in hand, whatever the event. Once a
limit is reached, one update puts off all due messages of the address or client, so that senders do not meet them again
before there is room. As long as some wait, later ones wait behind them, which keeps their order.
"""

import logging
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection
from django.db.models import Count, Max, Min, Q, Sum

from config.vocabulary import EventType
from notifications.models import HourlyLimit, Message, MessageStatus

# Messages with a limit of their own: they count, but do not wait. There is one FAILURE per cause, hour and address.
UNLIMITED_EVENTS = frozenset({EventType.FAILURE})

_HOUR = timedelta(hours=1)
# Messages are put off for at least this long, because room often appears one message at a time.
_SHORTEST_WAIT = timedelta(minutes=5)
# The key of the advisory lock of senders that claim messages.
_CLAIM_LOCK = 0x7061_7261_7068_0002
_COLUMNS = {HourlyLimit.ADDRESS: "address_key", HourlyLimit.CLIENT: "client"}

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class _Room:
    """How many more emails one address or client may have now, and when there is more room."""

    left: int
    more_at: datetime


def lock() -> None:
    """Wait until no other sender claims messages: two of them at once would share the same room.

    A claim takes milliseconds. SQLite has only one writer at a time anyway.
    """
    if connection.vendor == "postgresql" and any(map(_per_hour, HourlyLimit)):
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_CLAIM_LOCK])


def allowed(messages: Iterable[Message], *, at: datetime) -> list[Message]:
    """The messages, of these due and locked ones in their order, that may be sent now; the others are put off.

    With them, all due messages of the same address or client are put off: one query for each of these. Two queries
    find out how much room there is.
    """
    messages = list(messages)
    # A message abandoned by a dead sender is still counted as being in hand.
    queued = [message for message in messages if message.status == MessageStatus.QUEUED]
    limited = [message for message in queued if message.event not in UNLIMITED_EVENTS]
    rooms = {limit: _rooms(limit, limited, at=at) for limit in HourlyLimit}

    # Each message takes its room in turn.
    waiting = set()
    reached = set()
    for message in limited:
        places = [(limit, getattr(message, _COLUMNS[limit])) for limit in HourlyLimit]
        places = [(limit, key) for limit, key in places if key in rooms[limit]]
        full = [place for place in places if not rooms[place[0]][place[1]].left]
        if full:
            waiting.add(message.pk)
            reached.add(full[0])
            continue
        for limit, key in places:
            rooms[limit][key].left -= 1

    for limit, key in sorted(reached):
        _put_off(limit, key, at=at, until=rooms[limit][key].more_at)
    return [message for message in messages if message.pk not in waiting]


def _rooms(limit: HourlyLimit, messages: Collection[Message], *, at: datetime) -> dict[str, _Room]:
    """The room of each address or client of these messages. Empty if there is no limit. At most one query."""
    column = _COLUMNS[limit]
    per_hour = _per_hour(limit)
    keys = {getattr(message, column) for message in messages} - {""}
    if not (per_hour and keys):
        return {}

    # What counts: in hand, sent, and sent before it was sent again.
    since = at - _HOUR
    sent = Q(sent_at__gt=since)
    counts = Q(lease_until__isnull=False) | sent & Q(status=MessageStatus.SENT)
    waiting = Q(status=MessageStatus.QUEUED, waits_for=limit, next_attempt_at__gt=at)
    used = Message.objects.limited_since(since).filter(**{f"{column}__in": keys}).order_by().values(column)
    rows = used.annotate(
        count=Count("pk", filter=counts),
        earlier=Sum("earlier_sends", filter=sent, default=0),
        first_sent_at=Min("sent_at", filter=sent),
        waiting_until=Max("next_attempt_at", filter=waiting),
    )

    rooms = {key: _Room(per_hour, at + _SHORTEST_WAIT) for key in keys}
    for row in rows:
        room = rooms[row[column]]
        room.left = max(0, per_hour - row["count"] - row["earlier"])
        if row["first_sent_at"] is not None:
            room.more_at = max(room.more_at, row["first_sent_at"] + _HOUR)
        # Others were here first.
        if row["waiting_until"] is not None:
            room.left = 0
            room.more_at = row["waiting_until"]
    return rooms


def _put_off(limit: HourlyLimit, key: str, *, at: datetime, until: datetime) -> None:
    due = Message.objects.due(at).queued().filter(**{_COLUMNS[limit]: key}).exclude(event__in=UNLIMITED_EVENTS)
    # Rows that are being withdrawn are skipped, because waiting for their locks could be mutual.
    rows = due.order_by().select_for_update(skip_locked=True).values("pk")
    count = Message.objects.filter(pk__in=rows).update(next_attempt_at=until, waits_for=limit)
    # Logs contain no addresses.
    name = ""
    if limit == HourlyLimit.CLIENT:
        name = key
    logger.warning("%d messages wait until %s: %s %s", count, f"{until:%Y-%m-%d %H:%M:%S}", limit.label, name)


def _per_hour(limit: HourlyLimit) -> int:
    if limit == HourlyLimit.ADDRESS:
        return settings.EMAILS_PER_ADDRESS_PER_HOUR
    return settings.EMAILS_PER_CLIENT_PER_HOUR
