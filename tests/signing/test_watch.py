from pathlib import Path
from typing import Any

import pytest

from audit.chain import triggers
from audit.models import AuditEvent
from config.access.models import User
from notifications.delivery.send import send_due
from signing.evidence.watch import watch
from tests.audit.trails import sql
from tests.builders import NOON, client_user, started_process
from tests.conftest import Outbox

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def alone(settings: Any, tmp_path: Path) -> None:
    settings.AUDIT_CHECKPOINT_FILE = tmp_path / "checkpoints.jsonl"


def test_a_trail_that_is_whole_is_nothing_to_tell(outbox: Outbox) -> None:
    started_process()
    assert watch(at=NOON).whole
    assert outbox.of("FAILURE") == []


def test_administrators_hear_of_one_that_is_not(outbox: Outbox, mailoutbox: Any) -> None:
    process = started_process()
    boss = client_user("boss", rights=["administer"])
    User.objects.filter(pk=boss.pk).update(is_staff=True, email="boss@example.org")
    triggers.remove()
    sql("UPDATE audit_event SET event_type = 'DECLINE' WHERE event_type = 'TASK_STARTED'")
    triggers.install()

    assert not watch(at=NOON).whole

    assert f"process {process.pk}, event 2" in AuditEvent.objects.filter(event_type="FAILURE").latest("number").note
    assert outbox.recipients("FAILURE") == ["boss@example.org"]
    send_due()
    (mail,) = [mail for mail in mailoutbox if "audit trail" in mail.subject]
    assert "was changed or forged" in mail.body
