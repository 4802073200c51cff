"""Every filter, and the usual sorts, use an index: PostgreSQL's plans with 100,000 processes."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connection
from django.http import QueryDict
from django.utils import timezone

from config.access.actor import Actor
from config.api.lists.cursors import Position
from config.api.lists.pages import PageRequest
from signing.api.filters import ProcessFilter, TaskFilter
from signing.api.pages import PROCESS_SORTS, TASK_SORTS, with_readable_email
from signing.models import Process, Signer
from tests.builders import client_user
from tests.conftest import Api

pytestmark = [pytest.mark.services, pytest.mark.django_db]

PROCESSES = 100_000
INDEXED_SORTS = ("id", "createdAt", "completedAt", "documentName", "status", "dueDate")
PORTAL = Actor(client="portal", subject="portal", rights=frozenset({"on_behalf"}))
OWNER = Actor(client="owner7", subject="owner7", groups=frozenset({"group7"}))
PERSON = Actor(client="ana", subject="ana", person="lv:c77")

FILL = f"""
INSERT INTO signing_process (id, version, status, document_id, document_name, document_type, owner_group, initiator,
    created_at, completed_at, finished_at, due_at, name_search, email_search,
    initiator_email_key)
SELECT md5('p' || n)::uuid, 1,
    CASE WHEN n % 1000 = 0 THEN 'CANCELED'
        ELSE (ARRAY['STARTED', 'PENDING', 'DECLINED', 'COMPLETED'])[n % 97 % 4 + 1] END,
    'D' || n,
    'Document ' || n, 'TYPE' || n % 500,
    CASE WHEN n % 2 = 0 THEN 'large' ELSE 'group' || n % 500 END, 'owner' || n % 500,
    now() - n * interval '1 minute', CASE WHEN n % 97 % 4 = 3 AND n % 1000 > 0 THEN now() END,
    CASE WHEN n % 97 % 4 IN (2, 3) THEN now() - n * interval '1 minute' END, now() + n * interval '1 minute',
    'document ' || md5('d' || n) || E'\\n' || md5('n' || n), md5('e' || n) || '@example.org',
    md5('e' || n) || '@example.org'
FROM generate_series(1, {PROCESSES}) n;
INSERT INTO signing_step (id, process_id, process_order, status, due_at)
SELECT md5('s' || n)::uuid, md5('p' || n)::uuid, 1, 'STARTED', now() + n * interval '1 minute'
FROM generate_series(1, {PROCESSES}) n;
INSERT INTO signing_signer (id, process_id, step_id, created_at, position, role, status, notification,
    anonymous, called_at, name_plain, email_plain, email_key, code_key, person_key)
SELECT md5('r' || n)::uuid, md5('p' || n)::uuid, md5('s' || n)::uuid, now() - n * interval '1 minute', 0,
    'SIGNER', 'STARTED', true, false, now(),
    md5('n' || n), md5('m' || n) || '@example.org', md5('m' || n) || '@example.org', 'c' || n % 5000, 'lv:c' || n % 5000
