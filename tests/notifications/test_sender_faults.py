"""Faults that concern every message end none."""

import smtplib
from typing import Any

import pytest
from django.utils import timezone

from config.vocabulary import EventType, Role
from notifications import outbox
from notifications.delivery.claims import GIVE_UP_AFTER, RETRIES
from notifications.delivery.responses import Cause, cause_of
from notifications.delivery.send import send_due
from notifications.drafts import Draft
from notifications.models import Message, Outage, RefusedAddress
from tests.notifications.test_delivery import queue, sink, state
from tests.sink import Sink

__all__ = ["sink"]
pytestmark = pytest.mark.django_db

FIRST = "a@example.org"
SECOND = "b@example.org"


@pytest.mark.parametrize(
    "response",
    [
        "550 5.7.1 sender not allowed",
        "530 5.7.0 authentication required",
        "553 5.1.8 unknown domain",
        "421 too many connections",
        "550 5.4.5 daily user sending limit exceeded",
        "550 5.7.60 client does not have permissions to send as this sender",
    ],
)
def test_a_fault_of_the_sender_ends_no_message_and_stops_sending(sink: Sink, response: str) -> None:
    sink.sender = response
    queue(FIRST, SECOND)

    assert send_due() == 0

    assert (state(FIRST), state(SECOND)) == ("QUEUED", "QUEUED")
    assert list(Message.objects.order_by("id").values_list("attempts", flat=True)) == [1, 0]
    assert not RefusedAddress.objects.exists()


POLICY_RESPONSES = [
    ("responses", "554 5.7.1 relay access denied"),
    ("responses", "550 relaying denied"),
    ("responses", "530 authentication required"),
    ("responses", "550 5.7.1 blocked by the rules of the recipient"),
    ("final", "550 5.7.1 daily quota exceeded"),
    ("final", "554 5.7.0 the text violates a policy"),
]


@pytest.mark.parametrize(("command", "response"), POLICY_RESPONSES)
def test_a_policy_against_one_message_stops_no_other(sink: Sink, command: str, response: str) -> None:
    getattr(sink, command)[FIRST] = response
    queue(FIRST, SECOND)

    assert send_due() == 1

    assert (state(FIRST), state(SECOND)) == ("QUEUED", "SENT")
    assert not RefusedAddress.objects.exists()
    assert not Outage.objects.exists()


@pytest.mark.parametrize(("command", "response"), POLICY_RESPONSES)
def test_a_policy_against_one_message_ends_it_after_three_days(sink: Sink, command: str, response: str) -> None:
    getattr(sink, command)[FIRST] = response
    queue(FIRST)
    Message.objects.update(queued_at=timezone.now() - GIVE_UP_AFTER, attempts=len(RETRIES))

    send_due()

    assert state(FIRST) == "FAILED"


@pytest.mark.parametrize(("command", "response"), POLICY_RESPONSES)
def test_a_policy_against_several_recipients_in_a_row_is_a_fault_of_the_sender(
    sink: Sink, command: str, response: str
) -> None:
    recipients = [f"p{number}@example.org" for number in range(5)]
    getattr(sink, command).update(dict.fromkeys(recipients, response))
    queue(*recipients)

    assert send_due() == 0

    assert {state(address) for address in recipients} == {"QUEUED"}
    assert list(Message.objects.order_by("id").values_list("attempts", flat=True)) == [1, 1, 1, 0, 0]
    assert Outage.objects.get().is_certain
    assert not RefusedAddress.objects.exists()


def test_several_messages_to_one_recipient_are_not_everything(sink: Sink) -> None:
    sink.responses[FIRST] = "550 5.7.1 blocked"
    for number in range(4):
        draft = Draft(f"k{number}", EventType.PROCESS_COMPLETED, Role.INITIATOR, FIRST)
        outbox.enqueue([draft], at=timezone.now())

    send_due()

    assert not Outage.objects.get().is_certain


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
