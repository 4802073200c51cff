"""Sending through a real SMTP server with scripted responses."""

import smtplib
import socket
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from email import message_from_bytes
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission
from django.core.cache import cache
from django.core.management import call_command
from django.db import transaction
from django.utils import timezone

from audit.models import AuditEvent
from config.access.models import User
from config.vocabulary import EventType, Role
from notifications import failures, outbox
from notifications.delivery import claims, rate
from notifications.delivery.claims import LEASE, RETRIES, claim
from notifications.delivery.connection import MAX_RESPONSE_CHARACTERS, Connection, Refusal, refusal_from
from notifications.delivery.send import Batch, send_due
from notifications.drafts import Draft, message_from
from notifications.models import Message, MessageStatus, RefusedAddress
from notifications.outbox import NotResendable
from notifications.texts import render
from tests.builders import NOON, OWNER, client_user, sign, started_process
from tests.people import ANA, BEN, address, signer
from tests.sink import Sink, smtp_sink

pytestmark = pytest.mark.django_db


@pytest.fixture
def sink(settings: Any) -> Iterator[Sink]:
    with smtp_sink() as (sink, port):
        settings.EMAIL_BACKEND = "notifications.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", port
        settings.EMAIL_HOST_USER = settings.EMAIL_HOST_PASSWORD = ""
        settings.EMAIL_USE_TLS = settings.EMAIL_USE_SSL = False
        settings.EMAIL_TIMEOUT = 2
        yield sink


def queue(*addresses: str) -> None:
    context = {"process": {"name": "Contract"}}
    outbox.enqueue(
        [
            Draft(key=f"k:{a}", event=EventType.TASK_STARTED, role=Role.SIGNER, address=a, context=context)
            for a in addresses
        ],
        at=timezone.now(),
    )


def state(to: str) -> str:
    return Message.objects.get(address=to).status


def test_due_messages_are_sent_once(sink: Sink) -> None:
    queue("a@example.org", "b@example.org")

    assert send_due() == 2
    assert send_due() == 0

    assert sorted(str(email["To"]) for email in sink.emails) == ["a@example.org", "b@example.org"]
    message = Message.objects.get(address="a@example.org")
    assert (message.status, message.attempts, message.lease_until) == ("SENT", 1, None)
    assert message.sent_at is not None
    assert sink.connections == 1


@pytest.mark.parametrize(
    ("prepare", "expected", "copies"),
    [
        (lambda s, a: None, "SENT", 1),
        (lambda s, a: s.responses.update({a: "450 mailbox busy"}), "QUEUED", 0),
        (lambda s, a: s.responses.update({a: "550 no such user"}), "FAILED", 0),
        (lambda s, a: s.final.update({a: "451 try later"}), "QUEUED", 0),
        (lambda s, a: s.final.update({a: "554 refused"}), "FAILED", 0),
        (lambda s, a: s.stall.update({a: 5}), "QUEUED", 0),
        (lambda s, a: s.drop.add(a), "QUEUED", 0),
        (lambda s, a: s.hang_up.add(a), "QUEUED", 1),
    ],
    ids=[
        "250",
        "RCPT 4xx",
        "RCPT 5xx",
        "DATA 4xx",
        "DATA 5xx",
        "stalls",
        "drops before accepting",
        "drops after accepting",
    ],
)
def test_every_response_leads_to_a_status(sink: Sink, prepare: Any, expected: str, copies: int) -> None:
    prepare(sink, "bad@example.org")
    queue("a@example.org", "bad@example.org", "c@example.org")

    send_due()

    assert state("bad@example.org") == expected
    assert len(sink.to("bad@example.org")) == copies
    assert (state("a@example.org"), state("c@example.org")) == ("SENT", "SENT")


def test_a_temporary_failure_is_retried_later(sink: Sink) -> None:
    sink.responses["a@example.org"] = "450 busy"
    queue("a@example.org")
    send_due()
    message = Message.objects.get()
    wait = message.next_attempt_at - timezone.now()  # type: ignore[operator]
    assert timedelta() < wait <= RETRIES[0]
    assert "450 busy" in message.reason
    assert send_due() == 0

    del sink.responses["a@example.org"]
    Message.objects.update(next_attempt_at=timezone.now())
    assert send_due() == 1

    assert Message.objects.get().attempts == 2


