"""The reminder job over PROCESSES processes of which DUE are due.

Prints the statements of each batch, by how much memory grew, and the ratio of its time to that over the due ones alone:
what all the others cost.
"""

import os
import resource
import time
from datetime import UTC, datetime, timedelta

from bench.surroundings import database

PROCESSES = int(os.environ.get("PROCESSES", "1000000"))
DUE = int(os.environ.get("DUE", "10000"))
NOW = datetime(2026, 3, 5, 11, 0, tzinfo=UTC)

# Every `every`th is due in three days, the rest in three hundred.
FILL = """
INSERT INTO signing_process (id, version, status, document_name, initiator, initiator_email, created_at, name_search,
    email_search, initiator_email_key)
SELECT md5('p' || n)::uuid, 1, 'STARTED', 'Document ' || n, 'owner' || n % 500, 'owner@example.org',
    timestamptz '2026-02-01', '', '', ''
FROM generate_series({first}, {last}) n;
INSERT INTO signing_step (id, process_id, process_order, status, due_at)
SELECT md5('s' || n)::uuid, md5('p' || n)::uuid, 1, 'STARTED',
    timestamptz '2026-03-08 15:00+00' + CASE WHEN n % {every} = 0 THEN 0 ELSE 300 END * interval '1 day'
FROM generate_series({first}, {last}) n;
INSERT INTO signing_signer (id, process_id, step_id, created_at, called_at, position, role, status, notification,
    anonymous, name, email, name_plain, email_plain, email_key, code_key, person_key)
SELECT md5('r' || n)::uuid, md5('p' || n)::uuid, md5('s' || n)::uuid, timestamptz '2026-02-01',
    timestamptz '2026-02-01', 0, 'SIGNER', 'STARTED', true, false, 'Person ' || n,
    'p' || n % 8000 || '@example.org', '', 'p' || n % 8000 || '@example.org',
    'p' || n % 8000 || '@example.org', '', ''
FROM generate_series({first}, {last}) n;
ANALYZE signing_process, signing_step, signing_signer
"""


def main() -> None:
    with database():
        fill(1, DUE, every=1)
        alone, _ = run()
        fill(DUE + 1, PROCESSES, every=PROCESSES + 1)
        among, queries = run()
        print(f"reminders: {queries:.1f} statements a batch of 500")
        print(f"reminders: {DUE:,} due among {PROCESSES:,} against {DUE:,} alone: ratio {among / alone:.2f}")


def fill(first: int, last: int, *, every: int) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        for statement in FILL.format(first=first, last=last, every=every).split(";\n"):
            cursor.execute(statement)


def run() -> tuple[float, float]:
    """Seconds of one run, and its statements for each batch."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    from notifications.models import Message, ReminderSettings
    from signing.reminders.job import remind_due
    from signing.reminders.sources import BATCH

    Message.objects.all().delete()
    ReminderSettings.objects.update_or_create(pk=1, defaults={"done_until": NOW - timedelta(hours=1)})
    before = _memory()
    with CaptureQueriesContext(connection) as captured:
        began = time.perf_counter()
        count = remind_due(at=NOW)
        took = time.perf_counter() - began
    assert count == DUE, count
    print(f"  {count:,} reminders in {took:.1f} s, {len(captured)} statements, memory +{_memory() - before} MB")
    return took, len(captured) / (DUE / BATCH)


def _memory() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


if __name__ == "__main__":
    main()
