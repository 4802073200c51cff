"""Filters, pages and sorting of lists, and who sees which process."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import chain
from urllib.parse import urlencode

import pytest

from audit.models import AuditEvent
from config.access.actor import Actor
from signing.models import Process
from tests.builders import (
    NOON,
    canceled_process,
    completed_process,
    draft_process,
    process_of,
    started_process,
)
from tests.conftest import Api
from tests.people import ANA, BEN, CODES, ILZE, body, signer


def found(api: Api, path: str = "/api/processes", **asked: object) -> list[str]:
    response = api.get(f"{path}?{urlencode(asked, doseq=True)}")
    assert response.status_code == 200, response.content
    return [row["id"] for row in response.json()["content"]]


def test_a_page_as_spring_data_writes_it(api: Api) -> None:
    made = [started_process() for _ in range(5)]

    page = api.get("/api/processes?page=1&size=2&sort=createdAt,asc").json()

    assert page.pop("nextCursor")
    assert {k: v for k, v in page.items() if k != "content"} == {
        "totalElements": 5,
        "totalElementsExact": True,
        "totalPages": 3,
        "number": 1,
        "size": 2,
        "numberOfElements": 2,
        "first": False,
        "last": False,
        "empty": False,
    }
    one = api.get(f"/api/processes/{page['content'][0]['id']}").json()
    assert one == page["content"][0] | {"warnings": one["warnings"]}
    assert len(made) == 5


def test_pages_neither_repeat_nor_miss(api: Api) -> None:
    made = {str(process_of(body([[ANA]])).pk) for _ in range(7)}  # all in the same moment
    for sort in ("createdAt,desc", "documentName", "dueDate,desc", "completedAt", "status,desc"):
        pages = [found(api, page=page, size=3, sort=sort) for page in range(3)]
        assert sorted(chain(*pages)) == sorted(made)


def test_an_empty_page(api: Api) -> None:
    page = api.get("/api/processes?page=7").json()
    assert (page["content"], page["totalPages"], page["first"], page["last"], page["empty"]) == (
        [],
        0,
        False,
        True,
        True,
    )


def test_the_default_order_is_newest_first(api: Api) -> None:
    names = ["b", "a", "c"]
    for hours, name in enumerate(names):
        process_of(body([[ANA]], documentName=name), at=NOON + timedelta(hours=hours))

    def order(query: str) -> list[str]:
        return [row["documentName"] for row in api.get(f"/api/processes{query}").json()["content"]]

    assert order("") == ["c", "a", "b"]
    assert order("?sort=documentName") == ["a", "b", "c"]
    assert order("?sort=documentName,DESC") == ["c", "b", "a"]
    assert order("?sort=status,asc&sort=createdAt,asc") == names


def test_nulls_sort_last_in_both_directions(api: Api) -> None:
    running, done = str(started_process().pk), str(completed_process().pk)
    assert found(api, sort="completedAt,asc") == [done, running]
    assert found(api, sort="completedAt,desc") == [done, running]


@pytest.mark.parametrize(
    ("query", "parameter", "says"),
    [
        ("page=-1", "page", "from 0"),
        ("page=x", "page", "from 0"),
        ("size=0", "size", "from 1 to 200"),
        ("sort=secret", "sort", "documentName"),
        ("sort=createdAt,sideways", "sort", "asc"),
        ("processStatus=OPEN", "processStatus", "PENDING"),
        ("processStatus=STARTED,OPEN", "processStatus", "DECLINED"),
        ("createdDateAfter=17.02.2026", "createdDateAfter", "YYYY-MM-DD"),
        ("createdDateBefore=2026-02-30", "createdDateBefore", "YYYY-MM-DD"),
        ("nameSearch=a&nameSearch=b", "nameSearch", "once"),
        ("isAdmin=yes", "isAdmin", "true or false"),
        ("owner=a&user=b", "user", "same user"),
    ],
)
def test_invalid_parameters_are_400_and_the_error_states_what_is_allowed(
    api: Api, query: str, parameter: str, says: str
) -> None:
    response = api.get(f"/api/processes?{query}")
    assert (response.status_code, response["Content-Type"]) == (400, "application/problem+json")
    (fault,) = response.json()["errors"]
    assert fault["parameter"] == parameter
    assert says in fault["detail"]


@pytest.mark.parametrize("flag", ["true", "TRUE", "True", "1", "false", "False", "0", ""])
def test_booleans_are_read_in_any_case_and_as_digits(api_of: Callable[..., Api], flag: str) -> None:
    process = started_process([[ANA]])
    boss = api_of("boss", rights=["administer"])
    expected = [str(process.pk)] if flag.lower() in ("true", "1", "") else []
    assert found(boss, isAdmin=flag) == expected
    tasks = boss.get(f"/api/signer-tasks?country=LV&personalCode={CODES[ANA]}&nonExpired={flag}")
    assert tasks.status_code == 200


@pytest.mark.parametrize("flag", ["yes", "2", "tru", "\uff11", "\u0661"])
def test_other_booleans_are_refused(api_of: Callable[..., Api], flag: str) -> None:
    boss = api_of("boss", rights=["administer"])
    assert boss.get(f"/api/processes?{urlencode({'isAdmin': flag})}").status_code == 400
    path = f"/api/signer-tasks?country=LV&personalCode=1&{urlencode({'nonExpired': flag})}"
    assert boss.get(path).status_code == 400


@pytest.mark.parametrize("asked", ["berzins", "BĒRZIŅŠ", "ērzi", "kalnina", "ilze", "lodz"])
def test_name_search_ignores_case_and_diacritics(api: Api, asked: str) -> None:
    process = started_process([[signer(ANA, signerName="Jānis Bērziņš")]], documentName="Umowa Łódź")
    started_process([[BEN]], documentName="Other", initiatorName="Else", actor=Actor(client="x", subject="x"))
    assert found(api, nameSearch=asked) == [str(process.pk)]


def test_like_wildcards_are_plain_characters(api: Api) -> None:
    process = started_process(documentName="100%_done")
    started_process(documentName="100 and done")
    assert found(api, nameSearch="%_") == [str(process.pk)]


def test_filters(api: Api) -> None:
    one = str(started_process([[signer(ANA, signerEmail="Ana.Liepa@Example.org")]], documentType="CONTRACT").pk)
    two = str(draft_process([[BEN]], documentType="DECISION").pk)
    three = str(canceled_process().pk)

    assert found(api, emailSearch="LIEPA") == [one]
    assert found(api, docType="DECISION") == [two]
    assert found(api, personalCode=CODES[BEN].replace("-", " ").lower()) == [two]
    assert sorted(found(api, processStatus=["PENDING", "CANCELED"])) == sorted([two, three])
    assert sorted(found(api, processStatus="PENDING,STARTED")) == sorted([one, two])
    assert found(api, ownerGroup="nobody") == []
    assert len(found(api, processStatus="", nameSearch="")) == 3


def test_days_are_whole_and_in_the_service_zone(api: Api, settings: object) -> None:
    settings.TIME_ZONE = "Europe/Riga"  # type: ignore[attr-defined]  # UTC+2 in winter
    last_minute = str(process_of(body([[ANA]]), at=datetime(2026, 2, 17, 21, 59, tzinfo=UTC)).pk)
    next_day = str(process_of(body([[ANA]]), at=datetime(2026, 2, 17, 22, 0, tzinfo=UTC)).pk)

    assert found(api, createdDateAfter="2026-02-17", createdDateBefore="2026-02-17") == [last_minute]
    assert found(api, createdDateAfter="2026-02-18") == [next_day]
    for far in ("0001-01-01", "9999-12-31"):
        found(api, createdDateAfter=far)
        found(api, createdDateBefore=far)


def test_search_by_document_and_code(api: Api) -> None:
    one = str(started_process([[ANA]], documentId="A").pk)
    two = str(started_process([[BEN]], documentId="A").pk)

    def search(**asked: str) -> list[str]:
        return [row["id"] for row in api.post("/api/processes/search", asked).json()]

    assert search(documentId="A") == [two, one] or search(documentId="A") == [one, two]
    assert search(documentId="A", personalCode="01019012345") == [one]
    assert search(personalCode=CODES[BEN]) == [two]
    assert search(documentId="B") == []
    assert api.post("/api/processes/search", {}).status_code == 400
    assert api.post("/api/processes/search", {"documentId": ""}).status_code == 400


class TestWhoSeesWhat:
    @pytest.fixture
    def process(self, db: None) -> Process:
        owner = Actor(client=ILZE, subject=ILZE, groups=frozenset({"legal"}))
        return process_of(body([[ANA], [BEN]], ownerGroup="legal"), actor=owner)

    @pytest.mark.parametrize(
        ("name", "granted", "sees"),
        [
            (ILZE, {}, True),
            ("colleague", {"groups": ["legal"]}, True),
            ("colleague", {"groups": ["sales"]}, False),
            ("ana", {"code": CODES[ANA]}, True),
            ("ana abroad", {"code": CODES[ANA], "country": "LT"}, False),
            ("ben, not called yet", {"code": CODES[BEN]}, False),
            ("portal", {"rights": ["on_behalf"]}, True),
            ("boss", {"rights": ["administer"]}, True),
            ("auditor", {"rights": ["audit_read"]}, False),
            ("stranger", {}, False),
        ],
    )
    def test_lists_and_lookups_agree(
        self, process: Process, api_of: Callable[..., Api], name: str, granted: dict[str, object], sees: bool
    ) -> None:
        caller = api_of(name, **granted)
        assert found(caller) == ([str(process.pk)] if sees else [])
        assert caller.get(f"/api/processes/{process.pk}").status_code == (200 if sees else 404)
        assert caller.get(f"/api/steps/{process.steps.first().pk}").status_code == (200 if sees else 404)  # type: ignore[union-attr]
        assert len(caller.post("/api/processes/search", {"documentId": "DOC-1"}).json()) == sees

    def test_a_portal_that_names_a_user_sees_no_more_than_that_user(
        self, process: Process, api_of: Callable[..., Api]
    ) -> None:
        portal = api_of("portal", rights=["on_behalf"])
        assert found(portal, user=ILZE) == [str(process.pk)]
        assert found(portal, user="stranger") == []
        assert found(portal, owner="stranger", group="legal") == [str(process.pk)]

    def test_naming_others_requires_on_behalf(self, process: Process, api_of: Callable[..., Api]) -> None:
        stranger = api_of("stranger", groups=["sales"])
        for query in (f"user={ILZE}", f"owner={ILZE}", "group=legal"):
            response = stranger.get(f"/api/processes?{query}")
            assert (response.status_code, response.json()["code"]) == (403, "not_yours")
        assert found(stranger, user="stranger", group="sales") == []

    def test_is_admin_needs_administer(self, process: Process, api: Api, api_of: Callable[..., Api]) -> None:
        response = api.get("/api/processes?isAdmin=true")
        assert (response.status_code, response.json()["code"]) == (403, "missing_right")
        boss = api_of("boss", rights=["administer"])
        assert found(boss, isAdmin="true") == [str(process.pk)]
        assert found(boss, isAdmin="false") == []


def test_reading_is_recorded(api: Api) -> None:
    process = started_process()
    api.get("/api/processes")
    api.get(f"/api/processes/{process.pk}", Forwarded="for=203.0.113.9")

    listed, read = AuditEvent.objects.in_order().filter(event_type__startswith="PROCESS_GET")
    assert (listed.event_type, listed.creator, listed.ip_address) == ("PROCESS_GETALL", ILZE, "127.0.0.1")
    assert (read.event_type, read.process_id, read.ip_address) == ("PROCESS_GETONE", str(process.pk), "127.0.0.1")


def test_the_address_behind_a_trusted_proxy_comes_from_its_header(api: Api, settings: object) -> None:
    settings.TRUSTED_PROXIES = 1  # type: ignore[attr-defined]
    api.get("/api/processes", Forwarded="for=1.1.1.1, for=203.0.113.9")
    assert AuditEvent.objects.latest("number").ip_address == "203.0.113.9"
