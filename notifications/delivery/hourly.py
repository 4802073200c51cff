"""How many emails one address gets, and one client causes, within any hour. Messages beyond a limit wait.

The messages themselves are the count: those that were sent in the last hour or are in hand, whatever the event. Once a
limit is reached, one update puts off all due messages of the address or client, so that senders do not meet them again
before there is room. As long as some wait, later ones join their line, which keeps the order.
"""

import logging
from collections.abc import Sequence
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
    """How many more emails one address or client may have now, when there is more room, and the line of messages that
    wait for it: when its first message was queued, and until when it waits."""

    limit: HourlyLimit
    key: str
    left: int
    more_at: datetime
    line_start: tuple[datetime, int] | None = None
    line_until: datetime | None = None

    def admits(self, message: Message) -> bool:
        """Whether the message may be sent now: there is room, and it does not overtake the line."""
        if self.line_start is not None and not message.waits_for:
            return self.left > 0 and (message.queued_at, message.pk) < self.line_start
        return self.left > 0

    def wait_until(self, at: datetime) -> datetime:
        """The time at which refused messages are due again. It has passed if only the line is to come first."""
        if self.line_until is not None and (self.line_until > at or self.left):
            return self.line_until
        return self.more_at


_Rooms = dict[tuple[HourlyLimit, str], _Room]


def lock_claims() -> None:
    """Wait until no other sender claims messages: two of them at once would share the same room.

    A claim takes milliseconds. SQLite has only one writer at a time anyway.
    """
    if connection.vendor == "postgresql" and any(map(_per_hour, HourlyLimit)):
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_CLAIM_LOCK])


def allowed(messages: Sequence[Message], *, at: datetime) -> list[Message]:
    """The messages, of these due and locked ones in their order, that may be sent now; the others are put off.

    With them, all due messages of the same address or client are put off: one query for each of these. At most four
    queries find out how much room there is.
    """
    rooms: _Rooms = {}
    for limit in HourlyLimit:
        rooms |= _rooms(limit, messages, at=at)

    # Each message takes its room in turn.
    ready = []
    refusing: list[_Room] = []
    for message in messages:
        needed = _needed(message, rooms)
        refusals = [room for room in needed if not room.admits(message)]
        if refusals:
            refusing.append(refusals[0])
            continue
        for room in needed:
            room.left -= 1
        ready.append(message)

    for limit, key in dict.fromkeys((room.limit, room.key) for room in refusing):
        _put_off(rooms[limit, key], at=at, except_for=ready)
    return ready


def _needed(message: Message, rooms: _Rooms) -> list[_Room]:
    """The room that the message needs, of its address and of its client."""
    # A message abandoned by a dead sender is still counted as being in hand.
    if message.status != MessageStatus.QUEUED or message.event in UNLIMITED_EVENTS:
        return []
    keys = [(limit, getattr(message, column)) for limit, column in _COLUMNS.items()]
    return [rooms[key] for key in keys if key in rooms]


def _rooms(limit: HourlyLimit, messages: Sequence[Message], *, at: datetime) -> _Rooms:
    """The room of each address or client of these messages. Empty if there is no limit. At most two queries."""
    column = _COLUMNS[limit]
    per_hour = _per_hour(limit)
    keys = {getattr(message, column) for message in messages} - {""}
    if not (per_hour and keys):
        return {}

    # What counts: in hand, sent, and sent before it was sent again.
    since = at - _HOUR
    sent = Q(sent_at__gt=since)
    counts = Q(lease_until__isnull=False) | sent & Q(status=MessageStatus.SENT)
    of_keys = Message.objects.filter(**{f"{column}__in": keys}).order_by().values(column)
    used = of_keys.limited_since(since).annotate(
        count=Count("pk", filter=counts),
        earlier=Sum("earlier_sends", filter=sent, default=0),
        first_sent_at=Min("sent_at", filter=sent),
    )
    rooms = {key: _Room(limit, key, per_hour, at + _SHORTEST_WAIT) for key in keys}
    for row in used:
        room = rooms[row[column]]
        room.left = max(0, per_hour - row["count"] - row["earlier"])
        if row["first_sent_at"] is not None:
            room.more_at = max(room.more_at, row["first_sent_at"] + _HOUR)

    # The lines, even those whose time has long passed because no sender ran.
    lines = of_keys.waiting_for(limit).annotate(
        first_queued_at=Min("queued_at"), first_pk=Min("pk"), until=Max("next_attempt_at")
    )
    for row in lines:
        room = rooms[row[column]]
        room.line_start = (row["first_queued_at"], row["first_pk"])
        room.line_until = row["until"]
    return {(limit, key): room for key, room in rooms.items()}


def _put_off(room: _Room, *, at: datetime, except_for: Sequence[Message]) -> None:
    """Put off all due messages of an address or client, except for these."""
    until = room.wait_until(at)
    due = Message.objects.due(at).queued().filter(**{_COLUMNS[room.limit]: room.key})
    waiting = due.exclude(event__in=UNLIMITED_EVENTS).exclude(pk__in=[message.pk for message in except_for])
    # Rows that are being withdrawn are skipped, because waiting for their locks could be mutual.
    rows = waiting.order_by().select_for_update(skip_locked=True).values("pk")
    count = Message.objects.filter(pk__in=rows).update(next_attempt_at=until, waits_for=room.limit)
    if until > at:
        # Logs contain no addresses.
        name = ""
        if room.limit == HourlyLimit.CLIENT:
            name = f" ({room.key})"
        logger.warning("%d emails wait until %s: %s%s", count, f"{until:%H:%M:%S}", room.limit.label, name)


def _per_hour(limit: HourlyLimit) -> int:
    if limit == HourlyLimit.ADDRESS:
        return settings.EMAILS_PER_ADDRESS_PER_HOUR
    return settings.EMAILS_PER_CLIENT_PER_HOUR
