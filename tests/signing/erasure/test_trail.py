"""What the trail tells of a person whose row became somebody else, and what it knows of what is left."""

from typing import Any

import pytest

from audit.chain import triggers
from audit.chain.verify import verify
from audit.models import AuditEvent, AuditValue
from config.access.actor import Actor
from contacts.models import Contact
from notifications.delivery.send import send_due
from notifications.models import Message
from signing import actions
from signing.erasure.known import known_as
from signing.erasure.person import erase
from signing.evidence.replay import contradiction
from signing.models import Process
from tests.builders import BOSS, NOON, OWNER, contact_of, row_of, sign, started_process
from tests.conftest import Api
from tests.people import BEN, ILZE, signer
from tests.signing.api.test_evidence import fetched
from tests.signing.erasure.canary import ADDRESS, CODE, CODED, NAME, acted, canary, canceled, gone

pytestmark = pytest.mark.django_db


class TestWhatTheTrailAloneNames:
    @pytest.fixture
    def process(self, api: Api, mailoutbox: Any) -> Process:
        """A process in which somebody else has taken over the person's row."""
        process = started_process([[canary(), BEN]], documentId="DOC-1")
        whole = api.get(f"/api/processes/{process.pk}").json()
        taken = signer("Cleo", signerPersonalCode="020280-33333", id=str(row_of(process, NAME).pk))
        whole["signingProcessSteps"][0]["processStepSigners"][0] |= taken
        assert api.put(f"/api/processes/{process.pk}", whole).status_code == 200
        contact_of(name=NAME, email=ADDRESS, country="LV", personalCode=CODE)
        send_due()
        return process

    @pytest.mark.parametrize("why", ["is STARTED", "is on hold (x)", "contradicts its trail"])
    def test_is_kept_as_long_as_the_process_is(self, process: Process, why: str) -> None:
        if why != "is STARTED":
            actions.cancel(process, actor=OWNER, at=NOON)
            send_due()
        if "hold" in why:
            actions.hold(process, actor=BOSS, at=NOON, reason="x")
        if "contradicts" in why:
            Process.objects.update(document_id="FORGED")
        before = AuditEvent.objects.of_process(process.pk).count()
        plan = erase(known_as(**CODED), actor=BOSS, at=NOON)
        assert plan.kept[0].startswith(f"process {process.pk}: {why}")
        assert AuditEvent.objects.of_process(process.pk).count() == before
        assert any(
            NAME in value for e in AuditEvent.objects.of_process(process.pk) for value in e.personal_values.values()
        )

    def test_goes_and_what_is_of_the_other_stays(self, api: Api, process: Process) -> None:
        at_desk = Actor(client=ILZE, subject=ILZE, address="192.0.2.8")
        for row in process.signers.all():
            actions.act(process, row.pk, {"status": "SIGNED", "comment": "I agree"}, actor=at_desk, at=NOON)
        send_due()
        gone(CODED)
        process.refresh_from_db()
        assert contradiction(process) == ""
        assert fetched(api, process)
        signed = AuditEvent.objects.of_process(process.pk).filter(event_type="SIGNER_SIGNED")
        assert [(e.erased, e.ip_address, e.after["signerComment"]) for e in signed if e.after] == [
            (None, "192.0.2.8", "I agree")
        ] * 2
        assert row_of(process, "Cleo").personal_code == "020280-33333"

    def test_from_where_somebody_acted_whom_the_act_named(self, api: Api, mailoutbox: Any) -> None:
        contact_of(name="Reception", email="office@example.net")
        nobody = {"signerName": None, "signerCountry": None, "signerPersonalCode": None}
        process = started_process([[canary(anonymous=True, **nobody, signerEmail="office@example.net")]])
        said = {"status": "SIGNED", "name": NAME, "country": "LV", "personal_code": CODE}
        at_desk = Actor(client=ILZE, subject=ILZE, address="192.0.2.8")
        actions.act(process, process.signers.get().pk, said, actor=at_desk, at=NOON)
        send_due()
        erase(known_as(**CODED), actor=BOSS, at=NOON)
        signed = AuditEvent.objects.of_process(process.pk).get(event_type="SIGNER_SIGNED")
        assert signed.erased == ["after", "ipAddress"]
        assert Contact.objects.get().email == "office@example.net"

    def test_a_name_in_what_is_said_to_another(self, api: Api, mailoutbox: Any) -> None:
        process = canceled([[canary()], [signer(BEN, commentForSigner=f"After {NAME} please")]])
        gone(CODED)
        assert contradiction(Process.objects.get(pk=process.pk)) == ""
        assert row_of(process, BEN).email

    def test_who_was_anonymous_in_a_process_that_is_gone(self, api: Api, mailoutbox: Any) -> None:
        person = {"signerName": None, "signerCountry": None, "signerPersonalCode": None}
        process = started_process([[canary(anonymous=True, **person)], [BEN]])
        said = {"status": "SIGNED", "name": NAME, "country": "LV", "personal_code": CODE}
        row = process.signers.get(anonymous=True)
        actions.act(process, row.pk, said, actor=OWNER, at=NOON)
        sign(process, BEN)
        send_due()
        assert api.delete(f"/api/processes/{process.pk}").status_code == 204
        gone(CODED)
        assert not Message.objects.filter(address=ADDRESS).exists()


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
        assert "differs from the trail" in contradiction(type(process).objects.get(pk=process.pk))

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

    def test_what_was_forged_in_rows_and_trail_alike_is_not_covered_up(self, api: Api, mailoutbox: Any) -> None:
        process = canceled([[canary()]], documentName="Lease", comment=f"For {NAME}")
        triggers.remove()
        Process.objects.update(document_name="Gift", search="gift\nilze kalnina\nilze")
        part = AuditValue.objects.get(event__process_id=str(process.pk), value__contains='"Lease"')
        forged = part.value.replace('"Lease"', '"Gift"')
        AuditValue.objects.filter(event_id=part.event_id, part=part.part).update(value=forged)
        triggers.install()
        assert contradiction(Process.objects.get()) == ""
        (why,) = erase(known_as(**CODED), actor=BOSS, at=NOON).kept
        assert why.startswith(f"process {process.pk}: its trail is not whole")
        assert not verify(at=NOON).whole
        assert row_of(process, NAME).email == ADDRESS

    def test_what_contradicts_its_trail_is_kept(self, api: Api) -> None:
        process = canceled([[canary()]])
        type(process).objects.filter(pk=process.pk).update(document_id="FORGED")
        (why,) = erase(known_as(**CODED), actor=BOSS, at=NOON).kept
        assert why.startswith(f"process {process.pk}: contradicts its trail")
        assert row_of(process, NAME).email == ADDRESS
