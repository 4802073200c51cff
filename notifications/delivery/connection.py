"""One connection to the mail server, and what its answers mean for a message."""

import logging
import smtplib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Timer
from typing import Any

from django.conf import settings
from django.core.mail import EmailMessage, get_connection

_PERMANENT = 500
logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a try failed: the server's words, whether another try makes sense, and whether it was the address's fault."""

    answer: str
    permanent: bool
    of_address: bool = False


class Connection:
    """Kept over many messages, and made anew after a fault."""

    def __init__(self) -> None:
        self._backend: Any = None

    def send(self, outgoing: EmailMessage) -> Refusal | None:
        """Try once; None if the server took the mail. Whatever goes wrong is this mail's alone."""
        try:
            self._send(outgoing)
        except Exception as exc:  # noqa: BLE001 (a fault of one mail, or of a backend's own, holds up no other)
            self.close()
            logger.warning("a mail was not sent: %s", type(exc).__name__)
            return refusal(exc)
        return None

    def close(self) -> None:
        backend, self._backend = self._backend, None
        if backend is not None:
            try:
                backend.close()
            except (smtplib.SMTPException, OSError):
                logger.info("mail connection was already gone")

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
def connected() -> Iterator[Connection]:
    connection = Connection()
    try:
        yield connection
    finally:
        connection.close()


def refusal(exc: Exception) -> Refusal:
    """What went wrong, as an outcome of the try."""
    of_address = isinstance(exc, smtplib.SMTPRecipientsRefused)
    return Refusal(_words(exc), _is_permanent(exc), of_address)


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
