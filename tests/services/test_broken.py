"""Killed senders, a wiped broker, an unavailable mail server: they cost time, and nothing else."""

import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from notifications.delivery.claims import CLAIM_SIZE
from tests.faults import SOAK
from tests.people import ANA, SECRETS, address, body, signer
from tests.services.stack import ROOT, Stack

pytestmark = pytest.mark.services

KILLS = 5 * SOAK
MESSAGES = 40 * SOAK
WORKER_KILLS = 2 * SOAK
EMAILS = 100 * SOAK
SEND_MESSAGES = [sys.executable, "manage.py", "send_messages"]
END_LEASES = "UPDATE notifications_message SET lease_until = '2020-01-01' WHERE status = 'SENDING'"


@pytest.fixture
def workerless(make_stack: Callable[..., Stack]) -> Iterator[Stack]:
    """A stack with a web server and no worker."""
    stack = make_stack()
    stack.start("web")
    yield stack
    stack.stop()


def create(stack: Stack, number: int) -> None:
    row = signer(ANA, signerEmail=f"p{number}@example.org")
    assert stack.call("POST", "/api/processes", body([[row]], processInitiatorEmail=None)).status == 201


def copies(stack: Stack) -> Counter[str]:
    """How many emails each address got."""
    return Counter(email["To"].addresses[0].addr_spec for email in stack.sink.emails)


def test_a_stalled_server_delays_only_the_claim_of_one_sender(workerless: Stack) -> None:
    count = 3 * CLAIM_SIZE
    for number in range(count):
        create(workerless, number)
    workerless.sink.stall["p3@example.org"] = 60
    environment = {**workerless.environment, "EMAIL_TIMEOUT": "20"}
    stalled = subprocess.Popen(SEND_MESSAGES, cwd=ROOT, env=environment)
    try:
        workerless.sink.wait_for(3)
        workerless.manage("send_messages")

        # While the sender waits for the server, only the rest of its own claim waits with it.
        assert stalled.poll() is None
        claimed = "SELECT address, attempts FROM notifications_message WHERE status = 'SENDING' ORDER BY id"
        assert workerless.rows(claimed) == [(f"p{number}@example.org", 1) for number in range(3, CLAIM_SIZE)]
        sent = [*range(3), *range(CLAIM_SIZE, count)]
        assert copies(workerless) == {f"p{number}@example.org": 1 for number in sent}

        # After the timeout, the same sender sends the rest.
        assert stalled.wait(60) == 0
        assert copies(workerless) == {f"p{number}@example.org": 1 for number in range(count) if number != 3}
        unsent = "SELECT address, status, attempts FROM notifications_message WHERE status <> 'SENT'"
        assert workerless.rows(unsent) == [("p3@example.org", "QUEUED", 1)]
    finally:
        stalled.kill()
        stalled.wait()


def assert_all_sent(stack: Stack, count: int, *, kills: int) -> None:
    """All of the emails were sent, and each kill caused at most one duplicate."""
    counts = copies(stack)
    assert counts.keys() == {f"p{number}@example.org" for number in range(count)}
    assert sum(counts.values()) - count <= kills
    assert stack.rows("SELECT DISTINCT status FROM notifications_message") == [("SENT",)]


def test_a_sender_killed_between_claim_and_mark(workerless: Stack) -> None:
    for number in range(MESSAGES):
        create(workerless, number)
    # The sender is killed when the email is accepted and the sender waits for the response.
    workerless.sink.pause = 0.3
    for kill in range(KILLS):
        before = len(workerless.sink.emails)
        sender = subprocess.Popen(SEND_MESSAGES, cwd=ROOT, env=workerless.environment)
        workerless.sink.wait_for(before + 1 + kill % 4)
        sender.kill()
        sender.wait()
        claimed = workerless.rows("SELECT count(*) FROM notifications_message WHERE status = 'SENDING'")
        assert claimed[0][0] > 0
        workerless.rows(END_LEASES)

    workerless.sink.pause = 0
    workerless.manage("send_messages")

    assert_all_sent(workerless, MESSAGES, kills=KILLS)


def test_a_worker_killed_repeatedly_while_it_sends(workerless: Stack) -> None:
    workerless.manage("shell", "-c", QUEUE.format(count=EMAILS))
    workerless.sink.pause = 0.01
    for _ in range(WORKER_KILLS):
        before = len(workerless.sink.emails)
        workerless.start("worker")
        workerless.sink.wait_for(min(before + 20, EMAILS), seconds=60)
        workerless.kill("worker")
        workerless.rows(END_LEASES)
    workerless.sink.pause = 0
    workerless.manage("send_messages")

    assert_all_sent(workerless, EMAILS, kills=WORKER_KILLS)


DUE = 30
REMINDERS = "SELECT count(*), count(DISTINCT address) FROM notifications_message WHERE event = 'REMINDER'"


def pretend_last_run_four_days_ago(stack: Stack) -> None:
    then = f"{datetime.now(UTC) - timedelta(days=4):%Y-%m-%d %H:%M:%S}"
    stack.rows("UPDATE notifications_remindersettings SET days = '5, 4, 3', done_until = ?", then)


