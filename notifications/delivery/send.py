"""Sends what is due: claims some messages, commits, sends each without a transaction, marks each by itself.

Several senders work beside each other where there is much to do: each task of a worker is one, with a connection of its
own.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

from django.utils import timezone

from config.errors import DomainError
from notifications import outbox
from notifications.delivery import claims
from notifications.delivery.connection import Connection, Refusal, connected, refusal
from notifications.models import Message, MessageStatus, RefusedAddress
from notifications.texts.choice import TextDisabled, Texts
from notifications.texts.render import mail


def send_due() -> int:
    """Send everything that is due; the number of mails the server took.

    Who finds more than one claim's worth rings for another sender to help.
    """
    sent = 0
    with connected() as connection:
        claimed = claims.claim(timezone.now())
        if len(claimed) == claims.BATCH:
            outbox.wake_sender()
        while claimed:
            sent += _Batch.of(claimed).send(connection)
            claimed = claims.claim(timezone.now())
    return sent


@dataclass(slots=True)
class _Batch:
    """Claimed messages with what their mails need, read for all of them at once; `waiting` are those not begun."""

    waiting: deque[Message]
    texts: Texts
    due: set[int]
    refused_before: set[str] = field(default_factory=set)
    lock: Any = field(default_factory=Lock)

    @classmethod
    def of(cls, messages: list[Message]) -> "_Batch":
        due = outbox.still_due(messages, at=timezone.now())
        addresses = {message.address.lower() for message in messages}
        refused = set(RefusedAddress.objects.filter(address__in=addresses).values_list("address", flat=True))
        return cls(deque(messages), Texts({message.event for message in messages}), due, refused)

    def send(self, connection: Connection) -> int:
        return sum(self._send(message, connection) for message in self._each())

    def _each(self) -> Iterator[Message]:
        while True:
            with self.lock:
                if not self.waiting:
                    return
                message = self.waiting.popleft()
            yield message

    def hand_over(self) -> None:
        """Leave what waits to other senders, since a mail holds this one up; it is then no longer held by this one."""
        with self.lock:
            claims.give_back(self.waiting)
        outbox.wake_sender()

    def _send(self, message: Message, connection: Connection) -> bool:
        if not claims.still_held(message, at=timezone.now()):
            return False
        merged = outbox.merged_into(message, at=timezone.now())
        if message.pk not in self.due or merged == []:
            claims.mark_dropped(message, MessageStatus.WITHDRAWN, outbox.NO_LONGER_DUE, at=timezone.now())
            return False
        merged = merged or []
        try:
            outgoing = mail(message, self.texts, merged)
        except TextDisabled as off:
            claims.mark_dropped(message, MessageStatus.SUPPRESSED, off.detail, at=timezone.now(), merged=merged)
            return False
        except DomainError as exc:
            claims.mark_refused(message, Refusal(exc.detail, permanent=True), at=timezone.now(), merged=merged)
            return False
        except Exception as exc:  # noqa: BLE001 (a defect in one message holds up no other)
            again = Refusal(refusal(exc).answer, permanent=False)
            claims.mark_refused(message, again, at=timezone.now(), merged=merged)
            return False
        with connection.sending(outgoing, if_slow=self.hand_over) as refused:
            if refused is not None:
                claims.mark_refused(message, refused, at=timezone.now(), merged=merged)
                return False
            claims.mark_sent(message, at=timezone.now(), merged=merged)
        if (address := message.address.lower()) in self.refused_before:
            RefusedAddress.objects.filter(address=address).delete()
        return True
