"""Each table: what is found in it, what is removed, and what of other people stays."""

from collections.abc import Callable
from typing import Any

import pytest
import tablib
from axes.models import AccessAttempt, AccessFailureLog
from django.contrib.admin.models import LogEntry

from audit.models import AuditEvent
from config.access import audit_hook
from config.access.models import User
from config.api.models import IdempotentAnswer
from config.text import plain
from config.versioned import actions as versioned
from contacts.models import Contact, Upload
from contacts.sheets import ContactSheet
from notifications.delivery.send import send_due
from notifications.models import Message, RefusedAddress
from signing.erasure.erase import preview
from signing.erasure.person import find_person
from signing.models import Signer
from tests.builders import BOSS, NOON, contact_of, row_of, staff, started_process
from tests.conftest import Api
from tests.people import BEN, CODES, body, signer
from tests.signing.erasure.canary import (
    ADDRESS,
    BY_ADDRESS,
    BY_CODE,
    CODE,
    KEY,
    NAME,
    NO_IDENTITY,
    act,
    canary,
    canceled,
    contradiction,
    erase_canary,
    finished,
    later,
    require_erased,
)

pytestmark = pytest.mark.django_db


class TestProcesses:
    def test_all_free_text_is_removed(self, mailoutbox: Any) -> None:
        process = canceled(
            [[canary(commentForSigner="Please")], [signer(BEN, commentForSigner="After the first")]],
            comment="Urgent",
            reason="No longer needed",
            attributes={"note": "Second floor", "rooms": 3, "furnished": True, "since": None},
        )
        erase_canary()
        process.refresh_from_db()
        assert (process.comment, process.cancel_reason) == (None, None)
        assert process.attributes == {"note": None, "rooms": 3, "furnished": True, "since": None}
        comments = process.signers.values_list("comment", "comment_for_signer")
        assert list(comments) == [(None, None)] * 2
        assert row_of(process, BEN).email
        assert contradiction(process) == ""

    def test_a_process_without_the_person_keeps_its_texts(self, mailoutbox: Any) -> None:
        process = canceled([[BEN]], comment=f"{NAME}, {CODE}", attributes={"note": ADDRESS})
        finished()
        erase_canary()
        process.refresh_from_db()
        assert (process.comment, process.attributes) == (f"{NAME}, {CODE}", {"note": ADDRESS})

    @pytest.mark.parametrize("signs", [True, False])
    def test_an_initiator_with_an_address_only(self, mailoutbox: Any, signs: bool) -> None:
        first = {"signerName": NAME, "signerEmail": ADDRESS, "signerRole": "INITIATOR"}
        initiator = {"initiatorName": NAME, "processInitiatorEmail": ADDRESS}
        steps = [[first], [BEN]] if signs else [[BEN]]
        process = canceled(steps, **initiator, comment=f"For {NAME}")
        require_erased(BY_ADDRESS)
        process.refresh_from_db()
        assert (process.initiator_name, process.initiator_email) == (None, None)
        assert plain(NAME) not in process.name_search
        assert ADDRESS not in process.email_search
        assert contradiction(process) == ""

    def test_an_initiator_with_several_names(self, mailoutbox: Any) -> None:
        processes = [canceled([[BEN]], initiatorName=n, processInitiatorEmail=ADDRESS) for n in ("Anna One", "A. Two")]
        require_erased(BY_ADDRESS)
        for process in processes:
            process.refresh_from_db()
            assert (process.initiator_name, process.initiator_email) == (None, None)
            assert contradiction(process) == ""

    def test_the_initiator_stays_if_only_a_signer_is_erased(self, mailoutbox: Any) -> None:
        process = canceled([[canary()]], initiatorName="Ilze", comment="Urgent")
        erase_canary()
        process.refresh_from_db()
        assert (process.initiator_name, process.initiator_email) == ("Ilze", "ilze@example.org")
        assert contradiction(process) == ""


