"""Sending against a real SMTP server that answers as it is told."""

import smtplib
import socket
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from email import message_from_bytes
from typing import Any

import pytest
from django.core.cache import cache
from django.core.management import call_command
from django.db import transaction
from django.utils import timezone

from audit.models import AuditEvent
from config.vocabulary import EventType, Role
from notifications import outbox
from notifications.delivery import claims, gate, rate, send
from notifications.delivery.claims import LEASE, RETRIES, claim
from notifications.delivery.connection import Connection, Refusal, _Watchdog, refusal
from notifications.delivery.send import send_due
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


def test_what_is_due_is_sent_once(sink: Sink) -> None:
    queue("a@example.org", "b@example.org")

    assert send_due() == 2
    assert send_due() == 0

    assert sorted(str(mail["To"]) for mail in sink.mails) == ["a@example.org", "b@example.org"]
    message = Message.objects.get(address="a@example.org")
    assert (message.status, message.tries, message.lease_until) == ("SENT", 1, None)
    assert message.sent_at is not None
    assert sink.connections == 1


@pytest.mark.parametrize(
    ("prepare", "expected", "copies"),
    [
        (lambda s, a: None, "SENT", 1),
        (lambda s, a: s.answers.update({a: "450 mailbox busy"}), "QUEUED", 0),
        (lambda s, a: s.answers.update({a: "550 no such user"}), "FAILED", 0),
        (lambda s, a: s.final.update({a: "451 try later"}), "QUEUED", 0),
        (lambda s, a: s.final.update({a: "554 refused"}), "FAILED", 0),
        (lambda s, a: s.stall.update({a: 5}), "QUEUED", 0),
        (lambda s, a: s.drop.add(a), "QUEUED", 0),
        (lambda s, a: s.hang_up.add(a), "QUEUED", 1),
    ],
    ids=["250", "rcpt 4xx", "rcpt 5xx", "data 4xx", "data 5xx", "stalls", "drops before it took it", "drops after"],
)
def test_every_answer_has_its_state(sink: Sink, prepare: Any, expected: str, copies: int) -> None:
    prepare(sink, "bad@example.org")
    queue("a@example.org", "bad@example.org", "c@example.org")

    send_due()

    assert state("bad@example.org") == expected
    assert len(sink.to("bad@example.org")) == copies
    assert (state("a@example.org"), state("c@example.org")) == ("SENT", "SENT")


def test_a_temporary_failure_is_tried_again_after_a_while(sink: Sink, monkeypatch: pytest.MonkeyPatch) -> None:
    sink.answers["a@example.org"] = "450 busy"
    queue("a@example.org")
    send_due()
    message = Message.objects.get()
    wait = message.next_attempt_at - timezone.now()  # type: ignore[operator]
    assert timedelta() < wait <= RETRIES[0]
    assert "450 busy" in message.reason
    assert send_due() == 0

    del sink.answers["a@example.org"]
    Message.objects.update(next_attempt_at=timezone.now())
    assert send_due() == 1

    assert Message.objects.get().tries == 2


def test_after_three_days_a_message_is_given_up(sink: Sink) -> None:
    sink.answers["a@example.org"] = "450 busy"
    queue("a@example.org")
    Message.objects.update(queued_at=timezone.now() - timedelta(days=3, minutes=1))

    send_due()

    assert state("a@example.org") == "FAILED"


def test_a_refused_mail_is_audited_and_told_to_administrators_once_an_hour(sink: Sink) -> None:
    boss = client_user("boss", rights=["administer"])
    boss.is_staff, boss.email = True, "boss@example.org"
    boss.save()
    watcher = signer(BEN, "ADMINISTRATOR")
    for _ in range(2):
        started_process([[ANA, watcher]], processInitiatorEmail=None)
    sink.answers[address(ANA)] = "550 5.1.1 unknown"

    send_due()

    failures = AuditEvent.objects.filter(event_type="FAILURE")
    assert failures.count() == 2
    assert all(address(ANA) not in event.note for event in failures)
    assert sorted(str(mail["To"]) for mail in sink.mails) == [address(BEN), "boss@example.org"]
    assert "could not be delivered" in str(sink.mails[0]["Subject"])


def test_a_failure_mail_that_fails_makes_no_other(sink: Sink) -> None:
    boss = client_user("boss", rights=["administer"])
    boss.is_staff, boss.email = True, "boss@example.org"
    boss.save()
    sink.answers |= {"boss@example.org": "550 unknown", "a@example.org": "550 unknown"}
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

    assert (mine.pk, mine.tries, again.tries) == (again.pk, 1, 2)


def test_a_sender_that_lost_its_lease_marks_nothing(sink: Sink) -> None:
    queue("a@example.org")
    now = timezone.now()
    (mine,) = claim(now)
    claim(now + LEASE + timedelta(seconds=1))

    claims.mark_sent(mine, at=now)

    assert state("a@example.org") == "SENDING"


