"""Every list is sorted by the fields of its rows, and never by a value that the reader is not shown."""

from collections.abc import Callable
from typing import Any

import pytest

from contacts.api.filters import CONTACT_SORTS
from signing.api.pages import PROCESS_SORTS
from signing.models import Process
from templates_app.api.filters import ATTRIBUTE_SORTS, PROFILE_SORTS, TEMPLATE_SORTS
from tests.builders import BOSS, attribute_of, contact_of, profile_of, started_process, template_of
from tests.conftest import Api
from tests.people import ANA, BEN, CODES

PERSON = f"country=LV&personalCode={CODES[ANA]}"
FIELDS = {
    "processes?": PROCESS_SORTS,
    f"signer-tasks?{PERSON}&": PROCESS_SORTS,
    "contacts?": CONTACT_SORTS,
    "templates?": TEMPLATE_SORTS,
    "document-attributes?": ATTRIBUTE_SORTS,
    "document-profiles?": PROFILE_SORTS,
    "audit-events?": {"createdAt": "", "id": ""},
}


def make_rows() -> None:
    for n, name in enumerate("bca"):
        started_process([[ANA]], documentId=name, initiatorName=name, documentType=name, ownerGroup=None)
        contact_of(BOSS, name=name, email=f"{name}@example.org", country="LV" if n else None)
        template_of(BOSS, name=name)
        attribute_of(name, required=bool(n))
        profile_of(name, name=name, profileorder=n)


@pytest.fixture
def boss(api_of: Callable[..., Api]) -> Api:
    return api_of("boss", rights=["administer"])


@pytest.mark.parametrize(("path", "field"), [(path, field) for path, fields in FIELDS.items() for field in fields])
def test_every_offered_field_sorts_in_both_directions(boss: Api, path: str, field: str) -> None:
    make_rows()
    pages: dict[str, list[Any]] = {}
    for direction in ("asc", "desc", "ASC,ignorecase", "DESC,IgnoreCase"):
        response = boss.get(f"/api/{path}sort={field},{direction}&sort=id,{direction}&size=100")
        assert response.status_code == 200, response.content
        content = response.json()["content"]
        rows = [row.get("process", row) for row in content]
        if field == "id" and "process" in content[0]:
            rows = [row["signer"] for row in content]
        pages[direction] = [row.get(field) for row in rows]
        assert len(rows) >= 3
    assert pages["asc"] == pages["ASC,ignorecase"]
    assert pages["desc"] == pages["DESC,IgnoreCase"]
    for direction, is_reversed in (("asc", False), ("desc", True)):
        shown = [value for value in pages[direction] if value is not None]
        assert shown == sorted(shown, key=str, reverse=is_reversed)


@pytest.mark.parametrize(
    "sort", ["ignorecase", "id,ignorecase,asc", "id,asc,desc,ignorecase", "id,asc,ignorecase,x", ",asc"]
)
def test_other_words_are_refused(api: Api, sort: str) -> None:
    assert api.get(f"/api/processes?sort={sort}").status_code == 400


def test_a_reader_cannot_sort_by_addresses_that_are_hidden(api_of: Callable[..., Api]) -> None:
    ids = {}
    for letter in "bca":
        ids[letter] = str(started_process([[ANA, BEN]], processInitiatorEmail=f"{letter}@example.org").pk)
    own = started_process([[ANA]], processInitiatorEmail="z@example.org")
    Process.objects.filter(pk=own.pk).update(initiator="ana")
    reader = api_of("ana", code=CODES[ANA])

    def order(path: str, *, direction: str = "asc") -> list[str]:
        rows = reader.get(f"/api/{path}sort=processInitiatorEmail,{direction}").json()["content"]
        return [row.get("process", row)["id"] for row in rows]

    by_id = sorted(ids.values())
    assert order("processes?") == [str(own.pk), *by_id]
    assert order("processes?", direction="desc") == [str(own.pk), *by_id[::-1]]
    rows = reader.get(f"/api/signer-tasks?{PERSON}&sort=id").json()["content"]
    in_order_of_id = [row["process"]["id"] for row in rows]
    assert order(f"signer-tasks?{PERSON}&") == in_order_of_id
