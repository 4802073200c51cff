"""One connection to the mail server, and what its responses mean for a message."""

import logging
import smtplib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from threading import Timer

from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.core.mail.backends.base import BaseEmailBackend
from django.core.mail.message import sanitize_address

from notifications.backends import smtp
from notifications.delivery.responses import Cause, cause_of

_PERMANENT = 500
MAX_RESPONSE_CHARACTERS = 2_000
logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why an attempt failed: the server's response, whether a retry is pointless, whether the address is at fault.

    With `of_sender`, the fault concerns every message: the settings, the server, a policy or a quota.
    """

    response: str
    permanent: bool
    of_address: bool = False
    of_sender: bool = False


class ServerFault(ConnectionError):
    """The server could not be used at all."""


class Connection:
    """Used for many messages, and replaced after a fault."""

    def __init__(self) -> None:
        self._backend: BaseEmailBackend | None = None

    def send(self, outgoing: EmailMessage) -> Refusal | None:
        """Try once: None if the server accepted the message. Any fault concerns this message alone."""
        try:
            self._send(outgoing)
        except Exception as exc:  # noqa: BLE001 (a fault of one message or of a backend must not stop the others)
            self.close()
            logger.warning("a message was not sent: %s", type(exc).__name__)
            return refusal_from(exc)
        return None

    def close(self) -> None:
        backend = self._backend
        self._backend = None
        if backend is not None:
            # After a fault, the connection may already be closed.
            with suppress(smtplib.SMTPException, OSError):
                backend.close()

    def _send(self, outgoing: EmailMessage) -> None:
        if self._backend is None:
            self._backend = get_connection(fail_silently=False)
        with _deadline(self._backend):
            try:
                self._backend.open()
            except Exception as exc:
                # Certificates, logins, greetings: a failure here is never the fault of the message.
                raise ServerFault(_response(exc)) from exc
            try:
                sanitize_address(outgoing.from_email, "utf-8")
            except ValueError as exc:
                # DEFAULT_FROM_EMAIL is in every message.
                raise ServerFault(f"DEFAULT_FROM_EMAIL must be an email address: {exc}") from exc
            self._backend.send_messages([outgoing])


def refusal_from(exc: Exception) -> Refusal:
    """The outcome of an attempt that ended with this exception."""
    # No database stores NUL, and no page shows control characters: a server may respond with anything.
    printable = (
        character if character.isprintable() or character == "\n" else "\ufffd" for character in _response(exc)
    )
    response = "".join(printable)[:MAX_RESPONSE_CHARACTERS]
    cause = _cause(exc)
    if cause is Cause.SENDER:
        return Refusal(response, permanent=False, of_sender=True)
    return Refusal(response, _is_permanent(exc), of_address=cause is Cause.RECIPIENT)


@contextmanager
def _deadline(backend: BaseEmailBackend) -> Iterator[None]:
    """Abort the connection after EMAIL_SEND_DEADLINE: the socket's timeout bounds each response, not their sum."""
    if not isinstance(backend, smtp.EmailBackend):
        yield
        return
    timer = Timer(settings.EMAIL_SEND_DEADLINE, backend.abort)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _cause(exc: Exception) -> Cause:
    """What the failure is about."""
    if isinstance(exc, ServerFault):
        return Cause.SENDER
    if isinstance(exc, smtplib.SMTPRecipientsRefused):
        code, response = next(iter(exc.recipients.values()))
        return cause_of(exc, code, _decoded(response))
    if isinstance(exc, smtplib.SMTPResponseException):
        return cause_of(exc, exc.smtp_code, _decoded(exc.smtp_error))
    return Cause.MESSAGE


def _is_permanent(exc: Exception) -> bool:
    """Whether the server rejected the message for good, or the message cannot be written at all."""
    if isinstance(exc, smtplib.SMTPRecipientsRefused):
        return all(code >= _PERMANENT for code, _ in exc.recipients.values())
    if isinstance(exc, smtplib.SMTPResponseException):
        return exc.smtp_code >= _PERMANENT
    # A header that cannot be written will not be written next time either.
    return isinstance(exc, ValueError) and not isinstance(exc, OSError)


def _response(exc: Exception) -> str:
    """The server's response, or a description of what went wrong."""
    if isinstance(exc, smtplib.SMTPRecipientsRefused):
        code, response = next(iter(exc.recipients.values()))
        return f"{code} {_decoded(response)}"
    if isinstance(exc, smtplib.SMTPResponseException):
        return f"{exc.smtp_code} {_decoded(exc.smtp_error)}"
    if isinstance(exc, ConnectionError) and exc.args:
        return str(exc)
    return f"{type(exc).__name__}: {exc}"


def _decoded(response: bytes | str) -> str:
    return response.decode("utf-8", "replace") if isinstance(response, bytes) else response