def test_the_message_id_is_made_of_the_key(sink: Sink) -> None:
    sink.hang_up.add("a@example.org")
    queue("a@example.org")
    send_due()
    sink.hang_up.clear()
    Message.objects.update(next_attempt_at=None)
    send_due()

    first, second = (mail["Message-ID"] for mail in sink.mails)
    assert first == second

    outbox.send_again(Message.objects.get(), actor=OWNER, at=timezone.now())
    send_due()
    assert sink.mails[2]["Message-ID"] != first


def test_only_what_was_sent_or_failed_is_sent_again() -> None:
    queue("a@example.org")
    with pytest.raises(NotResendable, match="QUEUED"):
        outbox.send_again(Message.objects.get(), actor=OWNER, at=NOON)


def test_the_same_key_is_written_once() -> None:
    queue("a@example.org")
    queue("a@example.org", "b@example.org")
    assert Message.objects.count() == 2


def test_a_message_of_a_transaction_that_fails_is_not_there() -> None:
    with transaction.atomic():
        queue("a@example.org")
        transaction.set_rollback(True)
    assert not Message.objects.exists()


def test_a_text_that_is_missing_fails_the_message_and_holds_up_nobody(sink: Sink) -> None:
    outbox.enqueue([Draft("k", EventType.SIGNATURE, Role.SIGNER, "a@example.org")], at=timezone.now())
    queue("b@example.org")

    send_due()

    assert state("a@example.org") == "FAILED"
    assert state("b@example.org") == "SENT"


def test_the_command_sends_what_is_due(sink: Sink, capsys: pytest.CaptureFixture[str]) -> None:
    queue("a@example.org")
    call_command("send_messages")
    assert capsys.readouterr().out == "Sent 1 message.\n"


def test_each_mail_is_a_file_of_its_own(settings: Any, tmp_path: Any) -> None:
    settings.EMAIL_BACKEND = "notifications.backends.files.EmailBackend"
    settings.EMAIL_FILE_PATH = str(tmp_path)
    queue(*(f"{n}@example.org" for n in range(25)))
    assert send_due() == 25
    mails = [message_from_bytes(file.read_bytes()) for file in sorted(tmp_path.iterdir())]
    assert sorted(mail["To"] for mail in mails) == sorted(f"{n}@example.org" for n in range(25))


def test_no_broker_no_bell_and_a_broken_broker_costs_nothing(
    settings: Any, django_capture_on_commit_callbacks: Any, caplog: pytest.LogCaptureFixture
) -> None:
    with django_capture_on_commit_callbacks() as rung:
        queue("a@example.org")
    assert rung == []

    settings.CELERY_BROKER_URL = "redis://127.0.0.1:1"
    with django_capture_on_commit_callbacks(execute=True) as rung:
        queue("b@example.org")
    assert len(rung) == 1
    assert "on_commit" in caplog.text
    assert Message.objects.queued().count() == 2
    assert state("b@example.org") == MessageStatus.QUEUED


@pytest.mark.parametrize("trouble", [{"EMAIL_USE_TLS": True}, {"EMAIL_HOST": "mail..example.org"}, {"EMAIL_PORT": 1}])
def test_trouble_with_the_server_is_no_messages_fault(sink: Sink, settings: Any, trouble: dict[str, Any]) -> None:
    queue("a@example.org")
    for name, value in trouble.items():
        setattr(settings, name, value)

    send_due()

    message = Message.objects.get()
    assert (message.status, message.tries) == ("QUEUED", 1)
    assert message.reason


def test_a_server_that_drips_its_greeting_is_cut_off(settings: Any) -> None:
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


def test_a_message_with_a_defect_holds_up_no_other(sink: Sink, monkeypatch: pytest.MonkeyPatch) -> None:
    queue("bad@example.org", "b@example.org")
    original = render.values

    def defective(message: Message, *rest: Any) -> dict[str, Any]:
        if message.address.startswith("bad"):
            raise OverflowError
        return original(message, *rest)

    monkeypatch.setattr(render, "values", defective)
    send_due()

    assert (state("bad@example.org"), state("b@example.org")) == ("QUEUED", "SENT")


def test_a_message_withdrawn_while_it_waits_in_a_batch_is_not_sent(sink: Sink) -> None:
    queue("a@example.org")
    (held,) = claim(timezone.now())
    Message.objects.update(status="WITHDRAWN")
    assert send._Batch.of([held]).send(Connection()) == 0
    assert sink.mails == []


def test_sent_again_only_while_it_is_due_and_audited(sink: Sink) -> None:
    process = started_process([[ANA, BEN]], processInitiatorEmail=None)
    send_due()
    call = Message.objects.get(address=address(ANA))
    outbox.send_again(call, actor=OWNER, at=timezone.now())
    assert AuditEvent.objects.filter(event_type="AUDIT_EMAIL_REMINDER", process_id=str(process.pk)).count() == 1

    send_due()
    sign(process, ANA)
    with pytest.raises(NotResendable, match="no longer due"):
        outbox.send_again(Message.objects.get(pk=call.pk), actor=OWNER, at=timezone.now())


def test_one_bad_address_among_a_hundred_delays_no_other(sink: Sink) -> None:
    sink.answers["p50@example.org"] = "451 try later"
    queue(*(f"p{n}@example.org" for n in range(100)))

    assert send_due() == 99

    assert {state(f"p{n}@example.org") for n in range(100) if n != 50} == {"SENT"}
    assert state("p50@example.org") == "QUEUED"


