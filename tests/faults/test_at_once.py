"""Concurrent callers, on PostgreSQL with real transactions."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from audit.models import AuditEvent
from config.access.actor import Actor
from config.api import idempotency
from config.api.idempotency import caller_digest
from config.api.models import IdempotentAnswer
from config.vocabulary import EventType as E
from config.vocabulary import Role
from notifications import outbox
from notifications.delivery.claims import claim
from notifications.drafts import Draft
from notifications.models import Message
from signing.models import Process
from tests.builders import OWNER, client_user, row_of, started_process
from tests.conftest import Api
from tests.faults import SOAK
from tests.people import ANA, BEN, CLEO, ILZE, address, body

pytestmark = [pytest.mark.services, pytest.mark.django_db(transaction=True)]

ROUNDS = 100 * SOAK


def at_once(calls: list[Callable[[], Any]]) -> list[Any]:
    """Run the calls in threads that start together, and return their results in order."""
    barrier = threading.Barrier(len(calls))

    def run(call: Callable[[], Any]) -> Any:
        try:
            barrier.wait()
            return call()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


@pytest.fixture
def ilze() -> Api:
    return Api(client_user(ILZE))


def test_the_database_is_postgresql() -> None:
    assert connection.vendor == "postgresql"


def test_the_last_two_signers_of_a_step_at_once(ilze: Api) -> None:
    for _ in range(ROUNDS):
        process = started_process([[ANA, BEN], [CLEO]])
        urls = [f"/api/signers/{row_of(process, name).pk}/act" for name in (ANA, BEN)]

        answers = at_once([lambda url=url: ilze.post(url, {"signingStatus": "SIGNED"}) for url in urls])

        assert [a.status_code for a in answers] == [200, 200]
        steps = list(process.steps.order_by("process_order").values_list("status", flat=True))
        assert steps == ["COMPLETED", "STARTED"]
        events = AuditEvent.objects.of_process(process.pk)
        assert events.filter(event_type="SIGNER_SIGNED").count() == 2
        assert events.filter(event_type="TASK_STARTED").count() == 3
        assert Message.objects.filter(process_id=process.pk, address=address(CLEO)).count() == 1
        process.refresh_from_db()
        assert process.version == 3


def test_fifty_identical_reports_at_once_have_one_effect(ilze: Api) -> None:
    for _ in range(SOAK):
        process = started_process([[ANA], [BEN]])
        url = f"/api/signers/{row_of(process, ANA).pk}/act"

        answers = at_once([partial(ilze.post, url, {"signingStatus": "SIGNED"})] * 50)

        assert {a.status_code for a in answers} == {200}
        assert len({a.content for a in answers}) == 1
        events = AuditEvent.objects.of_process(process.pk)
        assert events.filter(event_type="SIGNER_SIGNED").count() == 1
        assert Message.objects.filter(process_id=process.pk, address=address(BEN)).count() == 1


def test_a_message_sent_again_by_many_at_once_is_queued_once(ilze: Api) -> None:
    for _ in range(10 * SOAK):
        process = started_process([[ANA]], processInitiatorEmail=None)
        sent = Message.objects.get(process_id=process.pk)
        Message.objects.filter(pk=sent.pk).update(status="SENT")

        def again(message: Message = sent) -> bool:
            try:
                outbox.send_again(message, actor=OWNER, at=timezone.now())
            except outbox.NotResendable:
                return False
            return True

        assert sorted(at_once([again] * 4)) == [False, False, False, True]
        events = AuditEvent.objects.of_process(process.pk)
        assert events.filter(event_type="AUDIT_EMAIL_REMINDER").count() == 1


@pytest.mark.parametrize("limit", ["EMAILS_PER_ADDRESS_PER_HOUR", "EMAILS_PER_CLIENT_PER_HOUR"])
def test_senders_at_once_do_not_exceed_an_hourly_limit(settings: Any, limit: str) -> None:
    setattr(settings, limit, 7)
    for number in range(10 * SOAK):
        client = Actor(client=f"client{number}", subject="ana")
        to = [f"ana{number}@example.org"] * 40
        if limit == "EMAILS_PER_CLIENT_PER_HOUR":
            to = [f"ana{number}-{n}@example.org" for n in range(40)]
        drafts = [Draft(f"{number}:{n}", E.SIGNATURE, Role.SIGNER, email) for n, email in enumerate(to)]
        outbox.enqueue(drafts, at=timezone.now(), actor=client)

        claimed = at_once([lambda: claim(timezone.now(), limit=3)] * 6)

        keys = [message.key for messages in claimed for message in messages]
        assert sorted(keys) == sorted(f"{number}:{n}" for n in range(7))
        waiting = Message.objects.queued().filter(key__startswith=f"{number}:")
        assert waiting.count() == waiting.exclude(waits_for="").count() == 33


def test_the_same_key_at_once_creates_one_process(ilze: Api) -> None:
    for number in range(5 * SOAK):
        answers = at_once(
            [lambda: ilze.post("/api/processes", body([[ANA]]), Idempotency_Key=f"k{number}")] * 8  # noqa: B023
        )
        assert {a.status_code for a in answers} == {201}
        assert len({a.content for a in answers}) == 1
    assert Process.objects.count() == 5 * SOAK


def test_a_key_whose_first_request_does_not_end_is_409(ilze: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idempotency, "WAIT_SECONDS", 1)
    with transaction.atomic():
        IdempotentAnswer.objects.create(
            client=caller_digest(client=ILZE, subject=ILZE), key="k", fingerprint="x", created_at=timezone.now()
        )
        (answer,) = at_once([lambda: ilze.post("/api/processes", body([[ANA]]), Idempotency_Key="k")])
        transaction.set_rollback(True)
    assert (answer.status_code, answer.json()["code"]) == (409, "idempotency_key_in_use")
    assert ilze.post("/api/processes", body([[ANA]]), Idempotency_Key="k").status_code == 201


def test_concurrent_edits_and_acts_leave_a_consistent_process(ilze: Api) -> None:
    for _ in range(10 * SOAK):
        process = started_process([[ANA, BEN], [CLEO]])
        base = f"/api/processes/{process.pk}"
        calls = [
            lambda: ilze.post(f"/api/signers/{row_of(process, ANA).pk}/act", {"signingStatus": "SIGNED"}),  # noqa: B023
            lambda: ilze.post(f"/api/signers/{row_of(process, BEN).pk}/act", {"signingStatus": "DECLINED"}),  # noqa: B023
            lambda: ilze.post(f"{base}/cancel", {}),  # noqa: B023
            lambda: ilze.put(base, {"comment": "x"}),  # noqa: B023
        ]
        answers = at_once(calls)

        assert all(a.status_code in (200, 409) for a in answers)
        answer = ilze.get(base).json()
        assert answer["status"] in ("CANCELED", "DECLINED")
        ends = [
            e
            for e in AuditEvent.objects.of_process(process.pk)
            if e.event_type in ("PROCESS_CANCELED", "SIGNER_DECLINED")
        ]
        assert len(ends) == 1


def test_senders_at_once_claim_each_message_once() -> None:
    for _ in range(20):
        started_process([[ANA, BEN, CLEO]])
    claimed = at_once([lambda: [m.pk for m in claim(timezone.now(), limit=10)]] * 8)
    ids = [pk for batch in claimed for pk in batch]
    assert len(ids) == len(set(ids)) == Message.objects.count()