def test_after_three_days_a_message_is_given_up(sink: Sink) -> None:
    sink.responses["a@example.org"] = "450 busy"
    queue("a@example.org")
    Message.objects.update(queued_at=timezone.now() - timedelta(days=3, minutes=1), attempts=len(RETRIES))

    send_due()

    assert state("a@example.org") == "FAILED"


def test_a_refused_message_is_audited_and_administrators_are_notified_once_an_hour(sink: Sink) -> None:
    boss = client_user("boss", rights=["administer"])
    boss.is_staff, boss.email = True, "boss@example.org"
    boss.save()
    watcher = signer(BEN, "ADMINISTRATOR")
    for _ in range(2):
        started_process([[ANA, watcher]], processInitiatorEmail=None)
    sink.responses[address(ANA)] = "550 5.1.1 unknown"

    send_due()

    events = AuditEvent.objects.filter(event_type="FAILURE")
    assert events.count() == 2
    assert all(address(ANA) not in event.note for event in events)
    assert sorted(str(email["To"]) for email in sink.emails) == [address(BEN), "boss@example.org"]
    assert "could not be delivered" in str(sink.emails[0]["Subject"])


def test_active_staff_with_the_right_are_notified_of_failures() -> None:
    right = Permission.objects.get(codename="administer", content_type__app_label="access")
    group = Group.objects.create(name="administrators")
    group.permissions.add(right)
    users = {
        name: User.objects.create(username=name, email=f"{name}@example.org", is_staff=True)
        for name in ("own", "through-group", "superuser", "clerk", "no-staff", "inactive", "no-address")
    }
    for name in ("own", "no-staff", "inactive", "no-address"):
        users[name].user_permissions.add(right)
    users["own"].groups.add(group)
    users["through-group"].groups.add(group)
    User.objects.filter(username="superuser").update(is_superuser=True)
    User.objects.filter(username="no-staff").update(is_staff=False)
    User.objects.filter(username="inactive").update(is_active=False)
    User.objects.filter(username="no-address").update(email="")

    for _ in range(2):
        failures.notify_administrators("audit", {"audit": "broken"}, at=NOON)
    failures.notify_administrators("audit", {"audit": "broken"}, at=NOON + timedelta(hours=1))

    expected = [f"{name}@example.org" for name in ("own", "superuser", "through-group")]
    assert sorted(Message.objects.values_list("address", flat=True)) == sorted(expected * 2)


def test_a_failed_failure_message_causes_no_other(sink: Sink) -> None:
    boss = client_user("boss", rights=["administer"])
    boss.is_staff, boss.email = True, "boss@example.org"
    boss.save()
    sink.responses |= {"boss@example.org": "550 unknown", "a@example.org": "550 unknown"}
    queue("a@example.org")

    send_due()

    assert set(Message.objects.values_list("status", flat=True)) == {"FAILED"}
    assert Message.objects.count() == 2


def test_a_claimed_message_belongs_to_one_sender_until_the_lease_ends(sink: Sink) -> None:
    queue("a@example.org")
    now = timezone.now()
    (mine,) = claim(now)

    assert claim(now) == []
    (again,) = claim(now + LEASE + timedelta(seconds=1))

    assert (mine.pk, mine.attempts, again.attempts) == (again.pk, 1, 2)


def test_a_sender_without_the_lease_records_nothing(sink: Sink) -> None:
    queue("a@example.org")
    now = timezone.now()
    (mine,) = claim(now)
    claim(now + LEASE + timedelta(seconds=1))

    claims.mark_sent(mine, at=now)

    assert state("a@example.org") == "SENDING"


def test_the_message_id_is_derived_from_the_key(sink: Sink) -> None:
    sink.hang_up.add("a@example.org")
    queue("a@example.org")
    send_due()
    sink.hang_up.clear()
    Message.objects.update(next_attempt_at=None)
    send_due()

    first, second = (email["Message-ID"] for email in sink.emails)
    assert first == second

    outbox.send_again(Message.objects.get(), actor=OWNER, at=timezone.now())
    send_due()
    assert sink.emails[2]["Message-ID"] != first


def test_a_queued_message_cannot_be_sent_again() -> None:
    queue("a@example.org")
    with pytest.raises(NotResendable, match="QUEUED"):
        outbox.send_again(Message.objects.get(), actor=OWNER, at=NOON)


def test_the_same_key_is_queued_once() -> None:
    queue("a@example.org")
    queue("a@example.org", "b@example.org")
    assert Message.objects.count() == 2


