"""However a person is named in a text, and in JSON, and in JSON within JSON."""

import json
from typing import Any

import pytest

from signing.erasure.blank import blanked
from signing.erasure.known import known_as
from signing.erasure.people import Person
from signing.erasure.person import erase
from tests.builders import BOSS, NOON, contact_of, template_of
from tests.conftest import Api
from tests.people import BEN
from tests.signing.api.test_evidence import fetched
from tests.signing.erasure.canary import (
    ADDRESS,
    CODE,
    CODED,
    NAME,
    WRITTEN,
    canary,
    canceled,
    dump,
    finished,
    gone,
)

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("between", ["\n", "\t", "\r\n", '"', "\\"], ids=ascii)
@pytest.mark.parametrize("mark", [ADDRESS, CODE, NAME])
def test_behind_what_json_writes_otherwise(api: Api, mailoutbox: Any, between: str, mark: str) -> None:
    process = finished(api, comment=f"Write to:{between}{mark} soon", attributes={"Note": f"x{between}{mark}"})
    template_of(data=json.dumps({"comment": f"Write to:{between}{mark if mark != NAME else ADDRESS}"}))
    gone(CODED)
    assert not any(mark.encode() in content for content in fetched(api, process).values())


@pytest.mark.parametrize(
    "data", ['{"to": "kan\\u002Bx@example.net"}', '"kan\\u002bx@example.net"', '{"kan+x@example.net": 1}']
)
def test_as_other_writers_of_json_have_it(data: str) -> None:
    template = template_of(data=data)
    contact_of(name="X", email="kan+x@example.net")
    erase(known_as(address="kan+x@example.net"), actor=BOSS, at=NOON)
    template.refresh_from_db()
    assert "kan" not in str(template.data)
    assert "example.net" not in dump()


def test_a_code_that_is_a_number() -> None:
    said = {"code": 15038512345, "other": 915038512345}
    assert Person(frozenset({"lv:15038512345"})).is_named_in(said)
    template = template_of(data=json.dumps(said))
    contact_of(name="X", country="LV", personalCode=CODE)
    erase(known_as(**CODED), actor=BOSS, at=NOON)
    template.refresh_from_db()
    assert json.loads(template.data or "") == {**said, "code": None}


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("LV150385-12345", True),
        ("LV-150385 12345,", True),
        ("EE150385-12345", False),
        ("- one\n-kanarija.putnina@example.net", True),
        ("x-kanarija.putnina@example.net", False),
        ("kanarija.putnina@example.net.", True),
        ('"kanarija.putnina\\u0040example.net"', True),
    ],
)
def test_how_it_may_stand_in_a_text(text: str, named: bool) -> None:
    assert Person(frozenset({"lv:15038512345"}), frozenset({ADDRESS})).is_named_in(text) is named


def test_a_code_with_something_between_its_last_letters(api: Api, mailoutbox: Any) -> None:
    code = "12345678-Z"
    canceled([[canary(signerCountry="ES", signerPersonalCode=code)], [BEN]])
    process = canceled([[BEN]], comment=f"{code} agrees")
    erase(known_as(country="ES", code="12345678z"), actor=BOSS, at=NOON)
    process.refresh_from_db()
    assert process.comment is None
    assert code not in dump()


class TestJson:
    @pytest.mark.parametrize(
        ("data", "left"),
        [
            ({"a": [[ADDRESS]], "b": 1}, {"a": [[None]], "b": 1}),
            ({"to": ADDRESS, "documentName": "Lease", "initiatorName": "Ilze"}, None),
            ({"signerName": "Anna", "signerEmail": ADDRESS, "documentName": "Lease"}, {"documentName": "Lease"}),
            ({"name": "Anna", "personalCode": 15038512345, "shop": "x"}, {"shop": "x"}),
            ({ADDRESS: 1, f"{ADDRESS} ": 2, "c": 3}, {"(erased)": 1, "(erased) 2": 2, "c": 3}),
        ],
    )
    def test_without_the_person(self, data: dict[str, Any], left: dict[str, Any] | None) -> None:
        person = Person(frozenset({"lv:15038512345"}), frozenset({ADDRESS}))
        done = blanked(data, person)
        expected = {**data, "to": None} if left is None else left
        assert {key: value for key, value in done.items() if value is not None} == {
            key: value for key, value in expected.items() if value is not None
        }
        assert json.loads(blanked(json.dumps(data), person)) == done

    @pytest.mark.parametrize(
        "data",
        [
            '{"a":' + "[" * 600 + json.dumps(ADDRESS) + "]" * 600 + "}",
            f'{{"a": "{ADDRESS}", "a": "x"}}',
            '{"n": %s, "a": "kanarija\\u002eputnina@example.net"}' % ("9" * 5000),
        ],
        ids=["deep", "twice", "huge"],
    )
    def test_that_is_odd(self, data: str) -> None:
        template = template_of(name=f"For {ADDRESS}", data=data)
        contact_of(name="X", email=ADDRESS)
        erase(known_as(**WRITTEN), actor=BOSS, at=NOON)
        template.refresh_from_db()
        assert ADDRESS not in dump()
        assert "u002e" not in str(template.data)
