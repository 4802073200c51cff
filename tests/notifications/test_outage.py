"""An outage of the mail server: sending stands still, one message at a time is tried, and nothing is lost."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from config.access.models import User
from notifications.delivery import outage, send
from notifications.delivery.claims import CLAIM_SIZE, GIVE_UP_AFTER, RETRIES, claim
from notifications.delivery.connection import Connection
from notifications.delivery.outage import INTERVALS
from notifications.delivery.send import Batch, send_due
from notifications.models import Message, Outage
from notifications.texts.render import build_email
from tests.builders import client_user
from tests.notifications.test_delivery import queue, sink, state
from tests.sink import Sink

__all__ = ["sink"]
pytestmark = pytest.mark.django_db

REFUSED = "550 5.7.60 this sender is not allowed"
PEOPLE = [f"p{number}@example.org" for number in range(5)]


class Clock:
    """The time for senders; tests set it. It begins later than any message is queued."""

    def __init__(self) -> None:
        self.at = timezone.now() + timedelta(minutes=1)

    def now(self) -> datetime:
        return self.at

    def localtime(self, moment: datetime) -> datetime:
        return timezone.localtime(moment)

    def forward(self, by: timedelta) -> None:
        self.at += by


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(send, "timezone", clock)
    return clock


@pytest.fixture
def boss(db: None) -> str:
    user = client_user("boss", rights=["administer"])
    user.is_staff = True
    user.email = "boss@example.org"
    user.save()
    return user.email


def tried() -> int:
    return sum(len(message.log) for message in Message.objects.exclude(event="FAILURE"))


def test_several_senders_try_one_message_per_interval(sink: Sink, clock: Clock) -> None:
    sink.sender = REFUSED
    queue(*PEOPLE)

    for _ in range(3):
        send_due()
    assert (tried(), sink.connections) == (1, 1)

    # The intervals grow, and several senders share each attempt.
    for number, interval in enumerate([*INTERVALS, INTERVALS[-1]], start=2):
        clock.forward(interval - timedelta(seconds=1))
        send_due()
        assert tried() == number - 1
        clock.forward(timedelta(seconds=1))
        for _ in range(3):
            send_due()
        assert (tried(), sink.connections) == (number, number)

    assert set(Message.objects.values_list("status", flat=True)) == {"QUEUED"}


def test_the_first_accepted_message_ends_the_outage(sink: Sink, clock: Clock) -> None:
    sink.sender = REFUSED
    queue(*PEOPLE)
    send_due()

    sink.sender = ""
    clock.forward(INTERVALS[0])

    assert send_due() == 5
    assert not Outage.objects.exists()


def test_messages_that_were_claimed_but_not_tried_keep_their_place(sink: Sink, clock: Clock) -> None:
    people = [f"p{number}@example.org" for number in range(CLAIM_SIZE + 3)]
    sink.sender = REFUSED
    queue(*people)
    send_due()

    sink.sender = ""
    clock.forward(INTERVALS[0])
    send_due()

    assert [str(email["To"]) for email in sink.emails] == [*people[1:], people[0]]


def test_of_two_senders_one_gets_the_turn(sink: Sink, clock: Clock) -> None:
    sink.sender = REFUSED
    queue(*PEOPLE)
    send_due()
    row = Outage.objects.get()
    clock.forward(INTERVALS[0])

    assert outage.take_turn(row, at=clock.at)
    assert not outage.take_turn(row, at=clock.at)


def test_a_message_that_says_nothing_about_the_outage_costs_no_turn(sink: Sink, clock: Clock) -> None:
    sink.sender = REFUSED
    queue(*PEOPLE)
    send_due()
    sink.sender = ""
    sink.responses = {PEOPLE[0]: "550 5.1.1 unknown", PEOPLE[1]: "550 5.1.1 unknown"}
    Message.objects.filter(address=PEOPLE[2]).update(status="WITHDRAWN")
    clock.forward(INTERVALS[0])

    assert send_due() == 2

    assert [state(address) for address in PEOPLE] == ["FAILED", "FAILED", "WITHDRAWN", "SENT", "SENT"]
    assert not Outage.objects.exists()


def test_no_message_expires_during_an_outage_or_at_its_end(sink: Sink, clock: Clock) -> None:
    sink.sender = REFUSED
    queue(*PEOPLE)
    send_due()
    Message.objects.update(attempts=len(RETRIES) + 1)
    clock.forward(2 * GIVE_UP_AFTER)
    send_due()
    assert {state(address) for address in PEOPLE} == {"QUEUED"}

    # The server works again, and greylists the first message that was never tried.
    Message.objects.update(attempts=0)
    sink.sender = ""
    sink.responses = {PEOPLE[0]: "450 4.7.1 greylisted"}
    clock.forward(INTERVALS[-1])
    assert send_due() == 4
    assert state(PEOPLE[0]) == "QUEUED"


def test_attempts_during_an_outage_do_not_count(sink: Sink, clock: Clock) -> None:
    sink.sender = REFUSED
    queue(PEOPLE[0])
    for _ in range(len(RETRIES) + 1):
        send_due()
        clock.forward(GIVE_UP_AFTER)
    assert tried() == len(RETRIES) + 1

    # The server works again and greylists the message.
    sink.sender = ""
    sink.responses = {PEOPLE[0]: "450 4.7.1 greylisted"}
    send_due()
    assert state(PEOPLE[0]) == "QUEUED"


def test_administrators_get_one_notification_per_outage_when_it_is_over(sink: Sink, clock: Clock, boss: str) -> None:
    sink.sender = REFUSED
    queue(*PEOPLE)
    for interval in INTERVALS:
        send_due()
        clock.forward(interval)
    (notification,) = Message.objects.filter(event="FAILURE")
    assert (notification.address, notification.status) == (boss, "QUEUED")

    sink.sender = ""
    send_due()
    clock.forward(INTERVALS[-1])
    send_due()

    (email,) = sink.to(boss)
    assert email["Subject"] == "Paraph: emails were not being sent"
    assert "refused" in email.get_body(("plain",)).get_content()  # type: ignore[union-attr]
    assert {state(address) for address in PEOPLE} == {"SENT"}


def test_a_short_interruption_is_not_worth_a_notification(sink: Sink, clock: Clock, boss: str, settings: Any) -> None:
    port = settings.EMAIL_PORT
    settings.EMAIL_PORT = 1
    queue(*PEOPLE)
    send_due()
    assert Outage.objects.get().is_certain
    assert not Message.objects.filter(event="FAILURE").exists()

    clock.forward(INTERVALS[0])
    send_due()
    assert Message.objects.filter(event="FAILURE").count() == 1

    settings.EMAIL_PORT = port
    clock.forward(INTERVALS[-1])
    assert send_due() == 6


def test_a_notification_about_an_outage_causes_no_other(sink: Sink, clock: Clock, boss: str) -> None:
    sink.sender = REFUSED
    queue(PEOPLE[0])
    send_due()
    Message.objects.exclude(event="FAILURE").delete()

    for _ in range(10):
        clock.forward(INTERVALS[-1])
        send_due()

    (notification,) = Message.objects.all()
    assert (notification.status, len(notification.log)) == ("QUEUED", 10)


@pytest.mark.parametrize("fault", ["drop", "hang_up"])
def test_a_connection_lost_in_data_is_not_tried_again_at_once(sink: Sink, clock: Clock, fault: str) -> None:
    getattr(sink, fault).add(PEOPLE[0])
    queue(PEOPLE[0], PEOPLE[1])

    assert send_due() == 1
    clock.forward(timedelta(minutes=9))
    send_due()

    message = Message.objects.get(address=PEOPLE[0])
    assert (message.status, message.attempts) == ("QUEUED", 1)


@pytest.mark.parametrize("fault", ["drop", "hang_up"])
def test_a_server_that_loses_every_connection_in_data_gets_one_message_per_interval(
    sink: Sink, clock: Clock, fault: str
) -> None:
    getattr(sink, fault).update(PEOPLE)
    queue(*PEOPLE)

    for _ in range(3):
        send_due()
    assert tried() == outage.UNCLEAR_RECIPIENTS

    # Each email is sent once before the first is sent again.
    clock.forward(INTERVALS[0])
    send_due()
    clock.forward(INTERVALS[1])
    send_due()
    assert {len(message.log) for message in Message.objects.all()} == {1}
    if fault == "hang_up":
        assert sorted(str(email["To"]) for email in sink.emails) == PEOPLE


def test_a_connection_that_the_server_closed_is_replaced_at_once(sink: Sink) -> None:
    connection = Connection()
    queue(*PEOPLE[:3])
    first, second, third = claim(timezone.now())
    assert Batch([first]).send(connection) == 1
    sink.close_connections()
    assert Batch([second]).send(connection) == 1
    sink.closing_once = "421 4.7.0 too many messages in this connection"
    assert Batch([third]).send(connection) == 1
    connection.close()

    assert set(Message.objects.values_list("status", "attempts")) == {("SENT", 1)}
    assert sink.connections == 3


def page_of(username: str, path: str = "/admin/", **permissions: Any) -> str:
    user, _ = User.objects.get_or_create(username=username, defaults={"is_staff": True, **permissions})
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client.get(path).content.decode()


@pytest.mark.parametrize(
    "path", ["/admin/", "/admin/notifications/", "/admin/notifications/message/", "/admin/access/user/add/"]
)
def test_every_page_of_the_back_office_shows_an_outage_to_administrators(
    sink: Sink, clock: Clock, settings: Any, path: str
) -> None:
    settings.STAFF_SECOND_FACTOR = False
    assert "Emails have not been sent" not in page_of("boss", path, is_superuser=True)
    sink.sender = "550 5.7.60 <b>this sender</b> is not allowed"
    queue(*PEOPLE)
    send_due()

    page = page_of("boss", path)
    assert "Emails have not been sent since" in page
    assert "550 5.7.60 &lt;b&gt;this sender&lt;/b&gt; is not allowed" in page
    assert "Emails have not been sent" not in page_of("clerk")

    sink.sender = ""
    clock.forward(INTERVALS[0])
    send_due()
    assert "Emails have not been sent" not in page_of("boss", path)


def test_a_suspicion_is_not_shown(sink: Sink, settings: Any) -> None:
    settings.STAFF_SECOND_FACTOR = False
    sink.responses[PEOPLE[0]] = "550 5.7.1 blocked"
    queue(PEOPLE[0])
    send_due()
    assert Outage.objects.exists()
    assert "Emails have not been sent" not in page_of("boss", is_superuser=True)


def test_the_login_page_needs_no_user(db: None) -> None:
    assert Client().get("/admin/login/").status_code == 200


@pytest.mark.parametrize("language", ["en", "lv", "lt", "et", "pl"])
def test_the_notification_is_shipped_in_every_language(db: None, settings: Any, language: str) -> None:
    settings.EMAIL_LANGUAGE = language
    context = {"failure": {"sending": "2026-03-05 10:00 UTC"}}
    message = Message(
        event="FAILURE", role="ADMINISTRATOR", address="boss@example.org", context=context, key="k",
        created_at=timezone.now(), queued_at=timezone.now(),
    )  # fmt: skip
    email = build_email(message)
    assert email.body.count("2026-03-05 10:00 UTC") == 1
    assert "manage.py" not in email.body
    assert message.template_used.startswith(language)
