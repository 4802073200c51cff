"""Killed senders, a wiped broker, a mail server that is away: delay, and nothing else."""

import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.faults import SOAK
from tests.people import ANA, SECRETS, address, body, signer
from tests.services.stack import ROOT, Stack

pytestmark = pytest.mark.services

KILLS = 5 * SOAK
MESSAGES = 40 * SOAK
WORKER_KILLS = 2 * SOAK
MAILS = 100 * SOAK


@pytest.fixture
def stopped(make_stack: Callable[..., Stack]) -> Iterator[Stack]:
    """A stack with a web server and no worker."""
    stack = make_stack()
    stack.start("web")
    yield stack
    stack.stop()


def create(stack: Stack, number: int) -> None:
    row = signer(ANA, signerEmail=f"p{number}@example.org")
    assert stack.call("POST", "/api/processes", body([[row]], processInitiatorEmail=None)).status == 201


def copies(stack: Stack) -> Counter[str]:
    return Counter(mail["To"].addresses[0].addr_spec for mail in stack.sink.mails)


def test_an_address_that_stalls_holds_up_one_sender_and_no_other_mail(stopped: Stack) -> None:
    for number in range(20):
        create(stopped, number)
    stopped.sink.stall["p3@example.org"] = 60
    command = [sys.executable, "manage.py", "send_messages"]
    held_up = subprocess.Popen(command, cwd=ROOT, env={**stopped.environment, "EMAIL_TIMEOUT": "40"})
    try:
        stopped.sink.wait_for(3)
        while len(stopped.sink.mails) < 19 and held_up.poll() is None:
            stopped.manage("send_messages")
        state = "SELECT status, tries FROM notifications_message WHERE address = 'p3@example.org'"
        assert stopped.rows(state) == [("SENDING", 1)]  # all others went out while this one is still being tried
        assert copies(stopped) == {f"p{number}@example.org": 1 for number in range(20) if number != 3}
    finally:
        held_up.kill()
        held_up.wait()


def test_a_sender_killed_between_claim_and_mark(stopped: Stack) -> None:
    for number in range(MESSAGES):
        create(stopped, number)
    stopped.sink.pause = 0.3  # the mail is taken, the sender waits for the answer: there it is killed
    command = [sys.executable, "manage.py", "send_messages"]
    for kill in range(KILLS):
        before = len(stopped.sink.mails)
        sender = subprocess.Popen(command, cwd=ROOT, env=stopped.environment)
        stopped.sink.wait_for(before + 1 + kill % 4)
        sender.kill()
        sender.wait()
        held = stopped.rows("SELECT count(*) FROM notifications_message WHERE status = 'SENDING'")
        assert held[0][0] > 0
        stopped.rows("UPDATE notifications_message SET lease_until = '2020-01-01' WHERE status = 'SENDING'")

    stopped.sink.pause = 0
    stopped.manage("send_messages")

    counted = copies(stopped)
    assert counted.keys() == {f"p{number}@example.org" for number in range(MESSAGES)}
    assert sum(counted.values()) - MESSAGES <= KILLS
    assert stopped.rows("SELECT DISTINCT status FROM notifications_message") == [("SENT",)]


def test_a_worker_killed_again_and_again_while_it_sends(stopped: Stack) -> None:
    stopped.manage("shell", "-c", QUEUE.format(count=MAILS))
    stopped.sink.pause = 0.01
    for _ in range(WORKER_KILLS):
        before = len(stopped.sink.mails)
        stopped.start("worker")
        stopped.sink.wait_for(min(before + 20, MAILS), seconds=60)
        stopped.kill("worker")
        stopped.rows("UPDATE notifications_message SET lease_until = '2020-01-01' WHERE status = 'SENDING'")
    stopped.sink.pause = 0
    stopped.manage("send_messages")

    counted = copies(stopped)
    assert counted.keys() == {f"p{number}@example.org" for number in range(MAILS)}
    assert sum(counted.values()) - MAILS <= WORKER_KILLS
    assert stopped.rows("SELECT DISTINCT status FROM notifications_message") == [("SENT",)]


DUE = 30
REMINDERS = "SELECT count(*), count(DISTINCT address) FROM notifications_message WHERE event = 'REMINDER'"


def missed(stack: Stack) -> None:
    """Say that reminders ran four days ago for the last time."""
    then = f"{datetime.now(UTC) - timedelta(days=4):%Y-%m-%d %H:%M:%S}"
    stack.rows("UPDATE notifications_remindersettings SET days = '5, 4, 3', done_until = ?", then)


