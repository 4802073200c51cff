"""Whose a value of the trail is, what an erasure states to be left, and that it makes no forged row look genuine."""

from typing import Any

import pytest

from audit.chain import triggers
from audit.chain.verify import verify
from audit.log import report
from audit.models import AuditEvent, AuditValue
from config.access.actor import Actor
from config.versioned import actions as versioned
from contacts.models import Contact
from notifications.delivery.send import send_due
from signing import actions
from signing.erasure.erase import NothingFound, erase, preview
from signing.erasure.person import find_person
from signing.models import Process, Signer
from tests.builders import BOSS, NOON, OWNER, contact_of, row_of, sign, started_process
from tests.conftest import Api
from tests.people import BEN, CODES, ILZE, address, signer
from tests.signing.api.test_evidence import fetched
from tests.signing.erasure.canary import (
    ADDRESS,
    BY_ADDRESS,
    BY_CODE,
    CANARY,
    CODE,
    NAME,
    NO_IDENTITY,
    act,
    canary,
    canceled,
    contradiction,
    dump,
    erase_canary,
    events_of,
    finished,
    hits,
    later,
    person_of,
    replace_signer,
    require_erased,
)

pytestmark = pytest.mark.django_db

CLEO = "Cleo"
AS_CLEO = signer(CLEO, signerPersonalCode="020280-33333")
AT_DESK = Actor(client=ILZE, subject=ILZE, address="192.0.2.8")


def sign_at_desk(process: Process, *, comment: str = "I agree") -> None:
    for row in process.signers.all():
        actions.act(process, row.pk, {"status": "SIGNED", "comment": comment}, actor=AT_DESK, at=NOON)
    send_due()


def values_naming(process: Process, name: str) -> list[str]:
    return [v for event in events_of(process) for v in event.personal_values.values() if name in v]


class TestARowThatDescribesOnePersonAfterAnother:
    @pytest.fixture
    def taken_over(self, api: Api, mailoutbox: Any) -> Process:
        """A running process in which Cleo has taken over the person's row."""
        process = started_process([[canary(), BEN]], documentId="DOC-1")
        replace_signer(api, process, NAME, **AS_CLEO)
        contact_of(name=NAME, email=ADDRESS, country="LV", personalCode=CODE)
        send_due()
        return process

    @pytest.mark.parametrize("reason", ["is STARTED", "is on hold (x)"])
    def test_it_is_kept_as_long_as_the_process_needs_it(self, taken_over: Process, reason: str) -> None:
        if "hold" in reason:
            actions.cancel(taken_over, actor=OWNER, at=NOON)
            send_due()
            actions.hold(taken_over, actor=BOSS, at=NOON, reason="x")
        events = len(events_of(taken_over))
        assert erase_canary().kept == [f"process {taken_over.pk} {reason}"]
        assert len(events_of(taken_over)) == events
        assert values_naming(taken_over, NAME)

    def test_the_previous_person_is_erased_and_the_next_one_stays(self, api: Api, taken_over: Process) -> None:
        sign_at_desk(taken_over)
        require_erased(BY_CODE)
        assert contradiction(taken_over) == ""
        assert fetched(api, taken_over)
        cleo = row_of(taken_over, CLEO)
        assert (cleo.personal_code, cleo.email) == ("020280-33333", address(CLEO))
        assert values_naming(taken_over, address(CLEO))
        signed = [event for event in events_of(taken_over) if event.event_type == "SIGNER_SIGNED"]
        # Only the comments are erased, because they may name the person.
        assert [(event.erased, event.ip_address) for event in signed] == [(["after"], "192.0.2.8")] * 2

    def test_the_next_person_is_erased_and_the_previous_one_stays(self, api: Api, taken_over: Process) -> None:
        sign_at_desk(taken_over)
        erase(find_person(country="LV", code="020280-33333"), actor=BOSS, at=NOON)
        assert contradiction(taken_over) == ""
        assert values_naming(taken_over, address(CLEO)) == []
        assert values_naming(taken_over, ADDRESS)
        assert not taken_over.signers.filter(name=CLEO).exists()
        signed = {event.signer_id: event for event in events_of(taken_over) if event.event_type == "SIGNER_SIGNED"}
        addresses = [signed[str(row.pk)].ip_address for row in taken_over.signers.order_by("name")]
        assert sorted(addresses) == ["", "192.0.2.8"]

    def test_both_are_erased_one_after_the_other(self, taken_over: Process) -> None:
        sign_at_desk(taken_over)
        for code in (CODE, "020280-33333", CODES[BEN]):
            erase(find_person(country="LV", code=code), actor=BOSS, at=NOON)
            assert contradiction(taken_over) == ""
            assert verify(at=NOON).whole
        for mark in (NAME, CODE, ADDRESS, CLEO, "020280-33333", address(CLEO), CODES[BEN], address(BEN)):
            assert values_naming(taken_over, mark) == []

    def test_a_name_that_was_there_before_the_identity(self, api: Api, mailoutbox: Any) -> None:
        draft = started_process([[{"signerName": NAME}, BEN]], status="PENDING")
        replace_signer(api, draft, NAME, **CANARY)
        assert api.post(f"/api/processes/{draft.pk}/cancel", {}).status_code == 200
        send_due()
        require_erased(BY_CODE)
        assert contradiction(draft) == ""

    def test_an_initiator(self, api: Api, mailoutbox: Any) -> None:
        process = started_process([[BEN]], initiatorName=NAME, processInitiatorEmail=ADDRESS)
        change = {"initiatorName": CLEO, "processInitiatorEmail": address(CLEO)}
        assert api.put(f"/api/processes/{process.pk}", change).status_code == 200
        actions.cancel(process, actor=OWNER, at=NOON)
        send_due()
        require_erased(BY_ADDRESS)
        process.refresh_from_db()
        assert (process.initiator_name, process.initiator_email) == (CLEO, address(CLEO))
        assert contradiction(process) == ""