def test_each_try_is_noted_with_the_servers_answer(sink: Sink) -> None:
    sink.answers["a@example.org"] = "450 busy"
    queue("a@example.org")
    for _ in range(2):
        send_due()
        Message.objects.update(next_attempt_at=None)
    del sink.answers["a@example.org"]
    send_due()

    message = Message.objects.get()
    assert [entry["said"] for entry in message.log] == ["450 busy", "450 busy"]
    assert (message.status, message.tries, message.written_with) == ("SENT", 3, "en, as shipped")


def test_an_address_that_is_refused_is_remembered_until_it_takes_a_mail(sink: Sink) -> None:
    sink.answers["Bad@example.org"] = "550 5.1.1 unknown"
    queue("Bad@example.org", "good@example.org")
    send_due()
    (known,) = outbox.refused_addresses(["BAD@example.org", "good@example.org", None]).values()
    assert (known.address, known.answer) == ("bad@example.org", "550 5.1.1 unknown")

    sink.answers.clear()
    outbox.send_again(Message.objects.get(address="Bad@example.org"), actor=OWNER, at=timezone.now())
    send_due()
    assert not RefusedAddress.objects.exists()


def test_a_server_that_refuses_the_mail_says_nothing_of_the_address(sink: Sink) -> None:
    sink.final["a@example.org"] = "554 looks like spam"
    queue("a@example.org")
    send_due()
    assert state("a@example.org") == "FAILED"
    assert not RefusedAddress.objects.exists()


def test_what_is_stuck_and_what_is_handled(sink: Sink) -> None:
    sink.answers |= {"failed@example.org": "550 no", "busy@example.org": "450 busy"}
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
    assert handled.note == f"The {failed.event} message to a {failed.role} was marked as handled."
    with pytest.raises(NotResendable, match="given up"):
        outbox.mark_handled(failed, actor=OWNER, at=now)
    outbox.send_again(Message.objects.get(pk=failed.pk), actor=OWNER, at=now)
    assert Message.objects.get(pk=failed.pk).handled_at is None


def test_no_more_mails_a_minute_than_the_setting_says(
    sink: Sink, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
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
    assert set(Message.objects.values_list("tries", flat=True)) == {1}


def test_what_is_not_sent_does_not_count(sink: Sink, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
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


def test_what_is_left_to_others_is_counted_when_they_send_it(
    sink: Sink, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": "rate3"}}
    cache.clear()
    settings.EMAIL_RATE_PER_MINUTE = 25
    monkeypatch.setattr(rate.time, "time", lambda: 60_000.0)
    queue(*(f"p{n}@example.org" for n in range(30)))
    for _ in range(3):
        _, *rest = claims.claim(timezone.now())
        claims.give_back(rest)
    assert Message.objects.filter(status="SENDING").count() == 3
    assert send_due() == 22


def test_whatever_a_server_answers_can_be_kept(sink: Sink) -> None:
    queue("a@example.org")
    (message,) = claims.claim(timezone.now())
    answer = refusal(smtplib.SMTPDataError(450, b"busy\0\x1b[31m" + b"x" * 5000)).answer
    claims.mark_refused(message, Refusal(answer, permanent=False), at=timezone.now())
    kept = Message.objects.get().reason
    assert kept.startswith("450 busy\ufffd\ufffd[31m")
    assert len(kept) == 2000


def test_who_finds_much_to_do_rings_for_help(sink: Sink, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    rung: list[int] = []
    monkeypatch.setattr(outbox, "wake_sender", lambda: rung.append(1))
    Message.objects.bulk_create(
        message_from(Draft(f"k{n}", EventType.PROCESS_COMPLETED, Role.INITIATOR, f"p{n}@example.org"), at=NOON)
        for n in range(claims.BATCH)
    )
    send_due()
    assert rung == [1]


def test_the_watch_over_slow_mails_outlives_a_fault_in_what_it_calls(settings: Any) -> None:
    settings.EMAIL_SEND_DEADLINE = 1.5
    cut = threading.Event()
    watchdog = _Watchdog(cut.set)

    def fault() -> None:
        raise OverflowError

    with watchdog.watching(fault):
        assert cut.wait(5)
    watchdog.stop()


def test_a_sender_waits_for_the_one_before_it_and_not_for_one_that_stalls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "PATIENCE_SECONDS", 0.2)
    the_gate = gate.Gate()
    first = the_gate.enter()
    began = time.monotonic()
    second = the_gate.enter()
    assert time.monotonic() - began >= 0.2
    second.release()
    third = the_gate.enter()
    assert third is second
    assert first.locked()


def test_answers_go_to_the_initiator_where_that_is_set(sink: Sink, settings: Any) -> None:
    settings.EMAIL_REPLY_TO_INITIATOR = True
    started_process([[ANA]])
    send_due()
    (call,) = sink.to(address(ANA))
    (own,) = sink.to("ilze@example.org")
    assert call["Reply-To"] == "ilze@example.org"
    assert own["Reply-To"] is None
