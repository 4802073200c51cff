"""A canary person is in every table, and after an erasure in none; other people's data stays."""

import io
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from audit.chain.verify import verify as verify_trail
from audit.log import report
from audit.models import AuditEvent
from config.access.models import User
from contacts.models import Contact
from notifications.delivery.send import send_due
from notifications.models import Message
from signing import actions
from signing.actions.hold import OnHold
from signing.erasure import redactors, retention
from signing.erasure.erase import NothingFound, erase, preview
from signing.erasure.person import PersonNotNamed, find_person
from signing.evidence import offline_verifier
from signing.models import Process, Signer
from tests.builders import BOSS, NOON, OWNER, contact_of, profile_of, row_of, sign, staff, started_process
from tests.conftest import CANARIES, Api
from tests.people import BEN, signer
from tests.signing.api.test_evidence import fetched
from tests.signing.erasure.canary import (
    ADDRESS,
    BY_ADDRESS,
    BY_CODE,
    CODE,
    KEY,
    NAME,
    NOT_SEARCHED,
    act,
    canary,
    contradiction,
    dump,
    erase_canary,
    finished,
    hits,
    require_erased,
    spellings,
)

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("by", [{"country": "lv", "code": CODE.replace("-", "")}, {"address": ADDRESS.upper()}])
def test_nothing_is_left_and_the_trail_verifies(api: Api, everywhere: Process, by: dict[str, str]) -> None:
    assert len(hits(dump())) > 20
    events = verify_trail(at=NOON).events
    logged = len(CANARIES.heard)

    summary = erase(find_person(**by), actor=BOSS, at=NOON)

    assert summary.kept == []
    assert hits(dump()) == []
    assert hits("\n".join(CANARIES.heard[logged:])) == []
    files = fetched(api, everywhere)
    assert hits("\n".join(content.decode("utf-8", "replace") for content in files.values())) == []
    assert offline_verifier.check(files)
    verdict = verify_trail(at=NOON)
    assert (verdict.findings, verdict.unchecked) == ([], [])
    assert verdict.events > events
    assert [contradiction(process) for process in Process.objects.all()] == [""] * Process.objects.count()
    with pytest.raises(NothingFound):
        preview(find_person(**by))


@pytest.mark.parametrize("place", NOT_SEARCHED)
def test_places_that_are_documented_as_not_searched_stay(everywhere: Process, place: str) -> None:
    erase_canary()
    rows = dump()
    assert any(spelling in rows for spelling in spellings(NOT_SEARCHED[place]))


def test_every_redactor_has_something_to_remove(everywhere: Process) -> None:
    counts = preview(find_person(**BY_CODE)).counts
    elsewhere = {"AccessAttemptRedactor", "AccessFailureLogRedactor", "AdminLogRedactor", "UploadRedactor"}
    labels = {r.label for r in redactors.REDACTORS if type(r).__name__ not in elsewhere}
    assert counts.keys() == labels | {"values in the audit trail"}
    assert counts["signers of finished processes"] == 2
    assert counts["contacts, with their histories"] == 2
    assert erase_canary().counts == counts


def test_other_people_stay(api: Api, everywhere: Process) -> None:
    contact_of(name=BEN, email="ben@example.net")
    erase_canary()
    ben = row_of(everywhere, BEN)
    assert (ben.status, bool(ben.email), bool(ben.personal_code)) == ("SIGNED", True, True)
    erased = Signer.objects.get(process=everywhere, step__process_order=1)
    assert (erased.status, erased.role, erased.name, erased.email, erased.person_key) == (
        "SIGNED",
        "SIGNER",
        None,
        None,
        "",
    )
    assert Contact.objects.filter(name=BEN).exists()
    assert api.get(f"/api/processes/{everywhere.pk}").status_code == 200
    events = api.get(f"/api/processes/{everywhere.pk}/audit").json()
    assert events["verdict"]["whole"] is True
    assert any(event["erased"] for event in events["content"])
    assert "The personal data of a person was erased." in [event["note"] for event in events["content"]]


