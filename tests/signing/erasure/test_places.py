"""Where a person may be named, however that is written, and what happens to it meanwhile."""

import json
from datetime import timedelta
from typing import Any

import pytest
import tablib
from axes.models import AccessAttempt
from django.contrib.admin.models import LogEntry
from django.test import Client

from audit.models import AuditEvent, AuditValue
from config.access import trail
from config.access.models import User
from config.kept import actions as kept
from contacts.models import Contact, Upload
from contacts.sheets import ContactSheet
from notifications.delivery.send import send_due
from notifications.models import Message
from signing import actions
from signing.erasure import find, person
from signing.erasure.known import known_as
from signing.erasure.people import NobodyFound, Person
from signing.erasure.person import erase, look
from signing.evidence.agreement import contradiction
from tests.builders import BOSS, NOON, OWNER, contact_of, row_of, sign, staff, started_process, template_of
from tests.conftest import Api
from tests.people import BEN, body, signer
from tests.signing.api.test_evidence import fetched
from tests.signing.erasure.canary import ADDRESS, CODE, NAME, acted, canary, canceled, dump, finished, hits

pytestmark = pytest.mark.django_db
CODED, WRITTEN = {"country": "LV", "code": CODE}, {"address": ADDRESS}


def gone(by: dict[str, str]) -> None:
    erase(known_as(**by), actor=BOSS, at=NOON + timedelta(days=1))
    assert hits(dump()) == []
    with pytest.raises(NobodyFound):
        look(known_as(**by))


def later(minutes: float) -> Any:
    return NOON + timedelta(minutes=minutes)


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


def test_a_mail_that_waits_keeps_its_process_until_it_is_out(api: Api, mailoutbox: Any) -> None:
    process = started_process([[canary()], [BEN]])
    acted(process, "SIGNED", "Yes.")
    sign(process, BEN)
    plan = erase(known_as(**CODED), actor=BOSS, at=NOON)
    assert plan.kept == [f"process {process.pk}: has mails that have not gone out yet"]
    assert row_of(process, NAME).email == ADDRESS
    send_due()
    assert Message.objects.filter(address=ADDRESS, status="SENT").exists()
    gone(CODED)


class TestContacts:
    def test_one_that_the_back_office_has_deleted(self) -> None:
        boss = staff(superuser=True)
        boss.post("/admin/contacts/contact/add/", {"name": NAME, "email": ADDRESS, "scope": "PERSONAL", "owner": "x"})
        boss.post(f"/admin/contacts/contact/{Contact.objects.get().pk}/delete/", {"post": "yes"})
        assert LogEntry.objects.filter(object_repr=NAME).count() == 2
        gone(WRITTEN)
        assert set(LogEntry.objects.values_list("object_repr", flat=True)) == {"(erased)"}

    @pytest.mark.parametrize("ends", ["deleted", "anonymous"])
    def test_a_name_first_and_an_address_later(self, ends: str) -> None:
        contact = contact_of(BOSS, name=NAME)
        kept.replace(contact, {"email": ADDRESS}, actor=BOSS, at=later(1))
        if ends == "deleted":
            kept.delete(contact, actor=BOSS, at=later(2))
        else:
            kept.replace(contact, {"email": None, "name": "K. P."}, actor=BOSS, at=later(2))
        gone(WRITTEN)

    def test_whose_clock_was_behind(self) -> None:
        contact = contact_of(BOSS, name=BEN, email="ben@example.net")
        changes = [({"name": "X", "email": ADDRESS}, 10), ({"name": NAME}, 11), ({"name": "K. P."}, 5)]
        for said, minute in [*changes, ({"name": BEN, "email": "ben@example.net"}, 20)]:
            kept.replace(contact, said, actor=BOSS, at=later(minute))
        gone(WRITTEN)
        assert Contact.objects.get().name == BEN

    def test_of_a_sheet(self) -> None:
        known, other = contact_of(name="K. P.", email=ADDRESS), contact_of(name=BEN, email="ben@example.net")
        rows = [["", NAME, ADDRESS], [str(known.pk), f"{NAME}-Ozola", ADDRESS], [str(other.pk), "X", ADDRESS]]
        rows.append(["", "Cleo", "cleo@example.net"])
        sheet = tablib.Dataset(*rows, headers=["id", "name", "email"])
        ContactSheet(actor=BOSS, at=later(3)).import_data(sheet)
        contact = Contact.objects.get(name=NAME)
        kept.replace(contact, {"name": f"{NAME}-Liepa"}, actor=BOSS, at=later(1))
        Upload.objects.create(content=f"name\n{NAME}".encode(), created_at=NOON)
        gone(WRITTEN)
        assert not Upload.objects.exists()
        assert Contact.objects.get().name == "Cleo"

    def test_one_that_is_changed_when_it_is_looked_for(self, monkeypatch: pytest.MonkeyPatch) -> None:
        contact_of(BOSS, name=NAME, email=ADDRESS)
        original, asked = find.templates, []
        locked: list[tuple[Any, set[Any]]] = []
        monkeypatch.setattr(person, "_lock", lambda *rows: locked.append(rows))

        def late(whom: Person) -> Any:
            if not asked:  # between the first look and the locks
                kept.replace(Contact.objects.get(), {"name": f"{NAME}-Liepa"}, actor=BOSS, at=later(1))
            asked.append(whom)
            return original(whom)

        monkeypatch.setattr(find, "templates", late)
        contact = Contact.objects.get()
        gone(WRITTEN)
        assert (Contact, {contact.pk}) in locked


