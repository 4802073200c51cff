"""A canary person is everywhere, and then nowhere; running processes and holds keep what they need."""

import io
import json
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from audit.chain.verify import verify as verify_trail
from audit.models import AuditEvent
from config.access.models import User
from config.versioned import actions as versioned
from contacts.models import Contact
from notifications.delivery.send import send_due
from notifications.models import Message
from signing import actions
from signing.actions.hold import OnHold
from signing.erasure import retention
from signing.erasure.known import NotNamed, known_as
from signing.erasure.people import NobodyFound
from signing.erasure.person import erase, look
from signing.evidence import offline_verifier as verify
from signing.models import Process, Signer
from tests.builders import BOSS, NOON, OWNER, contact_of, profile_of, row_of, started_process, template_of
from tests.conftest import CANARIES, Api
from tests.people import BEN, body, signer
from tests.signing.api.test_evidence import fetched
from tests.signing.erasure.canary import ADDRESS, CODE, NAME, canary, canceled, dump, finished, hits

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("by", [{"country": "lv", "code": CODE.replace("-", "")}, {"address": ADDRESS.upper()}])
def test_no_hit_is_left_and_the_trail_is_whole(api: Api, everywhere: Process, by: dict[str, str]) -> None:
    assert len(hits(dump())) > 20
    before = verify_trail(at=NOON).events
    heard = len(CANARIES.heard)

    plan = erase(known_as(**by), actor=BOSS, at=NOON)

    assert plan.kept == []
    assert hits(dump()) == []
    assert hits("\n".join(CANARIES.heard[heard:])) == []
    files = fetched(api, everywhere)
    assert hits("\n".join(content.decode("utf-8", "replace") for content in files.values())) == []
    assert verify.check(files)
    whole = verify_trail(at=NOON)
    assert (whole.findings, whole.unchecked) == ([], [])
    assert whole.events > before
    with pytest.raises(NobodyFound):
        look(known_as(**by))


def test_others_stay_as_they_are(api: Api, everywhere: Process) -> None:
    contact_of(name=BEN)
    erase(known_as(country="LV", code=CODE), actor=BOSS, at=NOON)
    ben = row_of(everywhere, BEN)
    assert (ben.status, bool(ben.email), bool(ben.personal_code)) == ("SIGNED", True, True)
    gone = Signer.objects.get(process=everywhere, step__process_order=1)
    assert (gone.status, gone.role, gone.name, gone.email, gone.person_key) == ("SIGNED", "SIGNER", None, None, "")
    assert Contact.objects.get().name == BEN
    answer = api.get(f"/api/processes/{everywhere.pk}")
    assert answer.status_code == 200
    events = api.get(f"/api/processes/{everywhere.pk}/audit").json()
    assert events["verdict"]["whole"] is True
    assert any(event["erased"] for event in events["content"])
    assert "The personal values of a person were erased." in [event["note"] for event in events["content"]]


def test_what_is_running_or_on_hold_keeps_what_it_needs(api: Api) -> None:
    done, running, held = finished(api), started_process([[canary()]]), finished(api)
    actions.hold(held, actor=BOSS, at=NOON, reason="Lawsuit 7")
    plan = erase(known_as(country="LV", code=CODE), actor=BOSS, at=NOON)
    assert sorted(plan.kept) == sorted(
        [f"process {running.pk}: is STARTED", f"process {held.pk}: is on hold (Lawsuit 7)"]
    )
    names = {pk: row_of(pk, NAME) for pk in (running, held)}
    assert all(row.email == ADDRESS for row in names.values())
    assert not Signer.objects.filter(process=done, name=NAME).exists()
    assert Message.objects.filter(process_id=running.pk, address=ADDRESS).exists()
    with pytest.raises(OnHold):
        actions.delete(held, actor=OWNER, at=NOON)
    actions.hold(held, actor=BOSS, at=NOON, reason=None)
    erase(known_as(country="LV", code=CODE), actor=BOSS, at=NOON)
    assert not Signer.objects.filter(process=held, name=NAME).exists()


def test_an_address_that_several_share_names_none_of_their_codes(api: Api) -> None:
    for code in (CODE, "010180-11111"):
        canceled([[canary(signerPersonalCode=code, signerEmail="office@example.net")]])
    mine = known_as(country="LV", code=CODE)
    assert mine.addresses == frozenset()
    assert known_as(address="office@example.net").keys == frozenset()


