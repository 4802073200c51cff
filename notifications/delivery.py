"""Sends what is due: claims a few messages, commits, sends each without a transaction, marks each.

At least once: a message stays claimable until the server took it and that was written down. A
sender that dies in between costs one duplicate at the most, under the same Message-ID.
"""

import logging
import smtplib
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
LEASE = timedelta(seconds=settings.SEND_LEASE)
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
    if not _still_held(message, at=timezone.now()):
        return False
    refusal = connection.send(message)
    _mark(message, refusal, at=timezone.now())
    return refusal is None


def _still_held(message: Message, *, at: datetime) -> bool:
    """Renew the lease for this one send; False if the message was withdrawn or taken over while it waited."""
    held = Message.objects.filter(
        pk=message.pk, status=MessageStatus.SENDING, lease_until=message.lease_until, tries=message.tries
    )
    message.lease_until = at + LEASE
    return bool(held.update(lease_until=message.lease_until))


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
        """Try once; None if the server took the mail. Whatever goes wrong is this message's alone."""
        try:
            outgoing = mail(message)
        except DomainError as exc:
            return Refusal(exc.detail, permanent=True)
        except Exception as exc:  # noqa: BLE001 (a defect in one message holds up no other)
            return self._failed(message, exc, permanent=False)
        try:
            self._send(outgoing)
        except Exception as exc:  # noqa: BLE001 (nor does one of the connection or a backend's own)
            return self._failed(message, exc, permanent=_is_permanent(exc))
        return None

    def close(self) -> None:
        backend, self._backend = self._backend, None
        if backend is not None:
            try:
                backend.close()
            except (smtplib.SMTPException, OSError):
                logger.info("mail connection was already gone")

    def _failed(self, message: Message, exc: Exception, *, permanent: bool) -> Refusal:
        self.close()
        logger.warning("message %s not sent: %s", message.pk, type(exc).__name__)
        return Refusal(_words(exc), permanent)

    def _send(self, outgoing: EmailMessage) -> None:
        if self._backend is None:
            self._backend = get_connection(fail_silently=False)
        with _deadline(self._backend):
            try:
                self._backend.open()
            except Exception as exc:
                # Certificates, logins, greetings: whatever the server says here, it says not of this message.
                raise ConnectionError(_words(exc)) from exc
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
    """Cut the connection when a try takes too long: the socket's timeout bounds each word, not the sum."""
    cut = getattr(backend, "cut", None)
    if cut is None:
        yield
        return
    timer = Timer(settings.EMAIL_SEND_DEADLINE, cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _is_permanent(exc: Exception) -> bool:
    """Whether the server, or the mail itself, says that another try would not change anything."""
    if isinstance(exc, smtplib.SMTPRecipientsRefused):
        return all(code >= _PERMANENT for code, _ in exc.recipients.values())
    if isinstance(exc, smtplib.SMTPResponseException):
        return exc.smtp_code >= _PERMANENT
    return isinstance(exc, ValueError) and not isinstance(exc, OSError)  # a header that cannot be written


def _words(exc: Exception) -> str:
    """What the server said, or what went wrong."""
    if isinstance(exc, smtplib.SMTPRecipientsRefused):
        code, answer = next(iter(exc.recipients.values()))
        return f"{code} {_text(answer)}"
    if isinstance(exc, smtplib.SMTPResponseException):
        return f"{exc.smtp_code} {_text(exc.smtp_error)}"
    return str(exc) if isinstance(exc, ConnectionError) and exc.args else f"{type(exc).__name__}: {exc}"


def _text(answer: bytes | str) -> str:
    return answer.decode("utf-8", "replace") if isinstance(answer, bytes) else answer
