"""The audit trail of a process with its verdict, and the bundle of evidence that is verified offline."""

import io
import json
import random
import subprocess
import sys
import zipfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pypdf import PdfReader

from audit.chain import checkpoints, keys, triggers
from audit.models import AuditEvent
from config.access.actor import Actor
from notifications.delivery.send import send_due
from signing import actions, represent
from signing.erasure.erase import erase
from signing.erasure.person import find_person
from signing.evidence import bundle as bundles
from signing.evidence import offline_verifier, verdict
from signing.models import Process
from templates_app.rules import Rules
from tests.audit.trails import rehash, sql
from tests.builders import BOSS, NOON, OWNER, profile_of, row_of, sign, staff, started_process
from tests.conftest import Api
from tests.faults import SOAK
from tests.people import ANA, BEN, CLEO, CODES, DAN, ILZE, address, signer

FLIPS = 300 * SOAK


@pytest.fixture(autouse=True)
def own_checkpoint_file(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.AUDIT_CHECKPOINT_FILE = tmp_path / "checkpoints.jsonl"
    monkeypatch.setattr("audit.chain.reader_cursor.readable_up_to", lambda: None)


@pytest.fixture
def process(db: None) -> Process:
    process = started_process([[ANA], [BEN]], documentId="DOC-1", documentName="Līgums")
    sign(process, ANA)
    return process


def unpacked(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name.rpartition("/")[2]: archive.read(name) for name in archive.namelist()}


def fetched(api: Api, process: Process) -> dict[str, bytes]:
    response = api.get(f"/api/processes/{process.pk}/evidence")
    assert (response.status_code, response["Content-Type"]) == (200, "application/zip")
    return unpacked(response.content)


def verify_audit(*words: str) -> tuple[int, str]:
    """The exit code and the output of the command."""
    output = io.StringIO()
    try:
        call_command("verify_audit", *words, stdout=output, stderr=output)
    except SystemExit as ended:
        return int(str(ended.code)), output.getvalue()
    return 0, output.getvalue()


def certificate_text(files: dict[str, bytes]) -> str:
    pages = PdfReader(io.BytesIO(files["certificate.pdf"])).pages
    return " ".join(" ".join(page.extract_text() for page in pages).split())


def run(folder: Path, files: dict[str, bytes], *words: str) -> tuple[int, str]:
    for name, content in files.items():
        (folder / name).write_bytes(content)
    done = subprocess.run([sys.executable, "-I", "verify.py", *words], cwd=folder, capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


class TestTheTrailOfAProcess:
    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE audit_value SET value = '{' WHERE part = 'after'",
            "UPDATE audit_value SET value = '[1]' WHERE part = 'after'",
            "UPDATE audit_event SET commitments = '[]'",
            "INSERT INTO audit_value (event_id, part, salt, value) SELECT number, 'erased', '', '{' FROM audit_event",
        ],
    )
    def test_malformed_events_are_shown_and_reported(
        self, api: Api, api_of: Callable[..., Api], process: Process, statement: str
    ) -> None:
        triggers.remove()
        sql(statement)
        response = api.get(f"/api/processes/{process.pk}/audit")
        assert (response.status_code, response.json()["verdict"]["whole"]) == (200, False)
        auditor = api_of("auditor", rights=["audit_read"])
        assert [auditor.get(f"/api/audit-events{query}").status_code for query in ("", "?after=0")] == [200, 200]
        assert api.get(f"/api/processes/{process.pk}/evidence").status_code == 409
        page = staff(superuser=True).get(f"/admin/signing/process/{process.pk}/change/")
        assert "tampering was found" in page.content.decode()
        assert verify_audit()[0] == 1

    def test_its_events_with_the_verdict(self, api: Api, process: Process) -> None:
        api.get(f"/api/processes/{process.pk}")
        body = api.get(f"/api/processes/{process.pk}/audit?size=2").json()
        assert [event["eventType"] for event in body["content"]] == ["PROCESS_STARTED", "TASK_STARTED"]
        assert [event["seq"] for event in body["content"]] == [1, 2]
        assert body["totalElements"] == body["verdict"]["events"] == 5  # the read is among them
        assert (body["verdict"]["whole"], body["verdict"]["firstBad"]) == (True, None)

    def test_the_first_bad_event(self, api: Api, process: Process) -> None:
        triggers.remove()
        sql("UPDATE audit_event SET event_type = 'DECLINE' WHERE event_type = 'SIGNER_SIGNED'")
        body = api.get(f"/api/processes/{process.pk}/audit").json()
        triggers.install()
        assert body["verdict"]["whole"] is False
        assert body["verdict"]["firstBad"]["seq"] == 3
        assert "was changed or forged" in body["verdict"]["firstBad"]["detail"]

    def test_the_verdict_over_a_process_that_contradicts_it(self, api: Api, process: Process) -> None:
        Process.objects.update(document_id="FORGED")
        detail = f"process {process.pk} contradicts its audit trail: documentId differs from the trail."
        body = api.get(f"/api/processes/{process.pk}/audit").json()
        assert body["verdict"]["whole"] is False
        assert body["verdict"]["firstBad"] == {"seq": None, "number": None, "detail": detail}
        page = staff(superuser=True).get(f"/admin/signing/process/{process.pk}/change/").content.decode()
        assert "tampering was found" in page
        assert detail in page

    def test_of_a_deleted_process_for_clients_with_audit_read(
        self, api: Api, api_of: Callable[..., Api], process: Process
    ) -> None:
        url = f"/api/processes/{process.pk}"
        api.post(f"{url}/cancel", {})
        api.delete(url)
        assert api.get(f"{url}/audit").status_code == 404
        auditor = api_of("auditor", rights=["audit_read", "on_behalf"])
        body = auditor.get(f"{url}/audit").json()
        assert body["content"][-1]["eventType"] == "PROCESS_DELETED"
        assert body["verdict"]["whole"] is True
        assert auditor.get(f"{url}/audit?user=ana").status_code == 404
        assert auditor.get("/api/processes/8f14e45f-ceea-467f-a8a6-000000000000/audit").status_code == 404


