"""An erasure finds a person in every spelling of code and address, and nobody whose address only looks alike."""

import json
from datetime import timedelta

import pytest
from axes.models import AccessAttempt

from audit.log import report
from config.versioned import actions as versioned
from config.vocabulary import EventType
from contacts.models import Contact
from notifications.delivery.send import send_due
from notifications.models import Message, RefusedAddress
from signing.erasure.erase import erase
from signing.erasure.person import Person, find_person
from signing.models import Signer
from tests.builders import BOSS, NOON, OWNER, contact_of, draft_process
from tests.conftest import Api
from tests.people import BEN, signer
from tests.signing.erasure.canary import canceled, dump, later, replace_signer

pytestmark = pytest.mark.django_db

NAME = "Kanārija Putniņa"
CODES = {
    "LV": ["161175-19997", "161175\u201319997", "161175\u201219997", "161175\u00a019997", "PNOLV-161175-19997"],
    "SE": ["880320-0016", "19880320-0016", "198803200016", "19880320\u20110016", "PNOSE-8803200016", "880320:0016"],
    "FI": ["131052-308T", "131052\u2010308t", "131052308T"],
}
PAIRS = [(country, one, other) for country, codes in CODES.items() for one in codes for other in codes[:2]]
ALIKE = [
    ("eva@berzini.lv", "eva@bērziņi.lv"),
    ("eva@bērziņi.lv", "eva@berzini.lv"),
    ("anna@strasse.de", "anna@straße.de"),
    ("boss@firma.example", "boss@fırma.example"),
]
SAME = [
    ("eva@bērziņi.lv", "Eva@BĒRZIŅI.lv"),
    ("eva@bērziņi.lv", "eva@xn--brzii-iza47a.lv"),
    ("eva@xn--brzii-iza47a.lv", "eva@be\u0304rzin\u0327i.lv"),
]


def named(**changes: object) -> dict[str, object]:
    return signer(BEN, **{"signerName": NAME, "signerEmail": None, **changes})


@pytest.mark.parametrize(("country", "written", "asked"), PAIRS)
def test_a_code_is_erased_in_every_spelling(api: Api, country: str, written: str, asked: str) -> None:
    code = {"signerCountry": country, "signerPersonalCode": written}
    email = {"signerEmail": "kanarija@example.net"}

    # A row of the person, one that is another person by now, a deleted draft, a contact, a report, a failed login.
    canceled([[named(**code, **email)]])
    reassigned = draft_process([[named(**code, **email)], [BEN]])
    replace_signer(api, reassigned, NAME, **signer("Cleo"))
    api.post(f"/api/processes/{reassigned.pk}/cancel", {})
    deleted = draft_process([[named(**code)]])
    api.delete(f"/api/processes/{deleted.pk}")
    contact = contact_of(BOSS, name=NAME, country=country, personalCode=written)
    versioned.replace_row(contact, {"name": "Putniņa"}, actor=BOSS, at=later(1))
    signature = {"event_type": EventType.SIGNATURE, "customer_personal_code": written, "note": NAME}
    report([signature], actor=OWNER, at=NOON)
    AccessAttempt.objects.create(username=written, ip_address="192.0.2.1", failures_since_start=1)

    send_due()
    erased = erase(find_person(country=country, code=asked), actor=BOSS, at=NOON + timedelta(days=1))

    assert not erased.kept
    left = dump()
    for text in (NAME, "Putniņa", written, json.dumps(written)[1:-1]):
        assert text not in left
    assert not Contact.objects.exists()


@pytest.mark.parametrize(("erased", "other"), ALIKE)
def test_an_address_in_other_letters_is_another_person(erased: str, other: str) -> None:
    for code, address in (("c-3003", erased), ("c-4004", other)):
        identity = {"signerCountry": "IS", "signerPersonalCode": code, "signerEmail": address}
        canceled([[named(**identity)]], processInitiatorEmail=address, initiatorName=NAME)
        contact_of(name=NAME, email=address)

    erase(find_person(address=erased), actor=BOSS, at=NOON + timedelta(days=1))

    assert Signer.objects.exclude(name=None).get().email == other
    assert Signer.objects.exclude(name=None).get().process.initiator_email == other
    assert Contact.objects.get().email == other
    assert not Contact.history.filter(email=erased).exists()


@pytest.mark.parametrize(("erased", "other"), SAME)
def test_an_address_is_erased_in_every_form(erased: str, other: str) -> None:
    for address in (erased, other):
        canceled([[named(signerCountry=None, signerPersonalCode=None, signerRole="VIEWER", signerEmail=address), BEN]])
    delivered = "eva@xn--brzii-iza47a.lv"
    assert Message.objects.filter(address__iexact=delivered).exists()
    RefusedAddress.objects.create(address=delivered, response="550", refused_at=NOON)
    person = find_person(address=erased)
    assert person == Person(addresses=frozenset({delivered}))

    erase(person, actor=BOSS, at=NOON + timedelta(days=1))

    assert list(Signer.objects.exclude(name=None).values_list("email", flat=True)) == ["ben@example.org"] * 2
    left = dump()
    assert [address for address in (erased, other, delivered) if address in left] == []
