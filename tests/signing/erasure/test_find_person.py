"""Which addresses belong to a code, which code belongs to an address, and whose an identity is."""

from typing import Any

import pytest

from config.versioned import actions as versioned
from contacts.models import Contact
from notifications.delivery.send import send_due
from notifications.models import Message
from signing.erasure.person import Person, PersonNotNamed, find_person
from signing.models import Signer
from tests.builders import BOSS, contact_of, started_process
from tests.people import BEN, signer
from tests.signing.erasure.canary import (
    ADDRESS,
    BY_ADDRESS,
    BY_CODE,
    CODE,
    KEY,
    NAME,
    canary,
    canceled,
    erase_canary,
    finished,
    later,
    person_of,
)

pytestmark = pytest.mark.django_db

OFFICE = "office@example.net"
OTHER_CODE = "010180-11111"


@pytest.mark.parametrize(
    "names",
    [
        {},
        {"country": "LV"},
        {"code": CODE},
        {"country": "LV", "code": CODE, "address": ADDRESS},
        {"address": "kanarija"},
        {"address": "  "},
    ],
    ids=str,
)
def test_a_person_is_named_by_a_code_or_an_address(names: dict[str, str]) -> None:
    with pytest.raises(PersonNotNamed):
        find_person(**names)


@pytest.mark.parametrize("code", [CODE, "150385 12345", "15038512345"])
def test_a_code_covers_its_addresses(code: str) -> None:
    canceled([[canary()]])
    contact_of(name=NAME, email="Second@Example.NET", country="lv", personalCode=CODE)
    assert find_person(country="lv", code=code) == Person(frozenset({KEY}), frozenset({ADDRESS, "second@example.net"}))


def test_an_address_covers_its_code() -> None:
    contact_of(name=NAME, email=ADDRESS.upper(), country="LV", personalCode=CODE)
    assert find_person(address=f" {ADDRESS.upper()} ") == person_of()


def test_an_unknown_person_is_known_by_what_is_given() -> None:
    assert find_person(**BY_CODE) == Person(keys=frozenset({KEY}))
    assert find_person(**BY_ADDRESS) == Person(addresses=frozenset({ADDRESS}))


class TestSharedAddresses:
    def test_codes_at_the_same_address(self) -> None:
        canceled([[canary(signerEmail=OFFICE)], [canary(signerPersonalCode=OTHER_CODE, signerEmail=OFFICE)]])
        assert find_person(**BY_CODE) == Person(keys=frozenset({KEY}))
        assert find_person(address=OFFICE) == Person(addresses=frozenset({OFFICE}))

    def test_another_name_without_a_code(self) -> None:
        viewer = signer(BEN, "VIEWER", signerEmail=ADDRESS, signerPersonalCode=None, signerCountry=None)
        process = canceled([[canary(), viewer]])
        assert find_person(**BY_CODE) == Person(keys=frozenset({KEY}))
        erase_canary()
        assert Signer.objects.filter(process=process).exclude(name=None).get().email == ADDRESS

    @pytest.mark.parametrize("name", [NAME, "KANARIJA PUTNINA", None])
    def test_the_same_name_without_a_code(self, name: str | None) -> None:
        canceled([[canary()]], initiatorName=name, processInitiatorEmail=ADDRESS)
        assert find_person(**BY_CODE) == person_of()
        assert find_person(**BY_ADDRESS) == person_of()

    def test_an_address_that_ends_with_the_person_s(self, mailoutbox: Any) -> None:
        other = f"not.{ADDRESS}"
        comment = f"Ask {other} or {ADDRESS}.org"
        process = started_process([[signer(BEN, signerEmail=other)]], comment=comment)
        finished()
        send_due()
        erase_canary(address=ADDRESS)
        process.refresh_from_db()
        assert Message.objects.filter(address=other).exists()
        assert process.comment == comment

    def test_the_same_code_in_another_country(self) -> None:
        process = canceled([[canary(signerCountry="EE", signerEmail="ee@example.net")]])
        canceled([[canary()]])
        erase_canary()
        assert Signer.objects.get(process=process).name == NAME

    def test_another_person_of_the_same_name(self) -> None:
        process = canceled([[canary(), signer(BEN, signerName=NAME)]])
        erase_canary()
        left = Signer.objects.filter(process=process).exclude(name=None).get()
        assert (left.name, left.email) == (NAME, "ben@example.org")


def test_a_code_covers_the_address_that_a_contact_has_now() -> None:
    contact = contact_of(name=NAME, email=OFFICE, country="LV", personalCode=CODE)
    versioned.replace_row(contact, {"email": ADDRESS}, actor=BOSS, at=later(1))
    assert find_person(**BY_CODE) == person_of()
    erase_canary()
    assert not Contact.objects.exists()


@pytest.mark.parametrize(
    ("person", "identity", "matches"),
    [
        (person_of(), {"country": "lv", "personal_code": "150385 12345"}, True),
        (person_of(), {"country": "LV", "personal_code": OTHER_CODE}, False),
        (person_of(), {"country": "LV", "personal_code": OTHER_CODE, "email": ADDRESS}, False),
        (person_of(), {"country": "LV", "personal_code": CODE, "email": OFFICE}, True),
        (person_of(), {"email": ADDRESS.upper()}, True),
        (person_of(), {"email": OFFICE}, False),
        (person_of(), {"personal_code": CODE}, False),
        (person_of(), {}, False),
        (Person(addresses=frozenset({ADDRESS})), {"country": "LV", "personal_code": CODE}, False),
        (Person(addresses=frozenset({ADDRESS})), {"country": "LV", "personal_code": CODE, "email": ADDRESS}, True),
        (Person(keys=frozenset({KEY})), {"email": ADDRESS}, False),
    ],
    ids=str,
)
def test_whose_an_identity_is(person: Person, identity: dict[str, str], matches: bool) -> None:
    assert person.matches(**identity) is matches