@pytest.fixture
def missed_reminders(workerless: Stack) -> Stack:
    """30 processes that are due in two and a half days and have missed three reminders each."""
    for number in range(DUE):
        row = signer(ANA, signerEmail=f"p{number}@example.org")
        process = body([[row]], processInitiatorEmail=None)
        process["signingProcessSteps"][0]["dueDate"] = (
            f"{datetime.now(UTC) + timedelta(days=2, hours=12):%Y-%m-%dT%H:%M:%SZ}"
        )
        assert workerless.call("POST", "/api/processes", process).status == 201
    workerless.rows("UPDATE signing_signer SET called_at = '2020-01-01'")
    workerless.rows("DELETE FROM notifications_message")
    workerless.manage("send_reminders", "--at", f"{datetime.now(UTC) - timedelta(days=9):%Y-%m-%dT%H:%M:%S}+00:00")
    pretend_last_run_four_days_ago(workerless)
    return workerless


def test_reminders_by_ten_runs_at_once(missed_reminders: Stack) -> None:
    stack = missed_reminders
    command = [sys.executable, "manage.py", "send_reminders"]
    runs = [
        subprocess.Popen(command, cwd=ROOT, env=stack.environment, stdout=subprocess.PIPE, text=True) for _ in range(10)
    ]
    counts = [int(run.communicate()[0].split()[1]) for run in runs]
    assert sum(counts) == DUE
    assert stack.rows(REMINDERS) == [(DUE, DUE)]


BEAT = """
import sys
from config.celery import app
for entry in app.conf.beat_schedule.values():
    entry["schedule"] = 0.5
app.Beat(quiet=True, loglevel="INFO", schedule=sys.argv[1]).run()
"""


def test_reminders_by_two_beats_and_two_workers(missed_reminders: Stack) -> None:
    stack = missed_reminders
    stack.start("worker", "worker:second")
    logs = [stack.folder / f"beat{number}.log" for number in range(2)]
    beats = [
        subprocess.Popen(
            [sys.executable, "-c", BEAT, f"{log}.schedule"],
            cwd=ROOT,
            env={**stack.environment, "LOG_LEVEL": "INFO"},
            stdout=log.open("w"),
            stderr=subprocess.STDOUT,
        )
        for log in logs
    ]
    try:
        wait_for_beats(logs)
        stack.sink.wait_for(DUE, seconds=60)

        # As if the clock were set back: the same reminders are due once more.
        pretend_last_run_four_days_ago(stack)
        wait_for_beats(logs)
        assert stack.rows(REMINDERS) == [(DUE, DUE)]

        # A new due date has reminders of its own.
        due = f"{datetime.now(UTC) + timedelta(days=2, hours=6):%Y-%m-%d %H:%M:%S}"
        stack.rows("UPDATE signing_step SET due_at = ?", due)
        stack.rows("UPDATE signing_process SET due_at = ?", due)
        pretend_last_run_four_days_ago(stack)
        wait_for_beats(logs)
        stack.sink.wait_for(2 * DUE, seconds=60)
        assert stack.rows(REMINDERS) == [(2 * DUE, DUE)]
        assert copies(stack) == {f"p{number}@example.org": 2 for number in range(DUE)}
    finally:
        for beat in beats:
            beat.kill()
            beat.wait()


def wait_for_beats(logs: list[Path], *, ticks: int = 8) -> None:
    """Wait until each beat has started the job that many more times."""

    def starts() -> list[int]:
        return [log.read_text().count("(signing.remind)") if log.exists() else 0 for log in logs]

    before = starts()
    until = time.monotonic() + 60
    while any(now < then + ticks for now, then in zip(starts(), before, strict=True)):
        assert time.monotonic() < until
        time.sleep(0.1)


QUEUE = """
from django.utils import timezone
from config.vocabulary import EventType, Role
from notifications.drafts import Draft
from notifications.outbox import enqueue
enqueue((Draft(f"k{{n}}", EventType.PROCESS_COMPLETED, Role.INITIATOR, f"p{{n}}@example.org",
    context={{"process": {{"name": "Contract"}}}}) for n in range({count})), at=timezone.now())
"""


def test_a_wiped_broker_loses_nothing(workerless: Stack) -> None:
    for number in range(5):
        create(workerless, number)
    content = workerless.broker_content()
    assert "notifications.deliver" in content
    assert not [secret for secret in (*SECRETS, workerless.token, "p0@example.org") if secret in content]
    workerless.wipe_broker()

    workerless.start("worker")

    workerless.sink.wait_for(5, seconds=60)
    assert set(copies(workerless).values()) == {1}


def test_a_killed_worker_and_a_killed_web_server(workerless: Stack) -> None:
    workerless.start("worker")
    for number in range(10):
        create(workerless, number)
        if number == 4:
            workerless.kill("worker")
    workerless.kill("web")
    workerless.rows(END_LEASES)
    workerless.start("web", "worker")

    workerless.sink.wait_for(10, seconds=60)
    until = time.monotonic() + 60
    while workerless.rows("SELECT 1 FROM notifications_message WHERE status <> 'SENT'") and time.monotonic() < until:
        time.sleep(0.5)

    counts = copies(workerless)
    assert len(counts) == 10
    assert sum(counts.values()) <= 11


def test_an_unavailable_broker_refuses_no_request(make_stack: Callable[..., Stack]) -> None:
    stack = make_stack()
    stack.broker = "redis://127.0.0.1:1/0"
    stack.start("web")

    began = time.monotonic()
    create(stack, 0)

    assert time.monotonic() - began < 10
    stack.manage("send_messages")
    assert len(stack.sink.emails) == 1
    assert address(ANA) not in (stack.folder / "web.log").read_text()
