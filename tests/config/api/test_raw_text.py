"""Text that cannot be stored, and characters that only look like digits, are 400 in every place of the API."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.builders import attribute_of, profile_of, row_of, started_process
from tests.conftest import Api
from tests.people import ANA, LISTS, body, signer

PARAMETERS = (
    "nameSearch",
    "emailSearch",
    "personalCode",
    "country",
    "signerId",
    "name",
    "owner",
    "group",
    "note",
    "other",
)
# NUL; two spellings of a lone surrogate; a byte that is not UTF-8.
UNCLEAN = ("%00", "a%00b", "%ED%A0%80", "%ED%BF%BF", "%FF")
NOT_DIGITS = ("²", "٣", "５", "𝟓")


@pytest.fixture
def boss(api_of: Callable[..., Api]) -> Api:
    return api_of("boss", rights=["administer"])


@pytest.mark.parametrize("unclean", UNCLEAN)
@pytest.mark.parametrize("path", LISTS)
def test_query_parameters(boss: Api, path: str, unclean: str) -> None:
    for parameter in PARAMETERS:
        query = f"country=LV&personalCode=1&{parameter}={unclean}"
        if parameter in ("country", "personalCode"):
            query = f"{parameter}={unclean}"
        response = boss.get(f"/api/{path}?{query}")
        assert response.status_code == 400, (parameter, response.content)
    assert boss.get(f"/api/{path}?{unclean}=x").status_code == 400


@pytest.mark.parametrize("unclean", [*UNCLEAN, "１" * 32, "٣" * 32])
@pytest.mark.parametrize("path", ["processes/{}", "contacts/{}", "templates/{}", "audit-events/{}", "steps/{}"])
def test_paths(boss: Api, path: str, unclean: str) -> None:
    response = boss.get("/api/" + path.format(unclean))
    assert (response.status_code, response["Content-Type"]) == (400, "application/problem+json")


@pytest.mark.parametrize("header", ["X-Request-ID", "Idempotency-Key"])
def test_stored_headers(boss: Api, header: str) -> None:
    refused = boss.call("POST", "/api/processes", body([[ANA]]), **{header: "a\0b"})
    assert refused.status_code == 400


@pytest.mark.parametrize("text", ["\0", "a\0", "\ud800", "x\udfff"])
def test_bodies_and_the_keys_of_attributes(boss: Api, text: str) -> None:
    data = json.dumps({"attributes": {text: 1}, "signingProcessSteps": []})
    template = boss.post("/api/templates", {"name": "x", "data": data}).json()
    for path, content in (
        ("processes", body([[ANA]], attributes={text: 1})),
        ("processes", body([[ANA]], attributes={"a": text})),
        ("processes", body([[signer(ANA, signerName=text)]])),
        ("processes/search", {"documentId": text}),
        ("contacts", {"name": text}),
        ("templates", {"name": "x", "data": text}),
        ("document-profiles", {"documentType": text}),
        ("document-profiles", {"documentType": "x", "attributes": [{"name": text, "type": "Text"}]}),
        ("audit-events", {"eventType": "SIGNATURE", "note": text}),
        (f"templates/{template['id']}/process", {}),
    ):
        refused = boss.post(f"/api/{path}", content)
        assert refused.status_code == 400, (path, refused.content)
        assert refused.json()["errors"]


def test_a_repeated_key_is_refused(boss: Api) -> None:
    for raw in ('{"name": "a", "name": "b"}', '{"name": "x", "y": {"z": 1, "z": 1}}'):
        assert boss.post("/api/contacts", raw).status_code == 400


@pytest.mark.parametrize("digits", NOT_DIGITS)
def test_characters_that_look_like_digits(boss: Api, digits: str) -> None:
    for query in (
        f"processes?page={digits}",
        f"processes?createdDateAfter=202{digits}-01-01",
        f"processes?createdDateBefore=2026-0{digits}-01",
        f"audit-events?after={digits}",
        f"audit-events?createdFrom=202{digits}-01-01T00:00:00Z",
        f"signer-tasks?country=LV&personalCode=1&signerId={digits * 32}",
        f"processes?isAdmin={digits}",
    ):
        assert boss.get(f"/api/{query}").status_code == 400, query
    process = started_process([[ANA]])
    row_id = str(row_of(process, ANA).pk)
    lookalike = "".join(chr(ord(c) + 0xFEE0) if c.isdigit() else c for c in row_id)
    assert boss.post(f"/api/processes/{process.pk}/remind", {"signers": [lookalike]}).status_code == 400
    step = {"processStepSigners": [{"id": lookalike, "signerComment": "x"}]}
    assert boss.put(f"/api/steps/{process.steps.get().pk}", step).status_code == 400


@pytest.mark.parametrize("change", [str.upper, str.title, str.lower])
def test_ids_are_accepted_in_any_case(boss: Api, change: Callable[[str], str]) -> None:
    process = started_process([[ANA]])
    url = f"/api/processes/{change(str(process.pk))}"
    read = boss.get(url).json()

    def with_changed_ids(part: Any) -> Any:
        if isinstance(part, list):
            return [with_changed_ids(item) for item in part]
        if isinstance(part, dict):
            return {key: change(item) if key == "id" else with_changed_ids(item) for key, item in part.items()}
        return part

    assert boss.put(url, with_changed_ids(read)).json() == read
    step = read["signingProcessSteps"][0]
    assert boss.put(f"/api/steps/{change(step['id'])}", with_changed_ids(step)).status_code == 200
    assert boss.post(f"{url}/remind", {"signers": [change(str(row_of(process, ANA).pk))]}).status_code == 200
    attribute = attribute_of("Amount")
    profile = profile_of("LEASE", attributes=[{"id": change(str(attribute.pk))}])
    assert boss.get(f"/api/document-profiles/{profile.pk}").json()["attributes"][0]["id"] == str(attribute.pk)


def test_reported_events_are_found_by_their_ids_in_any_case(boss: Api) -> None:
    process = started_process([[ANA]])
    signer_id = str(row_of(process, ANA).pk)
    ids = {"processId": str(process.pk).upper(), "signerId": signer_id.upper()}
    reported = boss.post("/api/audit-events", {"eventType": "SIGNATURE", **ids}).json()
    assert (reported["processId"], reported["signerId"]) == (str(process.pk), signer_id)
    for query in (f"signerId={signer_id}", f"signerId={signer_id.upper()}", f"processId={str(process.pk).upper()}"):
        found = boss.get(f"/api/audit-events?eventType=SIGNATURE&{query}").json()["content"]
        assert [event["id"] for event in found] == [reported["id"]]
    other = boss.post("/api/audit-events", {"eventType": "SIGNATURE", "processId": "Doc-A"}).json()
    assert other["processId"] == "Doc-A"