def test_the_version_of_an_erased_process_rises(api: Api) -> None:
    process = finished()
    etag = api.get(f"/api/processes/{process.pk}").headers["ETag"]
    erase_canary()
    assert api.get(f"/api/processes/{process.pk}").headers["ETag"] != etag


class TestKept:
    def test_processes_that_are_running_or_on_hold(self) -> None:
        done = finished()
        running = started_process([[canary()]])
        held = finished()
        actions.hold(held, actor=BOSS, at=NOON, reason="Lawsuit 7")

        summary = erase_canary()

        assert sorted(summary.kept) == sorted(
            [f"process {running.pk} is STARTED", f"process {held.pk} is on hold (Lawsuit 7)"]
        )
        assert [row_of(process, NAME).email for process in (running, held)] == [ADDRESS, ADDRESS]
        assert not Signer.objects.filter(process=done, name=NAME).exists()
        assert Message.objects.filter(process_id=running.pk, address=ADDRESS).exists()
        with pytest.raises(OnHold):
            actions.delete(held, actor=OWNER, at=NOON)
        actions.hold(held, actor=BOSS, at=NOON, reason=None)
        erase_canary()
        assert not Signer.objects.filter(process=held, name=NAME).exists()

    def test_a_draft(self) -> None:
        draft = started_process([[canary()]], status="PENDING")
        assert preview(find_person(**BY_CODE)).kept == [f"process {draft.pk} is PENDING"]

    def test_a_process_with_emails_that_have_not_been_sent(self, mailoutbox: Any) -> None:
        process = started_process([[canary()], [BEN]])
        act(process, NAME, comment="Yes.")
        sign(process, BEN)
        assert erase_canary().kept == [f"process {process.pk} has emails that have not been sent yet"]
        assert row_of(process, NAME).email == ADDRESS
        send_due()
        assert Message.objects.filter(address=ADDRESS, status="SENT").exists()
        require_erased(BY_CODE)

    def test_an_email_that_belongs_to_no_process(self, mailoutbox: Any) -> None:
        message = Message.objects.create(key="x", event="FAILURE", address=ADDRESS, created_at=NOON, queued_at=NOON)
        contact_of(name=NAME, email=ADDRESS)
        summary = erase_canary(address=ADDRESS)
        assert (summary.kept, summary.again) == (["emails that have not been sent yet: 1"], [])
        assert not Contact.objects.exists()
        assert Message.objects.filter(pk=message.pk).exists()
        Message.objects.filter(pk=message.pk).update(status="SENT")
        require_erased(BY_ADDRESS)

    def test_a_process_with_a_reported_code_only(self) -> None:
        process = started_process([[BEN]])
        event = {"event_type": "SIGNATURE", "customer_personal_code": CODE, "process_id": str(process.pk)}
        report([event], actor=OWNER, at=NOON)
        summary = erase_canary()
        assert (summary.kept, summary.counts) == ([f"process {process.pk} is STARTED"], {})
        actions.cancel(process, actor=OWNER, at=NOON)
        send_due()
        require_erased(BY_CODE)

    def test_the_identifiers_for_a_later_erasure_are_named(self, mailoutbox: Any) -> None:
        contact_of(name=NAME, email=ADDRESS, country="LV", personalCode=CODE)
        viewer = {"signerName": NAME, "signerEmail": ADDRESS, "signerRole": "VIEWER"}
        running = started_process([[BEN, viewer]])
        summary = erase_canary()
        assert summary.kept == [f"process {running.pk} is STARTED"]
        assert summary.again == [ADDRESS, KEY]
        actions.cancel(running, actor=OWNER, at=NOON)
        send_due()
        require_erased(BY_ADDRESS)

    def test_accounts_are_named(self) -> None:
        user = User.objects.create_user("putnina", email=ADDRESS)
        other = User.objects.create_user("kanarija", country="LV", personal_code=CODE)
        assert preview(find_person(**BY_ADDRESS)).kept == [
            f"user {user.pk}: the person's account, which can be deleted under Users"
        ]
        assert preview(find_person(**BY_CODE)).kept == [
            f"user {other.pk}: the person's account, which can be deleted under Users"
        ]
        events = AuditEvent.objects.count()
        assert erase_canary(address=ADDRESS).counts == {}
        assert AuditEvent.objects.count() == events