FROM generate_series(1, {PROCESSES}) n;
UPDATE signing_signer SET code_key = 'busy', person_key = 'lv:busy'
WHERE process_id IN (SELECT md5('p' || n * 10)::uuid FROM generate_series(1, {PROCESSES // 10}) n);
ANALYZE signing_process, signing_step, signing_signer;
"""


@pytest.fixture(scope="module")
def filled(django_db_setup: None, django_db_blocker: pytest.FixtureRequest) -> Iterator[None]:
    with django_db_blocker.unblock(), connection.cursor() as cursor:  # type: ignore[attr-defined]
        for statement in FILL.split(";\n"):
            cursor.execute(statement)
        yield
        cursor.execute("TRUNCATE signing_process CASCADE")


@pytest.mark.parametrize(
    "query", ["", "&sort=dueDate,desc", "&nonExpired=true", "&nameSearch=ab12cd", "&processStatus=STARTED"]
)
def test_no_page_of_tasks_reads_a_whole_table(filled: None, query: str) -> None:
    asked = QueryDict(f"country=LV&personalCode=c77{query}")
    page = PageRequest.of(asked, sorts=TASK_SORTS, default="createdAt,desc")
    rows = TaskFilter(asked, queryset=Signer.objects.called(PERSON.person), at=timezone.now()).rows()
    told = rows.select_related("process", "step").order_by(*page.order_by(Signer))[: page.size].explain()
    assert not re.search(r"Seq Scan on signing_", told), told


def test_a_person_with_ten_thousand_tasks(filled: None, queries: Callable[[], Any]) -> None:
    asked = QueryDict("country=LV&personalCode=busy")
    page = PageRequest.of(asked, sorts=TASK_SORTS, default="createdAt,desc")
    rows = Signer.objects.called("lv:busy").select_related("process", "step")
    told = rows.order_by(*page.order_by(Signer))[: page.size].explain()
    assert "tasks_of_person" in told, told
    assert not re.search(r"Seq Scan on signing_|Sort", told), told

    portal = Api(client_user("portal", rights=["on_behalf"]))
    costs = []
    for code in ("c77", "busy"):
        portal.get("/api/processes?size=1")
        with queries() as made:
            answer = portal.get(f"/api/signer-tasks?country=LV&personalCode={code}")
        costs.append(made())
        assert answer.status_code == 200
    assert answer.json()["totalElements"] == PROCESSES // 10
    assert costs[0] == costs[1] <= 11


def plan(query: str, actor: Actor) -> str:
    asked = QueryDict(query)
    page = PageRequest.of(asked, sorts=PROCESS_SORTS, default="createdAt,desc")
    rows = ProcessFilter(asked, queryset=Process.objects.visible_to(actor), actor=actor).rows()
    if page.position is not None:
        rows = rows.filter(page.position.rows_after())
    ordered = with_readable_email(rows, actor).order_by(*page.order_by(Process))[: page.size]
    return ordered.explain()


@pytest.mark.parametrize("actor", [PORTAL, OWNER, PERSON], ids=["portal", "owner", "person"])
@pytest.mark.parametrize(
    "query",
    [
        "",
        *(f"sort={field},{way}" for field in INDEXED_SORTS for way in ("asc", "desc")),
        "nameSearch=ab12cd",
        "emailSearch=ab12cd",
        "personalCode=c77",
        "ownerGroup=group9",
        "docType=TYPE9",
        "processStatus=PENDING",
        "createdDateAfter=2020-01-01&createdDateBefore=2020-01-31",
    ],
)
def test_no_list_reads_a_whole_table(filled: None, query: str, actor: Actor) -> None:
    told = plan(query, actor)
    assert not re.search(r"Seq Scan on signing_", told), told


# Filters that few processes match, with the index that has these in order, newest first. Half of all processes are of
# the group "large", and one in a thousand is CANCELED.
SELECTIVE = {
    "ownerGroup=group9": "process_of_group",
    "ownerGroup=group9&processStatus=PENDING": "process_of_group_by_status",
    "ownerGroup=large&processStatus=CANCELED": "process_of_group_by_status",
    "ownerGroup=large&docType=TYPE8": "process_of_group_by_type",
    "processStatus=CANCELED": "process_by_status",
    "docType=TYPE8": "process_by_type",
}
# Filters that many processes match: the index over all of them may be the best one.
COMMON = ["ownerGroup=large", "processStatus=PENDING", "ownerGroup=large&processStatus=PENDING"]


@pytest.mark.parametrize("query", SELECTIVE)
def test_selective_filters_read_their_rows_in_order(filled: None, query: str) -> None:
    told = plan(query, PORTAL)
    assert re.search(rf"\b{SELECTIVE[query]}\b", told), told
    assert not re.search(r"Seq Scan on signing_|Sort", told), told


@pytest.mark.parametrize("query", COMMON)
def test_common_filters_read_no_more_rows_than_the_page_needs(filled: None, query: str) -> None:
    told = plan(query, PORTAL)
    assert re.search(r"Index Scan .*using process_", told), told
    assert not re.search(r"Seq Scan on signing_|Sort", told), told


def test_the_processes_of_an_initiator_in_a_status_are_read_in_order(filled: None) -> None:
    told = plan("processStatus=PENDING", Actor(client="portal", subject="owner9"))
    assert "process_of_initiator_by_status" in told, told
    assert not re.search(r"Seq Scan on signing_|Sort", told), told


@pytest.mark.parametrize("query", ["", "ownerGroup=large", "ownerGroup=large&processStatus=PENDING"])
def test_a_cursor_deep_in_a_list_reads_no_rows_before_it(filled: None, query: str) -> None:
    deep = Process.objects.filter(owner_group="large", status="PENDING").order_by("created_at")[5_000]
    cursor = Position(deep.created_at, deep.id, descending=True).cursor()
    told = plan(f"{query}&cursor={cursor}", PORTAL)
    assert re.search(r"Index Cond: .*created_at <= ", told), told
    assert not re.search(r"Seq Scan on signing_|Sort", told), told


def test_a_cursor_deep_in_the_tasks_of_a_person_reads_no_rows_before_it(filled: None) -> None:
    tasks = Signer.objects.called("lv:busy")
    deep = tasks.order_by("created_at")[5_000]
    position = Position(deep.created_at, deep.id, descending=True)
    rows = tasks.select_related("process", "step").filter(position.rows_after())
    told = rows.order_by("-created_at", "-id")[:25].explain()
    assert re.search(r"tasks_of_person.*\n.*Index Cond: .*created_at <= ", told), told
    assert not re.search(r"Seq Scan on signing_|Sort", told), told


def test_the_open_tasks_of_a_person_are_read_in_order(filled: None) -> None:
    asked = QueryDict("processStatus=STARTED")
    rows = TaskFilter(asked, queryset=Signer.objects.called("lv:busy"), at=timezone.now()).rows()
    told = rows.select_related("process", "step").order_by("-created_at", "-id")[:25].explain()
    assert "tasks_of_person" in told, told
    assert not re.search(r"Seq Scan on signing_|Sort", told), told