def test_templates_by_their_names_and_what_is_told_of_long_ones() -> None:
    data = json.dumps({**body([[canary(signerName="Anna")]]), "more": "y" * 11_000})
    template = template_of(BOSS, name=f"Lease of {ADDRESS}", data=data)
    kept.replace(template, {"name": "Lease"}, actor=BOSS, at=later(1))
    contact_of(name="Anna", email=ADDRESS, country="LV", personalCode=CODE)
    assert AuditValue.objects.filter(value__contains="SHA-256").exists()
    gone(CODED)
    assert not AuditValue.objects.filter(value__contains="SHA-256").exists()
    assert list(template.history.values_list("version", "name")) == [(2, "Lease"), (1, "(erased)")]


def test_an_account_that_is_gone_and_logins_that_failed(client: Client) -> None:
    first, last = NAME.split()
    row = "access.user 77"
    told = [
        ("add", None, {"first_name": first, "last_name": last}),
        ("change", {"email": ""}, {"email": ADDRESS}),
        ("delete", {"first_name": first, "last_name": last, "email": ADDRESS}, None),
    ]
    for verb, before, after in told:
        trail.changed({"method": f"{verb} {row}", "before": before, "after": after, "note": ""}, actor=BOSS, at=NOON)
    other = User.objects.create_user("ben")
    trail.changed(trail.change("change", other, after={"first_name": "Ben"}), actor=BOSS, at=NOON)
    client.post("/admin/login/", {"username": ADDRESS, "password": "no"})
    assert AccessAttempt.objects.get().username == ADDRESS
    gone(WRITTEN)
    assert not AccessAttempt.objects.exists()
    assert AuditEvent.objects.get(method=f"change access.user {other.pk}").after == {"first_name": "Ben"}


class TestWhatIsLeft:
    """An erasure tells the trail what is left, so that evidence is held against all of it as before."""

    FORGERIES = (
        {"document_id": "FORGED"},
        {"document_name": "FORGED"},
        {"comment": "FORGED"},
        {"initiator_name": "FORGED"},
    )

    @pytest.mark.parametrize("forged", FORGERIES, ids=str)
    def test_a_process_of_which_a_note_went(self, api: Api, forged: dict[str, str]) -> None:
        process = started_process([[canary(), BEN]], documentId="DOC-1", documentName="Lease")
        actions.cancel(process, actor=OWNER, at=NOON, reason=f"{NAME} has left")
        send_due()
        erase(known_as(**CODED), actor=BOSS, at=NOON)
        assert fetched(api, process)
        type(process).objects.filter(pk=process.pk).update(**forged)
        assert "is not what the trail says" in contradiction(type(process).objects.get(pk=process.pk))

    def test_another_signer_who_spoke_of_the_person(self, api: Api) -> None:
        process = started_process([[canary(), BEN]], documentName=f"Lease of {NAME}")
        acted(process, "SIGNED", "Yes.")
        said = {"status": "SIGNED", "comment": f"As {NAME} said"}
        actions.act(process, row_of(process, BEN).pk, said, actor=OWNER, at=NOON)
        send_due()
        erase(known_as(**CODED), actor=BOSS, at=NOON)
        process.refresh_from_db()
        assert contradiction(process) == ""
        for forged in ({"name": "FORGED"}, {"role": "VIEWER"}, {"email": "x@example.net"}, {"comment": "FORGED"}):
            process.signers.filter(name=BEN).update(**forged)
            assert contradiction(process)
            process.signers.filter(name__in=[BEN, "FORGED"]).update(
                name=BEN, role="SIGNER", email=signer(BEN)["signerEmail"], comment=None
            )
        assert contradiction(process) == ""
        process.signers.filter(name=None).update(name="Somebody")
        assert contradiction(process)

    def test_what_contradicts_its_trail_is_kept(self, api: Api) -> None:
        process = canceled([[canary()]])
        type(process).objects.filter(pk=process.pk).update(document_id="FORGED")
        (why,) = erase(known_as(**CODED), actor=BOSS, at=NOON).kept
        assert why.startswith(f"process {process.pk}: contradicts its trail")
        assert row_of(process, NAME).email == ADDRESS
