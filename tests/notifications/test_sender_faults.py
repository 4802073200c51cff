"""Faults that concern every message end none."""

import smtplib
from typing import Any

import pytest

from notifications.delivery.responses import Cause, cause_of
from notifications.delivery.send import send_due
from notifications.models import Message, RefusedAddress
from tests.notifications.test_delivery import queue, sink, state
from tests.sink import Sink

__all__ = ["sink"]
pytestmark = pytest.mark.django_db

FIRST = "a@example.org"
SECOND = "b@example.org"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("sender", "550 5.7.1 sender not allowed"),
        ("sender", "530 5.7.0 authentication required"),
        ("sender", "553 5.1.8 unknown domain"),
        ("sender", "421 too many connections"),
        ("responses", {FIRST: "554 5.7.1 relay access denied"}),
        ("responses", {FIRST: "550 relaying denied"}),
        ("responses", {FIRST: "530 authentication required"}),
        ("final", {FIRST: "550 5.7.1 daily quota exceeded"}),
    ],
)
def test_a_fault_of_the_sender_ends_no_message_and_stops_sending(sink: Sink, name: str, value: Any) -> None:
    setattr(sink, name, value)
    queue(FIRST, SECOND)

    assert send_due() == 0

    assert (state(FIRST), state(SECOND)) == ("QUEUED", "QUEUED")
    assert list(Message.objects.order_by("id").values_list("attempts", flat=True)) == [1, 0]
    assert not RefusedAddress.objects.exists()


@pytest.mark.parametrize("response", ["550 5.1.1 unknown", "550 5.2.1 disabled", "550 no such user"])
def test_a_fault_of_the_recipient_ends_its_message_alone(sink: Sink, response: str) -> None:
    sink.responses[FIRST] = response
    queue(FIRST, SECOND)

    assert send_due() == 1

    assert (state(FIRST), state(SECOND)) == ("FAILED", "SENT")
    assert RefusedAddress.objects.count() == 1


def test_the_message_id_is_ascii_for_an_international_domain(sink: Sink, settings: Any) -> None:
    settings.MESSAGE_ID_DOMAIN = "dokumenti.šķūnis.lv"
    queue(FIRST)

    assert send_due() == 1

    (email,) = sink.emails
    assert "@dokumenti.xn--" in str(email["Message-ID"])
    assert str(email["Message-ID"]).isascii()


@pytest.mark.parametrize("value", ["Acme, Documents <noreply@example.org>", "Acme: Documents <noreply@example.org>"])
def test_a_fault_of_the_from_setting_ends_no_message(sink: Sink, settings: Any, value: str) -> None:
    settings.DEFAULT_FROM_EMAIL = value
    queue(FIRST, SECOND)

    assert send_due() == 0

    assert (state(FIRST), state(SECOND)) == ("QUEUED", "QUEUED")


@pytest.mark.parametrize(
    "response",
    [
        "550 5.1.1 <relay.desk@example.org>: Recipient address rejected: User unknown",
        "550 <relay.desk@example.org>: no such user",
        "501 5.1.3 Bad recipient address syntax",
        "550 5.2.1 mailbox disabled, relay@example.org",
    ],
)
def test_an_unknown_mailbox_is_the_fault_of_the_recipient(response: str) -> None:
    code, _, text = response.partition(" ")
    refused = smtplib.SMTPRecipientsRefused({"relay.desk@example.org": (int(code), text.encode())})
    assert cause_of(refused, int(code), text) is Cause.RECIPIENT