def test_a_rolled_back_transaction_queues_nothing() -> None:
    with transaction.atomic():
        queue("a@example.org")
        transaction.set_rollback(True)
    assert not Message.objects.exists()


def test_a_missing_text_fails_its_message_alone(sink: Sink) -> None:
    outbox.enqueue([Draft("k", EventType.SIGNATURE, Role.SIGNER, "a@example.org")], at=timezone.now())
    queue("b@example.org")

    send_due()

    assert state("a@example.org") == "FAILED"
    assert state("b@example.org") == "SENT"


def test_the_command_sends_what_is_due(sink: Sink, capsys: pytest.CaptureFixture[str]) -> None:
    queue("a@example.org")
    call_command("send_messages")
    assert capsys.readouterr().out == "Sent 1 message.\n"


def test_the_file_backend_writes_one_file_per_email(settings: Any, tmp_path: Any) -> None:
    settings.EMAIL_BACKEND = "notifications.backends.files.EmailBackend"
    settings.EMAIL_FILE_PATH = str(tmp_path)
    queue(*(f"{n}@example.org" for n in range(25)))
    assert send_due() == 25
    emails = [message_from_bytes(file.read_bytes()) for file in sorted(tmp_path.iterdir())]
    assert sorted(email["To"] for email in emails) == sorted(f"{n}@example.org" for n in range(25))


def test_messages_are_queued_without_a_broker_and_with_a_broken_one(
    settings: Any, django_capture_on_commit_callbacks: Any, caplog: pytest.LogCaptureFixture
) -> None:
    with django_capture_on_commit_callbacks() as callbacks:
        queue("a@example.org")
    assert callbacks == []

    settings.CELERY_BROKER_URL = "redis://127.0.0.1:1"
    with django_capture_on_commit_callbacks(execute=True) as callbacks:
        queue("b@example.org")
    assert len(callbacks) == 1
    assert "on_commit" in caplog.text
    assert Message.objects.queued().count() == 2
    assert state("b@example.org") == MessageStatus.QUEUED


@pytest.mark.parametrize("fault", [{"EMAIL_USE_TLS": True}, {"EMAIL_HOST": "mail..example.org"}, {"EMAIL_PORT": 1}])
def test_a_server_fault_is_not_the_fault_of_the_message(sink: Sink, settings: Any, fault: dict[str, Any]) -> None:
    queue("a@example.org")
    for name, value in fault.items():
        setattr(settings, name, value)

    send_due()

    message = Message.objects.get()
    assert (message.status, message.attempts) == ("QUEUED", 1)
    assert message.reason


def test_the_deadline_aborts_a_greeting_that_never_ends(settings: Any) -> None:
    settings.EMAIL_BACKEND, settings.EMAIL_HOST = "notifications.backends.smtp.EmailBackend", "127.0.0.1"
    settings.EMAIL_TIMEOUT, settings.EMAIL_SEND_DEADLINE = 5, 1
    with socket.create_server(("127.0.0.1", 0)) as server:
        settings.EMAIL_PORT = server.getsockname()[1]
        stop = threading.Event()

        def drip() -> None:
            line, _ = server.accept()
            with line:
                while not stop.wait(0.3):
                    try:
                        line.sendall(b"220-wait\r\n")
                    except OSError:
                        return

        threading.Thread(target=drip, daemon=True).start()
        queue("a@example.org")
        began = time.monotonic()
        send_due()
        stop.set()

    assert time.monotonic() - began < 4
    assert state("a@example.org") == "QUEUED"


def test_the_deadline_aborts_a_message_although_every_response_is_in_time(sink: Sink, settings: Any) -> None:
    settings.EMAIL_TIMEOUT = 20
    settings.EMAIL_SEND_DEADLINE = 1
    sink.stall["slow@example.org"] = 15
    queue("slow@example.org", "b@example.org")

    began = time.monotonic()
    send_due()

    assert time.monotonic() - began < 10
    assert (state("slow@example.org"), state("b@example.org")) == ("QUEUED", "SENT")


def test_the_deadline_does_not_concern_a_message_sent_in_time(sink: Sink, settings: Any) -> None:
    settings.EMAIL_SEND_DEADLINE = 1
    connection = Connection()
    queue("a@example.org", "b@example.org")
    first, second = claim(timezone.now())
    assert Batch([first]).send(connection) == 1
    time.sleep(1.5)
    assert Batch([second]).send(connection) == 1
    connection.close()
    assert sink.connections == 1


