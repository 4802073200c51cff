"""One person in several spellings, and two people in similar ones, in everything that the API compares."""

import unicodedata
from collections.abc import Callable
from email.utils import parseaddr
from urllib.parse import urlencode

import pytest
from django.http import HttpResponse

from notifications.delivery.send import send_due
from notifications.models import RefusedAddress
from notifications.outbox import refused_addresses
from signing.actions import remind
from signing.models import Process
from tests.builders import (
    HOUR,
    NOON,
    OWNER,
    attribute_of,
    contact_of,
    process_of,
    profile_of,
    row_of,
    started_process,
    template_of,
)
from tests.conftest import Api
from tests.people import ANA, body, signer

pytestmark = pytest.mark.django_db

SPELLINGS = {
    "LV": [
        "161175-19997",
        "16117519997",
        "161175\u201319997",
        "161175 \u2212 19997",
        "LV16117519997",
        "pnolv-161175-19997",
    ],
    "SE": ["880320-0016", "19880320-0016", "198803200016", "8803200016", "PNOSE-198803200016", "880320:0016"],
}
PAIRS = [(country, one, other) for country, codes in SPELLINGS.items() for one in codes[:2] for other in codes]


def get(api: Api, url: str, **parameters: str) -> HttpResponse:
    return api.get(f"{url}?{urlencode(parameters)}")


def decomposed(text: str) -> str:
    return unicodedata.normalize("NFD", text)


class TestPersonalCodes:
    @pytest.mark.parametrize(("country", "written", "asked"), PAIRS)
    def test_every_spelling_finds_the_person(
        self, api: Api, api_of: Callable[..., Api], country: str, written: str, asked: str
    ) -> None:
        process = started_process([[signer(ANA, signerCountry=country, signerPersonalCode=written)]])
        contact_of(country=country, personalCode=written)
        person = api_of(ANA, code=asked, country=country)

        def total(api: Api, url: str, **parameters: str) -> int:
            number: int = get(api, url, **parameters).json()["totalElements"]
            return number

        assert total(api, "/api/processes", personalCode=asked) == 1
        assert total(api, "/api/contacts", personalCode=asked) == 1
        assert len(api.post("/api/processes/search", {"personalCode": asked}).json()) == 1
        assert total(person, "/api/signer-tasks", personalCode=written, country=country) == 1
        assert total(person, "/api/signer-tasks", personalCode=asked, country=country.lower()) == 1
        assert person.get(f"/api/processes/{process.pk}").json()["signers"][0]["signerPersonalCode"] == written
        act = {"signingStatus": "SIGNED"}
        assert person.post(f"/api/signers/{row_of(process, ANA).pk}/act", act).status_code == 200

    @pytest.mark.parametrize("other", SPELLINGS["SE"])
    def test_a_person_is_reminded_once_an_hour_in_all_rows(self, other: str) -> None:
        rows = [signer(ANA, signerCountry="SE", signerPersonalCode=code) for code in ("880320-0016", other)]
        process = started_process([rows])
        assert len(remind(process, actor=OWNER, at=NOON + HOUR).reminded) == 1

    @pytest.mark.parametrize("again", SPELLINGS["LV"])
    def test_an_anonymous_act_may_be_repeated_in_another_spelling(self, api: Api, again: str) -> None:
        anonymous = {"signerEmail": "a@example.org", "anonymous": True}
        process = started_process([[anonymous]])
        url = f"/api/signers/{process.signers.get().pk}/act"
        act = {"signingStatus": "SIGNED", "signerCountry": "LV", "signerPersonalCode": "161175-19997"}
        assert api.post(url, act).status_code == 200
        assert api.post(url, {**act, "signerPersonalCode": again}).status_code == 200
        assert api.post(url, {**act, "signerPersonalCode": "161175-19998"}).status_code == 409

    @pytest.mark.parametrize("code", ["16117\uff15-19997", "161175-1999\u0667"])
    def test_characters_that_look_like_digits_are_400_everywhere(self, api: Api, code: str) -> None:
        process = started_process([[{"signerEmail": "a@example.org", "anonymous": True}]])
        signer_url = f"/api/signers/{process.signers.get().pk}/act"
        act = {"signingStatus": "SIGNED", "signerCountry": "LV", "signerPersonalCode": code}
        responses = [
            api.post("/api/processes", body([[signer(ANA, signerPersonalCode=code)]])),
            api.post("/api/contacts", {"name": ANA, "personalCode": code}),
            api.post("/api/processes/search", {"personalCode": code}),
            api.post(signer_url, act),
            get(api, "/api/processes", personalCode=code),
            get(api, "/api/contacts", personalCode=code),
            get(api, "/api/signer-tasks", personalCode=code, country="LV"),
        ]
        assert [response.status_code for response in responses] == [400] * len(responses)
        assert code not in str([response.json() for response in responses])


