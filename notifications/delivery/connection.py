"""One connection to the mail server, and what its responses mean for a message."""

import logging
import smtplib
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from threading import Timer

from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.core.mail.backends.base import BaseEmailBackend
from django.core.mail.message import sanitize_address

from notifications.backends import smtp
from notifications.delivery.responses import CLOSING, Cause, cause_of

_PERMANENT = 500
# A connection that the server had closed already fails within this many seconds.
_STALE_WITHIN = 1
MAX_RESPONSE_CHARACTERS = 2_000
logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why an attempt failed: the server's response, whether it is permanent, and what it is about."""

    response: str
    permanent: bool
    cause: Cause = Cause.MESSAGE


class ServerFault(ConnectionError):
    """The server could not be used at all."""


class Connection:
    """Used for many messages, and replaced after a fault."""

    def __init__(self) -> None:
        self._backend: BaseEmailBackend | None = None

    def send(self, outgoing: EmailMessage, *, message_id: int) -> Refusal | None:
        """Try once: None if the server accepted the message. The log gets the id, and no personal data."""
        is_reused = self._backend is not None
        began = time.monotonic()
        try:
            self._send(outgoing)
        except Exception as exc:  # noqa: BLE001 (a fault of one message or of a backend must not stop the others)
            # Servers close connections that were idle, or after a number of messages.
            was_stale = is_reused and self._is_unsent(exc) and time.monotonic() - began < _STALE_WITHIN
            self.close()
            if was_stale:
                return self.send(outgoing, message_id=message_id)
            logger.warning("message %s was not sent: %s", message_id, type(exc).__name__)
            return refusal_from(exc)
        return None

    def _is_unsent(self, exc: Exception) -> bool:
        """Whether the server closed the connection, and certainly did not accept the message."""
        reply = _reply(exc)
        if reply is not None:
            return reply[0] == CLOSING
        return isinstance(exc, smtplib.SMTPServerDisconnected) and not getattr(self._backend, "in_data", False)

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
    return Refusal(response, _is_permanent(exc), _cause(exc))


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
    reply = _reply(exc)
    if reply is not None:
        assert isinstance(exc, smtplib.SMTPException)
        return cause_of(exc, *reply)
    # The connection was lost: the server may be at fault, or may fail because of this message.
    was_lost = isinstance(exc, OSError) and not isinstance(exc, smtplib.SMTPException)
    if was_lost or isinstance(exc, smtplib.SMTPServerDisconnected):
        return Cause.UNCLEAR
    return Cause.MESSAGE


def _is_permanent(exc: Exception) -> bool:
    """Whether the response is permanent, or the message cannot be written at all."""
    # The response to a login or a greeting is the cause.
    if isinstance(exc, ServerFault) and isinstance(exc.__cause__, smtplib.SMTPException):
        return _is_permanent(exc.__cause__)
    reply = _reply(exc)
    if reply is not None:
        return reply[0] >= _PERMANENT
    # A header that cannot be written will not be written next time either.
    return isinstance(exc, ValueError) and not isinstance(exc, OSError)


def _response(exc: Exception) -> str:
    """The server's response, or a description of what went wrong."""
    reply = _reply(exc)
    if reply is not None:
        return f"{reply[0]} {reply[1]}"
    if isinstance(exc, ConnectionError) and exc.args:
        return str(exc)
    return f"{type(exc).__name__}: {exc}"


def _reply(exc: Exception) -> tuple[int, str] | None:
    """The code and the text of the server's response, if there was one."""
    if isinstance(exc, smtplib.SMTPRecipientsRefused):
        code, response = next(iter(exc.recipients.values()))
        return code, _decoded(response)
    if isinstance(exc, smtplib.SMTPResponseException):
        return exc.smtp_code, _decoded(exc.smtp_error)
    return None


def _decoded(response: bytes | str) -> str:
    return response.decode("utf-8", "replace") if isinstance(response, bytes) else response
