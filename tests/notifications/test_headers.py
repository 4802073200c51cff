"""The headers of emails as a mail server receives them: names, subjects, and nothing that a name can inject."""

import re
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.utils import parseaddr
from typing import Any

import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from config.vocabulary import EventType, Role
from notifications import outbox
from notifications.delivery.send import send_due
from notifications.drafts import Draft
from notifications.models import Message
from notifications.texts.headers import header_address, header_text
from notifications.texts.render import build_email
from tests.notifications.test_delivery import sink
from tests.sink import Sink

__all__ = ["sink"]

ANA = "ana@example.org"
HEADERS = {"content-type", "mime-version", "subject", "from", "to", "date", "message-id", "auto-submitted"}


def received(sink: Sink, **columns: Any) -> EmailMessage:
    """The email to Ana, sent with these columns."""
    context = {"process": {"name": columns.pop("document", "Contract")}}
    draft = Draft("k", EventType.TASK_STARTED, Role.SIGNER, ANA, context=context, **columns)
    outbox.enqueue([draft], at=timezone.now())
    assert send_due() == 1
    (email,) = sink.emails
    return email


def unfolded(header: str) -> str:
    """The header as programs decode it: blanks between encoded words do not count (RFC 2047, section 6.2)."""
    return str(policy.default.header_factory("Subject", header))


@pytest.mark.django_db
@pytest.mark.parametrize(
    "name",
    [
        "Jānis Bērziņš",
        "Bērziņš, Jānis",
        'Ana "the boss" Kalniņa',
        'Ana "the boss" Smith',
        "Smith, Ana; <boss@bank.example>",
        "boss@bank.example",
        "back\\slash",
        "=?utf-8?q?boss?=",
        "دعاء علي",
        "Ana 👩‍👩‍👧",
        "(comment) Ana",
    ],
)
def test_the_recipient_has_a_name(sink: Sink, name: str) -> None:
    email = received(sink, name=name)
    (recipient,) = email["To"].addresses
    assert (recipient.display_name, recipient.addr_spec) == (name, ANA)
    assert sink.envelopes == [("paraph@localhost", [ANA])]


@pytest.mark.django_db
@pytest.mark.parametrize("end", ["\r\n", "\n", "\r", "\u2028", "\x0b", "\x85", "\0"])
def test_a_name_or_document_cannot_inject_headers(sink: Sink, end: str) -> None:
    injected = f"Ana{end}Bcc: boss@example.org{end}{end}Pay now"
    message = Message(
        key="k", event="TASK_STARTED", role="SIGNER", address=ANA, name=injected, language="en",
        context={"process": {"name": injected}}, created_at=timezone.now(), queued_at=timezone.now(),
    )  # fmt: skip
    email = message_from_bytes(build_email(message).message().as_bytes(), policy=policy.default)
    assert {header.lower() for header in email} <= HEADERS
    (recipient,) = email["To"].addresses
    assert (recipient.display_name, recipient.addr_spec) == ("Ana Bcc: boss@example.org Pay now", ANA)


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["Bērziņš " * 31, "x" * 255, "Smith " * 40, "ž" * 255, "👩" * 120])
def test_a_long_name_is_folded(sink: Sink, name: str) -> None:
    email = received(sink, name=name)
    lines = email.as_bytes(policy=policy.compat32).split(b"\n\n")[0].split(b"\n")
    assert max(map(len, lines)) <= 78
    raw = header_address(name, ANA, header="To")
    assert parseaddr(raw)[1] == ANA
    assert unfolded(parseaddr(raw)[0]) == name.strip()


def test_controls_of_direction_do_not_reach_the_address() -> None:
    raw = header_address("\u202eAna\u202c \u2066Smith\u2069", ANA, header="To")
    assert raw == f"Ana Smith <{ANA}>"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("sender", "name", "address"),
    [
        ("Paraph <info@example.org>", "Paraph", "info@example.org"),
        ('"Paraph, SIA" <info@example.org>', "Paraph, SIA", "info@example.org"),
        ("Šķūņa dokumentu parakstīšana <info@example.org>", "Šķūņa dokumentu parakstīšana", "info@example.org"),
        ('"Bērziņš, SIA" <info@bērziņš.lv>', "Bērziņš, SIA", "info@xn--brzi-bva32apg.lv"),
        ("info@example.org", "", "info@example.org"),
    ],
)
def test_the_sender_has_the_name_of_the_organization(
    sink: Sink, settings: Any, sender: str, name: str, address: str
) -> None:
    settings.DEFAULT_FROM_EMAIL = sender
    email = received(sink)
    (mailbox,) = email["From"].addresses
    assert (mailbox.display_name, mailbox.username) == (name, "info")
    assert mailbox.addr_spec == address
    assert sink.envelopes == [(address, [ANA])]


@pytest.mark.django_db
@pytest.mark.parametrize(
    "document",
    [
        "=?utf-8?q?Payment_is_due?=",
        "Ž" * 200,
        "Nomas līgums par dzīvokli Brīvības ielā " * 5,
        "x" * 1200,
        "Contract about a great many things that have many words " * 4,
        "=?",
    ],
)
def test_a_subject_is_shown_literally_and_begins_in_the_first_line(sink: Sink, document: str) -> None:
    email = received(sink, document=document)
    assert " ".join(document.split()) in str(email["Subject"])
    (raw,) = re.findall(rb"^Subject:.*(?:\n[ \t].*)*", email.as_bytes(policy=policy.compat32), re.MULTILINE)
    lines = raw.split(b"\n")
    assert lines[0].removeprefix(b"Subject:").strip()
    assert all(len(line) <= 78 and line.strip() for line in lines)


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=300))
def test_every_text_gives_a_header_in_ascii_that_reads_the_same(text: str) -> None:
    value = header_text(text, header="Subject")
    assert value.isascii()
    assert "\n" not in value
    shown = "".join(c for c in unfolded(value) if c.isprintable())
    assert shown.split() == "".join(c for c in text_in_one_line(text) if c.isprintable()).split()


def text_in_one_line(text: str) -> str:
    return " ".join(re.sub(r"[\x00-\x1f\x7f-\x9f]", " ", text).split())


@given(st.text(st.characters(), max_size=255))
def test_every_name_gives_one_mailbox(name: str) -> None:
    value = header_address(name, ANA, header="To")
    assert value.isascii()
    assert "\n" not in value
    assert parseaddr(value)[1] == ANA