class TestAddresses:
    ADDRESSES = ("Anna@straße.de", "anna@xn--strae-oqa.de", "anna@STRAßE.de")

    @pytest.mark.parametrize("written", ADDRESSES)
    def test_an_address_is_returned_as_given_and_delivered_in_ascii(
        self, api: Api, mailoutbox: list, written: str
    ) -> None:
        process = started_process([[signer(ANA, signerEmail=written)]])
        assert api.get(f"/api/processes/{process.pk}").json()["signers"][0]["signerEmail"] == written
        send_due()
        (email,) = [email for email in mailoutbox if "xn--" in email.to[0]]
        assert parseaddr(email.message()["To"])[1].lower() == "anna@xn--strae-oqa.de"

    def test_reply_to_and_from_are_delivered_in_ascii(self, mailoutbox: list, settings) -> None:
        settings.EMAIL_REPLY_TO_INITIATOR = True
        settings.DEFAULT_FROM_EMAIL = "Līgumi <info@straße.de>"
        started_process([[ANA]], processInitiatorEmail="ilze@straße.de")
        send_due()
        (email,) = [email for email in mailoutbox if email.to == ["ana@example.org"]]
        assert email.message()["Reply-To"] == "ilze@xn--strae-oqa.de"
        assert email.message()["From"].endswith("<info@xn--strae-oqa.de>")

    @pytest.mark.parametrize("bad", ["anna@exam\u200bple.org", "a@x.lv\u2028b", "a@localhost", "a@[127.0.0.1]"])
    def test_an_address_that_cannot_be_delivered_is_400_everywhere(self, api: Api, bad: str) -> None:
        process = started_process()
        step_url = f"/api/steps/{process.steps.get(process_order=1).pk}"
        entry = {"id": str(row_of(process, ANA).pk), "signerEmail": bad}
        template = template_of(data="{}")
        responses = [
            api.post("/api/processes", body([[signer(ANA, signerEmail=bad)]])),
            api.post("/api/processes", body([[ANA]], processInitiatorEmail=bad)),
            api.put(f"/api/processes/{process.pk}", {"processInitiatorEmail": bad}),
            api.put(step_url, {"processStepSigners": [entry]}),
            api.post("/api/contacts", {"name": ANA, "email": bad}),
            api.post(f"/api/templates/{template.pk}/process", {"processInitiatorEmail": bad}),
        ]
        assert [response.status_code for response in responses] == [400] * len(responses)

    @pytest.mark.parametrize("other", ADDRESSES)
    def test_a_refused_address_is_one_in_every_spelling(self, other: str) -> None:
        RefusedAddress.objects.create(address="anna@xn--strae-oqa.de", response="550", refused_at=NOON)
        assert len(refused_addresses([other])) == 1
        assert refused_addresses(["anna@strasse.de"]) == {}

    @pytest.mark.parametrize(("other", "reminded"), [("ANNA@STRAßE.de", 1), ("anna@strasse.de", 2)])
    def test_a_person_without_a_code_is_reminded_once_an_hour(self, other: str, reminded: int) -> None:
        rows = [{"signerEmail": address, "signerRole": "INITIATOR"} for address in ("anna@straße.de", other)]
        process = started_process([rows])
        assert len(remind(process, actor=OWNER, at=NOON + HOUR).reminded) == reminded


class TestNames:
    TYPE = "Īre-Ē"

    @pytest.fixture(params=[decomposed, str], ids=["decomposed", "as written"])
    def form(self, request: pytest.FixtureRequest) -> Callable[[str], str]:
        form: Callable[[str], str] = request.param
        return form

    @pytest.fixture(params=[decomposed, str], ids=["profile decomposed", "profile as written"])
    def other_form(self, request: pytest.FixtureRequest) -> Callable[[str], str]:
        form: Callable[[str], str] = request.param
        return form

    def test_a_type_finds_its_profile(
        self, api: Api, form: Callable[[str], str], other_form: Callable[[str], str]
    ) -> None:
        attribute = attribute_of(other_form("Maksā"), required=True)
        attributes = [{"id": str(attribute.pk)}]
        profile_of(other_form(self.TYPE), ownerGroup=other_form("Ēka"), attributes=attributes)
        member = api
        wire = body([[ANA]], documentType=form(self.TYPE), status="PENDING")
        process = process_of(wire)
        Process.objects.filter(pk=process.pk).update(owner_group=form("Ēka"))

        refused = member.put(f"/api/processes/{process.pk}", {"status": "STARTED"})
        assert refused.json()["errors"][0]["code"] == "missing_attribute"
        started = {"status": "STARTED", "attributes": {form("Maksā"): "1"}}
        response = member.put(f"/api/processes/{process.pk}", started)
        assert response.status_code == 200
        assert response.json()["documentType"] == form(self.TYPE)
        assert list(response.json()["attributes"]) == [form("Maksā")]
        listed = get(member, "/api/processes", docType=other_form(self.TYPE), ownerGroup=other_form("Ēka"))
        assert listed.json()["totalElements"] == 1

    def test_a_group_has_the_same_members(
        self, api_of: Callable[..., Api], form: Callable[[str], str], other_form: Callable[[str], str]
    ) -> None:
        member = api_of("member", groups=[form("Ēka")])
        created = member.post("/api/processes", body([[ANA]], ownerGroup=other_form("Ēka")))
        assert created.status_code == 201
        assert created.json()["ownerGroup"] == other_form("Ēka")
        colleague = api_of("colleague", groups=[form("Ēka")])
        assert colleague.get(f"/api/processes/{created.json()['id']}").status_code == 200
        assert get(colleague, "/api/processes", group=other_form("Ēka")).json()["totalElements"] == 1

    def test_two_profiles_or_attributes_cannot_differ_in_form_only(self, api_of: Callable[..., Api]) -> None:
        boss = api_of("boss", rights=["administer"])
        profile_of(self.TYPE)
        attribute_of("Maksā")
        profile = boss.post("/api/document-profiles", {"documentType": decomposed(self.TYPE)})
        attribute = boss.post("/api/document-attributes", {"name": decomposed("Maksā"), "type": "TEXT"})
        assert [profile.json()["errors"][0]["code"], attribute.json()["errors"][0]["code"]] == ["taken", "taken"]

    @pytest.mark.parametrize(
        "url", ["/api/processes?nameSearch=", "/api/processes?emailSearch=", "/api/contacts?name="]
    )
    def test_a_search_of_which_nothing_is_left_finds_nothing(self, api: Api, url: str) -> None:
        started_process()
        contact_of(email="a@example.org")
        assert api.get(f"{url}%CC%84").json()["totalElements"] == 0
        assert api.get(url).json()["totalElements"] == 1
