"""Chains while many write: no place is given twice, nobody waits for ever, and who verifies meanwhile sees no wrong."""

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
from audit.chain.verify import verify
from audit.log import Event, record, report
from audit.models import AuditEvent
from config.access.actor import SERVICE
from config.vocabulary import EventType
from notifications.delivery import claims
from notifications.delivery.connection import Refusal
from notifications.models import Message
from tests.builders import client_user, row_of, started_process
from tests.conftest import Api
from tests.faults import SOAK
from tests.faults.test_at_once import at_once
from tests.people import ANA, BEN, ILZE

pytestmark = [pytest.mark.services, pytest.mark.django_db(transaction=True)]
WRITERS, TRANSACTIONS = 6, 40 * SOAK


@pytest.fixture(autouse=True)
def file(settings: Any, tmp_path: Path) -> None:
    settings.AUDIT_CHECKPOINT_FILE = tmp_path / "checkpoints.jsonl"


def write(seed: int, failed: list[BaseException]) -> None:
    """Reports over several processes at once, events of one, reads, and transactions that come to nothing."""
    chance = random.Random(seed)
    try:
        for number in range(TRANSACTIONS):
            ids = [f"P{chance.randrange(8)} Ā", f"new {number // 2}", f"p{chance.randrange(8)}"]
            with transaction.atomic():
                if seed % 2:
                    said = [{"event_type": EventType.SIGNATURE, "process_id": process_id} for process_id in ids * 2]
                    report(said, actor=SERVICE, at=timezone.now())
                else:
                    record([Event(EventType.TASK_STARTED, ids[0])], actor=SERVICE, at=timezone.now())
                    record([Event(EventType.PROCESS_GETONE, ids[1])], actor=SERVICE, at=timezone.now())
                transaction.set_rollback(chance.random() < 0.1)
    except BaseException as exc:
        failed.append(exc)
        raise
    finally:
        connection.close()


def test_many_writers_and_whoever_verifies_meanwhile() -> None:
    failed: list[BaseException] = []
    writers = [threading.Thread(target=write, args=(seed, failed)) for seed in range(WRITERS)]
    for writer in writers:
        writer.start()
    looked = 0
    while any(writer.is_alive() for writer in writers):
        checkpoints.make(at=timezone.now())
        verdict = verify(at=timezone.now())
        assert (verdict.findings, verdict.unchecked) == ([], [])
        looked += 1
    assert failed == []
    assert looked > 2
    append.give_places()
    checkpoints.make(at=timezone.now())
    verdict = verify(at=timezone.now())
    assert (verdict.findings, verdict.waiting) == ([], 0)
    assert verdict.events == AuditEvent.objects.count()


def test_an_act_while_its_mail_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sender holds the message and wants the chain's head: the act must not hold the head and want the message."""
    ilze = Api(client_user(ILZE))
    original = claims.record

    def late(*args: Any, **kwargs: Any) -> None:
        time.sleep(0.3)
        original(*args, **kwargs)

    monkeypatch.setattr(claims, "record", late)
    for _ in range(2 * SOAK):
        process = started_process([[ANA, BEN]], processInitiatorEmail=None)
        held = claims.claim(timezone.now())
        mine = next(message for message in held if message.signer_id == row_of(process, ANA).pk)
        act = f"/api/signers/{row_of(process, ANA).pk}/act"

        def sign(url: str = act) -> int:
            time.sleep(0.1)
            return ilze.post(url, {"signingStatus": "SIGNED"}).status_code

        def refuse(message: Message = mine) -> int:
            claims.mark_refused(message, Refusal("550 no", permanent=True, of_address=True), at=timezone.now())
            return 200

        calls: list[Callable[[], int]] = [sign, refuse]
        assert at_once(calls) == [200, 200]
        Message.objects.all().delete()


def test_writers_of_different_processes_do_not_wait_for_each_other() -> None:
    began, end = threading.Event(), threading.Event()

    def holds() -> None:
        try:
            with transaction.atomic():
                record([Event(EventType.TASK_STARTED, "a")], actor=SERVICE, at=timezone.now())
                began.set()
                end.wait(20)
        finally:
            connection.close()

    def writes(process_id: str, done: threading.Event) -> None:
        try:
            record([Event(EventType.TASK_STARTED, process_id)], actor=SERVICE, at=timezone.now())
            done.set()
        finally:
            connection.close()

    threading.Thread(target=holds).start()
    began.wait(5)
    same, other = threading.Event(), threading.Event()
    threads = [threading.Thread(target=writes, args=of) for of in (("a", same), ("b", other))]
    for thread in threads:
        thread.start()
    assert other.wait(10)
    assert not same.is_set()
    end.set()
    assert same.wait(10)
    for thread in threads:
        thread.join()
    assert verify(at=timezone.now()).whole
