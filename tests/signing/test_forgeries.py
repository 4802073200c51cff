"""The owner of the database forges rows of a process: everyone who asks for the verdict finds it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction

from audit.chain import checkpoints, triggers
from audit.chain.verdict import Verdict
from audit.log import report
from audit.models import AuditEvent
from config.vocabulary import EventType
from signing import actions
from signing.evidence.verdict import verdict
from signing.models import Process
from tests.audit.trails import PORTAL, backup, restore, sql
from tests.builders import NOON, OWNER, draft_process, row_of, sign, staff, started_process
from tests.conftest import Api
from tests.people import ANA, BEN, CLEO
from tests.signing.evidence_forgeries import FORGERIES
from tests.signing.test_trail import assert_replayable

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def file(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    # No other writers, and the transaction of the test stays open.
    monkeypatch.setattr("audit.chain.reader_cursor.readable_up_to", lambda: None)
    yield settings.AUDIT_CHECKPOINT_FILE
    triggers.install()


@pytest.fixture
def process() -> Process:
    process = started_process([[ANA, BEN], [CLEO]], documentId="DOC-1", documentName="Lease")
    sign(process, ANA)
    return process


def verdicts(process: Process) -> list[Verdict]:
    return [verdict(at=NOON), verdict(at=NOON, process_id=str(process.pk)), verdict(at=NOON, since=NOON)]


def assert_in_doubt(api: Api, process: Process) -> None:
    """The verdict, `/audit` and the evidence all say so, and none of them fails."""
    assert not verdict(at=NOON).whole
    assert not verdict(at=NOON, process_id=str(process.pk)).whole
    answer = api.get(f"/api/processes/{process.pk}/audit")
    assert (answer.status_code, answer.json()["verdict"]["whole"]) == (200, False)
    refused = api.get(f"/api/processes/{process.pk}/evidence")
    assert (refused.status_code, refused.json()["code"]) == (409, "evidence_in_doubt")


@pytest.mark.parametrize("forgery", FORGERIES)
def test_a_forged_row_is_found(forgery: str, process: Process) -> None:
    assert all(found.whole for found in verdicts(process))
    sql(FORGERIES[forgery])
    for found in verdicts(process):
        assert f"process {process.pk} contradicts its audit trail" in str(found.findings[0])


@pytest.mark.parametrize("forgery", ["the review that is required", "the due date of the process"])
def test_evidence_of_a_forged_row_is_refused(forgery: str, api: Api, process: Process) -> None:
    sql(FORGERIES[forgery])
    assert_in_doubt(api, process)


@pytest.mark.parametrize("forgery", ["malformed rules", "rules that are no object"])
def test_malformed_rules_are_a_finding(forgery: str, api: Api, process: Process) -> None:
    sql(FORGERIES[forgery])
    assert_in_doubt(api, process)
    answer = api.get(f"/api/processes/{process.pk}")
    assert (answer.status_code, answer.json()["code"]) == (409, "malformed_rules")
    page = staff(superuser=True).get(f"/admin/signing/process/{process.pk}/change/")
    assert "tampering was found" in page.content.decode()


@pytest.mark.parametrize("reason", [None, "", "Too late"])
def test_the_reason_of_a_cancellation_is_compared(reason: str | None, process: Process) -> None:
    actions.cancel(process, actor=OWNER, at=NOON, reason=reason)
    assert verdict(at=NOON).whole
    sql("UPDATE signing_process SET cancel_reason = 'Forged'")
    assert "the reason for the cancellation differs" in str(verdict(at=NOON).findings[0])


@pytest.mark.parametrize(
    ("forgery", "change"),
    [
        ("the name of the document", {"documentName": "Renamed"}),
        ("the owner group", {"ownerGroup": None}),
        ("the comment", {"comment": "Changed"}),
    ],
)
def test_a_legitimate_change_does_not_make_a_forged_row_genuine(
    forgery: str, change: dict[str, Any], api: Api, process: Process
) -> None:
    sql(FORGERIES[forgery])
    assert api.put(f"/api/processes/{process.pk}", change).status_code == 200
    process.refresh_from_db()
    assert_in_doubt(api, process)
    assert "but not by an event of the trail" in str(verdict(at=NOON).findings[0])


def test_a_signer_who_acts_again_after_a_forgery_is_found(process: Process) -> None:
    sql(FORGERIES["a withdrawn signature"])
    sign(process, ANA, "DECLINED")
    assert "acted again" in str(verdict(at=NOON).findings[0])


@pytest.mark.parametrize("what", ["its events", "its events and its head", "its head"])
def test_a_process_without_its_trail_is_found(what: str, api: Api, process: Process) -> None:
    triggers.remove()
    if "events" in what:
        sql("DELETE FROM audit_value")
        sql("DELETE FROM audit_event")
    if "head" in what:
        sql("DELETE FROM audit_head")
    assert_in_doubt(api, process)


@pytest.mark.parametrize("path", ["", "/cancel"])
def test_a_process_without_the_head_of_its_trail_cannot_be_changed(path: str, api: Api, process: Process) -> None:
    triggers.remove()
    sql("DELETE FROM audit_head")
    with transaction.atomic():
        if path:
            response = api.post(f"/api/processes/{process.pk}{path}", {})
        else:
            response = api.put(f"/api/processes/{process.pk}", {"comment": "x"})
        transaction.set_rollback(True)
    assert (response.status_code, response.json()["code"]) == (409, "damaged_trail")
    assert_in_doubt(api, process)


def test_a_process_with_reported_events_only_is_found(process: Process) -> None:
    triggers.remove()
    for table in ("audit_value", "audit_event", "audit_head"):
        sql(f"DELETE FROM {table}")
    report([{"event_type": EventType.SIGNATURE, "process_id": str(process.pk)}], actor=PORTAL, at=NOON)
    assert "it has no audit trail" in str(verdict(at=NOON).findings[0])


@pytest.mark.parametrize("make", [started_process, draft_process])
def test_a_trail_without_its_process_is_found(make: Callable[[], Process], api_of: Callable[..., Api]) -> None:
    process = make()
    kept = process.pk
    for table in ("notifications_message", "signing_signer", "signing_step", "signing_process"):
        sql(f"DELETE FROM {table}")
    for found in verdicts(process):
        assert f"process {kept} contradicts its audit trail: the process is missing" in str(found.findings[0])
    answer = api_of("auditor", rights=["audit_read"]).get(f"/api/processes/{kept}/audit")
    assert (answer.status_code, answer.json()["verdict"]["whole"]) == (200, False)


def test_a_deleted_process_and_events_about_unknown_processes_are_no_false_alarm(process: Process) -> None:
    actions.cancel(process, actor=OWNER, at=NOON)
    actions.delete(process, actor=OWNER, at=NOON)
    unknown = "8f14e45f-ceea-467f-a8a6-000000000000"
    report([{"event_type": EventType.SIGNATURE, "process_id": unknown}], actor=PORTAL, at=NOON)
    report([{"event_type": EventType.PROCESS_STARTED, "process_id": unknown}], actor=PORTAL, at=NOON)
    assert all(found.whole for found in verdicts(process))


def test_a_deleted_process_that_is_put_back_is_found(process: Process) -> None:
    rows = [*process.steps.all(), *process.signers.all()]
    actions.cancel(process, actor=OWNER, at=NOON)
    actions.delete(Process.objects.get(), actor=OWNER, at=NOON)
    process.save(force_insert=True)
    for row in rows:
        row.save(force_insert=True)
    assert "the audit trail records its deletion" in str(verdict(at=NOON).findings[0])


def test_evidence_from_a_database_older_than_the_checkpoint_file_is_refused(api: Api, process: Process) -> None:
    checkpoints.make(at=NOON)
    old = backup()
    started_process()
    checkpoints.make(at=NOON)
    triggers.remove()
    restore(old)
    sql("DELETE FROM signing_signer WHERE process_id <> (SELECT process_id FROM signing_signer WHERE name = 'Cleo')")
    triggers.install()
    lines = file_lines()

    assert "which is an older copy" in str(verdict(at=NOON, process_id=str(process.pk)).findings[0])
    assert_in_doubt(api, process)
    sign(process, BEN)
    assert_in_doubt(api, process)
    # No second checkpoint with the same number is signed.
    assert file_lines() == lines


def file_lines() -> list[str]:
    return checkpoints.settings.AUDIT_CHECKPOINT_FILE.read_text().splitlines()


@pytest.mark.parametrize("how", ["emptied", "removed"])
def test_evidence_is_refused_after_the_checkpoint_file_was_lost(
    how: str, file: Path, api: Api, process: Process
) -> None:
    for _ in range(3):
        started_process()
        checkpoints.make(at=NOON)
    if how == "emptied":
        file.write_text("")
    else:
        file.unlink()
    # A new checkpoint does not hide the loss.
    sign(process, BEN)
    checkpoints.make(at=NOON)
    for found in verdicts(process):
        assert "missing from the file" in found.unchecked[0]
    assert api.get(f"/api/processes/{process.pk}/evidence").status_code == 409

    checkpoints.write_file(new_file=True)
    assert api.get(f"/api/processes/{process.pk}/evidence").status_code == 200
    assert verdict(at=NOON).unchecked == []


@pytest.mark.parametrize("column", ["up_to = 0", "signature = '00'", "root = '00'", "previous = '00'"])
def test_evidence_is_refused_after_a_checkpoint_was_changed(column: str, api: Api, process: Process) -> None:
    checkpoints.make(at=NOON)
    triggers.remove()
    sql(f"UPDATE audit_checkpoint SET {column}")
    triggers.install()
    assert_in_doubt(api, process)


def test_an_old_trail_without_checkpoints_cannot_be_verified(file: Path, process: Process, settings: Any) -> None:
    checkpoints.make(at=NOON)
    late = NOON.replace(day=5)
    assert verdict(at=late).unchecked == []
    triggers.remove()
    sql("DELETE FROM audit_checkpoint_leaf")
    sql("DELETE FROM audit_checkpoint")
    file.unlink()
    assert "not in any checkpoint" in verdict(at=late).unchecked[0]


def test_a_checkpoint_missing_from_the_file_for_long_is_reported(file: Path, process: Process) -> None:
    for _ in range(2):
        started_process()
        checkpoints.make(at=NOON)
    lines = file.read_text().splitlines(keepends=True)
    file.write_text("".join(lines[:-1]))
    assert verdict(at=NOON).unchecked == []
    assert "missing from the file" in verdict(at=NOON.replace(day=5)).unchecked[0]


def test_comparing_more_processes_takes_no_more_queries(queries: Callable[[], Any], process: Process) -> None:
    counts = []
    for more in (1, 20):
        for _ in range(more):
            started_process([[ANA, BEN], [CLEO]])
        with queries() as count:
            assert verdict(at=NOON).whole
        counts.append(count())
    assert counts[0] == counts[1]


def test_an_untouched_process_is_replayable(process: Process) -> None:
    assert_replayable(process)
    assert row_of(process, ANA).acted
    assert AuditEvent.objects.of_process(process.pk).exists()
