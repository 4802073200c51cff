"""Actions with a database: rows, audit events and messages."""

import pytest

from audit.models import AuditEvent
from config.vocabulary import EventType as E
from config.vocabulary import ProcessStatus, SignerStatus, StepStatus
from notifications.models import Message, MessageStatus
from signing import actions
from signing.models import Process
from tests.builders import HOUR, NOON, OWNER, draft_process, profile_of, row_of, sign, started_process
from tests.conftest import Outbox
from tests.people import ANA, BEN, CLEO, CODES, DAN, EVE, ILZE, address, signer

pytestmark = pytest.mark.django_db


def events(process: Process) -> list[str]:
    return [event.event_type for event in AuditEvent.objects.of_process(process.pk).in_order()]


def deliver(**which: object) -> None:
    """Mark the messages as sent, as a sender would."""
    Message.objects.queued().filter(**which).update(status=MessageStatus.SENT, attempts=1)


def test_the_last_signature_of_a_step_calls_the_next_signer(outbox: Outbox) -> None:
    process = started_process([[ANA, BEN], [CLEO]], signed=[ANA])
    assert address(CLEO) not in outbox.recipients(E.TASK_STARTED)

    sign(process, BEN)

    assert outbox.recipients(E.TASK_STARTED) == [address(CLEO)]
    assert outbox.recipients(E.TASK_STARTED, status="WITHDRAWN") == [address(ANA), address(BEN)]


def test_a_process_leaves_one_event_for_each_thing_that_happened() -> None:
    process = started_process([[ANA, signer(BEN, "APPROVER")], [CLEO]], signed=[ANA])
    sign(process, BEN, SignerStatus.APPROVED)
    sign(process, CLEO)

    assert events(process) == [
        E.PROCESS_STARTED,
        E.TASK_STARTED,
        E.TASK_STARTED,
        E.SIGNER_SIGNED,
        E.APPROVER_APPROVED,
        E.TASK_STARTED,
        E.SIGNER_SIGNED,
        E.PROCESS_COMPLETED,
    ]


def test_an_event_names_the_caller_the_address_and_the_former_values() -> None:
    process = started_process([[ANA]])

    sign(process, ANA, comment="Gladly.")

    event = AuditEvent.objects.of_process(process.pk).get(event_type=E.SIGNER_SIGNED)
    assert (event.creator, event.client_app_name, event.source, event.event_origin) == (ILZE, ILZE, "SERVICE", "paraph")
    assert event.before == {"signingStatus": "STARTED"}
    assert event.after == {"signingStatus": "SIGNED", "signerComment": "Gladly."}
    assert event.signer_id == str(row_of(process, ANA).id)


def test_everyone_is_notified_of_the_completion(outbox: Outbox) -> None:
    process = started_process([[signer(ANA, "VIEWER"), signer(BEN, "ADMINISTRATOR"), CLEO, signer(DAN, "INITIATOR")]])
    sign(process, CLEO)
    sign(process, DAN)

    to = [(m.address, m.role) for m in outbox.of(E.PROCESS_COMPLETED)]
    assert sorted(to) == [
        (address(ANA), "VIEWER"),
        (address(CLEO), "SIGNER"),
        (address(DAN), "SIGNER"),
        (address(ILZE), "INITIATOR"),
    ]


def test_a_decline_notifies_the_initiator_and_the_signers_whose_turn_had_come(outbox: Outbox) -> None:
    process = started_process([[ANA, BEN, signer(CLEO, "APPROVER")], [DAN]])

    sign(process, ANA, SignerStatus.DECLINED, comment="No.")

    told = outbox.recipients(E.SIGNER_DECLINED)
    assert told == [address(ANA), address(BEN), address(ILZE)]
    assert outbox.of(E.SIGNER_DECLINED)[0].context["actor"]["reason"] == "No."
    assert not outbox.recipients(E.TASK_STARTED)
    process.refresh_from_db()
    assert process.status == ProcessStatus.DECLINED


def test_an_approvers_decline_notifies_only_the_initiator(outbox: Outbox) -> None:
    process = started_process([[signer(ANA, "APPROVER"), BEN]])

    sign(process, ANA, SignerStatus.DECLINED)

    assert outbox.recipients(E.APPROVER_DECLINED) == [address(ILZE)]


def test_with_continue_on_decline_the_process_continues(outbox: Outbox) -> None:
    profile_of("SURVEY", continueOnDecline=True)
    process = started_process([[ANA], [BEN]], documentType="SURVEY")

    sign(process, ANA, SignerStatus.DECLINED)

    process.refresh_from_db()
    assert process.status == ProcessStatus.STARTED
    assert outbox.recipients(E.TASK_STARTED) == [address(BEN)]
    assert events(process)[-2:] == [E.SIGNER_DECLINED, E.TASK_STARTED]


def test_a_cancellation_notifies_the_signers_whose_email_was_sent(outbox: Outbox) -> None:
    process = started_process([[ANA, BEN], [CLEO]])
    deliver(address=address(ANA))

    actions.cancel(process, actor=OWNER, at=NOON, reason="Renegotiated.")

    assert outbox.recipients(E.PROCESS_CANCELED) == [address(ANA), address(ILZE)]
    assert outbox.recipients(E.TASK_STARTED, status="WITHDRAWN") == [address(BEN)]
    event = AuditEvent.objects.of_process(process.pk).get(event_type=E.PROCESS_CANCELED)
    assert (event.note, event.before, event.after) == (
        "Renegotiated.",
        {"status": "STARTED"},
        {"status": "CANCELED"},
    )