class TestOthersOfTheSameLetters:
    def test_an_address_that_ends_like_it(self, api: Api, mailoutbox: Any) -> None:
        started_process([[signer(BEN, signerEmail=f"not.{ADDRESS}")]], comment=f"Ask not.{ADDRESS} or {ADDRESS}.org")
        finished(api)
        send_due()
        mails = Message.objects.filter(address=f"not.{ADDRESS}").count()
        erase(known_as(address=ADDRESS), actor=BOSS, at=NOON)
        assert Message.objects.filter(address=f"not.{ADDRESS}").count() == mails > 0
        assert Process.objects.get(comment__startswith="Ask").comment == f"Ask not.{ADDRESS} or {ADDRESS}.org"

    def test_a_number_that_holds_the_code(self, api: Api) -> None:
        process = finished(api, documentName=f"Invoice 9{CODE.replace('-', '')}", comment="Room 2345")
        erase(known_as(country="LV", code=CODE), actor=BOSS, at=NOON)
        process.refresh_from_db()
        assert (process.document_name, process.comment) == ("Invoice 915038512345", "Room 2345")

    def test_another_of_that_name_and_a_name_of_one_word(self, api: Api) -> None:
        process = canceled([[canary(signerName="Anna"), signer(BEN, signerName="Joanna Smith")]])
        twins = canceled([[canary(), signer(BEN, signerName=NAME)]])
        erase(known_as(country="LV", code=CODE), actor=BOSS, at=NOON)
        assert Signer.objects.filter(process=process).exclude(name=None).get().name == "Joanna Smith"
        assert Signer.objects.filter(process=twins).exclude(name=None).get().name == NAME
        created = AuditEvent.objects.of_process(twins.pk).earliest("number")
        assert list((created.after or {}).values()).count(NAME) == 1

    def test_a_contact_that_is_somebody_else_by_now(self, api: Api) -> None:
        contact = contact_of(name=NAME, email=ADDRESS)
        api.put(f"/api/contacts/{contact.pk}", {"name": BEN, "email": "ben@example.net"})
        erase(known_as(address=ADDRESS), actor=BOSS, at=NOON)
        assert Contact.objects.get().name == BEN
        assert [line.name for line in Contact.history.all()] == [BEN]

    def test_what_the_trail_tells_of_such_a_contact(self, api: Api) -> None:
        contact = contact_of(BOSS, name=NAME, email=ADDRESS)
        phones = ["+37129123456", "+37129123457"]
        for minute, said in enumerate(
            ({"phone": phones[0]}, {"name": BEN, "email": "ben@example.net"}, {"phone": phones[1]}), 1
        ):
            versioned.replace(contact, said, actor=BOSS, at=NOON + timedelta(minutes=minute))
        erase(known_as(address=ADDRESS), actor=BOSS, at=NOON)
        added, theirs, between, own = AuditEvent.objects.filter(method__endswith=str(contact.pk)).in_order()
        assert (added.after, theirs.before, theirs.after, between.before) == (None,) * 4
        assert between.after == {"name": BEN, "email": "ben@example.net"}
        assert (own.before, own.after) == ({"phone": phones[0]}, {"phone": phones[1]})

    def test_who_shares_the_mailbox_without_a_code(self, api: Api) -> None:
        viewer = signer(BEN, "VIEWER", signerEmail=ADDRESS, signerPersonalCode=None, signerCountry=None)
        process = canceled([[canary(), viewer]])
        erase(known_as(country="LV", code=CODE), actor=BOSS, at=NOON)
        assert Signer.objects.filter(process=process).exclude(name=None).get().email == ADDRESS


def test_however_it_is_written(api: Api, mailoutbox: Any) -> None:
    process = finished(api, comment=f"{NAME.upper()}, {CODE.replace('-', ' ')}", initiatorName="KANARIJA  PUTNINA")
    other = started_process([[BEN]], documentId="D2")
    actions.act(other, row_of(other, BEN).pk, {"status": "SIGNED", "comment": f"As {CODE} said"}, actor=OWNER, at=NOON)
    send_due()
    erase(known_as(country="LV", code=CODE.replace("-", "")), actor=BOSS, at=NOON)
    process.refresh_from_db()
    assert (process.comment, process.initiator_name) == (None, None)
    assert row_of(other, BEN).comment is None
    assert hits(dump()) == []


def test_an_account_is_named_and_kept(api: Api) -> None:
    user = User.objects.create_user("putnina", email=ADDRESS)
    assert look(known_as(address=ADDRESS)).kept == [f"user {user.pk}: an account, which is removed under Users"]
    before = AuditEvent.objects.count()
    erase(known_as(address=ADDRESS), actor=BOSS, at=NOON)
    assert AuditEvent.objects.count() == before


def test_erased_and_then_retired(api: Api) -> None:
    profile_of("LEASE", retentionDays=10)
    process = finished(api, documentType="LEASE")
    erase(known_as(country="LV", code=CODE), actor=BOSS, at=NOON)
    erase(known_as(address=process.signers.get(name=BEN).email), actor=BOSS, at=NOON)
    assert retention.apply(at=NOON + timedelta(days=11)) == 1
    assert verify_trail(at=NOON).findings == []


def test_a_template_read_before_does_not_bring_anybody_back(api: Api) -> None:
    template = template_of(data=json.dumps(body([[canary(signerName="Anna"), BEN]])))
    contact_of(name="Anna", country="LV", personalCode=CODE)
    tag = api.get(f"/api/templates/{template.pk}").headers["ETag"]
    erase(known_as(country="LV", code=CODE), actor=BOSS, at=NOON)
    assert api.call("PUT", f"/api/templates/{template.pk}", {"name": "x"}, If_Match=tag).status_code == 412
    data = json.loads(api.get(f"/api/templates/{template.pk}").json()["data"])
    first, second = data["signingProcessSteps"][0]["processStepSigners"]
    assert (first["signerName"], first["signerEmail"], second["signerName"]) == (None, None, BEN)


class TestTheCommand:
    def run(self, *words: str) -> str:
        out = io.StringIO()
        call_command("erase_person", *words, stdout=out)
        return out.getvalue()

    def test_shows_asks_and_erases(self, everywhere: Process, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("builtins.input", lambda asked: "no")
        with pytest.raises(CommandError, match="Nothing was changed"):
            self.run("--email", ADDRESS)
        assert hits(dump())
        said = self.run("--country", "LV", "--code", CODE, "--yes")
        assert "would go: 2 signers of finished processes" in said
        assert "erased: 2 signers of finished processes" in said
        assert hits(dump()) == hits(said) == []

    def test_nobody(self) -> None:
        before = dump()
        with pytest.raises(CommandError, match="Nothing is kept of that person; nothing was changed"):
            self.run("--email", "nobody@example.net", "--yes")
        for words in ([], ["--country", "LV"], ["--country", "LV", "--code", "1", "--email", "a@example.org"]):
            with pytest.raises(CommandError, match="Name a person"):
                self.run(*words, "--yes")
        assert dump() == before

    def test_who_is_named_twice_or_not(self) -> None:
        with pytest.raises(NotNamed):
            known_as()
