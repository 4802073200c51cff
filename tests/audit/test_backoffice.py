"""The audit trail in the back office, and the events that the back office records."""

import csv
import io
import json
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import ANY

import pytest
import tablib
from axes.models import AccessAttempt
from django.contrib.admin.models import LogEntry
from django.test import Client
from django_otp.oath import TOTP
from django_otp.plugins.otp_totp.models import TOTPDevice

from audit.log import Event, record
from audit.models import AuditEvent
from config.access.models import User
from config.versioned import actions as versioned
from config.vocabulary import EventType
from contacts.models import Contact
from contacts.sheets import ContactSheet
from notifications.delivery.send import send_due
from notifications.models import ReminderSettings
from signing import actions
from signing.evidence import offline_verifier as verify
from signing.models import Signer
from templates_app.models import DocumentProfile
from tests.builders import (
    BOSS,
    NOON,
    OWNER,
    contact_of,
    profile_of,
    row_of,
    sign,
    staff,
    started_process,
    template_of,
)
from tests.conftest import Api
from tests.people import ANA, BEN, CODES, signer

pytestmark = pytest.mark.django_db
LIST = "/admin/audit/auditevent/"
PASSWORD = "correct horse battery"


@pytest.fixture(autouse=True)
def alone(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.AUDIT_CHECKPOINT_FILE = tmp_path / "checkpoints.jsonl"
    monkeypatch.setattr("audit.chain.reader_cursor.readable_up_to", lambda: None)


@pytest.fixture
def boss() -> Client:
    return staff(superuser=True)


class TestTrail:
    @pytest.fixture(autouse=True)
    def events(self) -> None:
        for number in range(3):
            after = {"signerName": f"Ā{number}"}
            note = f"=1+{number} naïve"
            record([Event(EventType.FAILURE, f"p{number}", note=note, after=after)], actor=OWNER, at=NOON)

    @pytest.mark.parametrize(("query", "count"), [("q=p1", 1), ("q=%3D1%2B2", 1), ("event_type__exact=FAILURE", 3)])
    def test_search_and_export_show_the_same(self, boss: Client, query: str, count: int) -> None:
        assert boss.get(f"{LIST}?{query}").content.decode().count("na\u00efve") >= count
        lines = b"".join(boss.get(f"{LIST}export/jsonl/?{query}").streaming_content).decode().splitlines()
        assert [json.loads(line)["eventType"] for line in lines] == ["FAILURE"] * count
        text = b"".join(boss.get(f"{LIST}export/csv/?{query}").streaming_content).decode("utf-8-sig")
        rows = list(csv.DictReader(io.StringIO(text)))
        assert [row["processId"] for row in rows] == [json.loads(line)["processId"] for line in lines]
        assert all(row["note"].startswith("'=1+") for row in rows)

    def test_no_part_of_an_exported_cell_is_a_formula(self, boss: Client) -> None:
        text = 'x;=1+1;\ty\n-2\r\n@z; "=3'
        record([Event(EventType.FAILURE, "formulas", note=text, after={"signerName": text})], actor=OWNER, at=NOON)
        content = b"".join(boss.get(f"{LIST}export/csv/?q=formulas").streaming_content).decode("utf-8-sig")
        (row,) = csv.DictReader(io.StringIO(content, newline=""))
        assert row["note"] == "x;'=1+1;\ty\n'-2\r\n'@z;' \"=3"
        assert not re.search(r"[;\t\r\n][\s\"]*[=+@-]", content)
        assert json.loads(row["after"])["signerName"] == text

    def test_an_export_is_streamed(self, boss: Client) -> None:
        response = boss.get(f"{LIST}export/csv/")
        assert response.streaming
        assert next(iter(response.streaming_content)).startswith("\ufeffid,createdAt".encode())

    def test_reading_the_trail_requires_the_right(self) -> None:
        assert staff("nobody").get(f"{LIST}export/csv/").status_code == 404
        for name, rights, shown in (("clerk", [], 0), ("reader", ["audit_read"], 3)):
            client = staff(name, *rights, "view_auditevent")
            assert client.get(LIST).content.decode().count("naïve") == shown
            assert b"".join(client.get(f"{LIST}export/jsonl/").streaming_content).count(b"FAILURE") == shown

    def test_events_cannot_be_changed(self, boss: Client) -> None:
        event = AuditEvent.objects.filter(event_type="FAILURE").latest("number")
        page = boss.get(f"{LIST}{event.pk}/change/").content.decode()
        assert "=1+2 naïve" in page
        assert "<pre>{\n  &quot;signerName&quot;: &quot;Ā2&quot;\n}</pre>" in page
        assert 'name="_save"' not in page
        for url in (f"{LIST}add/", f"{LIST}{event.pk}/delete/"):
            assert boss.get(url).status_code == 403
        boss.post(f"{LIST}{event.pk}/change/", {"note": "x"})
        assert AuditEvent.objects.get(pk=event.pk).note == "=1+2 naïve"


class TestProcessPage:
    def test_the_timeline_shows_events_emails_and_status_changes(self, boss: Client) -> None:
        process = started_process([[ANA], [BEN]])
        sign(process, ANA)
        page = boss.get(f"/admin/signing/process/{process.pk}/change/").content.decode()
        happened = page[page.index("<h2>History") :]
        for text in ("the audit trail is intact", "STARTED → SIGNED", "PROCESS_STARTED", "TASK_STARTED email queued"):
            assert text in happened
        assert happened.index("PROCESS_STARTED") < happened.index("SIGNER_SIGNED")

    def test_the_evidence_can_be_downloaded(self, boss: Client) -> None:
        process = started_process([[ANA]])
        answer = boss.post(f"/admin/signing/process/{process.pk}/evidence/")
        assert answer["Content-Type"] == "application/zip"
        with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
            files = {name.rpartition("/")[2]: archive.read(name) for name in archive.namelist()}
        assert verify.check(files)
        last = AuditEvent.objects.of_process(process.pk).latest("number")
        assert (last.event_type, last.method, last.creator) == ("PROCESS_GETONE", "evidence", "boss")

    def test_a_hold_is_set_and_released(self, boss: Client) -> None:
        process = started_process([[ANA]])
        url = f"/admin/signing/process/{process.pk}"
        page = boss.post(f"{url}/hold/", {"reason": "", "next": f"{url}/change/"}, follow=True)
        assert "The reason for a hold must have" in page.content.decode()
        boss.post(f"{url}/hold/", {"reason": "Lawsuit 7"})
        assert "Lawsuit 7" in boss.get(f"{url}/change/").content.decode()
        boss.post(f"{url}/release/")
        process.refresh_from_db()
        assert process.hold is None
        assert staff("clerk").post(f"{url}/hold/", {"reason": "x"}).status_code in (302, 403, 404)
        changes = AuditEvent.objects.of_process(process.pk).filter(event_type="PROCESS_UPDATED").in_order()
        assert [(e.before, e.after) for e in changes] == [
            ({"hold": None}, {"hold": "Lawsuit 7"}),
            ({"hold": "Lawsuit 7"}, {"hold": None}),
        ]


class TestErasure:
    URL = "/admin/signing/process/erasure/"

    def test_an_erasure_is_previewed_first(self, boss: Client) -> None:
        process = started_process([[ANA]])
        actions.cancel(process, actor=OWNER, at=NOON)
        send_due()
        profile_of("LEASE", retentionDays=10)
        form = {"country": "LV", "code": CODES[ANA]}
        page = boss.post(self.URL, form).content.decode()
        assert "signers of finished processes" in page
        assert "LEASE" in page
        assert Signer.objects.get(process=process).name == ANA
        boss.post(self.URL, {**form, "erase": "yes"})
        assert Signer.objects.get(process=process).name is None
        assert "No data about this person is stored" in boss.post(self.URL, form).content.decode()
        assert not LogEntry.objects.filter(change_message__contains=CODES[ANA]).exists()

    def test_only_administrators_may_erase(self) -> None:
        assert staff("clerk", "manage_profiles").get(self.URL).status_code == 302


class TestRecordedChanges:
    def last(self) -> AuditEvent:
        return AuditEvent.objects.exclude(event_type__startswith="AUDIT_LOGIN").latest("number")

    def test_a_profile(self, boss: Client) -> None:
        profile = profile_of("LEASE")
        event = self.last()
        assert (event.event_type, event.creator, event.process_id) == ("PROCESS_UPDATED", "boss", "")
        assert event.method == f"add templates_app.documentprofile {profile.pk}"
        versioned.replace_row(profile, {"retention_days": 7}, actor=BOSS, at=NOON)
        event = self.last()
        assert (event.before, event.after) == ({"retentionDays": None}, {"retentionDays": 7})
        versioned.delete_row(DocumentProfile.objects.get(), actor=BOSS, at=NOON)
        assert self.last().method.startswith("delete templates_app.documentprofile")

    def test_a_contact(self, boss: Client) -> None:
        form = {"name": ANA, "email": "ana@example.org", "scope": "PERSONAL", "owner": "ilze"}
        assert boss.post("/admin/contacts/contact/add/", form).status_code == 302
        contact, event = Contact.objects.get(), self.last()
        assert (event.method, event.creator, event.before) == (f"add contacts.contact {contact.pk}", "boss", None)
        assert event.after is not None
        assert (event.after["name"], event.after["owner"]) == (ANA, "ilze")
        page = f"/admin/contacts/contact/{contact.pk}"
        boss.post(f"{page}/change/", {**form, "language": "lv", "seen_version": 1})
        event = self.last()
        assert (event.before, event.after) == ({"language": None}, {"language": "lv"})
        boss.post(f"{page}/delete/", {"post": "yes"})
        event = self.last()
        assert (event.method, event.after) == (f"delete contacts.contact {contact.pk}", None)
        assert event.before is not None
        assert (event.before["email"], event.before["language"]) == ("ana@example.org", "lv")

    def test_imported_contacts(self) -> None:
        known = contact_of(name=ANA)
        for actor, events in ((OWNER, 0), (BOSS, 2)):
            sheet = tablib.Dataset(
                ["", "Cleo", actor.subject], [str(known.pk), f"Anna {events}", "ilze"], headers=["id", "name", "owner"]
            )
            for preview in (True, False):
                before = AuditEvent.objects.count()
                ContactSheet(actor=actor, at=NOON, preview=preview).import_data(sheet, dry_run=preview)
                assert AuditEvent.objects.count() - before == (0 if preview else events)
        added, changed = AuditEvent.objects.in_order()
        assert added.after is not None
        assert added.after["name"] == "Cleo"
        assert added.method == f"add contacts.contact {Contact.objects.get(name='Cleo', owner='boss').pk}"
        assert changed.method == f"change contacts.contact {known.pk}"
        assert (changed.before, changed.after) == ({"name": "Anna 0"}, {"name": "Anna 2"})

    def test_a_long_text_is_recorded_by_its_hash(self) -> None:
        template = template_of(data=json.dumps("x" * 20_000))
        assert not AuditEvent.objects.exists(), "users' changes of their own templates are in the history only"
        versioned.replace_row(template, {"data": '"short"'}, actor=BOSS, at=NOON)
        event = self.last()
        assert event.before is not None
        assert event.before["data"].startswith("(20002 characters, SHA-256 ")
        assert event.after == {"data": '"short"'}

    def test_reminder_settings(self, boss: Client) -> None:
        boss.get("/admin/notifications/remindersettings/")
        row = ReminderSettings.objects.get()
        form = {"active": "on", "days": "7, 2", "hour": row.hour, "zone": "", "overdue_notice": "on"}
        answer = boss.post(
            f"/admin/notifications/remindersettings/{row.pk}/change/", {**form, "without_due_date_every": 0}
        )
        assert answer.status_code == 302, answer.content.decode()[-3000:]
        event = self.last()
        assert (event.creator, event.ip_address) == ("boss", "127.0.0.1")
        assert event.after is not None
        assert event.after["days"] == "7, 2"
        assert event.before is not None
        assert event.before["days"] == "5, 3, 1"
        assert event.request_id

    def test_a_user_and_its_rights(self, boss: Client) -> None:
        boss.post("/admin/auth/group/add/", {"name": "legal"})
        event = self.last()
        assert (event.method[:15], event.after) == ("add auth.group ", {"id": ANY, "name": "legal", "permissions": []})
        user = User.objects.create_user("cleo", password=PASSWORD)
        page = boss.get(f"/admin/access/user/{user.pk}/change/")
        form = page.context["adminform"].form
        sent = {name: value for name, value in form.initial.items() if value is not None and name != "password"}
        joined = user.date_joined
        answer = boss.post(
            f"/admin/access/user/{user.pk}/change/",
            {
                **{k: v for k, v in sent.items() if k not in ("groups", "user_permissions", "date_joined")},
                "is_staff": "on",
                "date_joined_0": f"{joined:%Y-%m-%d}",
                "date_joined_1": f"{joined:%H:%M:%S}",
            },
        )
        assert answer.status_code == 302, answer.content.decode()[-2000:]
        event = self.last()
        assert event.method == f"change access.user {user.pk}"
        assert event.before is not None
        assert (event.before["is_staff"], (event.after or {})["is_staff"]) == (False, True)
        assert not any("pbkdf2" in value or PASSWORD in value for value in event.personal_values.values())
        boss.post(f"/admin/access/user/{user.pk}/make-token/", {"name": "reports", "days": "30"})
        event = self.last()
        assert event.note == "Created the API token 'reports'."

    def test_a_second_factor_and_a_locked_name(self, boss: Client) -> None:
        user = User.objects.create_user("cleo", password=PASSWORD, is_staff=True)
        device = TOTPDevice.objects.create(user=user, name="app", key="5e" * 20)
        boss.post(f"/admin/otp_totp/totpdevice/{device.pk}/delete/", {"post": "yes"})
        event = self.last()
        assert (event.method, event.creator) == (f"delete otp_totp.totpdevice {device.pk}", "boss")
        assert not any("5e5e" in value for value in event.personal_values.values())
        attempt = AccessAttempt.objects.create(
            username="cleo", post_data="secret", attempt_time=NOON, failures_since_start=5
        )
        boss.post(f"/admin/axes/accessattempt/{attempt.pk}/delete/", {"post": "yes"})
        event = self.last()
        assert event.method == f"delete axes.accessattempt {attempt.pk}"
        assert not any("secret" in value for value in event.personal_values.values())


class TestLogins:
    def kinds(self) -> list[str]:
        return list(AuditEvent.objects.in_order().values_list("event_type", flat=True))

    @pytest.fixture
    def clerk(self) -> User:
        return User.objects.create_user("clerk", password=PASSWORD, is_staff=True)

    def log_in(self, client: Client, password: str = PASSWORD, name: str = "clerk") -> None:
        client.post("/admin/login/", {"username": name, "password": password})

    def test_a_login(self, clerk: User, client: Client) -> None:
        self.log_in(client)
        assert self.kinds() == ["AUDIT_LOGIN_START", "AUDIT_LOGIN_COMPLETED"]
        event = AuditEvent.objects.latest("number")
        assert (event.creator, event.ip_address, event.method) == ("clerk", "127.0.0.1", "back office")

    def test_failed_logins_are_recorded_without_the_password(self, clerk: User, client: Client) -> None:
        self.log_in(client, "wrong password 7")
        self.log_in(client, name="a password typed here")
        first, second = AuditEvent.objects.in_order()
        assert (first.event_type, first.creator) == ("AUDIT_LOGIN_FAULT", "clerk")
        assert (second.event_type, second.creator) == ("AUDIT_LOGIN_FAULT", "")
        assert not any(
            "typed" in value or "wrong password" in value
            for e in (first, second)
            for value in e.personal_values.values()
        )

    def test_the_second_factor(self, clerk: User, client: Client, settings: Any) -> None:
        settings.STAFF_SECOND_FACTOR = True
        self.log_in(client)
        client.get("/admin/second-factor/")
        client.post("/admin/second-factor/", {"code": "000000"})
        assert self.kinds() == ["AUDIT_LOGIN_START", "AUTH_START", "AUDIT_LOGIN_FAULT"]
        secret = client.session["second_factor_key"]
        clock = TOTP(bytes.fromhex(secret))
        client.post("/admin/second-factor/", {"code": f"{clock.token():06}"})
        assert self.kinds()[-2:] == ["AUTH_COMPLETED", "AUDIT_LOGIN_COMPLETED"]
        assert not any(
            secret in value for event in AuditEvent.objects.all() for value in event.personal_values.values()
        )


def test_recording_of_reads_can_be_disabled(api: Api, settings: Any) -> None:
    process = started_process([[ANA, signer(BEN, "VIEWER")]])
    settings.AUDIT_READS = False
    before = AuditEvent.objects.count()
    api.get(f"/api/processes/{process.pk}")
    api.get("/api/processes")
    assert AuditEvent.objects.count() == before
    api.post(f"/api/signers/{row_of(process, BEN).pk}/act", {"signingStatus": "VIEWED"})
    opened = AuditEvent.objects.latest("number")
    # An act is recorded, unlike a read.
    assert (opened.event_type, opened.seq) == ("PROCESS_OPENED", before + 1)


def test_a_signer_who_reads_the_process_has_opened_it(api_of: Callable[..., Api]) -> None:
    process = started_process([[ANA]])
    ana = api_of("ana", code=CODES[ANA])
    ana.get(f"/api/processes/{process.pk}")
    ana.get(f"/api/signer-tasks?country=LV&personalCode={CODES[ANA]}&signerId={row_of(process, ANA).pk}")
    opened = AuditEvent.objects.of_process(process.pk).filter(event_type="PROCESS_OPENED")
    assert [event.signer_id for event in opened] == [str(row_of(process, ANA).pk)] * 2
