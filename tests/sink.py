"""A real SMTP server that keeps what it gets, and answers as it is told for certain addresses."""

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
    """`answers` maps an address to the server's answer to RCPT, `final` to DATA; `stall` waits before it takes a mail,
    `drop` drops the line before it has taken it and `hang_up` after, `pause` delays every answer to a mail taken."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.answers: dict[str, str] = {}
        self.final: dict[str, str] = {}
        self.stall: dict[str, float] = {}
        self.hang_up: set[str] = set()
        self.drop: set[str] = set()
        self.pause = 0.0
        self.connections = 0

    async def handle_EHLO(  # noqa: N802 (aiosmtpd's name)
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        self.connections += 1
        session.host_name = hostname
        return responses

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[Any]
    ) -> str:
        if address in self.answers:
            return self.answers[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        (to,) = envelope.rcpt_tos
        if to in self.drop:
            assert server.transport is not None
            server.transport.abort()
            return "451 gone"
        if to in self.final:
            return self.final[to]
        if to in self.stall:
            await asyncio.sleep(self.stall[to])
        mail = message_from_bytes(envelope.content or b"", policy=policy.default)
        assert isinstance(mail, EmailMessage)
        self.mails.append(mail)
        await asyncio.sleep(self.pause)
        if to in self.hang_up:
            assert server.transport is not None
            server.transport.abort()
        return "250 taken"

    def to(self, address: str) -> list[EmailMessage]:
        return [mail for mail in self.mails if address in str(mail["To"])]

    def wait_for(self, count: int, *, seconds: float = 30) -> list[EmailMessage]:
        """The mails, once there are that many."""
        until = time.monotonic() + seconds
        while len(self.mails) < count and time.monotonic() < until:
            time.sleep(0.05)
        assert len(self.mails) >= count, [str(mail["Subject"]) for mail in self.mails]
        return self.mails


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
