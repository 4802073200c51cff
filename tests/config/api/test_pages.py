"""Pages are bounded: a page that would be too large is refused with a size that fits."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.log import report
from config.api.lists import pages
from config.api.lists.pages import PageTooLarge, require_fit
from tests.builders import BOSS, NOON, draft_process, profile_of, started_process, template_of
from tests.conftest import Api
from tests.people import ANA, BEN, CODES, signer

WEIGHTS = st.lists(st.integers(0, pages.MAX_WEIGHT + 5), max_size=60)


def size_in(response: Any) -> int:
    """The size that a refusal names."""
    assert (response.status_code, response.json()["code"]) == (400, "page_too_large"), response.content
    (fault,) = response.json()["errors"]
    assert fault["parameter"] == "size"
    return int(re.search(r"at most (\d+)", fault["detail"])[1])  # type: ignore[index]


@given(WEIGHTS)
def test_the_named_size_fits_in_every_part_of_the_page(weights: list[int]) -> None:
    try:
        require_fit(weights)
    except PageTooLarge as refusal:
        size = int(re.search(r"at most (\d+)", refusal.faults[0].detail)[1])  # type: ignore[index]
        assert 1 <= size < len(weights)
        for start in range(0, len(weights), size):
            require_fit(weights[start : start + size])
    else:
        assert sum(weights) <= pages.MAX_WEIGHT or len(weights) == 1


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "MAX_WEIGHT", 40_000)


@pytest.fixture
def boss(api_of: Callable[..., Api]) -> Api:
    return api_of("boss", rights=["administer"])


def make_processes() -> None:
    for count in (1, 5, 2, 6, 1, 1):
        started_process(
            [[signer(ANA, signerEmail=f"a{n}@example.org", commentForSigner="x" * 200) for n in range(count)]]
        )


def make_templates() -> None:
    for n in range(6):
        template_of(BOSS, name=f"T{n}", scope="GLOBAL", data="x" * 9_000)


def make_profiles() -> None:
    for n in range(6):
        attributes = [{"name": f"{n} {m}", "type": "Text"} for m in range(4)]
        profile_of(f"LEASE{n}", attributes=attributes)


def make_events() -> None:
    report([{"event_type": "SIGNATURE", "note": "x" * 5_000} for _ in range(6)], actor=BOSS, at=NOON)


PERSON = f"country=LV&personalCode={CODES[ANA]}"
LISTS = {
    "/api/processes?": make_processes,
    f"/api/signer-tasks?{PERSON}&": make_processes,
    "/api/templates?": make_templates,
    "/api/document-profiles?": make_profiles,
    "/api/audit-events?": make_events,
    "/api/audit-events?after=0&": make_events,
}


# A cursor reads only what is committed.
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("path", LISTS)
def test_a_list_is_read_completely_with_the_named_size(boss: Api, small: None, path: str) -> None:
    LISTS[path]()
    size = size_in(boss.get(f"{path}size=200"))
    assert size >= 1
    first = boss.get(f"{path}size={size}")
    assert first.status_code == 200
    assert len(first.json()["content"]) == size
    assert boss.get(f"{path}size=1").status_code == 200


def test_a_search_is_refused_with_a_size_that_fits(boss: Api, small: None) -> None:
    make_processes()
    size = size_in(boss.post("/api/processes/search", {"documentId": "DOC-1"}))
    found = boss.post(f"/api/processes/search?size={size}", {"documentId": "DOC-1"})
    assert (found.status_code, len(found.json())) == (200, size)
    assert boss.post("/api/processes/search?size=x", {"documentId": "DOC-1"}).status_code == 400


def test_the_trail_of_one_process_is_bounded(boss: Api, small: None) -> None:
    process = draft_process([[signer(ANA, signerComment="x" * 4000)] * 6])
    for n in range(3):
        boss.put(f"/api/processes/{process.pk}", {"comment": f"{n}" * 4000})
    assert size_in(boss.get(f"/api/processes/{process.pk}/audit?size=200")) >= 1


def test_pages_of_usual_processes_fit(boss: Api) -> None:
    for _ in range(30):
        started_process([[ANA] * 20, [BEN]])
    assert boss.get("/api/processes?size=200").status_code == 200


@pytest.mark.parametrize("size", ["201", "1000", "2147483648", "9" * 30])
def test_a_size_above_the_limit_is_capped_and_shown(api: Api, size: str) -> None:
    for path in ("processes", "contacts", "templates", "document-profiles", "document-attributes"):
        response = api.get(f"/api/{path}?size={size}")
        assert (response.status_code, response.json()["size"]) == (200, 200)


@pytest.mark.parametrize("size", ["0", "-1", "x", "1.5", "²", "٣", "５"])
def test_other_sizes_are_refused(api: Api, size: str) -> None:
    assert api.get(f"/api/processes?size={size}").status_code == 400
