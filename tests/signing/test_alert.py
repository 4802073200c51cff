"""The scheduled verification of the audit trail, and the email about what it finds."""

from pathlib import Path
from typing import Any

import pytest

from audit.chain import triggers
from audit.models import AuditEvent
from config.access.models import User
from notifications.delivery.send import send_due
from signing.evidence.alert import verify_and_alert
from signing.models import Process
from tests.audit.trails import sql
from tests.builders import NOON, client_user, started_process
from tests.conftest import Outbox

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def own_checkpoint_file(settings: Any, tmp_path: Path) -> None:
    settings.AUDIT_CHECKPOINT_FILE = tmp_path / "checkpoints.jsonl"


@pytest.fixture
def administrator() -> str:
    boss = client_user("boss", rights=["administer"])
    User.objects.filter(pk=boss.pk).update(is_staff=True, email="boss@example.org")
    return "boss@example.org"


def test_an_intact_trail_is_not_reported(outbox: Outbox, administrator: str) -> None:
    started_process()
    assert verify_and_alert(at=NOON).whole
    assert outbox.of("FAILURE") == []


def test_administrators_are_notified_of_a_trail_that_is_not_intact(
    outbox: Outbox, administrator: str, mailoutbox: Any
) -> None:
    process = started_process()
    triggers.remove()
    sql("UPDATE audit_event SET event_type = 'DECLINE' WHERE event_type = 'TASK_STARTED'")
    triggers.install()

    assert not verify_and_alert(at=NOON).whole

    assert f"process {process.pk}, event 2" in AuditEvent.objects.filter(event_type="FAILURE").latest("number").note
    assert outbox.recipients("FAILURE") == [administrator]
    send_due()
    (email,) = [email for email in mailoutbox if "audit trail" in email.subject]
    assert "was changed or forged" in email.body


def test_administrators_are_notified_of_a_process_that_contradicts_its_trail(
    outbox: Outbox, administrator: str, mailoutbox: Any
) -> None:
    started_process()
    forged = started_process()
    Process.objects.filter(pk=forged.pk).update(document_id="FORGED")

    assert not verify_and_alert(at=NOON).whole

    problem = f"process {forged.pk} contradicts its audit trail: documentId differs from the trail"
    assert problem in AuditEvent.objects.filter(event_type="FAILURE").latest("number").note
    assert outbox.recipients("FAILURE") == [administrator]
    send_due()
    (email,) = [email for email in mailoutbox if "audit trail" in email.subject]
    assert problem in email.body


def test_administrators_are_notified_of_a_verification_that_fails(
    outbox: Outbox, administrator: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(**_: object) -> None:
        raise OSError("no database")

    monkeypatch.setattr("signing.evidence.alert.verdict", fail)
    assert verify_and_alert(at=NOON).unchecked == ["the verification itself failed: OSError"]
    assert outbox.recipients("FAILURE") == [administrator]
