"""The running product: reads are chained, the audit trail verifies, and a bundle is verified without Paraph."""

import io
import json
import subprocess
import sys
import threading
import time
import urllib.request
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from audit.models import AuditEvent
from signing.evidence.verdict import verdict
from tests.builders import NOON, sign, started_process
from tests.people import ANA, BEN, body
from tests.services.stack import Stack

pytestmark = pytest.mark.services


def test_evidence_is_verified_by_a_third_party(stack: Stack, tmp_path: Path) -> None:
    process = stack.call("POST", "/api/processes", body([[ANA], [BEN]], documentId="DOC-1")).body
    act = f"/api/signers/{process['signers'][0]['id']}/act"
    assert stack.call("POST", act, {"signingStatus": "SIGNED"}).status == 200
    stack.call("GET", f"/api/processes/{process['id']}")
    until = time.monotonic() + 60
    while stack.rows("SELECT 1 FROM audit_event WHERE seq IS NULL") and time.monotonic() < until:
        time.sleep(0.5)  # a job chains the events
    assert stack.rows("SELECT count(*) FROM audit_event WHERE seq IS NULL") == [(0,)]

    output = stack.manage("verify_audit")
    assert "The audit trail is intact." in output
    fingerprint = output.partition("Public key fingerprint: ")[2].split()[0]
    stack.manage("checkpoint_audit")
    lines = (stack.folder / "audit-checkpoints.jsonl").read_text().splitlines()
    assert {json.loads(line)["statement"]["key"] for line in lines} == {fingerprint}

    request = urllib.request.Request(
        f"http://127.0.0.1:{stack.port}/api/processes/{process['id']}/evidence",
        headers={"Authorization": f"Token {stack.token}"},
    )
    with urllib.request.urlopen(request) as response, zipfile.ZipFile(io.BytesIO(response.read())) as archive:
        archive.extractall(tmp_path)
    (folder,) = tmp_path.iterdir()
    command = [sys.executable, "-I", "verify.py", "--key", fingerprint, "--events"]
    checked = subprocess.run(command, cwd=folder, env={"LANG": "C"}, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
    assert "SIGNER_SIGNED" in checked.stdout
    events = folder / "events.json"
    events.write_text(events.read_text(encoding="utf-8").replace("SIGNER_SIGNED", "SIGNER_SIGNEE"), encoding="utf-8")
    checked = subprocess.run(command, cwd=folder, env={"LANG": "C"}, capture_output=True, text=True, check=False)
    assert (checked.returncode, "events.json" in checked.stderr) == (1, True)
    assert "The audit trail is intact." in stack.manage("verify_audit")


@pytest.mark.django_db(transaction=True)
def test_a_process_that_changes_during_the_verification_is_no_false_alarm(settings: Any, tmp_path: Path) -> None:
    settings.AUDIT_CHECKPOINT_FILE = tmp_path / "checkpoints.jsonl"
    process = started_process([[ANA], [BEN]])
    changed = []

    def sign_elsewhere() -> None:
        try:
            sign(process, ANA)
        finally:
            connection.close()

    def between_events_and_rows(execute: Callable[..., Any], sql: str, *args: Any) -> Any:
        """Change the process after its events were read and before its signers are."""
        if 'FROM "signing_signer"' in sql and not changed:
            changed.append(True)
            thread = threading.Thread(target=sign_elsewhere)
            thread.start()
            thread.join()
        return execute(sql, *args)

    with connection.execute_wrapper(between_events_and_rows):
        result = verdict(at=NOON)
    assert changed
    assert AuditEvent.objects.filter(event_type="SIGNER_SIGNED").exists()
    assert result.findings == []
    assert verdict(at=NOON).findings == []