def test_a_defect_in_one_message_does_not_stop_the_others(sink: Sink, monkeypatch: pytest.MonkeyPatch) -> None:
    queue("bad@example.org", "b@example.org")
    original = render.text_values

    def defective(message: Message, *rest: Any) -> dict[str, Any]:
        if message.address.startswith("bad"):
            raise OverflowError
        return original(message, *rest)

    monkeypatch.setattr(render, "text_values", defective)
    send_due()

    assert (state("bad@example.org"), state("b@example.org")) == ("QUEUED", "SENT")


def test_a_message_withdrawn_after_the_claim_is_not_sent(sink: Sink) -> None:
    queue("a@example.org")
    (held,) = claim(timezone.now())
    Message.objects.update(status="WITHDRAWN")
    assert Batch([held]).send(Connection()) == 0
    assert sink.emails == []


def test_sending_again_is_audited_and_refused_when_no_longer_due(sink: Sink) -> None:
    process = started_process([[ANA, BEN]], processInitiatorEmail=None)
    send_due()
    call = Message.objects.get(address=address(ANA))
    outbox.send_again(call, actor=OWNER, at=timezone.now())
    assert AuditEvent.objects.filter(event_type="AUDIT_EMAIL_REMINDER", process_id=str(process.pk)).count() == 1

    send_due()
    sign(process, ANA)
    with pytest.raises(NotResendable, match="no longer due"):
        outbox.send_again(Message.objects.get(pk=call.pk), actor=OWNER, at=timezone.now())


def test_one_bad_address_among_a_hundred_does_not_delay_the_others(sink: Sink) -> None:
    sink.responses["p50@example.org"] = "451 try later"
    queue(*(f"p{n}@example.org" for n in range(100)))

    assert send_due() == 99

    assert {state(f"p{n}@example.org") for n in range(100) if n != 50} == {"SENT"}
    assert state("p50@example.org") == "QUEUED"


def test_each_failed_attempt_is_logged_with_the_response(sink: Sink) -> None:
    sink.responses["a@example.org"] = "450 busy"
    queue("a@example.org")
    for _ in range(2):
        send_due()
        Message.objects.update(next_attempt_at=None)
    del sink.responses["a@example.org"]
    send_due()

    message = Message.objects.get()
    assert [entry["response"] for entry in message.log] == ["450 busy", "450 busy"]
    assert (message.status, message.attempts, message.template_used) == ("SENT", 3, "en, as shipped")


def test_a_refused_address_is_listed_until_it_accepts_a_message(sink: Sink) -> None:
    sink.responses["Bad@example.org"] = "550 5.1.1 unknown"
    queue("Bad@example.org", "good@example.org")
    send_due()
    (refused,) = outbox.refused_addresses(["BAD@example.org", "good@example.org", None]).values()
    assert (refused.address, refused.response) == ("bad@example.org", "550 5.1.1 unknown")

    sink.responses.clear()
    outbox.send_again(Message.objects.get(address="Bad@example.org"), actor=OWNER, at=timezone.now())
    send_due()
    assert not RefusedAddress.objects.exists()


def test_a_refused_message_does_not_list_its_address(sink: Sink) -> None:
    sink.final["a@example.org"] = "554 looks like spam"
    queue("a@example.org")
    send_due()
    assert state("a@example.org") == "FAILED"
    assert not RefusedAddress.objects.exists()


def test_stuck_messages_until_they_are_handled(sink: Sink) -> None:
    sink.responses |= {"failed@example.org": "550 no", "busy@example.org": "450 busy"}
    queue("failed@example.org", "busy@example.org", "sent@example.org")
    send_due()
    queue("new@example.org", "old@example.org")
    Message.objects.filter(address="old@example.org").update(queued_at=timezone.now() - timedelta(hours=1))
    now = timezone.now()
    stuck = {m.address.split("@")[0] for m in Message.objects.stuck(now)}
    assert stuck == {"failed", "busy", "old"}

    failed = Message.objects.get(address="failed@example.org")
    outbox.mark_handled(failed, actor=OWNER, at=now)
    assert "failed@example.org" not in {m.address for m in Message.objects.stuck(now)}
    assert Message.objects.get(pk=failed.pk).handled_by == OWNER.subject
    handled = AuditEvent.objects.get(event_type="PROCESS_UPDATED")
    assert (handled.creator, handled.process_id) == (OWNER.subject, failed.process_id or "")
    assert handled.note == f"The {failed.event} message to the {failed.role} was marked as handled."
    with pytest.raises(NotResendable, match="Only a failed message"):
        outbox.mark_handled(failed, actor=OWNER, at=now)
    outbox.send_again(Message.objects.get(pk=failed.pk), actor=OWNER, at=now)
    assert Message.objects.get(pk=failed.pk).handled_at is None