def test_a_signer_without_notifications_gets_a_suppressed_message(outbox: Outbox) -> None:
    started_process([[signer(ANA, signerNotification=False), BEN]])

    assert outbox.recipients(E.TASK_STARTED) == [address(BEN)]
    (noted,) = outbox.of(E.TASK_STARTED, status="SUPPRESSED")
    assert (noted.address, noted.reason) == (address(ANA), "signerNotification is false")


def test_messages_hold_no_personal_codes_and_no_links() -> None:
    started_process([[ANA, BEN]], comment="All")

    for message in Message.objects.all():
        assert "12345" not in str(message.context)
        assert "http" not in str(message.context)


def test_the_due_date_is_that_of_the_running_step() -> None:
    process = draft_process([[ANA], [BEN]])
    step = process.steps.get(process_order=2)
    step.due_at = NOON + 24 * HOUR
    step.save(update_fields=["due_at"])
    process = actions.start(process, actor=OWNER, at=NOON).process
    assert process.due_at is None

    process = sign(process, ANA)

    assert process.due_at == NOON + 24 * HOUR


def test_starting_a_draft_notifies_the_first_step(outbox: Outbox) -> None:
    process = draft_process()
    assert not list(outbox)
    assert events(process) == [E.PROCESS_UPDATED]

    actions.start(process, actor=OWNER, at=NOON)

    assert outbox.recipients(E.TASK_STARTED) == [address(ANA)]
    assert outbox.recipients(E.PROCESS_STARTED) == [address(ILZE)]
    assert process.steps.get(process_order=1).status == StepStatus.STARTED


class TestEdits:
    def put(self, process: Process, body: dict[str, object]) -> Process:
        return actions.replace(process, body, actor=OWNER, at=NOON + HOUR).process

    def rows(self, process: Process) -> list[dict[str, object]]:
        return [
            {"id": str(step.id), "signers": [{"id": str(s.id)} for s in step.signers.order_by("position")]}
            for step in process.steps.order_by("process_order")
        ]

    def test_a_signer_added_to_the_running_step_is_notified(self, outbox: Outbox) -> None:
        process = started_process([[ANA], [BEN]])
        steps = self.rows(process)
        steps[0]["signers"].append({"name": EVE, "email": address(EVE), "country": "LV", "personal_code": CODES[EVE]})

        self.put(process, {"steps": steps})

        assert outbox.recipients(E.TASK_STARTED) == [address(ANA), address(EVE)]
        assert row_of(process, EVE).status == SignerStatus.STARTED
        assert events(process)[-2:] == [E.PROCESS_UPDATED, E.TASK_STARTED]

    def test_removing_the_last_pending_signer_starts_the_next_step(self, outbox: Outbox) -> None:
        process = started_process([[ANA, BEN], [CLEO]], signed=[ANA])
        steps = self.rows(process)
        del steps[0]["signers"][1]

        self.put(process, {"steps": steps})

        assert outbox.recipients(E.TASK_STARTED) == [address(CLEO)]
        assert outbox.recipients(E.TASK_STARTED, status="WITHDRAWN") == [address(ANA), address(BEN)]
        assert process.steps.get(process_order=1).status == StepStatus.COMPLETED

    def test_removing_the_running_step_starts_the_next(self, outbox: Outbox) -> None:
        process = started_process([[ANA], [BEN]])

        self.put(process, {"steps": self.rows(process)[1:]})

        assert outbox.recipients(E.TASK_STARTED) == [address(BEN)]
        assert process.steps.get().status == StepStatus.STARTED

    def test_waiting_steps_can_be_reordered(self) -> None:
        process = started_process([[ANA], [BEN], [CLEO]])
        steps = self.rows(process)
        steps[1]["process_order"], steps[2]["process_order"] = 3, 2

        self.put(process, {"steps": steps})

        assert [s.signers.get().name for s in process.steps.order_by("process_order")] == [ANA, CLEO, BEN]

    def test_a_new_email_address_is_notified_again(self, outbox: Outbox) -> None:
        process = started_process([[ANA]])
        deliver()
        steps = self.rows(process)
        steps[0]["signers"][0]["email"] = "new@example.org"

        self.put(process, {"steps": steps})

        assert outbox.recipients(E.TASK_STARTED) == ["new@example.org"]

    def test_a_put_of_the_process_can_report_an_act(self, outbox: Outbox) -> None:
        process = started_process([[ANA], [BEN]])
        steps = self.rows(process)
        steps[0]["signers"][0] |= {"status": "SIGNED", "comment": "Yes"}

        self.put(process, {"steps": steps})

        assert row_of(process, ANA).status == SignerStatus.SIGNED
        assert row_of(process, ANA).comment == "Yes"
        assert events(process)[-2:] == [E.SIGNER_SIGNED, E.TASK_STARTED]

    def test_an_update_event_holds_the_values_before_and_after(self) -> None:
        process = started_process([[ANA], [BEN]])
        steps = self.rows(process)
        steps[1]["signers"][0]["language"] = "lt"

        self.put(process, {"steps": steps, "document_name": "Lease"})

        event = AuditEvent.objects.of_process(process.pk).get(event_type=E.PROCESS_UPDATED)
        path = f"signers/{row_of(process, BEN).id}/signerLanguage"
        assert event.before == {"documentName": "Contract", path: None}
        assert event.after == {"documentName": "Lease", path: "lt"}
