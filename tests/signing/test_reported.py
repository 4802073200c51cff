"""What a client reported is never shown as what the service has seen."""

import io
import json
import zipfile
from collections.abc import Callable
from typing import Any

import pytest
from pypdf import PdfReader

from audit.log import report
from audit.models import AuditEvent
from config.access.actor import Actor
from config.vocabulary import EventType
from signing import actions
from signing.models import Process
from signing.timeline import timeline
from tests.builders import NOON, OWNER, row_of, staff, started_process
from tests.conftest import Api
from tests.people import ANA

pytestmark = pytest.mark.django_db

FORGER = Actor(client="monitor", subject="monitor", address="198.51.100.1")


@pytest.fixture(autouse=True)
def no_other_writers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("audit.chain.reader_cursor.readable_up_to", lambda: None)


@pytest.fixture
def process() -> Process:
    """Ana signed from 203.0.113.77; then a client reported other acts and addresses of hers."""
    process = started_process([[ANA]], documentId="DOC-1")
    ana = row_of(process, ANA)
    portal = Actor(client="portal", subject=OWNER.subject, rights=OWNER.rights, address="203.0.113.77")
    actions.act(process, ana.pk, {"status": "SIGNED"}, actor=portal, at=NOON)
    forged = {"process_id": str(process.pk), "signer_id": str(ana.pk), "ip_address": "192.0.2.66", "creator": "ana"}
    types = (EventType.DOCUMENT_INFO, EventType.SIGNER_DECLINED, EventType.SIGNER_SIGNED)
    report([{**forged, "event_type": event_type} for event_type in types], actor=FORGER, at=NOON)
    return process


def bundle(api: Api, process: Process) -> dict[str, bytes]:
    # Reading the process from elsewhere changes nothing about the act.
    assert api.get(f"/api/processes/{process.pk}", REMOTE_ADDR="192.0.2.200").status_code == 200
    content = api.get(f"/api/processes/{process.pk}/evidence").content
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name.rpartition("/")[2]: archive.read(name) for name in archive.namelist()}


def test_the_certificate_marks_reported_events_and_has_the_address_of_the_act(api: Api, process: Process) -> None:
    pages = PdfReader(io.BytesIO(bundle(api, process)["certificate.pdf"])).pages
    text = " ".join(" ".join(page.extract_text() for page in pages).split())
    assert f"{ANA} SIGNER SIGNED 2026-05-04 12:00:00 203.0.113.77" in text
    assert text.count("192.0.2.66") == text.count("reported by monitor") == 3


def test_the_readme_of_the_bundle_names_who_reported_events(api: Api, process: Process) -> None:
    readme = bundle(api, process)["README.txt"].decode()
    assert "Events reported by monitor: 3" in readme


def test_the_timeline_marks_reported_events(process: Process) -> None:
    entries = timeline(AuditEvent.objects.of_process(process.pk).in_order(), [])
    marked = [entry.who for entry in entries if entry.who.startswith("reported by monitor: ana")]
    assert len(marked) == 3
    page = staff(superuser=True).get(f"/admin/signing/process/{process.pk}/change/").content.decode()
    assert page.count("reported by monitor: ana") == 3


def test_the_list_of_events_marks_reported_events(process: Process) -> None:
    page = staff(superuser=True).get("/admin/audit/auditevent/").content.decode()
    assert page.count("reported by monitor") == 3
    assert "by the service" in page


@pytest.mark.parametrize("field", ["eventOrigin", "creator", "clientAppName"])
@pytest.mark.parametrize("name", ["paraph", " Paraph ", "pаraph", "ρaraph", "paraph\u3164", "paraph.", "ᴘaraph"])
def test_a_report_cannot_have_a_name_that_looks_like_the_service(
    api_of: Callable[..., Api], field: str, name: str
) -> None:
    monitor = api_of("monitor", rights=["audit_write"])
    answer = monitor.post("/api/audit-events", {"eventType": "SIGNATURE", field: name})
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (400, "reserved_origin")


def test_a_caller_whose_name_looks_like_the_service_is_shown_as_a_caller(api_of: Callable[..., Api]) -> None:
    answer = api_of("pаraph", rights=["audit_write"]).post("/api/audit-events", {"eventType": "SIGNATURE"})
    body: dict[str, Any] = json.loads(answer.content)
    assert body["eventOrigin"] == body["clientAppName"] == body["reportedBy"] == "client pаraph"
    assert body["creator"] == "user pаraph"
