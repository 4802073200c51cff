"""Where a person may be named, however that is written, and what happens to it meanwhile."""

import json
from collections.abc import Callable
from typing import Any

import pytest
import tablib
from axes.models import AccessAttempt
from django.contrib.admin.models import LogEntry
from django.test import Client

from audit.models import AuditEvent, AuditValue
from config.access import audit_hook
from config.access.models import User
from config.versioned import actions as versioned
from contacts.models import Contact, Upload
from contacts.sheets import ContactSheet
from notifications.delivery.send import send_due
from notifications.models import Message
from signing import actions
from signing.erasure import find, person
from signing.erasure.known import known_as
from signing.erasure.people import Person
from signing.erasure.person import erase
from signing.evidence.replay import contradiction
from signing.models import Process
from tests.builders import BOSS, NOON, OWNER, contact_of, row_of, sign, staff, started_process, template_of
from tests.conftest import Api
from tests.people import BEN, CODES, body
from tests.signing.erasure.canary import (
    ADDRESS,
    CODE,
    CODED,
    NAME,
    WRITTEN,
    acted,
    canary,
    canceled,
    gone,
    later,
)

pytestmark = pytest.mark.django_db


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


@pytest.mark.parametrize("signs", [True, False])
def test_an_initiator_who_is_known_by_the_address_alone(api: Api, mailoutbox: Any, signs: bool) -> None:
    first = {"signerName": NAME, "signerEmail": ADDRESS, "signerRole": "INITIATOR"}
    by = {"initiatorName": NAME, "processInitiatorEmail": ADDRESS}
    process = canceled([[first], [BEN]] if signs else [[BEN]], **by, **({"comment": f"For {NAME}"} if signs else {}))
    gone(WRITTEN)
    assert contradiction(Process.objects.get(pk=process.pk)) == ""


def test_an_initiator_who_is_called_in_several_ways(api: Api, mailoutbox: Any) -> None:
    rows = [canceled([[BEN]], initiatorName=name, processInitiatorEmail=ADDRESS) for name in ("Anna One", "Anna Two")]
    gone(WRITTEN)
    for process in rows:
        process.refresh_from_db()
        assert (process.initiator_name, process.initiator_email, contradiction(process)) == (None, None, "")


def test_what_is_kept_later_is_found_by_what_is_named_now(api: Api, mailoutbox: Any) -> None:
    contact_of(name=NAME, email=ADDRESS, country="LV", personalCode=CODE)
    viewer = {"signerName": NAME, "signerEmail": ADDRESS, "signerRole": "VIEWER"}
    running = started_process([[BEN, viewer]])
    plan = erase(known_as(**CODED), actor=BOSS, at=NOON)
    assert plan.kept == [f"process {running.pk}: is STARTED"]
    assert plan.again == [ADDRESS, "lv:15038512345"]
    actions.cancel(running, actor=OWNER, at=NOON)
    send_due()
    gone(WRITTEN)


def test_an_answer_that_another_signer_got(api: Api, api_of: Callable[..., Api], mailoutbox: Any) -> None:
    process = started_process([[canary(), BEN]])
    ben = api_of("ben", code=CODES[BEN])
    answer = ben.post(f"/api/signers/{row_of(process, BEN).pk}/act", {"signingStatus": "SIGNED"}, Idempotency_Key="k")
    assert NAME in answer.content.decode()
    acted(process, "SIGNED", "Yes.")
    send_due()
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
        versioned.replace(contact, {"email": ADDRESS}, actor=BOSS, at=later(1))
        if ends == "deleted":
            versioned.delete(contact, actor=BOSS, at=later(2))
        else:
            versioned.replace(contact, {"email": None, "name": "K. P."}, actor=BOSS, at=later(2))
        gone(WRITTEN)

    def test_whose_clock_was_behind(self) -> None:
        contact = contact_of(BOSS, name=BEN, email="ben@example.net")
        changes = [({"name": "X", "email": ADDRESS}, 10), ({"name": NAME}, 11), ({"name": "K. P."}, 5)]
        for said, minute in [*changes, ({"name": BEN, "email": "ben@example.net"}, 20)]:
            versioned.replace(contact, said, actor=BOSS, at=later(minute))
        gone(WRITTEN)
        assert Contact.objects.get().name == BEN

    def test_of_a_sheet(self) -> None:
        known, other = contact_of(name="K. P.", email=ADDRESS), contact_of(name=BEN, email="ben@example.net")
        rows = [["", NAME, ADDRESS], [str(known.pk), f"{NAME}-Ozola", ADDRESS], [str(other.pk), "X", ADDRESS]]
        rows.append(["", "Cleo", "cleo@example.net"])
        sheet = tablib.Dataset(*rows, headers=["id", "name", "email"])
        ContactSheet(actor=BOSS, at=later(3)).import_data(sheet)
        contact = Contact.objects.get(name=NAME)
        versioned.replace(contact, {"name": f"{NAME}-Liepa"}, actor=BOSS, at=later(1))
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
                versioned.replace(Contact.objects.get(), {"name": f"{NAME}-Liepa"}, actor=BOSS, at=later(1))
            asked.append(whom)
            return original(whom)

        monkeypatch.setattr(find, "templates", late)
        contact = Contact.objects.get()
        gone(WRITTEN)
        assert (Contact, {contact.pk}) in locked


def test_templates_by_their_names_and_what_is_told_of_long_ones() -> None:
    data = json.dumps({**body([[canary(signerName="Anna")]]), "more": "y" * 11_000})
    template = template_of(BOSS, name=f"Lease of {ADDRESS}", data=data)
    versioned.replace(template, {"name": "Lease"}, actor=BOSS, at=later(1))
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
        audit_hook.changed(
            {"method": f"{verb} {row}", "before": before, "after": after, "note": ""}, actor=BOSS, at=NOON
        )
    other = User.objects.create_user("ben")
    audit_hook.changed(audit_hook.change("change", other, after={"first_name": "Ben"}), actor=BOSS, at=NOON)
    client.post("/admin/login/", {"username": ADDRESS, "password": "no"})
    assert AccessAttempt.objects.get().username == ADDRESS
    gone(WRITTEN)
    assert not AccessAttempt.objects.exists()
    assert AuditEvent.objects.get(method=f"change access.user {other.pk}").after == {"first_name": "Ben"}
