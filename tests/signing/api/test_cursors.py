"""Lists of any length: bounded counts, bounded pages, and cursors for clients that read everything."""

import base64
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from django.db import connection

from config.api.lists.cursors import Position
from tests.builders import NOON, process_of, row_of, started_process
from tests.conftest import Api
from tests.people import ANA, CODES, body


def listed(api: Api, url: str, **parameters: object) -> Any:
    return api.get(f"{url}?{urlencode(parameters)}")


def cursor_of(content: str) -> str:
    return base64.urlsafe_b64encode(content.encode()).decode().rstrip("=")


def walk(api: Api, url: str, **parameters: object) -> list[str]:
    """The ids of all pages, read with cursors."""
    ids: list[str] = []
    page = listed(api, url, **parameters).json()
    while True:
        ids += [item.get("id") or item["signer"]["id"] for item in page["content"]]
        assert page["last"] == (page["nextCursor"] is None)
        if page["last"]:
            return ids
        page = listed(api, url, cursor=page["nextCursor"], **parameters).json()
        assert not page["first"]


@pytest.mark.parametrize("sort", ["", "createdAt,asc", "createdAt,desc"])
def test_cursors_neither_repeat_nor_miss(api: Api, sort: str) -> None:
    # All in the same moment, and some later.
    made = [str(process_of(body([[ANA]])).pk) for _ in range(4)]
    made += [str(started_process().pk) for _ in range(3)]
    pages = [item["id"] for item in listed(api, "/api/processes", size=50, sort=sort).json()["content"]]
    assert walk(api, "/api/processes", size=2, sort=sort) == pages
    assert sorted(pages) == sorted(made)


@pytest.fixture
def portal(api_of: Callable[..., Api]) -> Api:
    return api_of("portal", rights=["on_behalf"])


def test_cursors_of_tasks(portal: Api) -> None:
    rows = [str(row_of(process_of(body([[ANA]])), ANA).pk) for _ in range(5)]
    found = walk(portal, "/api/signer-tasks", size=2, country="LV", personalCode=CODES[ANA])
    assert sorted(found) == sorted(rows)


def test_a_cursor_continues_after_new_rows(api: Api) -> None:
    for _ in range(4):
        started_process()
    first = listed(api, "/api/processes", size=2).json()
    process_of(body([[ANA]]), at=NOON + timedelta(minutes=1))
    second = listed(api, "/api/processes", size=2, cursor=first["nextCursor"]).json()
    ids = [item["id"] for item in first["content"] + second["content"]]
    assert len(set(ids)) == 4
    assert second["last"]


def test_another_order_has_no_cursor(api: Api) -> None:
    for _ in range(3):
        started_process()
    page = listed(api, "/api/processes", size=2, sort="documentName").json()
    assert (page["last"], page["nextCursor"]) == (False, None)


@pytest.mark.parametrize(
    ("parameters", "parameter"),
    [
        ({"cursor": "x"}, "cursor"),
        ({"cursor": "e30"}, "cursor"),
        ({"cursor": "\u0661"}, "cursor"),
        ({"cursor": "WzEsMiwzXQ"}, "cursor"),
        # Nested deeply, and before the first year.
        ({"cursor": cursor_of("[" * 50_000)}, "cursor"),
        ({"cursor": cursor_of(f'["0001-01-01T00:00:00+23:00", "{uuid.UUID(int=1)}", true]')}, "cursor"),
        ({"page": 1}, "page"),
        ({"sort": "documentName"}, "sort"),
        ({"sort": "createdAt,asc"}, "sort"),
    ],
)
def test_a_wrong_cursor(api: Api, parameters: dict[str, Any], parameter: str) -> None:
    for _ in range(3):
        started_process()
    cursor = listed(api, "/api/processes", size=2).json()["nextCursor"]
    response = listed(api, "/api/processes", **{"cursor": cursor, **parameters})
    assert response.status_code == 400
    assert [fault["parameter"] for fault in response.json()["errors"]] == [parameter]


def test_only_what_was_written_is_a_cursor() -> None:
    position = Position(NOON, uuid.uuid4(), descending=True)
    assert Position.of_cursor(position.cursor()) == position
    assert Position.of_cursor(position.cursor() + "=") is None


class TestLimit:
    @pytest.fixture(autouse=True)
    def limit(self, settings: Any) -> None:
        settings.LIST_LIMIT = 5

    def test_beyond_the_limit_the_total_is_not_exact(self, api: Api) -> None:
        for _ in range(5):
            started_process()
        page = listed(api, "/api/processes", size=2).json()
        assert (page["totalElements"], page["totalElementsExact"], page["totalPages"]) == (5, True, 3)
        started_process()
        page = listed(api, "/api/processes", size=2).json()
        assert (page["totalElements"], page["totalElementsExact"], page["totalPages"]) == (5, False, 3)
        assert not page["last"]

    def test_a_search_counts_less(self, api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("config.api.lists.pages.SEARCH_LIMIT", 2)
        for _ in range(4):
            started_process()
        totals = []
        for page in (0, 1):
            body = listed(api, "/api/processes", size=1, page=page, nameSearch="contract").json()
            totals.append((body["totalElements"], body["totalElementsExact"], body["last"]))
        body = listed(api, "/api/processes", size=1, page=3, nameSearch="contract").json()
        assert totals == [(2, False, False), (2, False, False)]
        assert (body["totalElements"], body["totalElementsExact"], body["last"]) == (4, True, True)

    def test_last_is_exact_with_cursors(self, api: Api) -> None:
        made = [started_process() for _ in range(9)]
        assert len(walk(api, "/api/processes", size=2)) == len(made)

    @pytest.mark.parametrize("url", ["/api/processes", "/api/signer-tasks"])
    def test_a_page_behind_the_limit_names_the_cursor(self, portal: Api, url: str) -> None:
        parameters = {"size": 2, "country": "LV", "personalCode": CODES[ANA]}
        if url == "/api/processes":
            parameters = {"size": 2}
        for _ in range(5):
            started_process()
        assert listed(portal, url, page=3, **parameters).json()["empty"]
        started_process()
        assert len(listed(portal, url, page=2, **parameters).json()["content"]) == 2
        response = listed(portal, url, page=3, **parameters)
        assert (response.status_code, response.json()["code"]) == (400, "page_too_deep")
        assert "`cursor`" in response.json()["detail"]

    def test_a_large_table_is_not_counted(self, portal: Api) -> None:
        if connection.vendor != "postgresql":
            pytest.skip("SQLite has no estimates")
        for _ in range(3):
            started_process()
        with connection.cursor() as cursor:
            cursor.execute("UPDATE pg_class SET reltuples = 1000 WHERE oid = 'signing_process'::regclass")
        page = listed(portal, "/api/processes", size=2).json()
        assert (page["totalElements"], page["totalElementsExact"]) == (5, False)
        page = listed(portal, "/api/processes", size=2, processStatus="STARTED").json()
        assert (page["totalElements"], page["totalElementsExact"]) == (3, True)
