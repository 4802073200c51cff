"""What is recorded of a process, read with its verdict, and handed over as a bundle that proves itself."""

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

from audit.chain import keys, triggers
from audit.models import AuditEvent
from signing.evidence import offline_verifier as verify
from signing.evidence.replay import contradiction
from signing.models import Process
from templates_app.rules import Rules
from tests.audit.trails import rehash, sql
from tests.builders import NOON, profile_of, row_of, sign, staff, started_process
from tests.conftest import Api
from tests.faults import SOAK
from tests.people import ANA, BEN, address

FLIPS = 300 * SOAK


@pytest.fixture(autouse=True)
def alone(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.AUDIT_CHECKPOINT_FILE = tmp_path / "checkpoints.jsonl"
    monkeypatch.setattr("audit.chain.reader_cursor.readable_up_to", lambda: None)


@pytest.fixture
def process(db: None) -> Process:
    process = started_process([[ANA], [BEN]], documentId="DOC-1", documentName="Līgums")
    sign(process, ANA)
    return process


def unpacked(answer: Any) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        return {name.rpartition("/")[2]: archive.read(name) for name in archive.namelist()}


def fetched(api: Api, process: Process) -> dict[str, bytes]:
    answer = api.get(f"/api/processes/{process.pk}/evidence")
    assert (answer.status_code, answer["Content-Type"]) == (200, "application/zip")
    return unpacked(answer)


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
    def test_what_is_not_even_of_the_right_form_is_shown_and_named(
        self, api: Api, api_of: Callable[..., Api], process: Process, statement: str
    ) -> None:
        triggers.remove()
        sql(statement)
        answer = api.get(f"/api/processes/{process.pk}/audit")
        assert (answer.status_code, answer.json()["verdict"]["whole"]) == (200, False)
        auditor = api_of("auditor", rights=["audit_read"])
        assert [auditor.get(f"/api/audit-events{query}").status_code for query in ("", "?after=0")] == [200, 200]
        assert api.get(f"/api/processes/{process.pk}/evidence").status_code == 409
        page = staff(superuser=True).get(f"/admin/signing/process/{process.pk}/change/")
        assert "TAMPERED WITH" in page.content.decode()

    def test_its_events_with_the_verdict(self, api: Api, process: Process) -> None:
        api.get(f"/api/processes/{process.pk}")
        answer = api.get(f"/api/processes/{process.pk}/audit?size=2").json()
        assert [event["eventType"] for event in answer["content"]] == ["PROCESS_STARTED", "TASK_STARTED"]
        assert [event["seq"] for event in answer["content"]] == [1, 2]
        assert answer["totalElements"] == answer["verdict"]["events"] == 5  # the read is among them
        assert (answer["verdict"]["whole"], answer["verdict"]["firstBad"]) == (True, None)

    def test_the_first_bad_event(self, api: Api, process: Process) -> None:
        triggers.remove()
        sql("UPDATE audit_event SET event_type = 'DECLINE' WHERE event_type = 'SIGNER_SIGNED'")
        verdict = api.get(f"/api/processes/{process.pk}/audit").json()["verdict"]
        triggers.install()
        assert verdict["whole"] is False
        assert verdict["firstBad"]["seq"] == 3
        assert "was changed or forged" in verdict["firstBad"]["detail"]

    def test_of_a_deleted_process_for_those_who_read_the_trail(
        self, api: Api, api_of: Callable[..., Api], process: Process
    ) -> None:
        url = f"/api/processes/{process.pk}"
        api.post(f"{url}/cancel", {})
        api.delete(url)
        assert api.get(f"{url}/audit").status_code == 404
        auditor = api_of("auditor", rights=["audit_read", "on_behalf"])
        answer = auditor.get(f"{url}/audit").json()
        assert answer["content"][-1]["eventType"] == "PROCESS_DELETED"
        assert auditor.get(f"{url}/audit?user=ana").status_code == 404
        assert auditor.get("/api/processes/8f14e45f-ceea-467f-a8a6-000000000000/audit").status_code == 404


class TestTheBundle:
    def test_it_holds(self, api: Api, process: Process, tmp_path: Path) -> None:
        files = fetched(api, process)
        code, said = run(tmp_path, files, "--key", keys.fingerprint(keys.public()), "--events")
        assert (code, "The evidence holds." in said, "DOC-1" in said, "SIGNER_SIGNED" in said) == (0, True, True, True)
        assert "the one that was asked for" in said
        assert run(tmp_path, files, "--key", "0" * 64)[0] == 1
        assert "proves nothing unless" in run(tmp_path, files)[1]
        assert keys.fingerprint(keys.public()) in files["README.txt"].decode()
        assert files["certificate.pdf"].startswith(b"%PDF")

    def test_what_is_in_it(self, api: Api, process: Process) -> None:
        files = fetched(api, process)
        events = json.loads(files["events.json"])["events"]
        assert [event["eventType"] for event in events][:3] == ["PROCESS_STARTED", "TASK_STARTED", "SIGNER_SIGNED"]
        assert events[2]["signerId"] == str(row_of(process, ANA).pk)
        assert json.loads(files["process.json"])["documentName"] == "Līgums"
        assert address(ANA) in files["events.json"].decode()
        statement = json.loads(files["checkpoint.json"])["statement"]
        assert json.loads(files["checkpoint.json"])["leaf"]["seq"] == len(events)
        assert statement["key"] == keys.fingerprint(keys.public())

    def test_a_checkpoint_is_made_when_something_has_happened_since(self, api: Api, process: Process) -> None:
        def number() -> int:
            return int(json.loads(fetched(api, process)["checkpoint.json"])["statement"]["number"])

        first = number()
        assert number() == first  # that it was fetched is an event, too, but tells nothing of the process
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
        assert verify.check(files)
        settings.AUDIT_RETIRED_PUBLIC_KEYS = [keys.public().hex()]
        settings.AUDIT_SIGNING_KEYS = ["2" * 64]
        files = fetched(api, process)
        assert verify.check(files)
        assert verify.check(files)

    def test_any_flipped_bit_is_noticed(self, api: Api, process: Process) -> None:
        files = fetched(api, process)
        assert verify.check(files)
        chance = random.Random(7)
        places = [(name, bit) for name in files for bit in range(8 * len(files[name]))]
        small = [place for place in places if place[0] in ("manifest.sig", "public_key.txt")]
        for name, bit in [*small, *chance.sample(places, FLIPS)]:
            flipped = bytearray(files[name])
            flipped[bit // 8] ^= 1 << bit % 8
            with pytest.raises(verify.Broken):
                verify.check({**files, name: bytes(flipped)})

    def test_a_flipped_bit_of_the_zip_changes_nothing_unseen(self, api: Api, process: Process) -> None:
        answer = api.get(f"/api/processes/{process.pk}/evidence")
        whole, chance = unpacked(answer), random.Random(8)
        for _ in range(FLIPS):
            bit = chance.randrange(8 * len(answer.content))
            flipped = bytearray(answer.content)
            flipped[bit // 8] ^= 1 << bit % 8
            try:
                with zipfile.ZipFile(io.BytesIO(bytes(flipped))) as archive:
                    files = {name.rpartition("/")[2]: archive.read(name) for name in archive.namelist()}
            except Exception:  # noqa: BLE001 (no ZIP any more: seen)
                continue
            if files != whole:
                with pytest.raises((verify.Broken, KeyError)):
                    verify.check(files)

    def test_none_of_a_trail_that_is_not_whole(self, api: Api, process: Process) -> None:
        triggers.remove()
        sql("UPDATE audit_event SET created_at = '2020-01-01' WHERE event_type = 'SIGNER_SIGNED'")
        rehash(str(process.pk))
        triggers.install()
        answer = api.get(f"/api/processes/{process.pk}/evidence")
        assert (answer.status_code, answer.json()["code"]) == (409, "evidence_in_doubt")
        assert "is not whole" in answer.json()["detail"]

    @pytest.mark.parametrize(
        ("statement", "says"),
        [
            ("signer SET status = 'SIGNED' WHERE name = 'Ben'", "the trail says that nobody acted"),
            ("signer SET status = 'DECLINED' WHERE name = 'Ana'", "the trail says SIGNED"),
            ("signer SET acted_at = '2020-01-01' WHERE name = 'Ana'", "and the trail says 2026"),
            ("signer SET personal_code = '1' WHERE name = 'Ana'", "/signerPersonalCode is not what the trail says"),
            ("signer SET comment = 'No' WHERE name = 'Ana'", "/signerComment is not"),
            ("signer SET anonymous = NOT anonymous WHERE name = 'Ana'", "/anonymous is not"),
            ("signer SET step_id = (SELECT step_id FROM signing_signer WHERE name = 'Ben')", "/step is not"),
            ("signer SET person_key = 'lv:1' WHERE name = 'Ana'", "person_key of"),
            ("step SET process_order = process_order + 9", "/processOrder is not"),
            ("step SET due_at = '2020-01-01'", "/dueDate is not"),
            ("process SET status = 'CANCELED'", "the process is CANCELED, and the trail says STARTED"),
            ("process SET status = 'DECLINED', finished_at = started_at", "the process is DECLINED, and"),
            ("process SET document_id = 'FORGED'", "documentId is not"),
            ("process SET created_at = '2020-01-01'", "createdAt is not"),
            ("process SET started_at = '2020-01-01'", "started at 2020"),
            ("process SET finished_at = '2020-01-01'", "ended at 2020"),
            ("process SET comment = 'No'", "comment is not"),
            ("process SET owner_group = 'x'", "ownerGroup is not"),
            ("process SET document_type = 'x'", "documentType is not"),
            ("process SET initiator_email = 'x'", "processInitiatorEmail is not"),
            ("process SET attributes = '{\"a\": 1}'", "attributes is not"),
            (f"process SET rules = '{json.dumps(Rules(seal='x').kept())}'", "seal is not"),
            (f"process SET rules = '{json.dumps(Rules(True).kept())}'", "continueOnDecline is not"),
            ("process SET hold = 'x'", "hold is not"),
            ("process SET search = 'x'", "search of"),
        ],
    )
    def test_none_of_rows_that_say_otherwise(self, api: Api, process: Process, statement: str, says: str) -> None:
        sql(f"UPDATE signing_{statement}".replace("'Ben'", f"'{BEN}'").replace("'Ana'", f"'{ANA}'"))
        answer = api.get(f"/api/processes/{process.pk}/evidence")
        assert (answer.status_code, says in answer.json()["detail"]) == (409, True), answer.json()

    def test_none_without_one_who_signed(self, api: Api, process: Process) -> None:
        row_of(process, ANA).delete()
        detail = api.get(f"/api/processes/{process.pk}/evidence").json()["detail"]
        assert "is missing, and the trail knows of it" in detail

    @pytest.mark.parametrize("goes_on", [False, True])
    def test_none_of_a_decline_that_did_otherwise(self, api: Api, goes_on: bool) -> None:
        profile_of("LEASE", continueOnDecline=goes_on)
        process = started_process([[ANA, BEN]], documentType="LEASE")
        sign(process, ANA, "DECLINED")
        assert contradiction(Process.objects.get()) == ""
        other = {"status": "DECLINED", "finished_at": NOON} if goes_on else {"status": "STARTED", "finished_at": None}
        Process.objects.update(**other)
        assert "and the trail says" in contradiction(Process.objects.get())

    @pytest.mark.parametrize("statement", ["completed_at", "finished_at"])
    def test_none_of_an_end_at_another_time(self, api: Api, process: Process, statement: str) -> None:
        sign(process, BEN, at=NOON + timedelta(hours=2))
        assert fetched(api, process)
        sql(f"UPDATE signing_process SET {statement} = '{NOON + timedelta(hours=1)}'")
        assert api.get(f"/api/processes/{process.pk}/evidence").status_code == 409

    @pytest.mark.parametrize("what", ["an event", "the last event", "a value", "the order", "another's checkpoint"])
    def test_whoever_signs_another_story_is_seen(self, api: Api, process: Process, what: str) -> None:
        """Even with the key that signs bundles: the checkpoint holds the chain."""
        files = fetched(api, process)
        content = json.loads(files["events.json"])
        events = content["events"]
        if what == "an event":
            events[2]["eventType"] = "DECLINE"
        elif what == "the last event":
            events.pop()
        elif what == "a value":
            del events[1]["values"]["creator"]
        elif what == "the order":
            events[1], events[2] = events[2], events[1]
        else:
            files["checkpoint.json"] = fetched(api, started_process())["checkpoint.json"]
        files["events.json"] = json.dumps(content).encode()
        with pytest.raises(verify.Broken):
            verify.check(signed(files))


def signed(files: dict[str, bytes]) -> dict[str, bytes]:
    manifest = json.loads(files["manifest.json"])
    manifest["files"] = {name: verify.sha256(files[name]).hex() for name in manifest["files"]}
    made = json.dumps(manifest).encode()
    return {**files, "manifest.json": made, "manifest.sig": keys.sign(b"paraph manifest 1\n" + made).encode()}