def test_an_act_that_names_an_anonymous_signer(mailoutbox: Any) -> None:
    contact_of(name="Reception", email="office@example.net")
    process = started_process([[canary(anonymous=True, **NO_IDENTITY, signerEmail="office@example.net")]])
    person = {"status": "SIGNED", "name": NAME, "country": "LV", "personal_code": CODE}
    actions.act(process, process.signers.get().pk, person, actor=AT_DESK, at=NOON)
    send_due()
    erase_canary()
    signed = AuditEvent.objects.of_process(process.pk).get(event_type="SIGNER_SIGNED")
    assert signed.erased == ["after", "before", "ipAddress"]
    assert Contact.objects.get().email == "office@example.net"
    assert contradiction(process) == ""


def test_who_did_something_stays(api: Api) -> None:
    process = finished()
    creators = [event.creator for event in events_of(process)]
    erase_canary()
    assert [event.creator for event in events_of(process)] == [*creators, "boss"]
    assert set(creators) == {ILZE}


def test_a_reported_code(api: Api) -> None:
    kept = {"event_type": "SIGNATURE", "customer_personal_code": "1503851234", "process_id": "X", "note": "a"}
    erased = {"event_type": "SIGNATURE", "customer_personal_code": "150385 12345", "process_id": "X", "note": "b"}
    report([kept, erased], actor=AT_DESK, at=NOON)
    assert preview(find_person(**BY_CODE)).counts == {"values in the audit trail": 3}
    require_erased(BY_CODE)
    first, second, erasure = AuditEvent.objects.of_process("X").in_order()
    assert first.erased is None
    assert second.erased == ["customerPersonalCode", "ipAddress", "note"]
    assert (second.creator, erasure.erasures) == (ILZE, [(second.number, part) for part in second.erased])


class TestBackOfficeEvents:
    def test_all_changes_of_a_contact_are_erased(self) -> None:
        contact = contact_of(BOSS, name=NAME, email=ADDRESS)
        changes = [{"phone": "+37129123456"}, {"name": BEN, "email": "ben@example.net"}, {"phone": None}]
        for minute, columns in enumerate(changes, 1):
            versioned.replace_row(contact, columns, actor=BOSS, at=later(minute))
        erase_canary(address=ADDRESS)
        events = AuditEvent.objects.filter(method__endswith=str(contact.pk))
        assert [(event.before, event.after) for event in events] == [(None, None)] * 4

    def test_changes_of_other_contacts_stay(self) -> None:
        contact = contact_of(BOSS, name=NAME, email=f"not.{ADDRESS}", country="LV", personalCode=CODE)
        contact_of(BOSS, name=NAME, email=ADDRESS)
        erase_canary(address=ADDRESS)
        event = AuditEvent.objects.get(method__endswith=str(contact.pk))
        assert (event.erased, (event.after or {})["email"]) == (None, f"not.{ADDRESS}")