def test_retention_deletes_a_process_that_was_erased_before() -> None:
    profile_of("LEASE", retentionDays=10)
    process = finished(documentType="LEASE")
    erase_canary()
    erase_canary(address=signer(BEN)["signerEmail"])
    assert contradiction(process) == ""
    retention.announce(at=NOON)
    assert retention.apply(at=NOON + timedelta(days=25)) == 1
    assert verify_trail(at=NOON).findings == []


class TestCommand:
    def run(self, *words: str) -> str:
        out = io.StringIO()
        call_command("erase_person", *words, stdout=out)
        return out.getvalue()

    def test_it_previews_asks_and_erases(self, everywhere: Process, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("builtins.input", lambda question: "no")
        with pytest.raises(CommandError, match="Nothing was changed"):
            self.run("--email", ADDRESS)
        assert hits(dump())
        output = self.run("--country", "LV", "--code", CODE, "--yes")
        assert "will be erased: signers of finished processes (2)" in output
        assert "\nerased: signers of finished processes (2)" in output
        assert hits(dump()) == hits(output) == []

    def test_it_does_not_ask_without_a_terminal(self, monkeypatch: pytest.MonkeyPatch) -> None:
        finished()

        def no_terminal(question: str) -> str:
            raise EOFError

        monkeypatch.setattr("builtins.input", no_terminal)
        with pytest.raises(CommandError, match="confirming requires a terminal"):
            self.run("--email", ADDRESS)
        assert hits(dump())

    def test_it_reports_what_is_kept(self) -> None:
        contact_of(name=NAME, email=ADDRESS, country="LV", personalCode=CODE)
        running = started_process([[canary()]])
        output = self.run("--country", "LV", "--code", CODE, "--yes")
        assert f"kept: process {running.pk} is STARTED" in output
        assert f"Later, erase the person again, using each of these: {ADDRESS}, {KEY}" in output

    def test_an_unknown_person(self) -> None:
        rows = dump()
        with pytest.raises(CommandError, match="No data about this person is stored"):
            self.run("--email", "nobody@example.net", "--yes")
        for words in ([], ["--country", "LV"], ["--country", "LV", "--code", "1", "--email", "a@example.org"]):
            with pytest.raises(CommandError, match="A person must be named"):
                self.run(*words, "--yes")
        assert dump() == rows


class TestAdminPage:
    URL = "/admin/signing/process/erasure/"

    def test_it_previews_and_erases(self) -> None:
        boss = staff(superuser=True)
        contact_of(name=NAME, email=ADDRESS, country="LV", personalCode=CODE)
        process = finished()
        running = started_process([[canary()]])
        page = boss.post(self.URL, BY_CODE)
        assert "no-store" in page.headers["Cache-Control"]
        content = page.content.decode()
        for text in (
            "Preview",
            "Will be kept",
            f"process {running.pk} is STARTED",
            f"using each of these: {ADDRESS}, {KEY}",
        ):
            assert text in content
        assert all(place in content for place in redactors.NOT_SEARCHED)
        assert row_of(process, NAME)
        content = boss.post(self.URL, {**BY_CODE, "erase": "yes"}, follow=True).content.decode()
        assert "Rows and values erased:" in content
        assert "Kept: 1 (see the preview for the reasons)." in content
        assert not Signer.objects.filter(process=process, name=NAME).exists()

    def test_refusals_are_shown(self) -> None:
        boss = staff(superuser=True)
        assert "A person must be named" in boss.post(self.URL, {"country": "LV"}).content.decode()
        assert "No data about this person is stored" in boss.post(self.URL, BY_ADDRESS).content.decode()


def test_a_person_must_be_named() -> None:
    with pytest.raises(PersonNotNamed):
        find_person()
