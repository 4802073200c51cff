"""No index is unused: for each one, PostgreSQL's plan of a statement that the service runs has it.

The requests and jobs are real ones, with 100,000 processes, 50,000 audit events and 104,000 messages. Unique indexes
guard a constraint, and indexes of foreign keys guard the deletion of a row, so neither needs a plan.
"""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from audit.chain import checkpoints
from audit.chain.append import append_pending
from config.errors import DomainError
from notifications.delivery.claims import claim
from notifications.models import ReminderSettings
from signing.erasure import retention
from signing.erasure.person import find_person
from signing.erasure.scope import find_scope
from signing.models import Process, Signer
from signing.reminders.job import remind_due
from tests.builders import client_user, profile_of, staff
from tests.conftest import Api
from tests.services.test_claim_plans import FILL as FILL_MESSAGES
from tests.services.test_plans import FILL as FILL_PROCESSES

pytestmark = [pytest.mark.services, pytest.mark.django_db]

FILL_AUDIT = """
INSERT INTO audit_event (id, created_at, event_type, source, event_origin, client_app_name, process_id, document_id,
    signer_id, container_id, method, request_id, reported_id, commitments, seq, prev, mac, key_id)
SELECT md5('a' || n)::uuid, now() + n * interval '1 second' - interval '1 day',
    CASE WHEN n % 1000 = 0 THEN 'PROCESS_CANCELED' ELSE 'SIGNER_SIGNED' END, 'SERVICE', 'paraph', '',
    md5('p' || n)::uuid, 'D' || n, '', '', '', '', '', '{}', CASE WHEN n % 1000 > 1 THEN 1 END, '', '', 'k'
FROM generate_series(1, 50000) n;
INSERT INTO audit_value (event_id, part, salt, value)
SELECT number, 'creator', '', 'creator' || number % 5000 FROM audit_event;
INSERT INTO audit_head (process_id, seq, digest) SELECT md5('p' || n)::uuid, 1, '' FROM generate_series(1, 50000) n;
INSERT INTO audit_checkpoint (number, at, up_to, size, root, previous, key, signature)
SELECT n, now(), 1, 100, '', '', '', '' FROM generate_series(1, 500) n;
INSERT INTO audit_checkpoint_leaf (checkpoint_id, index, process_id, seq, digest)
SELECT n % 500 + 1, n / 500, md5('p' || n)::uuid, 1, '' FROM generate_series(1, 50000) n;
ANALYZE audit_event, audit_value, audit_head, audit_checkpoint, audit_checkpoint_leaf
"""

LISTS = [
    *(
        f"sort={field},{way}"
        for field in ("completedAt", "documentName", "status", "dueDate")
        for way in ("asc", "desc")
    ),
    "",
    "nameSearch=ab12cd",
    "emailSearch=ab12cd",
    "personalCode=c77",
    "owner=owner9",
    "owner=owner9&processStatus=PENDING",
    "ownerGroup=group9",
    "ownerGroup=large&processStatus=CANCELED",
    "ownerGroup=large&docType=TYPE8",
    "docType=TYPE9",
    "processStatus=CANCELED",
]
EVENT_LISTS = [
    "createdFrom=2020-01-01T00:00:00Z&createdTo=2020-01-02T00:00:00Z",
    "eventType=PROCESS_CANCELED",
    "documentId=D77",
    "creator=creator77",
]

# The indexes of tables which may be large, without those that need no plan.
INDEXES = """
SELECT index.relname FROM pg_index JOIN pg_class AS index ON index.oid = indexrelid
JOIN pg_class AS indexed ON indexed.oid = indrelid
WHERE indexed.relname ~ '^(signing_|audit_|notifications_message$)' AND NOT indisunique
AND NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conrelid = indrelid AND contype = 'f' AND indnatts = 1
    AND conkey[1] = indkey[0])
"""
# Django creates these: next to a unique text, for prefixes, which no query has; and for the reference of a value to its
# event, which has no constraint. The primary keys begin with the same columns.
CREATED_BY_DJANGO = {
    "audit_head_process_id_10eb763b_like",
    "notifications_message_key_0781d074_like",
    "audit_value_event_id_106eb81c",
}


class Plans:
    """The plans of all statements that are run in `recorded`."""

    def __init__(self) -> None:
        self.text = ""
        self._seen: set[str] = set()

    @contextmanager
    def recorded(self) -> Iterator[None]:
        with CaptureQueriesContext(connection) as captured:
            yield
        for query in captured.captured_queries:
            self._explain(query["sql"])

    def _explain(self, statement: str) -> None:
        if statement in self._seen or statement.strip().split()[0] not in ("SELECT", "UPDATE", "DELETE", "WITH"):
            return
        self._seen.add(statement)
        # Some statements are logged in a form that the server does not read.
        with suppress(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN {statement}".replace("%", "%%"), [])
            self.text += "\n".join(line for (line,) in cursor.fetchall()) + "\n"


def fill() -> None:
    with connection.cursor() as cursor:
        for statement in (*FILL_PROCESSES.split(";\n"), FILL_MESSAGES, *FILL_AUDIT.split(";\n")):
            cursor.execute(statement)
        # The messages of two years.
        cursor.execute("UPDATE notifications_message SET created_at = created_at - (now() - created_at) * 9")
        cursor.execute("ANALYZE notifications_message")


def test_no_index_is_unused(settings: Any) -> None:
    settings.EMAILS_PER_ADDRESS_PER_HOUR = settings.EMAILS_PER_CLIENT_PER_HOUR = 5
    fill()
    plans = Plans()
    for run in (lists, changes, jobs, erasure, back_office):
        with plans.recorded():
            run()

    with connection.cursor() as cursor:
        cursor.execute(INDEXES)
        indexes = {name for (name,) in cursor.fetchall()}
    used = set(plans.text.replace(":", " ").split())
    assert len(indexes) > 20
    assert indexes - used - CREATED_BY_DJANGO == set()


def lists() -> None:
    portal = Api(client_user("portal", rights=["on_behalf", "administer"]))
    paths = [f"/api/processes?{query}" for query in LISTS]
    paths += [f"/api/audit-events?{query}" for query in EVENT_LISTS]
    paths += [f"/api/audit-events?processId={uuid.uuid4()}", "/api/signer-tasks?country=LV&personalCode=c77"]
    for path in paths:
        assert portal.get(path).status_code == 200, path
    assert portal.post("/api/processes/search", {"documentId": "D77"}).status_code == 200


def changes() -> None:
    portal = Api(client_user("portal", rights=["on_behalf"]))
    signer = Signer.objects.filter(process__status="STARTED").earliest("created_at")
    assert portal.post(f"/api/signers/{signer.id}/act", {"signingStatus": "SIGNED"}).status_code == 200


def jobs() -> None:
    now = timezone.now()
    claim(now)
    ReminderSettings.objects.create(pk=ReminderSettings.ONLY, done_until=now - timedelta(days=1))
    remind_due(at=now)
    append_pending()
    profile_of("TYPE9", retentionDays=30)
    retention.summarize(at=now)
    process = Process.objects.latest("created_at")
    with suppress(DomainError):
        checkpoints.covering(str(process.id), at=now)


def erasure() -> None:
    find_scope(find_person(country="LV", code="c77"))


def back_office() -> None:
    boss = staff("boss", superuser=True)
    for page in ("notifications/message/", "signing/process/", "audit/auditevent/"):
        assert boss.get(f"/admin/{page}").status_code == 200, page
