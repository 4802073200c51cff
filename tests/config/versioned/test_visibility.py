"""Who sees and changes owned rows: scope by caller, the same for contacts and templates."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.builders import BOSS, contact_of, template_of
from tests.conftest import Api
from tests.people import ILZE

CALLERS: dict[str, dict[str, Any]] = {
    "owner": {"name": ILZE},
    "group member": {"name": "member", "groups": ["legal"]},
    "stranger": {"name": "stranger", "groups": ["sales"]},
    "portal": {"name": "portal", "rights": ["on_behalf"]},
    "administrator": {"name": "admin", "rights": ["administer"]},
}
# (sees, changes) by scope. The rows belong to Ilze, who is not a member of the group.
TABLE: dict[str, dict[str, tuple[bool, bool]]] = {
    "PERSONAL": {"owner": (True, True), "administrator": (True, True)},
    "GROUP": {"group member": (True, True), "administrator": (True, True)},
    "GLOBAL": {**dict.fromkeys(CALLERS, (True, False)), "administrator": (True, True)},
}
KINDS = {"contacts": contact_of, "templates": template_of}
NEITHER = (False, False)


@pytest.fixture
def row(kind: str, scope: str, db: None) -> Any:
    return KINDS[kind](BOSS, owner=ILZE, scope=scope, group="legal" if scope == "GROUP" else None)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("scope", TABLE)
@pytest.mark.parametrize("caller", CALLERS)
def test_each_scope_for_each_caller(row: Any, kind: str, scope: str, caller: str, api_of: Callable[..., Api]) -> None:
    sees, changes = TABLE[scope].get(caller, NEITHER)
    api, address = api_of(**CALLERS[caller]), f"/api/{kind}/{row.pk}"

    listed = api.get(f"/api/{kind}").json()["content"]

    assert [one["id"] for one in listed] == ([str(row.pk)] if sees else [])
    assert api.get(address).status_code == (200 if sees else 404)
    refused = 403 if sees else 404
    assert api.put(address, {"name": "Other"}).status_code == (200 if changes else refused)
    assert api.delete(address).status_code == (204 if changes else refused)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("scope", TABLE)
def test_a_portal_sees_and_changes_what_the_named_user_does(
    row: Any, kind: str, scope: str, api_of: Callable[..., Api]
) -> None:
    portal = api_of(**CALLERS["portal"])
    for named, caller in (("user=ilze", "owner"), ("user=member&group=legal", "group member"), ("user=x", "stranger")):
        sees, changes = TABLE[scope].get(caller, NEITHER)
        refused = 403 if sees else 404
        assert portal.get(f"/api/{kind}/{row.pk}?{named}").status_code == (200 if sees else 404), named
        changed = portal.put(f"/api/{kind}/{row.pk}?{named}", {"name": "Other"})
        assert changed.status_code == (200 if changes else refused), named


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("values", "status", "code"),
    [
        ({}, 201, None),
        ({"scope": "PERSONAL", "owner": ILZE}, 201, None),
        ({"scope": "GROUP", "group": "legal"}, 201, None),
        ({"scope": "PERSONAL", "group": "legal"}, 201, None),
        ({"scope": "ALL"}, 400, "scope_not_kept"),
        ({"scope": "EVERYBODY"}, 400, "invalid_choice"),
        ({"scope": "GROUP"}, 400, "required"),
        ({"owner": ""}, 400, "null"),
        ({"scope": "GLOBAL"}, 403, "missing_right"),
        ({"owner": "boss"}, 403, "missing_right"),
        ({"scope": "GROUP", "group": "sales"}, 403, "missing_right"),
    ],
)
def test_which_owner_group_and_scope_a_caller_may_set(
    kind: str, values: dict[str, Any], status: int, code: str | None, api_of: Callable[..., Api]
) -> None:
    ilze = api_of(ILZE, groups=["legal"])
    created = ilze.post(f"/api/{kind}", {"name": "Ana", **values})
    existing = ilze.post(f"/api/{kind}", {"name": "Ana"}).json()
    changed = ilze.put(f"/api/{kind}/{existing['id']}", values)

    assert (created.status_code, changed.status_code) == (status, 200 if status == 201 else status), created.content
    if code:
        for refused in (created.json(), changed.json()):
            assert code in (refused["code"], refused.get("errors", [{}])[0].get("code"))
    if status == 201:
        assert created.json()["owner"] == ILZE
        assert created.json()["scope"] == values.get("scope", "PERSONAL")


@pytest.mark.parametrize("kind", KINDS)
def test_changing_only_the_scope_cannot_give_a_row_away(kind: str, api_of: Callable[..., Api]) -> None:
    ilze = api_of(ILZE, groups=["legal"])
    left = KINDS[kind](BOSS, owner=ILZE, scope="PERSONAL", group="sales")
    assert ilze.put(f"/api/{kind}/{left.pk}", {"scope": "GROUP"}).status_code == 403
    shared = KINDS[kind](BOSS, owner="boss", scope="GROUP", group="legal")
    assert ilze.put(f"/api/{kind}/{shared.pk}", {"scope": "PERSONAL"}).status_code == 403
    assert ilze.put(f"/api/{kind}/{shared.pk}", {"scope": "PERSONAL", "owner": ILZE}).status_code == 200


@pytest.mark.parametrize("kind", KINDS)
def test_a_row_created_by_a_portal_belongs_to_the_named_user(kind: str, api_of: Callable[..., Api]) -> None:
    portal = api_of(**CALLERS["portal"])
    by_name = portal.post(f"/api/{kind}?user=ana&group=legal", {"name": "Ana"}).json()
    by_body = portal.post(f"/api/{kind}", {"name": "Ana", "owner": "ben"}).json()
    assert (by_name["owner"], by_body["owner"]) == ("ana", "ben")


@pytest.mark.parametrize("kind", KINDS)
def test_filters_by_scope_and_name(kind: str, api_of: Callable[..., Api]) -> None:
    make = KINDS[kind]
    make(BOSS, name="Jānis Bērziņš", owner=ILZE)
    make(BOSS, name="Łukasz 100%", scope="GLOBAL")
    make(BOSS, name="Žanete", scope="GROUP", group="legal")
    ilze = api_of(ILZE, groups=["legal"])

    def found(query: str) -> list[str]:
        return [row["name"] for row in ilze.get(f"/api/{kind}?{query}").json()["content"]]

    assert found("") == ["Jānis Bērziņš", "Łukasz 100%", "Žanete"]
    assert found("sort=name,desc") == ["Žanete", "Łukasz 100%", "Jānis Bērziņš"]
    assert found("name=berzins") == found("name=B%C4%92RZI%C5%85%C5%A0") == ["Jānis Bērziņš"]
    assert found("name=lukasz") == found("name=%25") == ["Łukasz 100%"]
    assert found("scope=GLOBAL") == ["Łukasz 100%"]
    assert found("scope=GLOBAL&scope=GROUP") == found("scope=GLOBAL,GROUP") == ["Łukasz 100%", "Žanete"]
    assert found("scope=ALL") == found("scope=GROUP&scope=ALL") == found("name=") == found("")
    assert found("owner=ilze&group=legal") == found("")
    assert found("owner=ilze&group=legal&scope=PERSONAL") == ["Jānis Bērziņš"]
    for query, parameter in (("scope=MINE", "scope"), ("sort=data", "sort"), ("size=0", "size"), ("page=-1", "page")):
        refused = ilze.get(f"/api/{kind}?{query}")
        assert refused.status_code == 400
        assert refused.json()["errors"][0]["parameter"] == parameter
    for query in ("owner=boss", "group=sales"):
        assert ilze.get(f"/api/{kind}?{query}").status_code == 403
