"""A canary person is everywhere, and then nowhere; running processes and holds keep what they need."""

import io
import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from audit.chain import checkpoints
from audit.chain.verify import verify as verify_trail
from audit.log import Event, record, report
from audit.models import AuditEvent
from config.access.models import User
from config.kept import actions as kept
from config.vocabulary import EventType
from contacts.models import Contact
from notifications.delivery.send import send_due
from notifications.models import Message, RefusedAddress
from signing import actions
from signing.actions.hold import OnHold
from signing.erasure import retention
from signing.erasure.people import NobodyFound, NotNamed, known_as
from signing.erasure.person import erase, look
from signing.evidence import verify
from signing.models import Process, Signer
from tests.builders import BOSS, NOON, OWNER, contact_of, profile_of, row_of, sign, started_process, template_of
from tests.conftest import CANARIES, Api
from tests.people import BEN, body, signer
from tests.signing.api.test_evidence import fetched

pytestmark = pytest.mark.django_db

NAME, CODE, ADDRESS = "Kanārija Putniņa", "150385-12345", "kanarija.putnina@example.net"
MARKS = [NAME, CODE, CODE.replace("-", ""), ADDRESS, "Putniņa", "putnina", "Putni\\u0146a"]
CANARY = {"signerName": NAME, "signerPersonalCode": CODE, "signerEmail": ADDRESS, "signerCountry": "LV"}