class TestMessages:
    def test_emails_about_the_process_and_to_the_person(self, mailoutbox: Any) -> None:
        process = finished()
        other = canceled([[BEN]])
        to_person = {"event": "FAILURE", "created_at": NOON, "queued_at": NOON, "status": "SENT"}
        Message.objects.create(key="x", address=ADDRESS.upper(), **to_person)
        erase_canary()
        assert not Message.objects.filter(process_id=process.pk).exists()
        assert not Message.objects.filter(address__iexact=ADDRESS).exists()
        assert Message.objects.filter(process_id=other.pk).exists()

    def test_emails_about_a_deleted_process(self, api: Api, mailoutbox: Any) -> None:
        process = started_process([[canary(anonymous=True, **NO_IDENTITY)], [BEN]])
        row = process.signers.get(anonymous=True)
        url = f"/api/signers/{row.pk}/act"
        person = {"signerName": NAME, "signerCountry": "LV", "signerPersonalCode": CODE}
        assert api.post(url, {"signingStatus": "SIGNED", **person}).status_code == 200
        act(process, BEN)
        send_due()
        assert api.delete(f"/api/processes/{process.pk}").status_code == 204
        require_erased(BY_CODE)
        assert not Message.objects.filter(address=ADDRESS).exists()


class TestContacts:
    def test_one_that_was_deleted_in_the_back_office(self) -> None:
        boss = staff(superuser=True)
        boss.post("/admin/contacts/contact/add/", {"name": NAME, "email": ADDRESS, "scope": "PERSONAL", "owner": "x"})
        boss.post(f"/admin/contacts/contact/{Contact.objects.get().pk}/delete/", {"post": "yes"})
        assert LogEntry.objects.filter(object_repr=NAME).count() == 2
        counts = preview(find_person(**BY_ADDRESS)).counts
        assert counts["names of these contacts in the admin log"] == 2
        require_erased(BY_ADDRESS)
        assert set(LogEntry.objects.values_list("object_repr", flat=True)) == {"(erased)"}

    @pytest.mark.parametrize("end", ["deleted", "anonymous"])
    def test_a_name_first_and_an_address_later(self, end: str) -> None:
        contact = contact_of(BOSS, name=NAME)
        versioned.replace_row(contact, {"email": ADDRESS}, actor=BOSS, at=later(1))
        if end == "deleted":
            versioned.delete_row(contact, actor=BOSS, at=later(2))
        else:
            versioned.replace_row(contact, {"email": None, "name": "K. P."}, actor=BOSS, at=later(2))
        require_erased(BY_ADDRESS)

    def test_one_that_is_another_person_now(self, api: Api) -> None:
        contact = contact_of(name=NAME, email=ADDRESS)
        api.put(f"/api/contacts/{contact.pk}", {"name": BEN, "email": "ben@example.net"})
        api.put(f"/api/contacts/{contact.pk}", {"phone": "+37129123456"})
        require_erased(BY_ADDRESS)
        assert (Contact.objects.get().name, Contact.objects.get().email) == (BEN, "ben@example.net")
        assert [line.name for line in Contact.history.all()] == [BEN, BEN]

    def test_changes_with_a_clock_that_was_behind(self) -> None:
        contact = contact_of(BOSS, name=BEN, email="ben@example.net")
        changes = [({"name": "X", "email": ADDRESS}, 10), ({"name": NAME}, 11), ({"name": "K. P."}, 5)]
        for columns, minute in [*changes, ({"name": BEN, "email": "ben@example.net"}, 20)]:
            versioned.replace_row(contact, columns, actor=BOSS, at=later(minute))
        require_erased(BY_ADDRESS)
        assert Contact.objects.get().name == BEN
        assert Contact.history.count() == 1

    def test_imported_ones_and_pending_uploads(self) -> None:
        known = contact_of(name="K. P.", email=ADDRESS)
        other = contact_of(name=BEN, email="ben@example.net")
        rows = [["", NAME, ADDRESS], [str(known.pk), f"{NAME}-Ozola", ADDRESS], [str(other.pk), "X", ADDRESS]]
        rows.append(["", "Cleo", "cleo@example.net"])
        sheet = tablib.Dataset(*rows, headers=["id", "name", "email"])
        ContactSheet(actor=BOSS, at=later(3)).import_data(sheet)
        contact = Contact.objects.get(name=NAME)
        versioned.replace_row(contact, {"name": f"{NAME}-Liepa"}, actor=BOSS, at=later(1))
        Upload.objects.create(content=f"name\n{NAME}".encode(), created_at=NOON)
        require_erased(BY_ADDRESS)
        assert not Upload.objects.exists()
        assert Contact.objects.get().name == "Cleo"

    def test_others_in_the_admin_log_stay(self) -> None:
        boss = staff(superuser=True)
        boss.post("/admin/contacts/contact/add/", {"name": BEN, "email": "b@x.org", "scope": "PERSONAL", "owner": "x"})
        contact_of(name=NAME, email=ADDRESS)
        require_erased(BY_ADDRESS)
        assert LogEntry.objects.get().object_repr == BEN