class TestDeletedProcesses:
    """Only the trail still has them."""

    @pytest.fixture
    def deleted(self, api: Api, mailoutbox: Any) -> Process:
        process = canceled([[canary(), BEN]], reason=f"{NAME} has left", comment=f"For {NAME}")
        contact_of(name=NAME, email=ADDRESS, country="LV", personalCode=CODE)
        assert api.delete(f"/api/processes/{process.pk}").status_code == 204
        return process

    @pytest.mark.parametrize("by", [BY_CODE, BY_ADDRESS], ids=str)
    def test_the_person_is_erased(self, deleted: Process, by: dict[str, str]) -> None:
        require_erased(by)
        assert verify(at=NOON).whole
        assert values_naming(deleted, address(BEN))

    def test_nothing_is_stated_again(self, deleted: Process) -> None:
        erase_canary()
        erasure = events_of(deleted)[-1]
        assert (bool(erasure.erasures), erasure.after) == (True, None)

    def test_other_people_are_not_found_by_a_part_of_their_code(self, deleted: Process) -> None:
        with pytest.raises(NothingFound):
            erase(find_person(country="LV", code="5038512345"), actor=BOSS, at=NOON)
        with pytest.raises(NothingFound):
            erase(find_person(address="putnina@example.net"), actor=BOSS, at=NOON)

    def test_a_signer_who_was_removed_before_the_deletion(self, api: Api, mailoutbox: Any) -> None:
        process = started_process([[canary(), BEN]])
        whole = api.get(f"/api/processes/{process.pk}").json()
        whole["signingProcessSteps"][0]["processStepSigners"].pop(0)
        assert api.put(f"/api/processes/{process.pk}", whole).status_code == 200
        api.post(f"/api/processes/{process.pk}/cancel", {})
        send_due()
        require_erased(BY_CODE)
        assert contradiction(process) == ""
        api.delete(f"/api/processes/{process.pk}")
        assert hits(dump()) == []