@pytest.fixture(autouse=True)
def alone(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.AUDIT_CHECKPOINT_FILE = tmp_path / "checkpoints.jsonl"
    monkeypatch.setattr("audit.horizon.reached", lambda: None)


def canary(**more: Any) -> dict[str, Any]:
    return signer(BEN, **{**CANARY, **more})


def acted(process: Process, status: str, comment: str) -> None:
    said = {"status": status, "comment": comment}
    actions.act(process, row_of(process, NAME).pk, said, actor=OWNER, at=NOON)


def finished(api: Api, **more: Any) -> Process:
    process = started_process([[canary()], [BEN]], **more)
    acted(process, "SIGNED", f"I, {NAME}, agree.")
    sign(process, BEN)
    return process


@pytest.fixture
def everywhere(api: Api, api_of: Callable[..., Api], mailoutbox: Any) -> Process:
    """A finished process with the person, and the person wherever else one can be."""
    process = finished(api, comment=f"For {NAME}", documentName=f"Lease of {NAME}")
    declined = started_process([[canary()], [BEN]])
    acted(declined, "DECLINED", "No.")
    renamed = started_process([[BEN]])
    steps = api.get(f"/api/processes/{renamed.pk}").json()["signingProcessSteps"]
    steps[0]["processStepSigners"].append(canary())
    api.put(f"/api/processes/{renamed.pk}", {"signingProcessSteps": steps})
    steps = api.get(f"/api/processes/{renamed.pk}").json()["signingProcessSteps"]
    steps[0]["processStepSigners"].pop()
    api.put(f"/api/processes/{renamed.pk}", {"signingProcessSteps": steps})
    api.post(f"/api/processes/{renamed.pk}/cancel", {})
    send_due()
    answer = api.post("/api/processes", body([[canary()]], status="PENDING"), Idempotency_Key="canary")
    api.delete(f"/api/processes/{answer.json()['id']}")
    contact = contact_of(name=NAME, email=ADDRESS.upper().lower(), country="LV", personalCode=CODE)
    api.put(f"/api/contacts/{contact.pk}", {"phone": "+37129123456"})
    for minute, name in enumerate(("K. P.", NAME), 1):
        kept.replace(contact, {"name": name}, actor=BOSS, at=NOON + timedelta(minutes=minute))
    kept.delete(contact_of(BOSS, name=NAME, email=ADDRESS), actor=BOSS, at=NOON)
    template_of(data=json.dumps(body([[canary(), BEN]])))
    RefusedAddress.objects.create(address=ADDRESS, answer="550 no", refused_at=NOON)
    portal = api_of("portal", rights=["on_behalf", "audit_write"])
    portal.get(f"/api/signer-tasks?country=LV&personalCode={CODE}")
    report(
        [{"event_type": EventType.SIGNATURE, "customer_personal_code": CODE, "process_id": "of another system"}],
        actor=OWNER,
        at=NOON,
    )
    record([Event(EventType.FAILURE, process.pk, note=f"{NAME} could not be reached")], actor=OWNER, at=NOON)
    checkpoints.make(at=NOON)
    return process


def dump() -> str:
    """All that the database holds, as text."""
    rows = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            if table.startswith(("django_session", "django_migrations")):
                continue
            cursor.execute(f'SELECT * FROM "{table}"')
            rows += [f"{table}: {row!r}" for row in cursor.fetchall()]
    return "\n".join(rows).replace("\\\\", "\\")


def hits(text: str) -> list[str]:
    return [line[:300] for line in text.splitlines() if any(mark.casefold() in line.casefold() for mark in MARKS)]


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
        + [line for line in plan.kept if "mails" in line]
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
        process = started_process([[canary(signerPersonalCode=code, signerEmail="office@example.net")]])
        actions.cancel(process, actor=OWNER, at=NOON)
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
        process = started_process([[canary(signerName="Anna"), signer(BEN, signerName="Joanna Smith")]])
        actions.cancel(process, actor=OWNER, at=NOON)
        twins = started_process([[canary(), signer(BEN, signerName=NAME)]])
        actions.cancel(twins, actor=OWNER, at=NOON)
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
            kept.replace(contact, said, actor=BOSS, at=NOON + timedelta(minutes=minute))
        erase(known_as(address=ADDRESS), actor=BOSS, at=NOON)
        added, theirs, between, own = AuditEvent.objects.filter(method__endswith=str(contact.pk)).in_order()
        assert (added.after, theirs.before, theirs.after, between.before) == (None,) * 4
        assert between.after == {"name": BEN, "email": "ben@example.net"}
        assert (own.before, own.after) == ({"phone": phones[0]}, {"phone": phones[1]})

    def test_who_shares_the_mailbox_without_a_code(self, api: Api) -> None:
        viewer = signer(BEN, "VIEWER", signerEmail=ADDRESS, signerPersonalCode=None, signerCountry=None)
        process = started_process([[canary(), viewer]])
        actions.cancel(process, actor=OWNER, at=NOON)
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


class TestRetention:
    def at(self, days: int) -> Any:
        return NOON + timedelta(days=days)

    def test_by_profile_and_group(self, api: Api) -> None:
        general, own = profile_of("LEASE", retentionDays=10), profile_of("LEASE", ownerGroup="legal", retentionDays=30)
        first = finished(api, documentType="LEASE")
        actor = OWNER.__class__(client="x", subject="x", groups=frozenset({"legal"}))
        second = started_process([[BEN]], actor=actor, documentType="LEASE", ownerGroup="legal")
        actions.cancel(second, actor=actor, at=NOON)
        started_process([[BEN]], documentType="LEASE")
        finished(api, documentType="OTHER")
        assert {d.profile.pk: d.processes for d in retention.preview(at=self.at(9))} == {general.pk: 0, own.pk: 0}
        assert {d.profile.pk: d.processes for d in retention.preview(at=self.at(11))} == {general.pk: 1, own.pk: 0}
        assert [retention.apply(at=self.at(days)) for days in (9, 11, 11, 31)] == [0, 1, 0, 1]
        assert not Process.objects.filter(pk__in=[first.pk, second.pk]).exists()
        assert Process.objects.count() == 2

    def test_the_events_stay_and_what_is_personal_goes(self, api: Api, api_of: Callable[..., Api]) -> None:
        profile_of("LEASE", retentionDays=10)
        process = finished(api, documentType="LEASE")
        checkpoints.make(at=NOON)
        events = AuditEvent.objects.of_process(process.pk).count()
        assert hits(dump())

        retention.apply(at=self.at(11))

        assert hits(dump()) == []
        left = AuditEvent.objects.of_process(process.pk).in_order()
        assert left.count() == events + 1
        assert left.last().event_type == "PROCESS_DELETED"
        assert left.last().before == {"status": "COMPLETED"}
        assert verify_trail(at=NOON).whole
        assert not Message.objects.filter(process_id=process.pk).exists()
        auditor = api_of("auditor", rights=["audit_read"])
        assert auditor.get(f"/api/processes/{process.pk}/audit").json()["verdict"]["whole"] is True

    def test_a_hold_stays(self, api: Api) -> None:
        profile_of("LEASE", retentionDays=10)
        process = finished(api, documentType="LEASE")
        actions.hold(process, actor=BOSS, at=NOON, reason="x")
        (due,) = retention.preview(at=self.at(11))
        assert (due.processes, due.held) == (0, 1)
        assert retention.apply(at=self.at(11)) == 0

    def test_the_command(self, api: Api) -> None:
        out = io.StringIO()
        call_command("apply_retention", stdout=out)
        assert "everything is kept" in out.getvalue()
        profile_of("LEASE", retentionDays=10)
        finished(api, documentType="LEASE")
        call_command("apply_retention", stdout=out)
        assert "LEASE (LEASE, days kept: 10): 1 due" in out.getvalue()
        assert Process.objects.count() == 1
        call_command("apply_retention", "--yes", stdout=out)
        assert "Processes removed: 1." in out.getvalue()
        assert Process.objects.count() == 0
