"""Chains with many writers: no position is taken twice, no writer is blocked, and verification finds nothing."""

import random
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from audit.chain import append, checkpoints
from audit.chain.verify import read_snapshot, verify
from audit.log import Event, record, report
from audit.models import AuditEvent
from config.access.actor import SERVICE
from config.vocabulary import EventType
from notifications.delivery import claims
from notifications.delivery.connection import Refusal
from notifications.delivery.responses import Cause
from notifications.models import Message
from tests.builders import client_user, row_of, started_process
from tests.conftest import Api
from tests.faults import SOAK
from tests.faults.test_at_once import at_once
from tests.people import ANA, BEN, ILZE

pytestmark = [pytest.mark.services, pytest.mark.django_db(transaction=True)]
WRITERS = 6
TRANSACTIONS = 40 * SOAK


@pytest.fixture(autouse=True)
def file(settings: Any, tmp_path: Path) -> None:
    settings.AUDIT_CHECKPOINT_FILE = tmp_path / "checkpoints.jsonl"


def write(seed: int, failures: list[BaseException]) -> None:
    """Odd seeds report events of several processes at once, even seeds record a change and a read. Some roll back."""
    chance = random.Random(seed)
    try:
        for number in range(TRANSACTIONS):
            ids = [f"P{chance.randrange(8)} Ā", f"new {number // 2}", f"p{chance.randrange(8)}"]
            with transaction.atomic():
                if seed % 2:
                    reports = [{"event_type": EventType.SIGNATURE, "process_id": process_id} for process_id in ids * 2]
                    report(reports, actor=SERVICE, at=timezone.now())
                else:
                    record([Event(EventType.TASK_STARTED, ids[0])], actor=SERVICE, at=timezone.now())
                    record([Event(EventType.PROCESS_GETONE, ids[1])], actor=SERVICE, at=timezone.now())
                transaction.set_rollback(chance.random() < 0.1)
    except BaseException as exc:
        failures.append(exc)
        raise
    finally:
        connection.close()


def test_the_trail_is_intact_while_many_write() -> None:
    failures: list[BaseException] = []
    writers = [threading.Thread(target=write, args=(seed, failures)) for seed in range(WRITERS)]
    for writer in writers:
        writer.start()
    checks = 0
    while any(writer.is_alive() for writer in writers):
        checkpoints.make(at=timezone.now())
        verdict = verify(at=timezone.now())
        assert (verdict.findings, verdict.unchecked) == ([], [])
        checks += 1
    assert failures == []
    assert checks > 2
    append.append_pending()
    checkpoints.make(at=timezone.now())
    verdict = verify(at=timezone.now())
    assert (verdict.findings, verdict.waiting) == ([], 0)
    assert verdict.events == AuditEvent.objects.count()


def test_an_act_and_a_refused_email_do_not_deadlock(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sender locks the message and then the chain's head; the act must lock both in the same order."""
    ilze = Api(client_user(ILZE))
    original = claims.record

    def record_late(*args: Any, **kwargs: Any) -> None:
        time.sleep(0.3)
        original(*args, **kwargs)

    monkeypatch.setattr(claims, "record", record_late)
    for _ in range(2 * SOAK):
        process = started_process([[ANA, BEN]], processInitiatorEmail=None)
        messages = claims.claim(timezone.now())
        own = next(message for message in messages if message.signer_id == row_of(process, ANA).pk)
        act = f"/api/signers/{row_of(process, ANA).pk}/act"

        def sign(url: str = act) -> int:
            time.sleep(0.1)
            return ilze.post(url, {"signingStatus": "SIGNED"}).status_code

        def refuse(message: Message = own) -> int:
            claims.mark_refused(message, Refusal("550 no", permanent=True, cause=Cause.RECIPIENT), at=timezone.now())
            return 200

        calls: list[Callable[[], int]] = [sign, refuse]
        assert at_once(calls) == [200, 200]
        Message.objects.all().delete()


def test_writers_of_different_processes_do_not_wait_for_each_other() -> None:
    locked = threading.Event()
    release = threading.Event()

    def hold_lock() -> None:
        try:
            with transaction.atomic():
                record([Event(EventType.TASK_STARTED, "a")], actor=SERVICE, at=timezone.now())
                locked.set()
                release.wait(20)
        finally:
            connection.close()

    def write_event(process_id: str, done: threading.Event) -> None:
        try:
            record([Event(EventType.TASK_STARTED, process_id)], actor=SERVICE, at=timezone.now())
            done.set()
        finally:
            connection.close()

    threading.Thread(target=hold_lock).start()
    locked.wait(5)
    same = threading.Event()
    other = threading.Event()
    threads = [threading.Thread(target=write_event, args=args) for args in (("a", same), ("b", other))]
    for thread in threads:
        thread.start()
    assert other.wait(10)
    assert not same.is_set()
    release.set()
    assert same.wait(10)
    for thread in threads:
        thread.join()
    assert verify(at=timezone.now()).whole


def test_a_snapshot_does_not_see_events_that_are_recorded_meanwhile() -> None:
    record([Event(EventType.TASK_STARTED, "a")], actor=SERVICE, at=timezone.now())

    def write_event() -> None:
        try:
            record([Event(EventType.TASK_STARTED, "a")], actor=SERVICE, at=timezone.now())
        finally:
            connection.close()

    with read_snapshot():
        assert verify(at=timezone.now()).events == 1
        writer = threading.Thread(target=write_event)
        writer.start()
        writer.join()
        assert verify(at=timezone.now()).events == 1
    assert verify(at=timezone.now()).events == 2


def test_transactions_over_the_same_processes_lock_them_in_one_order() -> None:
    failures: list[BaseException] = []

    def write_both(process_ids: list[str]) -> None:
        try:
            for _ in range(20 * SOAK):
                record([Event(EventType.TASK_STARTED, pid) for pid in process_ids], actor=SERVICE, at=timezone.now())
        except BaseException as exc:
            failures.append(exc)
            raise
        finally:
            connection.close()

    writers = [threading.Thread(target=write_both, args=(ids,)) for ids in (["a", "b", "c"], ["c", "b", "a"])]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert failures == []
    assert verify(at=timezone.now()).whole
