"""One connection to the mail server, and what its answers mean for a message."""

import logging
import smtplib
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from threading import Event, Lock, Thread
from typing import Any

from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.db import connections

from notifications.delivery.gate import GATE, PATIENCE_SECONDS

_PERMANENT = 500
LONGEST_ANSWER = 2_000
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
        self._passing: Lock | None = None
        self._watchdog: _Watchdog | None = None

    @contextmanager
    def sending(self, outgoing: EmailMessage, *, if_slow: Callable[[], None]) -> Iterator[Refusal | None]:
        """Try once; None if the server took the mail. What became of it is written down inside this block.

        Whatever goes wrong is this mail's alone; `if_slow` is called, in another thread, when it takes its time.
        """
        try:
            yield self._tried(outgoing, if_slow)
        finally:
            if self._passing is not None:
                self._passing.release()
                self._passing = None

    def _tried(self, outgoing: EmailMessage, if_slow: Callable[[], None]) -> Refusal | None:
        try:
            self._send(outgoing, if_slow)
        except Exception as exc:  # noqa: BLE001 (a fault of one mail, or of a backend's own, holds up no other)
            self.close()
            logger.warning("a mail was not sent: %s", type(exc).__name__)
            return refusal(exc)
        return None

    def close(self) -> None:
        backend, self._backend = self._backend, None
        if self._watchdog is not None:
            self._watchdog.stop()
        if backend is not None:
            try:
                backend.close()
            except (smtplib.SMTPException, OSError):
                logger.info("mail connection was already gone")

    def _send(self, outgoing: EmailMessage, if_slow: Callable[[], None]) -> None:
        if self._backend is None:
            self._backend = get_connection(fail_silently=False)
            self._backend.before_data = self._enter
            self._watchdog = _Watchdog(self._backend.cut) if hasattr(self._backend, "cut") else None
        with self._watchdog.watching(if_slow) if self._watchdog else nullcontext():
            try:
                self._backend.open()
            except Exception as exc:
                # Certificates, logins, greetings: whatever the server says here, it says not of this message.
                raise ConnectionError(_words(exc)) from exc
            if not hasattr(type(self._backend), "before_data"):
                self._enter()
            self._backend.send_messages([outgoing])

    def _enter(self) -> None:
        self._passing = GATE.enter()


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


class _Watchdog:
    """Says when a try is slow, and cuts the connection when it takes too long: the socket's timeout bounds each word of
    the server, not their sum.

    One thread that looks now and then, for as long as the connection is kept: one for each mail would cost more than
    the mail.
    """

    def __init__(self, cut: Callable[[], None]) -> None:
        self._cut = cut
        self._began: float | None = None
        self._if_slow: Callable[[], None] | None = None
        self._stopped = Event()
        Thread(target=self._watch, daemon=True).start()

    @contextmanager
    def watching(self, if_slow: Callable[[], None]) -> Iterator[None]:
        self._if_slow, self._began = if_slow, time.monotonic()
        try:
            yield
        finally:
            self._began = None

    def stop(self) -> None:
        self._stopped.set()

    def _watch(self) -> None:
        while not self._stopped.wait(min(1.0, settings.EMAIL_SEND_DEADLINE / 5)):
            began = self._began
            passed = time.monotonic() - began if began is not None else 0.0
            if passed > settings.EMAIL_SEND_DEADLINE:
                self._cut()
            if passed > PATIENCE_SECONDS and self._if_slow is not None:
                if_slow, self._if_slow = self._if_slow, None
                self._said_slow(if_slow)

    def _said_slow(self, if_slow: Callable[[], None]) -> None:
        try:
            if_slow()
        except Exception:  # noqa: BLE001 (whatever it is, the watch goes on)
            logger.warning("what waits behind a slow mail could not be left to other senders")
        finally:
            connections.close_all()  # this thread's own


def _is_permanent(exc: Exception) -> bool:
    """Whether the server, or the mail itself, says that another try would not change anything."""
    if isinstance(exc, smtplib.SMTPRecipientsRefused):
        return all(code >= _PERMANENT for code, _ in exc.recipients.values())
    if isinstance(exc, smtplib.SMTPResponseException):
        return exc.smtp_code >= _PERMANENT
    return isinstance(exc, ValueError) and not isinstance(exc, OSError)  # a header that cannot be written


def _words(exc: Exception) -> str:
    """What the server said, or what went wrong, as it can be kept and shown."""
    return _readable(_said(exc))[:LONGEST_ANSWER]


def _said(exc: Exception) -> str:
    if isinstance(exc, smtplib.SMTPRecipientsRefused):
        code, answer = next(iter(exc.recipients.values()))
        return f"{code} {_text(answer)}"
    if isinstance(exc, smtplib.SMTPResponseException):
        return f"{exc.smtp_code} {_text(exc.smtp_error)}"
    return str(exc) if isinstance(exc, ConnectionError) and exc.args else f"{type(exc).__name__}: {exc}"


def _readable(text: str) -> str:
    """Without what no database keeps and no page shows: a server may answer with anything."""
    return "".join(character if character.isprintable() or character == "\n" else "\ufffd" for character in text)


def _text(answer: bytes | str) -> str:
    return answer.decode("utf-8", "replace") if isinstance(answer, bytes) else answer
