"""No parameter that names a user or group shows a caller more than it was granted."""

from dataclasses import replace
from itertools import chain, combinations, product
from urllib.parse import urlencode

import pytest
from drf_spectacular.generators import SchemaGenerator

from config.access.actor import Actor
from tests.builders import client_user, contact_of, process_of, template_of
from tests.conftest import Api
from tests.people import ANA, BEN, CLEO, CODES, body

NAMES = ["ilze", "ILZE", " ilze", "ilze ", "boss", "", "*", "%", "ilze' OR 1=1 --", "legal"]
FLAGS = ["true", "false", "TRUE", "1", "yes", ""]
SPELLINGS = {
    "owner": NAMES,
    "user": NAMES,
    "group": ["legal", "sales", "LEGAL", "", "*"],
    "isAdmin": FLAGS,
    "Owner": ["boss"],
    "USER": ["boss"],
    "isadmin": ["true"],
    "is_admin": ["true"],
    "scope": ["ALL"],
}
CALLERS = {
    "ilze": {"groups": ["legal"]},
    "stranger": {},
    "ana": {"code": CODES[ANA]},
    "auditor": {"rights": ["audit_read"]},
}


LISTS = ["/api/processes", "/api/processes/search", "/api/signer-tasks", "/api/contacts", "/api/templates"]
PUBLIC_LISTS = ["/api/document-profiles", "/api/document-attributes"]


def parameter_combinations() -> list[list[tuple[str, str]]]:
    """Each spelling alone and repeated, in pairs with other parameters, and all combinations of the four parameters."""
    each = [[(name, value) for value in values] for name, values in SPELLINGS.items()]
    pairs = ([a, b] for one, two in combinations(each, 2) for a in one[:4] for b in two[:4])
    twice = ([a, a] for a in chain(*each))
    four = {
        "owner": [None, "ilze", "boss", "legal"],
        "user": [None, "ilze", "boss", "*"],
        "group": [None, "legal", "sales", "LEGAL"],
        "isAdmin": [None, "true", "false"],
    }
    together = (
        [(name, value) for name, value in zip(four, values, strict=True) if value is not None]
        for values in product(*four.values())
    )
    return [*([a] for a in chain(*each)), *pairs, *twice, *together]


def test_the_schema_has_no_other_lists() -> None:
    paths = SchemaGenerator().get_schema(request=None, public=True)["paths"]
    lists = []
    for path, item in paths.items():
        for operation in item.values():
            content = operation["responses"].get("200", {}).get("content", {})
            shape = content.get("application/json", {}).get("schema", {})
            if shape.get("type") == "array" or "Paginated" in shape.get("$ref", ""):
                lists.append(path)
    assert sorted(lists) == sorted(LISTS + PUBLIC_LISTS)


@pytest.mark.django_db
@pytest.mark.parametrize("name", CALLERS)
@pytest.mark.parametrize("path", LISTS)
def test_parameters_never_show_more_rows(name: str, path: str) -> None:
    for subject, group, people in (
        ("ilze", "legal", [[ANA], [BEN]]),
        ("boss", "legal", [[BEN]]),
        ("boss", "sales", [[CLEO]]),
        ("boss", None, [[ANA]]),
    ):
        by = Actor(client=subject, subject=subject, groups=frozenset({"legal", "sales"}))
        process_of(body(people, ownerGroup=group), actor=by)
        if "contacts" in path or "templates" in path:
            for scope in ("PERSONAL", "GROUP", "GLOBAL") if group else ("PERSONAL",):
                make = contact_of if "contacts" in path else template_of
                make(replace(by, rights=frozenset({"administer"})), scope=scope, group=group)
    api = Api(client_user(name, **CALLERS[name]))  # type: ignore[arg-type]
    person = [("country", "LV"), ("personalCode", CODES[ANA])] if "tasks" in path else []

    def seen(parameters: list[tuple[str, str]]) -> set[str] | None:
        url = f"{path}?{urlencode([*parameters, *person, ('size', '200')])}"
        response = api.post(url, {"documentId": "DOC-1"}) if "search" in path else api.get(url)
        assert response.status_code in (200, 400, 403)
        if response.status_code != 200:
            return None
        rows = response.json() if "search" in path else response.json()["content"]
        return {row.get("id") or row["signer"]["id"] for row in rows}

    granted = seen([]) or set()
    successes = 0
    for parameters in parameter_combinations():
        rows = seen(parameters)
        assert rows is None or rows <= granted, parameters
        successes += rows is not None
    assert successes or not granted


def faults(api: Api, query: str) -> list[tuple[str, str]]:
    response = api.get(f"/api/processes?{query}")
    assert response.status_code == 400
    return [(error["parameter"], error["code"]) for error in response.json()["errors"]]


def test_invalid_parameters_are_all_reported(api: Api) -> None:
    assert faults(api, "owner=ilze&owner=ilze") == [("owner", "repeated")]
    assert faults(api, "owner=ilze&user=boss") == [("user", "contradiction")]
    assert faults(api, "group=%00&owner=" + "x" * 256) == [("owner", "not_a_name"), ("group", "not_a_name")]
    assert faults(api, "isAdmin=yes") == [("isAdmin", "not_a_boolean")]
    assert faults(api, "isAdmin=true&user=ilze") == [("isAdmin", "contradiction")]


def test_naming_others_and_administering_require_rights(api: Api) -> None:
    for query, code in (
        ("owner=boss", "not_yours"),
        ("group=sales", "not_yours"),
        ("isAdmin=true", "missing_right"),
    ):
        response = api.get(f"/api/processes?{query}")
        assert (response.status_code, response.json()["code"]) == (403, code), query
