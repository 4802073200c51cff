"""Sends what is due: claims a few messages, commits, sends each without a transaction, marks each.

At least once: a message stays claimable until the server took it and that was written down. A
sender that dies in between costs one duplicate at the most, under the same Message-ID.
"""

import logging
import smtplib
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Timer
from typing import Any

from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.db import transaction
from django.utils import timezone

from audit.log import Event, record
from config.access.actor import SERVICE
from config.errors import DomainError
from config.vocabulary import EventType
from notifications import failures
from notifications.models import Message, MessageStatus
from notifications.render import mail

BATCH = 10
SEND_DEADLINE = timedelta(seconds=60)
LEASE = timedelta(minutes=5)
RETRIES = [timedelta(seconds=s) for s in (10, 30, 120, 600, 1800, 3600, 2 * 3600, 4 * 3600)]
GIVE_UP_AFTER = timedelta(days=3)
_PERMANENT = 500

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a try failed: the server's words, and whether another try makes sense."""

    answer: str
    permanent: bool


def send_due() -> int:
    """Send everything that is due; the number of messages the server took."""
    sent = 0
    with _connection() as connection:
        while claimed := claim(timezone.now()):
            sent += sum(_deliver(message, connection) for message in claimed)
    return sent


@transaction.atomic
def claim(at: datetime, *, limit: int = BATCH) -> list[Message]:
    """Take up to `limit` due messages, oldest first; no other sender gets them while the lease runs."""
    due = Message.objects.due(at).order_by("queued_at", "id")
    messages = list(due.select_for_update(skip_locked=True)[:limit])
    for message in messages:
        message.status, message.tries, message.lease_until = MessageStatus.SENDING, message.tries + 1, at + LEASE
    Message.objects.bulk_update(messages, ["status", "tries", "lease_until"])
    return messages


def _deliver(message: Message, connection: "Connection") -> bool:
    if message.lease_until is None or message.lease_until - timezone.now() < SEND_DEADLINE:
        return False  # the batch was slow; whoever claims it after the lease sends it
    refusal = connection.send(message)
    _mark(message, refusal, at=timezone.now())
    return refusal is None


@transaction.atomic
def _mark(message: Message, refusal: Refusal | None, *, at: datetime) -> None:
    """Write down how the try ended, unless the lease was lost and another sender holds the message.

    A message withdrawn meanwhile stays so, unless the server took it.
    """
    if refusal is None:
        outcome: dict[str, Any] = {"status": MessageStatus.SENT, "sent_at": at, "reason": ""}
    elif refusal.permanent or at - message.queued_at > GIVE_UP_AFTER:
        outcome = {"status": MessageStatus.FAILED, "reason": refusal.answer}
    else:
        wait = RETRIES[min(message.tries, len(RETRIES)) - 1]
        outcome = {"status": MessageStatus.QUEUED, "reason": refusal.answer, "next_attempt_at": at + wait}
    still = [MessageStatus.SENDING] if refusal else [MessageStatus.SENDING, MessageStatus.WITHDRAWN]
    held = Message.objects.filter(pk=message.pk, status__in=still, lease_until=message.lease_until, tries=message.tries)
    if held.update(**outcome, lease_until=None) and outcome["status"] == MessageStatus.FAILED:
        note = f"A {message.event} message to a {message.role} was given up after {message.tries} tries."
        event = Event(
            EventType.FAILURE, process_id=message.process_id or "", signer_id=message.signer_id or "", note=note
        )
        record([event], actor=SERVICE, at=at)
        failures.tell(message, at=at)


class Connection:
    """One connection to the mail server, kept over many messages and made anew after a fault."""

    def __init__(self) -> None:
        self._backend: Any = None

    def send(self, message: Message) -> Refusal | None:
        """Try once; None if the server took the mail."""
        try:
            outgoing = mail(message)
        except DomainError as exc:
            return Refusal(exc.detail, permanent=True)
        try:
            self._send(outgoing)
        except (smtplib.SMTPException, OSError, ValueError) as exc:
            self.close()
            logger.warning("message %s not sent: %s", message.pk, type(exc).__name__)
            return _refusal(exc)
        return None

    def close(self) -> None:
        if self._backend is not None:
            try:
                self._backend.close()
            except (smtplib.SMTPException, OSError):
                logger.info("mail connection was already gone")
            self._backend = None

    def _send(self, outgoing: EmailMessage) -> None:
        if self._backend is None:
            self._backend = get_connection(fail_silently=False)
            self._backend.open()
        with _deadline(self._backend):
            self._backend.send_messages([outgoing])


@contextmanager
def _connection() -> Iterator[Connection]:
    connection = Connection()
    try:
        yield connection
    finally:
        connection.close()


@contextmanager
def _deadline(backend: Any) -> Iterator[None]:
    """Cut the connection when a send takes too long: the socket's timeout bounds each word, not the sum."""

    def cut() -> None:
        smtp = getattr(backend, "connection", None)
        if smtp is not None and smtp.sock is not None:
            smtp.sock.shutdown(socket.SHUT_RDWR)

    timer = Timer(settings.EMAIL_SEND_DEADLINE, cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _refusal(exc: Exception) -> Refusal:
    if isinstance(exc, smtplib.SMTPRecipientsRefused):
        code, answer = next(iter(exc.recipients.values()))
        return Refusal(f"{code} {_text(answer)}", permanent=code >= _PERMANENT)
    # A refused login or greeting says nothing about this message: the next try may find it mended.
    ours = (smtplib.SMTPAuthenticationError, smtplib.SMTPConnectError, smtplib.SMTPHeloError)
    if isinstance(exc, smtplib.SMTPResponseException):
        permanent = exc.smtp_code >= _PERMANENT and not isinstance(exc, ours)
        return Refusal(f"{exc.smtp_code} {_text(exc.smtp_error)}", permanent=permanent)
    # ValueError: a header or address that cannot be written; another try would not change it.
    return Refusal(f"{type(exc).__name__}: {exc}", permanent=isinstance(exc, ValueError))


def _text(answer: bytes | str) -> str:
    return answer.decode("utf-8", "replace") if isinstance(answer, bytes) else answer