@pytest.fixture
def missed_reminders(stopped: Stack) -> Stack:
    """Of 30 processes that are due in two and a half days no reminder has gone out: each has missed three."""
    for number in range(DUE):
        row = signer(ANA, signerEmail=f"p{number}@example.org")
        wire = body([[row]], processInitiatorEmail=None)
        wire["signingProcessSteps"][0]["dueDate"] = (
            f"{datetime.now(UTC) + timedelta(days=2, hours=12):%Y-%m-%dT%H:%M:%SZ}"
        )
        assert stopped.call("POST", "/api/processes", wire).status == 201
    stopped.rows("UPDATE signing_signer SET called_at = '2020-01-01'")
    stopped.rows("DELETE FROM notifications_message")
    stopped.manage("send_reminders", "--at", f"{datetime.now(UTC) - timedelta(days=9):%Y-%m-%dT%H:%M:%S}+00:00")
    missed(stopped)
    return stopped


def test_reminders_by_ten_runs_at_once(missed_reminders: Stack) -> None:
    stopped = missed_reminders
    command = [sys.executable, "manage.py", "send_reminders"]
    runs = [
        subprocess.Popen(command, cwd=ROOT, env=stopped.environment, stdout=subprocess.PIPE, text=True)
        for _ in range(10)
    ]
    told = [int(run.communicate()[0].split()[1]) for run in runs]
    assert sum(told) == DUE
    assert stopped.rows(REMINDERS) == [(DUE, DUE)]


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
        missed(stack)  # as if the clock were set back: the same slots once more
        wait_for_beats(logs)
        assert stack.rows(REMINDERS) == [(DUE, DUE)]

        due = f"{datetime.now(UTC) + timedelta(days=2, hours=6):%Y-%m-%d %H:%M:%S}"
        stack.rows("UPDATE signing_step SET due_at = ?", due)
        stack.rows("UPDATE signing_process SET due_at = ?", due)
        missed(stack)
        wait_for_beats(logs)
        stack.sink.wait_for(2 * DUE, seconds=60)
        assert stack.rows(REMINDERS) == [(2 * DUE, DUE)]
        assert copies(stack) == {f"p{number}@example.org": 2 for number in range(DUE)}
    finally:
        for beat in beats:
            beat.kill()
            beat.wait()


def wait_for_beats(logs: list[Path], *, ticks: int = 8) -> None:
    """Wait until each beat has called the job so many times more."""

    def called() -> list[int]:
        return [log.read_text().count("remind of what is due") if log.exists() else 0 for log in logs]

    before = called()
    until = time.monotonic() + 60
    while any(now < then + ticks for now, then in zip(called(), before, strict=True)):
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


def test_a_wiped_broker_loses_nothing(stopped: Stack) -> None:
    for number in range(5):
        create(stopped, number)
    said = stopped.broker_content()
    assert "notifications.deliver" in said
    assert not [secret for secret in (*SECRETS, stopped.token, "p0@example.org") if secret in said]
    stopped.wipe_broker()

    stopped.start("worker")

    stopped.sink.wait_for(5, seconds=60)
    assert set(copies(stopped).values()) == {1}


def test_a_killed_worker_and_a_killed_web_server(stopped: Stack) -> None:
    stopped.start("worker")
    for number in range(10):
        create(stopped, number)
        if number == 4:
            stopped.kill("worker")
    stopped.kill("web")
    stopped.rows("UPDATE notifications_message SET lease_until = '2020-01-01' WHERE status = 'SENDING'")
    stopped.start("web", "worker")

    stopped.sink.wait_for(10, seconds=60)
    until = time.monotonic() + 60
    while stopped.rows("SELECT 1 FROM notifications_message WHERE status <> 'SENT'") and time.monotonic() < until:
        time.sleep(0.5)

    counted = copies(stopped)
    assert len(counted) == 10
    assert sum(counted.values()) <= 11


def test_a_broker_that_is_away_refuses_nobody(make_stack: Callable[..., Stack]) -> None:
    stack = make_stack()
    stack.broker = "redis://127.0.0.1:1/0"
    stack.start("web")

    began = time.monotonic()
    create(stack, 0)

    assert time.monotonic() - began < 10
    stack.manage("send_messages")
    assert len(stack.sink.mails) == 1
    assert address(ANA) not in (stack.folder / "web.log").read_text()
