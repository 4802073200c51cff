"""Versions, ETags and histories, the same for each versioned resource."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.builders import attribute_of, contact_of, profile_of, template_of
from tests.conftest import Api
from tests.people import ANA, CODES, ILZE

KINDS: dict[str, tuple[Callable[[], Any], dict[str, Any]]] = {
    "contacts": (contact_of, {"country": "LV", "personalCode": CODES[ANA]}),
    "templates": (template_of, {"data": "{}"}),
    "document-attributes": (lambda: attribute_of("Amount"), {"required": True}),
    "document-profiles": (lambda: profile_of("LEASE", attributes=[{"name": "Note", "type": "Text"}]), {"seal": "s"}),
}


@pytest.fixture
def clerk(api_of: Callable[..., Api]) -> Api:
    return api_of(ILZE, rights=["manage_profiles"])


@pytest.mark.parametrize("kind", KINDS)
def test_sending_back_what_was_read_changes_nothing(kind: str, clerk: Api) -> None:
    row = KINDS[kind][0]()
    url = f"/api/{kind}/{row.pk}"
    read = clerk.get(url)

    sent_back = clerk.put(url, read.json())

    assert (sent_back.status_code, sent_back.json()) == (200, read.json())
    assert (read["ETag"], sent_back["ETag"]) == ('"1"', '"1"')
    assert row.history.count() == 1


@pytest.mark.parametrize("kind", KINDS)
def test_conditional_requests(kind: str, clerk: Api) -> None:
    make, change = KINDS[kind]
    url = f"/api/{kind}/{make().pk}"

    assert clerk.get(url, If_None_Match='"1"').status_code == 304
    assert clerk.put(url, change, If_Match='"1"')["ETag"] == '"2"'
    assert clerk.get(url, If_None_Match='"1"').status_code == 200
    for refused in (clerk.put(url, {"name": "x"}, If_Match='"1"'), clerk.delete(url, If_Match='"1"')):
        assert (refused.status_code, refused.json()["code"]) == (412, "stale")
    assert clerk.get(url)["ETag"] == '"2"'
    assert clerk.delete(url, If_Match='"2"').status_code == 204
    assert clerk.get(url).status_code == 404


@pytest.mark.parametrize("kind", KINDS)
def test_the_history_has_who_changed_what(kind: str, clerk: Api, api_of: Callable[..., Api]) -> None:
    make, change = KINDS[kind]
    row = make()
    url = f"/api/{kind}/{row.pk}"
    portal = api_of("portal", rights=["on_behalf", "manage_profiles"])
    assert portal.put(f"{url}?user={ILZE}", change).status_code == 200
    assert clerk.delete(url).status_code == 204

    last, changed, first = row.history.all()

    assert [line.history_type for line in (first, changed, last)] == ["+", "~", "-"]
    assert (changed.history_change_reason, changed.history_user.username) == (f"portal for {ILZE}", "portal")
    assert (last.history_change_reason, last.history_user.username) == (ILZE, ILZE)
    assert changed.diff_against(first).changed_fields


@pytest.mark.parametrize("kind", KINDS)
def test_the_id_in_the_body_must_be_the_id_in_the_url(kind: str, clerk: Api) -> None:
    row = KINDS[kind][0]()
    other = "9dce9e72-6bf9-4874-8dd1-44342027dd4f"
    refused = clerk.put(f"/api/{kind}/{row.pk}", {"id": other})
    assert refused.status_code == 400
    assert refused.json()["errors"][0]["pointer"] == "#/id"
    assert clerk.put(f"/api/{kind}/{str(row.pk).upper()}", {"id": str(row.pk).upper()}).status_code == 200
    assert clerk.put(f"/api/{kind}/{row.pk}", {"id": row.pk.hex}).status_code == 200
    assert clerk.put(f"/api/{kind}/{other}", {"name": "x"}).status_code == 404
    assert clerk.delete(f"/api/{kind}/x").status_code == 404


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("bad", [[], "x", None, 5])
def test_a_body_must_be_an_object(kind: str, clerk: Api, bad: Any) -> None:
    assert clerk.call("POST", f"/api/{kind}", bad).status_code == 400
    assert clerk.get(f"/api/{kind}").json()["totalElements"] == 0


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_idempotency_key_creates_one_row(kind: str, clerk: Api) -> None:
    values = {"name": "x", "type": "TEXT", "documentType": "LEASE"}
    first, second = (clerk.post(f"/api/{kind}", values, Idempotency_Key="k") for _ in range(2))
    assert (first.status_code, second.json(), second["ETag"]) == (201, first.json(), first["ETag"])
    assert first["Location"] == f"http://testserver/api/{kind}/{first.json()['id']}"
    assert clerk.get(f"/api/{kind}").json()["totalElements"] == 1
