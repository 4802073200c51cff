"""A real SMTP server that stores what it receives, with scripted responses for some addresses."""

import asyncio
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session


class Sink:
    """What the server does, by address, and the emails that it accepted, with the sender and recipients of each.

    `sender` is the response to MAIL, `responses` are responses to RCPT, `final` to DATA. `stall` waits before the
    server accepts an email, `drop` closes the connection before that, `hang_up` after. `pause` delays every response
    to an accepted email. `closing_once` is the response to the next MAIL, after which the connection is closed.
    """

    def __init__(self) -> None:
        self.emails: list[EmailMessage] = []
        self.envelopes: list[tuple[str, list[str]]] = []
        self.responses: dict[str, str] = {}
        self.sender = ""
        self.final: dict[str, str] = {}
        self.stall: dict[str, float] = {}
        self.hang_up: set[str] = set()
        self.drop: set[str] = set()
        self.pause = 0.0
        self.connections = 0
        self.closing_once = ""
        self._last_server: SMTP | None = None

    def close_connections(self) -> None:
        """Close the last connection, as a server does with an idle one."""
        assert self._last_server is not None
        transport = self._last_server.transport
        assert transport is not None
        self._last_server.loop.call_soon_threadsafe(transport.close)
        time.sleep(0.1)

    async def handle_EHLO(  # noqa: N802 (aiosmtpd's name)
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        self.connections += 1
        self._last_server = server
        session.host_name = hostname
        return responses

    async def handle_MAIL(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[Any]
    ) -> str:
        if self.closing_once:
            response = self.closing_once
            self.closing_once = ""
            return response
        if self.sender:
            return self.sender
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[Any]
    ) -> str:
        if address in self.responses:
            return self.responses[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        (to,) = envelope.rcpt_tos
        if to in self.drop:
            assert server.transport is not None
            server.transport.abort()
            return "451 closed"
        if to in self.final:
            return self.final[to]
        if to in self.stall:
            await asyncio.sleep(self.stall[to])
        email = message_from_bytes(envelope.content or b"", policy=policy.default)
        assert isinstance(email, EmailMessage)
        self.emails.append(email)
        self.envelopes.append((envelope.mail_from or "", list(envelope.rcpt_tos)))
        await asyncio.sleep(self.pause)
        if to in self.hang_up:
            assert server.transport is not None
            server.transport.abort()
        return "250 accepted"

    def to(self, address: str) -> list[EmailMessage]:
        return [email for email in self.emails if address in str(email["To"])]

    def wait_for(self, count: int, *, seconds: float = 30) -> list[EmailMessage]:
        """The emails, as soon as there are that many."""
        until = time.monotonic() + seconds
        while len(self.emails) < count and time.monotonic() < until:
            time.sleep(0.05)
        assert len(self.emails) >= count, [str(email["Subject"]) for email in self.emails]
        return self.emails


@contextmanager
def smtp_sink() -> Iterator[tuple[Sink, int]]:
    """A running sink and its port."""
    sink = Sink()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    controller = Controller(sink, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        yield sink, port
    finally:
        controller.stop()
