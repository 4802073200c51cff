"""A claim of messages reads no whole table: PostgreSQL's plans with 100,000 sent messages and 4,000 that wait."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from notifications.delivery.claims import CLAIM_SIZE, claim
from notifications.models import Message

pytestmark = [pytest.mark.services, pytest.mark.django_db]

FILL = """
INSERT INTO notifications_message (key, event, role, language, address, address_key, name, client, reply_to, is_digest,
    context, status, reason, log, template_used, attempts, created_at, queued_at, next_attempt_at, waits_for, sent_at,
    earlier_sends, handled_by)
SELECT 'k' || n, 'PROCESS_COMPLETED', 'SIGNER', '', address, address, '', client, '', false, '{}', status, '', '[]', '',
    1, at, at, next_attempt_at, waits_for, sent_at, 0, ''
FROM (
    SELECT n, 'p' || n % 5000 || '@example.org' AS address, 'client' || n % 100 AS client, 'SENT' AS status,
        now() - n * interval '1 minute' AS at, NULL::timestamptz AS next_attempt_at, '' AS waits_for,
        now() - n * interval '1 minute' AS sent_at
    FROM generate_series(1, 100000) n
    UNION ALL
    SELECT n, 'p' || n || '@example.org', 'busy', 'QUEUED', now() - interval '2 hours', now() + interval '10 minutes',
        'CLIENT', NULL
    FROM generate_series(100001, 104000) n
    UNION ALL
    SELECT n, 'p' || n % 3 || '@example.org', 'client7', 'QUEUED', now() - n * interval '1 millisecond', NULL, '', NULL
    FROM generate_series(104001, 104020) n
) AS message
"""


def test_a_claim_reads_no_whole_table(settings: Any, queries: Callable[[], Any]) -> None:
    settings.EMAILS_PER_ADDRESS_PER_HOUR = settings.EMAILS_PER_CLIENT_PER_HOUR = 5
    with connection.cursor() as cursor:
        cursor.execute(FILL)
        cursor.execute("ANALYZE notifications_message")

        with queries() as counted:
            claimed = claim(timezone.now())
        assert len(claimed) < CLAIM_SIZE
        assert Message.objects.exclude(waits_for="").exclude(client="busy").exists()

        # Also with many that are due.
        Message.objects.filter(client="busy").update(next_attempt_at=None, waits_for="")
        cursor.execute("ANALYZE notifications_message")
        with queries() as counted_later:
            claim(timezone.now() + timedelta(minutes=1))

        statements = [*counted.statements, *counted_later.statements]
        plans = []
        for statement in statements:
            if "notifications_message" in statement:
                cursor.execute(f"EXPLAIN {statement}")
                plans.append("\n".join(line for (line,) in cursor.fetchall()))
    assert len(plans) >= 8
    for plan in plans:
        assert not re.search("Seq Scan on notifications_message", plan), plan
    assert any("message_queue" in plan for plan in plans)
    assert any("message_of_address" in plan for plan in plans)
    assert any("message_of_client" in plan for plan in plans)
    assert any("message_waits_for_address" in plan for plan in plans)
    assert any("message_waits_for_client" in plan for plan in plans)
