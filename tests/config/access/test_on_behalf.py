"""Whatever a caller says of itself in parameters, it sees no more than it was granted."""

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
FOR_EVERYBODY = ["/api/document-profiles", "/api/document-attributes"]


def asked_in_every_way() -> list[list[tuple[str, str]]]:
    """Each spelling alone and doubled, pairs with the parameters' other spellings, and all combinations of the four."""
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


def test_these_are_all_the_lists_there_are() -> None:
    paths = SchemaGenerator().get_schema(request=None, public=True)["paths"]
    found = []
    for path, item in paths.items():
        for operation in item.values():
            content = operation["responses"].get("200", {}).get("content", {})
            shape = content.get("application/json", {}).get("schema", {})
            if shape.get("type") == "array" or "Paginated" in shape.get("$ref", ""):
                found.append(path)
    assert sorted(found) == sorted(LISTS + FOR_EVERYBODY)


@pytest.mark.django_db
@pytest.mark.parametrize("name", CALLERS)
@pytest.mark.parametrize("path", LISTS)
def test_rows_seen_are_a_subset_of_what_was_granted(name: str, path: str) -> None:
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

    def seen(asked: list[tuple[str, str]]) -> set[str] | None:
        address = f"{path}?{urlencode([*asked, *person, ('size', '200')])}"
        answer = api.post(address, {"documentId": "DOC-1"}) if "search" in path else api.get(address)
        assert answer.status_code in (200, 400, 403)
        if answer.status_code != 200:
            return None
        found = answer.json()
        return {row.get("id") or row["signer"]["id"] for row in (found if "search" in path else found["content"])}

    granted = seen([]) or set()
    answered = 0
    for asked in asked_in_every_way():
        rows = seen(asked)
        assert rows is None or rows <= granted, asked
        answered += rows is not None
    assert answered or not granted