class TestIdempotentAnswers:
    def test_one_that_another_signer_got(self, api: Api, api_of: Callable[..., Api], mailoutbox: Any) -> None:
        process = started_process([[canary(), BEN]])
        ben = api_of("ben", code=CODES[BEN])
        url = f"/api/signers/{row_of(process, BEN).pk}/act"
        answer = ben.post(url, {"signingStatus": "SIGNED"}, Idempotency_Key="k")
        assert NAME in answer.content.decode()
        act(process, NAME, comment="Yes.")
        send_due()
        require_erased(BY_CODE)
        assert not IdempotentAnswer.objects.exists()

    def test_one_about_a_contact(self, api: Api) -> None:
        assert api.post("/api/contacts", {"name": NAME, "email": ADDRESS}, Idempotency_Key="k").status_code == 201
        require_erased(BY_ADDRESS)
        assert not IdempotentAnswer.objects.exists()

    def test_one_about_a_process_that_is_kept_stays(self, api: Api) -> None:
        api.post("/api/processes", body([[canary()]]), Idempotency_Key="k")
        finished()
        erase_canary()
        assert IdempotentAnswer.objects.get().key == "k"

    def test_one_about_other_people_stays(self, api: Api) -> None:
        api.post("/api/processes", body([[BEN]], comment="x"), Idempotency_Key="k")
        finished()
        erase_canary()
        assert IdempotentAnswer.objects.get().key == "k"


class TestAddressesAndLogins:
    def test_a_refused_address(self) -> None:
        for address in (ADDRESS, f"not.{ADDRESS}"):
            RefusedAddress.objects.create(address=address, response="550 no", refused_at=NOON)
        erase_canary(address=ADDRESS)
        assert RefusedAddress.objects.get().address == f"not.{ADDRESS}"

    @pytest.mark.parametrize(
        ("typed", "by"),
        [(ADDRESS, BY_ADDRESS), (ADDRESS.title(), BY_ADDRESS), (CODE, BY_CODE), ("15038512345", BY_CODE)],
    )
    def test_failed_logins(self, typed: str, by: dict[str, str]) -> None:
        for username in (typed, BEN):
            AccessAttempt.objects.create(username=username, failures_since_start=1)
            AccessFailureLog.objects.create(username=username)
        assert preview(find_person(**by)).counts == {"failed logins": 1, "failed logins in the log": 1}
        require_erased(by)
        assert AccessAttempt.objects.get().username == BEN
        assert AccessFailureLog.objects.get().username == BEN

    def test_events_about_an_account_that_was_deleted(self) -> None:
        first, last = NAME.split()
        changes = [
            ("add", None, {"first_name": first, "last_name": last}),
            ("change", {"email": ""}, {"email": ADDRESS}),
            ("delete", {"first_name": first, "last_name": last, "email": ADDRESS}, None),
        ]
        for verb, before, after in changes:
            change = {"method": f"{verb} access.user 77", "before": before, "after": after, "note": ""}
            audit_hook.record_changes(change, actor=BOSS, at=NOON)
        other = User.objects.create_user("ben")
        audit_hook.record_changes(
            audit_hook.row_change("change", other, after={"first_name": "Ben"}), actor=BOSS, at=NOON
        )
        require_erased(BY_ADDRESS)
        assert AuditEvent.objects.get(method=f"change access.user {other.pk}").after == {"first_name": "Ben"}


def test_a_signer_keeps_what_the_process_needs() -> None:
    process = finished()
    before = row_of(process, NAME)
    erase_canary()
    after = Signer.objects.get(pk=before.pk)
    assert (after.name, after.country, after.personal_code, after.email, after.comment) == (None,) * 5
    assert (after.name_plain, after.email_plain, after.code_key, after.person_key) == ("",) * 4
    for column in ("role", "status", "acted_at", "called_at", "step_id", "language", "anonymous", "position"):
        assert getattr(after, column) == getattr(before, column)
    assert KEY not in Signer.objects.values_list("person_key", flat=True)