class TestVerifyAudit:
    def test_a_process_that_contradicts_its_trail(self, process: Process) -> None:
        honest = started_process()
        checkpoints.make(at=NOON)
        assert verify_audit()[0] == 0
        Process.objects.filter(pk=process.pk).update(document_id="FORGED")
        problem = f"TAMPERED: process {process.pk} contradicts its audit trail: documentId differs from the trail."
        for words in ([], ["--process", str(process.pk)], ["--since", "2026-05-04"]):
            code, output = verify_audit(*words)
            assert (code, problem in output, "Also:" in output) == (1, True, False)
        assert verify_audit("--process", str(honest.pk))[0] == 0
        assert verify_audit("--since", "2999-01-01")[0] == 2

    def test_every_process_that_contradicts_its_trail_is_reported_once(
        self, process: Process, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(verdict, "PROCESSES_AT_ONCE", 2)
        forged = [process, *(started_process() for _ in range(4))]
        Process.objects.update(document_id="FORGED", comment="FORGED")
        honest = started_process()
        for words in ([], ["--since", "2026-05-04"]):
            code, output = verify_audit(*words)
            assert (code, output.count("contradicts its audit trail")) == (1, len(forged))
            assert all(str(row.pk) in output for row in forged)
            assert str(honest.pk) not in output

    def test_a_tampered_trail_is_reported_instead_of_the_contradictions_that_follow(self, process: Process) -> None:
        triggers.remove()
        sql("UPDATE audit_value SET value = '{}' WHERE part = 'after'")
        triggers.install()
        code, output = verify_audit()
        assert (code, "contradicts" in output) == (1, False)
        assert f"TAMPERED: process {process.pk}, event 1" in output

    def test_malformed_trails_are_reported_even_if_there_are_many(
        self, process: Process, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The list of findings is limited, so it does not name every process whose trail is in doubt."""
        monkeypatch.setattr("audit.chain.verdict.MAX_FINDINGS", 1)
        started_process()
        triggers.remove()
        sql("UPDATE audit_event SET commitments = '5'")
        code, output = verify_audit()
        assert (code, "TAMPERED" in output) == (1, True)

    def test_progress_counts_events_and_processes(self, process: Process) -> None:
        seen: list[int] = []
        verdict.verdict(at=NOON, progress=seen.append)
        assert seen[-1] == AuditEvent.objects.filter(seq__isnull=False).count() + 1


class TestTheBundle:
    def test_it_is_verified_offline(self, api: Api, process: Process, tmp_path: Path) -> None:
        files = fetched(api, process)
        code, output = run(tmp_path, files, "--key", keys.fingerprint(keys.public()), "--events")
        assert code == 0
        assert all(text in output for text in ("The evidence is valid.", "DOC-1", "SIGNER_SIGNED"))
        assert "The fingerprint of the public key matches the one given." in output
        made_at = json.loads(files["manifest.json"])["madeAt"]
        assert f"Created:      {made_at}" in output
        assert "Status:       STARTED" in output
        assert f"Signer:       {ANA}: SIGNER SIGNED 2026-05-04T12:00:00Z" in output
        assert f"Signer:       {BEN}: SIGNER STARTED\n" in output
        (tmp_path / "notes.txt").write_text("mine")
        code, output = run(tmp_path, files)
        assert (code, "Note: notes.txt is not part of the evidence." in output) == (0, True)
        assert run(tmp_path, files, "--key", "0" * 64)[0] == 1
        assert "proves nothing unless" in run(tmp_path, files)[1]
        assert keys.fingerprint(keys.public()) in files["README.txt"].decode()
        assert files["certificate.pdf"].startswith(b"%PDF")

    def test_its_contents(self, api: Api, process: Process) -> None:
        files = fetched(api, process)
        events = json.loads(files["events.json"])["events"]
        assert [event["eventType"] for event in events][:3] == ["PROCESS_STARTED", "TASK_STARTED", "SIGNER_SIGNED"]
        assert events[2]["signerId"] == str(row_of(process, ANA).pk)
        expected = represent.process(Process.objects.get(), OWNER)
        assert files["process.json"].decode() == json.dumps(expected, ensure_ascii=False, indent=1) + "\n"
        text = certificate_text(files)
        assert "Līgums" in text
        assert f"1 {ANA} SIGNER SIGNED 2026-05-04 12:00:00" in text
        assert f"2 {BEN} SIGNER STARTED –" in text
        assert address(ANA) in files["events.json"].decode()
        statement = json.loads(files["checkpoint.json"])["statement"]
        assert json.loads(files["checkpoint.json"])["leaf"]["seq"] == len(events)
        assert statement["key"] == keys.fingerprint(keys.public())

    def test_a_checkpoint_is_made_when_something_has_happened_since(self, api: Api, process: Process) -> None:
        def number() -> int:
            return int(json.loads(fetched(api, process)["checkpoint.json"])["statement"]["number"])

        first = number()
        assert number() == first  # fetching the evidence is an event, but does not change the process
        sign(process, BEN)
        assert number() == first + 1
        assert "SIGNER_SIGNED" in AuditEvent.objects.of_process(process.pk).values_list("event_type", flat=True)

    def test_one_of_many_chains_and_after_a_change_of_keys(
        self, api: Api, process: Process, settings: Any, tmp_path: Path
    ) -> None:
        for _ in range(6):
            started_process()
        files = fetched(api, process)
        assert len(json.loads(files["checkpoint.json"])["path"]) >= 2
        assert offline_verifier.check(files)
        settings.AUDIT_RETIRED_PUBLIC_KEYS = [keys.public().hex()]
        settings.AUDIT_SIGNING_KEYS = ["2" * 64]
        files = fetched(api, process)
        assert offline_verifier.check(files)
        assert offline_verifier.check(files)

    def test_any_flipped_bit_is_noticed(self, api: Api, process: Process) -> None:
        files = fetched(api, process)
        assert offline_verifier.check(files)
        chance = random.Random(7)
        places = [(name, bit) for name in files for bit in range(8 * len(files[name]))]
        small = [place for place in places if place[0] in ("manifest.sig", "public_key.txt")]
        for name, bit in [*small, *chance.sample(places, FLIPS)]:
            flipped = bytearray(files[name])
            flipped[bit // 8] ^= 1 << bit % 8
            with pytest.raises(offline_verifier.Broken):
                offline_verifier.check({**files, name: bytes(flipped)})

    def test_a_flipped_bit_of_the_zip_is_noticed(self, api: Api, process: Process) -> None:
        content = api.get(f"/api/processes/{process.pk}/evidence").content
        original = unpacked(content)
        chance = random.Random(8)
        for _ in range(FLIPS):
            bit = chance.randrange(8 * len(content))
            flipped = bytearray(content)
            flipped[bit // 8] ^= 1 << bit % 8
            try:
                files = unpacked(bytes(flipped))
            except Exception:  # noqa: BLE001 (not a ZIP any more, which is noticed)
                continue
            if files != original:
                with pytest.raises(offline_verifier.Broken):
                    offline_verifier.check(files)

    def test_a_tampered_trail_is_refused(self, api: Api, process: Process) -> None:
        triggers.remove()
        sql("UPDATE audit_event SET created_at = '2020-01-01' WHERE event_type = 'SIGNER_SIGNED'")
        rehash(str(process.pk))
        triggers.install()
        response = api.get(f"/api/processes/{process.pk}/evidence")
        assert (response.status_code, response.json()["code"]) == (409, "evidence_in_doubt")
        assert "is in doubt" in response.json()["detail"]

    def test_a_trail_that_cannot_be_verified_is_refused(self, api: Api, process: Process, settings: Any) -> None:
        settings.AUDIT_KEYS = {"other": "x" * 40}
        response = api.get(f"/api/processes/{process.pk}/evidence")
        assert (response.status_code, response.json()["code"]) == (409, "evidence_in_doubt")
        assert "could not be verified" in response.json()["detail"]

    def test_the_verdict_is_asked_once(self, api: Api, process: Process, monkeypatch: pytest.MonkeyPatch) -> None:
        calls = []
        verify = verdict.verify

        def counted(**options: Any) -> Any:
            calls.append(options["process_id"])
            return verify(**options)

        monkeypatch.setattr(verdict, "verify", counted)
        fetched(api, process)
        assert calls == [str(process.pk)]

    def test_the_number_of_queries_does_not_depend_on_the_number_of_signers(self, api: Api) -> None:
        queries = []
        # The first checkpoint of a database takes fewer queries than the next ones.
        fetched(api, started_process([[ANA]]))
        for names in ([ANA], [ANA, BEN, CLEO, DAN]):
            process = started_process([[signer(name) for name in names]], signed=names)
            with CaptureQueriesContext(connection) as captured:
                fetched(api, process)
            queries.append(len(captured))
        assert queries[0] == queries[1]

    def test_it_is_made_from_the_trail(self, api: Api, process: Process, monkeypatch: pytest.MonkeyPatch) -> None:
        """Forged rows do not get into the bundle, even if they were written after the verdict."""
        honest = api.get(f"/api/processes/{process.pk}").json()
        sign(process, BEN, at=NOON + timedelta(hours=1), comment="Yes")
        require_verified = bundles.require_verified

        def forge_afterwards(*args: Any, **options: Any) -> None:
            require_verified(*args, **options)
            Process.objects.update(document_name="FORGED", status="CANCELED", completed_at=None, comment="FORGED")
            process.steps.update(status="CANCELED", due_at=NOON)
            process.signers.update(status="DECLINED", name="FORGED", comment="FORGED", acted_at=None)

        monkeypatch.setattr(bundles, "require_verified", forge_afterwards)
        files = fetched(api, process)
        rebuilt = json.loads(files["process.json"])
        assert rebuilt["completedAt"] == "2026-05-04T13:00:00Z"
        assert (rebuilt["status"], rebuilt["totalSigned"], rebuilt["currentInProgressStep"]) == ("COMPLETED", 2, None)
        assert [step["stepStatus"] for step in rebuilt["signingProcessSteps"]] == ["COMPLETED", "COMPLETED"]
        assert [signer["signingStatus"] for signer in rebuilt["signers"]] == ["SIGNED", "SIGNED"]
        assert [signer["signerComment"] for signer in rebuilt["signers"]] == [None, "Yes"]
        assert rebuilt["documentName"] == honest["documentName"] == "Līgums"
        text = certificate_text(files)
        assert "FORGED" not in text
        assert f"2 {BEN} SIGNER SIGNED 2026-05-04 13:00:00" in text

    def test_the_address_is_the_one_of_the_act(self, api: Api, process: Process) -> None:
        at_desk = Actor(client=ILZE, subject=ILZE, address="192.0.2.8")
        actions.remind(process, actor=Actor(client=ILZE, subject=ILZE, address="192.0.2.9"), at=NOON)
        actions.act(process, row_of(process, BEN).pk, {"status": "SIGNED"}, actor=at_desk, at=NOON)
        text = certificate_text(fetched(api, process))
        assert f"2 {BEN} SIGNER SIGNED 2026-05-04 12:00:00 192.0.2.8" in text
        assert f"1 {ANA} SIGNER SIGNED 2026-05-04 12:00:00 –" in text

    def test_erased_names_are_marked(self, api: Api, process: Process, mailoutbox: Any) -> None:
        sign(process, BEN)
        send_due()
        erase(find_person(country="LV", code=CODES[ANA]), actor=BOSS, at=NOON)
        files = fetched(api, process)
        text = certificate_text(files)
        assert "1 (erased) SIGNER SIGNED 2026-05-04 12:00:00" in text
        assert f"2 {BEN} SIGNER SIGNED" in text
        assert ANA not in text
        assert [row["signerName"] for row in json.loads(files["process.json"])["signers"]] == [None, BEN]

    @pytest.mark.parametrize(
        ("statement", "problem"),
        [
            ("signer SET status = 'SIGNED' WHERE name = 'Ben'", "is SIGNED, but the trail contains no act"),
            ("signer SET acted_at = '2026-05-04' WHERE name = 'Ben'", "is STARTED, but the trail contains no act"),
            ("signer SET status = 'DECLINED' WHERE name = 'Ana'", "is DECLINED, but SIGNED in the trail"),
            ("signer SET status = 'STARTED' WHERE name = 'Ana'", "is STARTED, but SIGNED in the trail"),
            (
                "signer SET acted_at = '2020-01-01' WHERE name = 'Ana'",
                "acted at 2020-01-01 00:00:00+00:00, but at 2026",
            ),
            ("signer SET personal_code = '1' WHERE name = 'Ana'", "/signerPersonalCode differs from the trail"),
            ("signer SET comment = 'No' WHERE name = 'Ana'", "/signerComment differs"),
            ("signer SET anonymous = NOT anonymous WHERE name = 'Ana'", "/anonymous differs"),
            ("signer SET step_id = (SELECT step_id FROM signing_signer WHERE name = 'Ben')", "/step differs"),
            ("signer SET person_key = 'lv:1' WHERE name = 'Ana'", "the search column person_key of"),
            ("step SET process_order = process_order + 9", "/processOrder differs"),
            ("step SET due_at = '2020-01-01'", "/dueDate differs"),
            ("process SET status = 'CANCELED'", "the process is CANCELED, but STARTED in the trail"),
            ("process SET status = 'DECLINED', finished_at = started_at", "the process is DECLINED, but STARTED"),
            ("process SET document_id = 'FORGED'", "documentId differs"),
            ("process SET created_at = '2020-01-01'", "createdAt differs"),
            ("process SET started_at = '2020-01-01'", "started at 2020"),
            ("process SET finished_at = '2020-01-01'", "ended at 2020"),
            ("process SET comment = 'No'", "comment differs"),
            ("process SET owner_group = 'x'", "ownerGroup differs"),
            ("process SET document_type = 'x'", "documentType differs"),
            ("process SET initiator_email = 'x'", "processInitiatorEmail differs"),
            ("process SET attributes = '{\"a\": 1}'", "attributes differs"),
            (f"process SET rules = '{json.dumps(Rules(seal='x').to_json())}'", "seal differs"),
            (f"process SET rules = '{json.dumps(Rules(True).to_json())}'", "continueOnDecline differs"),
            ("process SET hold = 'x'", "hold differs"),
            ("process SET name_search = 'x'", "the search column name_search of"),
        ],
    )
    def test_rows_that_contradict_the_trail_are_refused(
        self, api: Api, process: Process, statement: str, problem: str
    ) -> None:
        sql(f"UPDATE signing_{statement}".replace("'Ben'", f"'{BEN}'").replace("'Ana'", f"'{ANA}'"))
        response = api.get(f"/api/processes/{process.pk}/evidence")
        assert (response.status_code, response.json()["code"]) == (409, "evidence_in_doubt")
        assert problem in response.json()["detail"]
        code, output = verify_audit()
        assert (code, problem in output) == (1, True), output

    def test_a_missing_signer_is_refused(self, api: Api, process: Process) -> None:
        row_of(process, ANA).delete()
        detail = api.get(f"/api/processes/{process.pk}/evidence").json()["detail"]
        assert "is in the trail, but missing from the database" in detail

    def test_an_added_signer_is_refused(self, api: Api, process: Process) -> None:
        signer = row_of(process, BEN)
        signer.pk = None
        signer.save(force_insert=True)
        assert "is not in the trail" in api.get(f"/api/processes/{process.pk}/evidence").json()["detail"]

    @pytest.mark.parametrize("continues", [False, True])
    def test_another_outcome_of_a_decline_is_refused(self, api: Api, continues: bool) -> None:
        profile_of("LEASE", continueOnDecline=continues)
        process = started_process([[ANA, BEN]], documentType="LEASE")
        sign(process, ANA, "DECLINED")
        assert fetched(api, process)
        outcome = (
            {"status": "DECLINED", "finished_at": NOON} if continues else {"status": "STARTED", "finished_at": None}
        )
        Process.objects.update(**outcome)
        assert "in the trail" in api.get(f"/api/processes/{process.pk}/evidence").json()["detail"]

    @pytest.mark.parametrize("column", ["completed_at", "finished_at"])
    def test_an_end_at_another_time_is_refused(self, api: Api, process: Process, column: str) -> None:
        sign(process, BEN, at=NOON + timedelta(hours=2))
        assert fetched(api, process)
        sql(f"UPDATE signing_process SET {column} = '{NOON + timedelta(hours=1)}'")
        assert api.get(f"/api/processes/{process.pk}/evidence").status_code == 409

    @pytest.mark.parametrize(
        "what", ["an event", "the last event", "a value", "an unknown field", "the order", "another's checkpoint"]
    )
    def test_another_story_is_noticed_even_if_it_is_signed(self, api: Api, process: Process, what: str) -> None:
        """The key that signs bundles is not enough, because the checkpoint covers the chain."""
        files = fetched(api, process)
        content = json.loads(files["events.json"])
        events = content["events"]
        if what == "an event":
            events[2]["eventType"] = "DECLINE"
        elif what == "the last event":
            events.pop()
        elif what == "a value":
            del events[1]["values"]["creator"]
        elif what == "an unknown field":
            events[1]["signerName"] = "Ana"
        elif what == "the order":
            events[1], events[2] = events[2], events[1]
        else:
            files["checkpoint.json"] = fetched(api, started_process())["checkpoint.json"]
        files["events.json"] = json.dumps(content).encode()
        with pytest.raises(offline_verifier.Broken):
            offline_verifier.check(signed(files))

    @pytest.mark.parametrize(
        ("name", "change"),
        [
            ("events.json", {"events": []}),
            ("events.json", {"events": "none"}),
            ("events.json", {"events": [1]}),
            ("events.json", {"events": [{}]}),
            ("events.json", {"format": 2}),
            ("events.json", {"processId": "another"}),
            ("process.json", {"id": "another"}),
            ("checkpoint.json", {"index": -1}),
            ("checkpoint.json", {"index": "0"}),
            ("checkpoint.json", {"index": 1}),
            ("checkpoint.json", {"path": ["00" * 32]}),
            ("checkpoint.json", {"path": None}),
            ("checkpoint.json", {"leaf": None}),
            ("checkpoint.json", {"signature": "00" * 64}),
            ("checkpoint.json", {"statement": {}}),
        ],
    )
    def test_a_malformed_bundle_is_refused(self, api: Api, process: Process, name: str, change: dict[str, Any]) -> None:
        files = fetched(api, process)
        assert offline_verifier.check(signed(files))
        files[name] = json.dumps(json.loads(files[name]) | change).encode()
        with pytest.raises(offline_verifier.Broken):
            offline_verifier.check(signed(files))

    @pytest.mark.parametrize("name", ["manifest.json", "events.json", "checkpoint.json"])
    def test_an_unknown_key_is_refused(self, api: Api, process: Process, name: str) -> None:
        files = fetched(api, process)
        content = json.dumps(json.loads(files[name]) | {"unknown": 1}).encode()
        files[name] = content
        if name == "manifest.json":
            files["manifest.sig"] = keys.sign(b"paraph manifest 1\n" + content).encode()
        else:
            files = signed(files)
        with pytest.raises(offline_verifier.Broken, match="unknown keys"):
            offline_verifier.check(files)

    @pytest.mark.parametrize("content", [b"", b"[]", b"\xff", b"NaN", b'{"id": 1, "id": 2}', b"[" * 100_000])
    def test_a_file_that_is_not_proper_json_is_refused(self, api: Api, process: Process, content: bytes) -> None:
        files = fetched(api, process)
        for name in ("process.json", "events.json", "checkpoint.json"):
            with pytest.raises(offline_verifier.Broken):
                offline_verifier.check(signed({**files, name: content}))


def signed(files: dict[str, bytes]) -> dict[str, bytes]:
    manifest = json.loads(files["manifest.json"])
    manifest["files"] = {name: offline_verifier.sha256(files[name]).hex() for name in manifest["files"]}
    content = json.dumps(manifest).encode()
    return {**files, "manifest.json": content, "manifest.sig": keys.sign(b"paraph manifest 1\n" + content).encode()}