class TestWhatIsLeft:
    """An erasure states what is left, so that rows can be compared with all of the trail as before."""

    def test_exactly_the_values_that_are_not_personal(self, mailoutbox: Any) -> None:
        process = canceled(
            [[canary(signerLanguage="lv"), signer(BEN, commentForSigner="After the first")]],
            documentName="Lease",
            comment="Urgent",
            attributes={"note": "Second floor", "rooms": 3},
        )
        person_row = row_of(process, NAME)
        ben = row_of(process, BEN)
        erase_canary()
        left = events_of(process)[-1].after or {}
        assert left["documentName"] == "Lease"
        assert (left["comment"], left["attributes"]) == (None, {"note": None, "rooms": 3})
        erased = ("signerName", "signerCountry", "signerPersonalCode", "signerEmail", "signerComment")
        assert {left[f"signers/{person_row.pk}/{field}"] for field in erased} == {None}
        assert left[f"signers/{person_row.pk}/signerLanguage"] == "lv"
        assert left[f"signers/{ben.pk}/signerEmail"] == address(BEN)
        assert left[f"signers/{ben.pk}/commentForSigner"] is None

    def test_groups_without_an_erased_value_are_not_stated(self, mailoutbox: Any) -> None:
        process = canceled([[canary(), BEN]])
        ben = row_of(process, BEN)
        person_row = row_of(process, NAME)
        erase_canary()
        left = events_of(process)[-1].after or {}
        assert left
        assert all(path.startswith(f"signers/{person_row.pk}/") for path in left)
        assert not any(str(ben.pk) in path for path in left)

    def test_a_second_erasure_erases_what_the_first_has_stated(self, mailoutbox: Any) -> None:
        process = canceled([[canary(), signer(BEN, commentForSigner="x")]], comment="y")
        erase_canary()
        erase(find_person(country="LV", code=CODES[BEN]), actor=BOSS, at=NOON)
        assert values_naming(process, address(BEN)) == []
        assert contradiction(process) == ""
        assert verify(at=NOON).whole
        erasures = [event for event in events_of(process) if event.erasures]
        assert [event.note for event in erasures] == ["The personal data of a person was erased."] * 2

    @pytest.mark.parametrize(
        "forged",
        [
            {"document_id": "FORGED"},
            {"document_name": "FORGED"},
            {"comment": "FORGED"},
            {"initiator_name": "FORGED"},
            {"attributes": {"rooms": 4}},
        ],
        ids=str,
    )
    def test_a_row_that_is_forged_afterwards(self, api: Api, forged: dict[str, Any]) -> None:
        process = canceled(
            [[canary(), BEN]], reason=f"{NAME} has left", documentName="Lease", attributes={"rooms": 3}, comment="x"
        )
        erase_canary()
        assert fetched(api, process)
        Process.objects.filter(pk=process.pk).update(**forged)
        assert contradiction(process)

    @pytest.mark.parametrize(
        "forged",
        [
            {"name": "FORGED"},
            {"role": "VIEWER"},
            {"email": "x@example.net"},
            {"comment": "FORGED"},
            {"status": "SIGNED"},
        ],
        ids=str,
    )
    @pytest.mark.parametrize("whose", [BEN, None])
    def test_a_signer_that_is_forged_afterwards(self, forged: dict[str, str], whose: str | None) -> None:
        process = canceled([[canary(), signer(BEN, commentForSigner="x")]], comment="x")
        erase_canary()
        assert contradiction(process) == ""
        Signer.objects.filter(process=process, name=whose).update(**forged)
        assert contradiction(process)

    @pytest.mark.parametrize(
        "forged", [{"document_id": "FORGED"}, {"document_name": "FORGED"}, {"owner_group": "FORGED"}], ids=str
    )
    def test_a_row_that_was_forged_before(self, forged: dict[str, str]) -> None:
        process = canceled([[canary()]], documentName="Lease", comment=f"For {NAME}")
        Process.objects.filter(pk=process.pk).update(**forged)
        assert erase_canary().kept == []
        assert not process.signers.exclude(name=None).exists()
        assert contradiction(process)
        assert verify(at=NOON).whole

    def test_another_signer_s_row_that_was_forged_to_be_the_person_s(self) -> None:
        process = canceled([[canary(), signer(BEN, commentForSigner="x")]])
        Signer.objects.filter(process=process, name=BEN).update(email=ADDRESS, email_plain=ADDRESS, email_key=ADDRESS)
        erase(person_of(), actor=BOSS, at=NOON)
        assert contradiction(process)
        assert values_naming(process, address(BEN))

    @pytest.mark.parametrize("column", ["value", "salt"])
    def test_a_value_that_was_forged_in_row_and_trail(self, mailoutbox: Any, column: str) -> None:
        process = canceled([[canary()]], documentName="Lease", comment=f"For {NAME}")
        process.document_name = "Gift"
        forged_columns = process.search_columns(process.signers.all())
        Process.objects.update(document_name="Gift", name_search=forged_columns["name_search"])
        triggers.remove()
        part = AuditValue.objects.get(event__process_id=str(process.pk), value__contains='"Lease"')
        forged = {"value": part.value.replace('"Lease"', '"Gift"')}
        if column == "salt":
            forged["salt"] = "no number"
        AuditValue.objects.filter(event_id=part.event_id, part=part.part).update(**forged)
        triggers.install()
        assert contradiction(process) == ""
        assert not verify(at=NOON).whole
        erase_canary()
        assert not process.signers.exclude(name=None).exists()
        assert "Gift" not in str(events_of(process)[-1].after)
        assert contradiction(process)

    @pytest.mark.parametrize("value", ["{", "[1]", "7"])
    def test_a_value_that_is_no_object_does_not_stop_an_erasure(self, mailoutbox: Any, value: str) -> None:
        process = canceled([[canary()]])
        other = canceled([[canary(), BEN]])
        triggers.remove()
        AuditValue.objects.filter(event__process_id=str(process.pk), part="after").update(value=value)
        triggers.install()
        erase_canary()
        assert not Signer.objects.filter(name=NAME).exists()
        assert contradiction(other) == ""
        assert not verify(at=NOON).whole


def test_a_process_that_ended_in_each_way(api: Api, mailoutbox: Any) -> None:
    completed = finished()
    declined = started_process([[canary(), BEN]])
    act(declined, NAME, "DECLINED", comment="No.")
    by_another = started_process([[canary(), BEN]])
    sign(by_another, BEN, "DECLINED", comment=f"Not with {NAME}")
    send_due()
    stopped = canceled([[canary()], [BEN]])
    require_erased(BY_CODE)
    for process in (completed, declined, by_another, stopped):
        assert contradiction(process) == ""
        assert fetched(api, process)
