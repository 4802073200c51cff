"""100,000 contacts on PostgreSQL: no list reads the whole table."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from django.http import QueryDict

from config.access.actor import Actor
from config.api.lists.pages import PageRequest
from contacts.api.filters import CONTACT_SORTS, ContactFilter
from contacts.models import Contact

pytestmark = [pytest.mark.services, pytest.mark.django_db]

CONTACTS = 100_000
CALLERS = {
    "member": Actor(client="owner7", subject="owner7", groups=frozenset({"group7", "group8"})),
    "without groups": Actor(client="owner7", subject="owner7"),
    "administrator": Actor(client="boss", subject="boss", rights=frozenset({"administer"})),
}
# One contact in a hundred is GLOBAL; the others belong to 500 users and 499 groups.
FILL = f"""
INSERT INTO contacts_contact (id, version, created_at, owner, "group", scope, name, email, default_anonymous,
    name_plain, email_plain, email_key, code_key)
SELECT md5('c' || n)::uuid, 1, now() - n * interval '1 minute', 'owner' || n % 500, 'group' || n % 499,
    CASE WHEN n % 100 = 0 THEN 'GLOBAL' WHEN n % 2 = 0 THEN 'GROUP' ELSE 'PERSONAL' END,
    md5('n' || n), md5('m' || n) || '@example.org', false,
    md5('n' || n), md5('m' || n) || '@example.org', md5('m' || n) || '@example.org', 'c' || n
FROM generate_series(1, {CONTACTS}) n
"""


@pytest.fixture(scope="module")
def many_contacts(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        cursor.execute(FILL)
        cursor.execute("ANALYZE contacts_contact")
        yield
        cursor.execute("TRUNCATE contacts_contact CASCADE")


# The other columns have few values, and an index on each would slow down every change.
INDEXED_SORTS = ("name", "email", "createdAt", "id")


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize(
    "query",
    [
        "",
        *(f"sort={field},{way}" for field in INDEXED_SORTS for way in ("asc", "desc")),
        "name=ab12cd",
        "name=ab12cd&page=3&scope=GROUP",
        "email=ab12cd",
        "personalCode=C-77",
    ],
)
def test_no_page_reads_the_whole_table(many_contacts: None, query: str, caller: str) -> None:
    parameters = QueryDict(query)
    page = PageRequest.of(parameters, sorts=CONTACT_SORTS, default="name,asc")
    rows = ContactFilter(parameters, queryset=Contact.objects.visible_to(CALLERS[caller])).rows()

    plan = rows.order_by(*page.order_by(Contact))[: page.size].explain()

    assert not re.search(r"Seq Scan on contacts_contact", plan), plan


@pytest.mark.parametrize("caller", CALLERS)
def test_contacts_with_a_name_are_counted_by_the_index(many_contacts: None, caller: str) -> None:
    visible = Contact.objects.visible_to(CALLERS[caller])
    rows = ContactFilter(QueryDict("name=ab12cd"), queryset=visible).rows()
    plan = rows.values("pk").explain()
    assert "contact_name_trigrams" in plan, plan