def test_the_rate_limit_per_minute(sink: Sink, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": "rate"}}
    cache.clear()
    settings.EMAIL_RATE_PER_MINUTE = 5
    clock = [60_000.0]
    monkeypatch.setattr(rate.time, "time", lambda: clock[0])
    queue(*(f"p{n}@example.org" for n in range(12)))
    sent = []
    for _ in range(4):
        sent += [send_due(), send_due()]
        clock[0] += 60
    assert sent == [5, 0, 5, 0, 2, 0, 0, 0]
    assert set(Message.objects.values_list("attempts", flat=True)) == {1}


def test_only_claimed_messages_count_against_the_rate_limit(
    sink: Sink, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": "rate2"}}
    cache.clear()
    settings.EMAIL_RATE_PER_MINUTE = 8
    monkeypatch.setattr(rate.time, "time", lambda: 60_000.0)
    sent = []
    for number in range(10):
        send_due()
        queue(f"p{number}@example.org")
        sent.append(send_due())
    assert sent == [1] * 8 + [0, 0]


def test_any_response_of_a_server_can_be_stored(sink: Sink) -> None:
    queue("a@example.org")
    (message,) = claim(timezone.now())
    refusal = refusal_from(smtplib.SMTPDataError(450, b"busy\0\x1b[31m" + b"x" * 5000))
    claims.mark_refused(message, refusal, at=timezone.now())
    reason = Message.objects.get().reason
    assert reason.startswith("450 busy\ufffd\ufffd[31m")
    assert len(reason) == MAX_RESPONSE_CHARACTERS


def test_the_log_keeps_the_last_fifty_attempts(sink: Sink) -> None:
    queue("a@example.org")
    Message.objects.update(log=[{"at": NOON.isoformat(), "response": f"450 number {n}"} for n in range(50)])
    (message,) = claim(timezone.now())
    claims.mark_refused(message, Refusal("450 the last", permanent=False), at=timezone.now())
    responses = [entry["response"] for entry in Message.objects.get().attempt_log]
    assert (len(responses), responses[0], responses[-1]) == (50, "450 number 1", "450 the last")


@pytest.mark.parametrize(("count", "expected"), [(claims.CLAIM_SIZE - 1, []), (claims.CLAIM_SIZE, [1])])
def test_a_full_claim_wakes_another_sender(
    sink: Sink, monkeypatch: pytest.MonkeyPatch, count: int, expected: list[int]
) -> None:
    woken: list[int] = []
    monkeypatch.setattr(outbox, "wake_sender", lambda: woken.append(1))
    Message.objects.bulk_create(
        message_from(Draft(f"k{n}", EventType.PROCESS_COMPLETED, Role.INITIATOR, f"p{n}@example.org"), at=NOON)
        for n in range(count)
    )
    send_due()
    assert woken == expected


def test_replies_go_to_the_initiator_if_configured(sink: Sink, settings: Any) -> None:
    settings.EMAIL_REPLY_TO_INITIATOR = True
    started_process([[ANA]])
    send_due()
    (call,) = sink.to(address(ANA))
    (own,) = sink.to("ilze@example.org")
    assert call["Reply-To"] == "ilze@example.org"
    assert own["Reply-To"] is None


def test_the_log_has_a_line_for_each_sent_and_refused_message(sink: Sink, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    sink.responses[address(ANA)] = "550 5.1.1 unknown"
    queue(address(ANA), address(BEN))

    send_due()

    refused = Message.objects.get(address=address(ANA)).pk
    sent = Message.objects.get(address=address(BEN)).pk
    lines = [record.getMessage() for record in caplog.records if record.name.startswith("notifications.")]
    assert f"message {refused} was not sent: SMTPRecipientsRefused" in lines
    assert f"message {sent} was sent: TASK_STARTED" in lines
    assert not any("example.org" in line for line in lines)
