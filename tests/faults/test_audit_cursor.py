"""A reader that follows the audit trail by cursor while many write to it misses no event and sees none twice."""

import random
import threading
import time
from collections.abc import Callable

import pytest
from django.db import connection, transaction
from django.utils import timezone

from audit.log import Event, record, report
from audit.models import AuditEvent
from config.access.actor import SERVICE
from config.vocabulary import EventType
from tests.conftest import Api
from tests.faults import SOAK

pytestmark = [pytest.mark.services, pytest.mark.django_db(transaction=True)]
WRITERS = 8
TRANSACTIONS = 25 * SOAK


def write(seed: int) -> None:
    """Odd seeds report lists of events. Even seeds keep transactions open after taking numbers, and roll some back."""
    chance = random.Random(seed)
    try:
        for _ in range(TRANSACTIONS):
            if seed % 2:
                report([{"event_type": EventType.SIGNATURE}] * chance.randint(1, 60), actor=SERVICE, at=timezone.now())
                continue
            with transaction.atomic():
                for _ in range(chance.randint(1, 3)):
                    record([Event(EventType.SIGNATURE)] * chance.randint(1, 3), actor=SERVICE, at=timezone.now())
                    time.sleep(chance.random() * 0.01)
                transaction.set_rollback(chance.random() < 0.2)
    finally:
        connection.close()


def test_a_reader_misses_no_event_and_sees_none_twice(api_of: Callable[..., Api]) -> None:
    monitor = api_of("monitor", rights=["audit_read"])
    writers = [threading.Thread(target=write, args=(seed,)) for seed in range(WRITERS)]
    for writer in writers:
        writer.start()
    numbers: list[int] = []
    after = "0"
    pages = 0
    while True:
        writing = any(writer.is_alive() for writer in writers)
        page = monitor.get(f"/api/audit-events?after={after}&size=200").json()
        numbers += [event["number"] for event in page["content"]]
        after = page["next"]
        pages += 1
        if not writing and not page["content"]:
            break
    assert pages > 10
    assert numbers == list(AuditEvent.objects.in_order().values_list("number", flat=True))
