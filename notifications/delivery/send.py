"""Sends due messages: claims a few, commits, sends each outside of a transaction, records each outcome by itself.

Several senders work in parallel: each task of a worker is one, with a claim and a connection of its own.
"""

import logging
from contextlib import closing

from django.core.mail import EmailMessage
from django.utils import timezone

from config.errors import DomainError
from notifications import outbox
from notifications.delivery import claims
from notifications.delivery.connection import Connection, Refusal, refusal_from
from notifications.delivery.outage import current_outage, end_outage, give_back_turn, record_refusal, take_turn
from notifications.delivery.responses import Cause
from notifications.hooks import process_hooks
from notifications.models import Message, Outage, RefusedAddress
from notifications.texts.choice import TextDisabled, Texts
from notifications.texts.render import build_email
from notifications.texts.renderer import RendererUnavailable

logger = logging.getLogger(__name__)


def send_due() -> int:
    """Send every due message and return how many the server accepted."""
    sent = 0
    with closing(Connection()) as connection:
        claimed, outage = _claim()
        # A full claim means that there is more to do: wake another sender.
        if len(claimed) == claims.CLAIM_SIZE:
            outbox.wake_sender()
        while claimed:
            batch = Batch(claimed, outage)
            sent += batch.send(connection)
            if batch.stopped:
                break
            claimed, outage = _claim()
    return sent


def _claim() -> tuple[list[Message], Outage | None]:
    """The messages to send now, and the outage if there is one: then a single message, if it is this sender's turn."""
    at = timezone.now()
    outage = current_outage()
    if outage is None or not outage.is_certain:
        return claims.claim(at), outage
    if not take_turn(outage, at=at):
        return [], outage
    claimed = claims.claim(at, limit=1)
    if not claimed:
        give_back_turn(outage, at=at)
    return claimed, outage


class Batch:
    """The messages of one claim. What their emails need is read once for all of them."""

    def __init__(self, messages: list[Message], outage: Outage | None = None) -> None:
        self.stopped = False
        self._outage = outage
        self._messages = messages
        self._due = process_hooks().still_due(messages, at=timezone.now())
        self._texts = Texts({message.event for message in messages})
        self._refused = outbox.refused_addresses(message.address for message in messages)

    def send(self, connection: Connection) -> int:
        """Send each message that is still claimed and due; returns how many the server accepted.

        A fault of the sender concerns every message, so the rest is released after the first.
        """
        sent = 0
        for position, message in enumerate(self._messages):
            if claims.keep_claim(message, at=timezone.now()) and self._send(message, connection):
                sent += 1
            if self.stopped:
                claims.release(self._messages[position + 1 :])
                return sent
        if self._outage is not None and self._outage.is_certain:
            give_back_turn(self._outage, at=timezone.now())
        return sent

    def _send(self, message: Message, connection: Connection) -> bool:
        # A digest is due as long as one of its parts is.
        due = message.pk in self._due
        merged: list[Message] = []
        if message.is_digest:
            merged = outbox.withdraw_undue_parts(message, at=timezone.now())
            due = due and bool(merged)
        if not due:
            claims.mark_withdrawn(message, at=timezone.now())
            return False

        outgoing = self._build(message, merged)
        if outgoing is None:
            return False
        refusal = connection.send(outgoing, message_id=message.pk)
        if refusal is not None:
            self._record_refusal(message, refusal, merged)
            return False
        claims.mark_sent(message, at=timezone.now(), merged=merged)
        logger.info("message %s was sent: %s", message.pk, message.event)
        if self._outage is not None:
            end_outage()
            self._outage = None

        # The address works again.
        if message.address_key in self._refused:
            RefusedAddress.objects.filter(address=message.address_key).delete()
        return True

    def _record_refusal(self, message: Message, refusal: Refusal, merged: list[Message]) -> None:
        """Record a failed attempt. A fault of the sender stops the batch."""
        at = timezone.now()
        if refusal.cause in (Cause.SENDER, Cause.UNCLEAR):
            self._outage = record_refusal(message, refusal, at=at)
            self.stopped = self._outage.is_certain
        claims.mark_refused(message, refusal, at=at, merged=merged, in_outage=self.stopped)

    def _build(self, message: Message, merged: list[Message]) -> EmailMessage | None:
        """The email, or None if there is none; the reason is recorded."""
        try:
            return build_email(message, self._texts, merged)
        except TextDisabled as disabled:
            claims.mark_suppressed(message, disabled.detail, at=timezone.now(), merged=merged)
        except RendererUnavailable as exc:
            claims.mark_refused(message, Refusal(exc.detail, permanent=False), at=timezone.now(), merged=merged)
        except DomainError as exc:
            claims.mark_refused(message, Refusal(exc.detail, permanent=True), at=timezone.now(), merged=merged)
        except Exception as exc:  # noqa: BLE001 (a defect in one message must not stop the others)
            refusal = Refusal(refusal_from(exc).response, permanent=False)
            claims.mark_refused(message, refusal, at=timezone.now(), merged=merged)
        return None
