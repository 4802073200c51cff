"""A cursor over the trail while many write to it: none is missed, and none comes twice."""

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
WRITERS, TRANSACTIONS = 8, 25 * SOAK


def write(seed: int) -> None:
    """Transactions that take their numbers early and end late, some in vain; or reports, each by itself."""
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


def test_none_is_missed_and_none_comes_twice(api_of: Callable[..., Api]) -> None:
    monitor = api_of("monitor", rights=["audit_read"])
    writers = [threading.Thread(target=write, args=(seed,)) for seed in range(WRITERS)]
    for writer in writers:
        writer.start()
    seen: list[int] = []
    after, pages = "0", 0
    while True:
        busy = any(writer.is_alive() for writer in writers)
        page = monitor.get(f"/api/audit-events?after={after}&size=200").json()
        seen += [event["number"] for event in page["content"]]
        after, pages = page["next"], pages + 1
        if not busy and not page["content"]:
            break
    assert pages > 10
    assert seen == list(AuditEvent.objects.in_order().values_list("number", flat=True))
