"""The owner of the database tampers with the audit trail: `verify` finds it and names the first bad event."""

import io
import random
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest.mock import ANY

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import DatabaseError, transaction

from audit.chain import checkpoints, keys, triggers
from audit.chain.verify import read_snapshot, verify
from audit.log import Event, record
from audit.models import AuditDatabase, AuditEvent, AuditValue, Checkpoint
from config.vocabulary import EventType
from tests.audit.trails import (
    PORTAL,
    backup,
    chain_of,
    copy_event,
    delete_event,
    on_postgres,
    random_trail,
    rehash,
    restore,
    sql,
)
from tests.builders import NOON

pytestmark = pytest.mark.django_db

SEEDS = range(5)


@pytest.fixture(autouse=True)
def file(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    # No other writers, and the transaction of the test stays open.
    monkeypatch.setattr("audit.chain.reader_cursor.readable_up_to", lambda: None)
    settings.AUDIT_CHECKPOINT_FILE = tmp_path / "checkpoints.jsonl"
    yield settings.AUDIT_CHECKPOINT_FILE
    triggers.install()


class Victim:
    """A process, an event in the middle of its chain, and the last event."""

    def __init__(self, process_id: str, chance: random.Random) -> None:
        self.process_id = process_id
        self.events = chain_of(process_id)
        self.index = chance.randrange(1, len(self.events) - 1)
        self.event = self.events[self.index]
        self.last = self.events[-1]
        self.other: Any = None

    def name_of(self, event: AuditEvent) -> str:
        return f"process {self.process_id}, event {event.seq} (number {event.number}"

    def missing(self, seq: int) -> str:
        return f"process {self.process_id}, event {seq} is missing"


EDITS: dict[str, Any] = {
    "event_type": "DECLINE",
    "client_app_name": "x",
    "document_id": "x",
    "signer_id": "x",
    "method": "x",
    "event_origin": "x",
    "source": "NEITHER",
    "created_at": NOON.replace(year=2020),
    "reported_at": NOON,
    "request_id": "x",
    "reported_id": "x",
    "container_id": "x",
    "commitments": '{"note": "00"}',
    "mac": "0" * 64,
    "prev": "0" * 64,
    "key_id": "x",
    "id": "9dce9e72-6bf9-4874-8dd1-44342027dd4f",
}


def edit_column(victim: Victim, column: str) -> str:
    cast = "::jsonb" if column == "commitments" and on_postgres() else ""
    edit = EDITS[column].replace("-", "") if column == "id" and not on_postgres() else EDITS[column]
    sql(f"UPDATE audit_event SET {column} = %s{cast} WHERE number = %s", edit, victim.event.number)
    return victim.name_of(victim.event)


def edit_an_event(victim: Victim, chance: random.Random) -> str:
    return edit_column(victim, chance.choice(sorted(EDITS)))


def edit_an_event_and_rechain(victim: Victim, chance: random.Random) -> str:
    sql("UPDATE audit_event SET event_type = 'DECLINE' WHERE number = %s", victim.event.number)
    rehash(victim.process_id)
    return victim.name_of(victim.event)


def delete_an_event(victim: Victim, chance: random.Random) -> str:
    delete_event(victim.event)
    return victim.missing(victim.event.seq)


def delete_an_event_and_rechain(victim: Victim, chance: random.Random) -> str:
    delete_event(victim.event)
    for event in victim.events[victim.index + 1 :]:
        sql("UPDATE audit_event SET seq = seq - 1 WHERE number = %s", event.number)
    sql("UPDATE audit_head SET seq = seq - 1 WHERE process_id = %s", victim.process_id)
    rehash(victim.process_id)
    following = victim.events[victim.index + 1]
    return f"process {victim.process_id}, event {following.seq - 1} (number {following.number}"


def insert_an_event(victim: Victim, chance: random.Random) -> str:
    for event in reversed(victim.events[victim.index :]):
        sql("UPDATE audit_event SET seq = seq + 1 WHERE number = %s", event.number)
    sql("UPDATE audit_head SET seq = seq + 1 WHERE process_id = %s", victim.process_id)
    number = copy_event(victim.event, seq=victim.event.seq)
    rehash(victim.process_id)
    return f"process {victim.process_id}, event {victim.event.seq} (number {number}"


def forge_an_append(victim: Victim, chance: random.Random) -> str:
    number = copy_event(victim.last, seq=victim.last.seq + 1)
    sql("UPDATE audit_head SET seq = seq + 1 WHERE process_id = %s", victim.process_id)
    rehash(victim.process_id)
    return f"process {victim.process_id}, event {victim.last.seq + 1} (number {number}"


def forge_a_pending_event(victim: Victim, chance: random.Random) -> str:
    number = copy_event(victim.last, seq=None)
    sql("UPDATE audit_event SET event_type = 'PROCESS_OPENED' WHERE number = %s", number)
    # The job must not append it to the chain.
    checkpoints.make(at=NOON)
    return f"pending event (number {number}"


def reorder_two_events(victim: Victim, chance: random.Random) -> str:
    before = victim.events[victim.index - 1]
    sql("UPDATE audit_event SET seq = 1000000 WHERE number = %s", before.number)
    sql("UPDATE audit_event SET seq = %s WHERE number = %s", before.seq, victim.event.number)
    sql("UPDATE audit_event SET seq = %s WHERE number = %s", victim.event.seq, before.number)
    return f"process {victim.process_id}, event {before.seq} (number {victim.event.number}"


def duplicate_an_event(victim: Victim, chance: random.Random) -> str:
    sql("DROP INDEX one_event_per_place")
    number = copy_event(victim.event, seq=victim.event.seq)
    return f"process {victim.process_id}, event {victim.event.seq} (number {number}"


def delete_the_last_events(victim: Victim, chance: random.Random) -> str:
    for event in victim.events[victim.index :]:
        delete_event(event)
    return victim.missing(victim.event.seq)


def delete_the_last_events_and_fix_the_head(victim: Victim, chance: random.Random) -> str:
    delete_the_last_events(victim, chance)
    sql("UPDATE audit_head SET seq = %s WHERE process_id = %s", victim.event.seq - 1, victim.process_id)
    rehash(victim.process_id)
    leaf = f"SELECT min(seq) FROM audit_checkpoint_leaf WHERE process_id = %s AND seq >= {victim.event.seq}"
    seq = sql(leaf, victim.process_id)[0][0]
    return f"process {victim.process_id}, event {seq} was signed in checkpoint"


def swap_events_of_two_processes(victim: Victim, chance: random.Random) -> str:
    other = victim.other.events[min(victim.index, len(victim.other.events) - 1)]
    own = victim.events[other.seq - 1] if other.seq <= len(victim.events) else victim.last
    sql("UPDATE audit_event SET seq = seq + 1000000 WHERE number = %s", own.number)
    for event, process_id, seq in (
        (other, victim.process_id, own.seq),
        (own, victim.other.process_id, other.seq),
    ):
        sql("UPDATE audit_event SET process_id = %s, seq = %s WHERE number = %s", process_id, seq, event.number)
    first = min(own, other, key=lambda event: event.number)
    chain, seq = (victim.process_id, own.seq) if first is other else (victim.other.process_id, other.seq)
    return f"process {chain}, event {seq} (number {first.number}"


def delete_a_process(victim: Victim, chance: random.Random) -> str:
    for event in victim.events:
        delete_event(event)
    if chance.random() < 0.5:
        sql("DELETE FROM audit_head WHERE process_id = %s", victim.process_id)
        seq = sql("SELECT min(seq) FROM audit_checkpoint_leaf WHERE process_id = %s", victim.process_id)[0][0]
        return f"process {victim.process_id}, event {seq} was signed in checkpoint"
    return victim.missing(1)


def edit_a_value(victim: Victim, chance: random.Random) -> str:
    column = chance.choice(["value", "salt"])
    sql(
        f"UPDATE audit_value SET {column} = %s WHERE event_id = %s AND part = 'creator'", "00" * 16, victim.event.number
    )
    return victim.name_of(victim.event)


def delete_a_value(victim: Victim, chance: random.Random) -> str:
    sql("DELETE FROM audit_value WHERE event_id = %s AND part = 'creator'", victim.event.number)
    return victim.name_of(victim.event)


def add_a_value(victim: Victim, chance: random.Random) -> str:
    row = AuditValue(event_id=victim.event.number, part="reportedBy", salt="00", value="x")
    if victim.event.source == "REPORTED":
        row.part = "customerPersonalCode"
    row.save(force_insert=True)
    return victim.name_of(victim.event)


def edit_a_checkpoint(victim: Victim, chance: random.Random) -> str:
    (number,) = chance.choice(sql("SELECT number FROM audit_checkpoint"))
    column, value = chance.choice(
        [("up_to", 1), ("root", "0" * 64), ("signature", "0" * 128), ("previous", "1" * 64), ("key", "0" * 64)]
    )
    sql(f"UPDATE audit_checkpoint SET {column} = %s WHERE number = %s", value, number)
    return f"checkpoint {number}"


def edit_a_leaf(victim: Victim, chance: random.Random) -> str:
    number, index = chance.choice(sql('SELECT checkpoint_id, "index" FROM audit_checkpoint_leaf'))
    where = 'WHERE checkpoint_id = %s AND "index" = %s'
    sql(f"UPDATE audit_checkpoint_leaf SET process_id = process_id || 'x' {where}", number, index)
    return "was signed in checkpoint"


def delete_a_leaf(victim: Victim, chance: random.Random) -> str:
    (number,) = chance.choice(sql("SELECT number FROM audit_checkpoint"))
    sql("DELETE FROM audit_checkpoint_leaf WHERE checkpoint_id = %s AND process_id = %s", number, victim.process_id)
    if not sql(
        "SELECT 1 FROM audit_checkpoint WHERE number = %s AND size > (SELECT count(*) FROM "
        "audit_checkpoint_leaf WHERE checkpoint_id = %s)",
        number,
        number,
    ):
        sql("DELETE FROM audit_checkpoint_leaf WHERE checkpoint_id = %s", number)
    return f"checkpoint {number}: its leaves are not those that were signed"


ATTACKS: list[Callable[[Victim, random.Random], str]] = [
    edit_an_event,
    edit_an_event_and_rechain,
    delete_an_event,
    delete_an_event_and_rechain,
    insert_an_event,
    forge_an_append,
    forge_a_pending_event,
    reorder_two_events,
    duplicate_an_event,
    delete_the_last_events,
    delete_the_last_events_and_fix_the_head,
    swap_events_of_two_processes,
    delete_a_process,
    edit_a_value,
    delete_a_value,
    add_a_value,
    edit_a_checkpoint,
    edit_a_leaf,
    delete_a_leaf,
]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.__name__)
def test_an_attack_is_found_and_the_first_bad_event_is_named(
    attack: Callable[[Victim, random.Random], str], seed: int
) -> None:
    chance = random.Random(f"{attack.__name__}{seed}")
    process_id, other_process_id = chance.sample(random_trail(seed), 2)
    victim = Victim(process_id, chance)
    victim.other = Victim(other_process_id, chance)
    assert verify(at=NOON).whole
    triggers.remove()

    expected = attack(victim, chance)

    verdict = verify(at=NOON)
    assert expected in str(verdict.findings[0]), verdict.findings


@pytest.mark.parametrize("column", sorted(EDITS))
def test_a_change_of_any_column_of_an_event_is_found(column: str) -> None:
    victim = Victim(random_trail(1)[0], random.Random(1))
    triggers.remove()
    assert edit_column(victim, column) in str(verify(at=NOON).findings[0])


def delete_the_last_events_with_their_checkpoints(victim: Victim, chance: random.Random) -> None:
    delete_the_last_events_and_fix_the_head(victim, chance)
    leaf = "SELECT min(checkpoint_id) FROM audit_checkpoint_leaf WHERE process_id = %s AND seq >= %s"
    first = sql(leaf, victim.process_id, victim.event.seq)[0][0]
    sql("DELETE FROM audit_checkpoint_leaf WHERE checkpoint_id >= %s", first)
    sql("DELETE FROM audit_checkpoint WHERE number >= %s", first)


def restore_a_backup(victim: Victim, chance: random.Random) -> None:
    old = backup()
    record([Event(EventType.SIGNER_SIGNED, victim.process_id)], actor=PORTAL, at=NOON)
    checkpoints.make(at=NOON)
    restore(old)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(
    "attack", [delete_the_last_events_with_their_checkpoints, restore_a_backup], ids=lambda attack: attack.__name__
)
def test_only_the_file_shows_a_rollback_of_checkpoints(
    attack: Callable[[Victim, random.Random], None], seed: int, file: Path
) -> None:
    chance = random.Random(seed)
    victim = Victim(random_trail(seed)[0], chance)
    triggers.remove()

    attack(victim, chance)

    verdict = verify(at=NOON)
    assert "is in the file but not in the database" in str(verdict.findings[0])
    file.unlink()
    verdict = verify(at=NOON)
    assert verdict.whole
    assert not verdict.checkpoints or "does not exist" in verdict.unchecked[0]


@pytest.mark.parametrize("seed", SEEDS)
def test_deleting_the_newest_events_is_not_found(seed: int) -> None:
    """Known limits: events after the last checkpoint can be deleted from the end of a chain, and pending events too."""
    victim = Victim(random_trail(seed)[0], random.Random(seed))
    record([Event(EventType.SIGNER_SIGNED, victim.process_id)], actor=PORTAL, at=NOON)
    record([Event(EventType.PROCESS_OPENED, victim.process_id)], actor=PORTAL, at=NOON)
    triggers.remove()
    for event in AuditEvent.objects.in_order().filter(number__gt=AuditEvent.objects.latest("number").number - 2):
        delete_event(event)
    sql("UPDATE audit_head SET seq = seq - 1 WHERE process_id = %s", victim.process_id)
    rehash(victim.process_id)
    assert verify(at=NOON).whole


@pytest.mark.parametrize("seed", range(100))
def test_an_untouched_trail_is_intact(seed: int) -> None:
    ids = random_trail(seed, processes=2 + seed % 5)
    verdict = verify(at=NOON)
    assert (verdict.findings, verdict.unchecked, verdict.notes, verdict.waiting) == ([], [], [], 0)
    assert verify(at=NOON, process_id=ids[0]).whole
    assert verify(at=NOON, since=NOON).events == verdict.events


def test_since_checks_the_chains_with_events_from_that_time_on() -> None:
    ids = random_trail(1, processes=2)
    late = NOON + timedelta(days=30)
    record([Event(EventType.SIGNER_SIGNED, ids[0])], actor=PORTAL, at=late)
    verdict = verify(at=late, since=late)
    assert verdict.events == len(chain_of(ids[0]))
    triggers.remove()
    sql("UPDATE audit_event SET event_type = 'DECLINE' WHERE process_id = %s", ids[1])
    assert verify(at=late, since=late).whole
    assert not verify(at=late).whole


def test_an_incomplete_line_of_the_file_is_written_again(file: Path) -> None:
    random_trail(1)
    content = file.read_text()
    file.write_text(content[:-40])
    checkpoints.write_file()
    assert content.splitlines()[-1] in file.read_text().splitlines()
    assert verify(at=NOON).whole


def test_an_edited_file_is_found(file: Path) -> None:
    random_trail(1)
    lines = file.read_text().splitlines(keepends=True)
    file.write_text("".join([lines[0].replace('"size":', '"size":1'), *lines[1:]]))
    assert "checkpoint 1 differs between the file and the database" in str(verify(at=NOON).findings[0])
    file.write_text("".join(lines[1:]))
    if len(lines) > 1:
        assert "missing from the middle of the file" in str(verify(at=NOON).findings[0])


def test_an_empty_file_cannot_be_checked(file: Path) -> None:
    random_trail(1)
    file.write_text("")
    verdict = verify(at=NOON)
    assert (verdict.whole, "newest checkpoints are missing from the file" in verdict.unchecked[0]) == (True, True)


def test_lines_of_another_database_are_ignored(file: Path) -> None:
    random_trail(1)
    lines = file.read_text()
    here = str(AuditDatabase.objects.get().id)
    file.write_text(lines.replace(here, "8f14e45f-ceea-467f-a8a6-000000000000") + lines)
    assert verify(at=NOON).whole


def test_events_with_a_missing_key_cannot_be_checked(settings: Any) -> None:
    random_trail(1)
    settings.AUDIT_KEYS = {"other": "x" * 40}
    verdict = verify(at=NOON)
    assert verdict.whole
    (unchecked,) = verdict.unchecked
    assert re.fullmatch("the key 'local-[0-9a-f]{8}' is not configured", unchecked)


def test_keys_can_be_rotated(settings: Any) -> None:
    random_trail(1)
    old_key = keys.public().hex()
    settings.AUDIT_KEYS = {"new": "x" * 40, **settings.AUDIT_KEYS}
    settings.AUDIT_SIGNING_KEYS = ["1" * 64]
    settings.AUDIT_RETIRED_PUBLIC_KEYS = [old_key]
    random_trail(2)
    assert verify(at=NOON).whole
    assert {key[:5] for key in AuditEvent.objects.values_list("key_id", flat=True)} == {"local", "new"}
    settings.AUDIT_RETIRED_PUBLIC_KEYS = []
    verdict = verify(at=NOON)
    assert (verdict.whole, len(verdict.unchecked)) == (True, 1)


class TestCommands:
    def run(self, *arguments: str) -> tuple[int, str]:
        out = io.StringIO()
        code: Any = 0
        try:
            call_command("verify_audit", *arguments, stdout=out, stderr=out)
        except SystemExit as exc:
            code = exc.code
        return code, out.getvalue()

    def test_an_intact_trail(self) -> None:
        process_id, *_ = random_trail(1)
        code, output = self.run()
        assert (code, "The audit trail is intact." in output) == (0, True)
        assert self.run("--process", process_id)[0] == self.run("--since", "2026-05-04")[0] == 0

    def test_tampering(self) -> None:
        victim = Victim(random_trail(1)[0], random.Random(1))
        triggers.remove()
        edit_an_event(victim, random.Random(1))
        code, output = self.run()
        assert (code, f"TAMPERED: {victim.name_of(victim.event)}" in output) == (1, True)
        assert "run migrate" in output

    def test_a_trail_that_cannot_be_checked(self, settings: Any) -> None:
        random_trail(1)
        assert self.run("--process", "nobody") == (2, ANY)
        settings.AUDIT_KEYS = {"other": "x" * 40}
        code, output = self.run()
        assert (code, "COULD NOT VERIFY" in output) == (2, True)

    def test_a_checkpoint_on_demand(self, file: Path) -> None:
        record([Event(EventType.FAILURE)], actor=PORTAL, at=NOON)
        out = io.StringIO()
        call_command("checkpoint_audit", stdout=out)
        call_command("checkpoint_audit", stdout=out)
        assert "Checkpoint 1 covers 1 chain." in out.getvalue()
        assert "No events have been recorded since" in out.getvalue()
        assert len(file.read_text().splitlines()) == 1


@pytest.mark.parametrize(
    ("statement", "finding"),
    [
        ("UPDATE audit_value SET salt = 'zz' WHERE event_id = %s", "has a malformed salt"),
        ("UPDATE audit_event SET mac = 'é' WHERE number = %s", "was changed or forged"),
        ("UPDATE audit_event SET commitments = '[]' WHERE number = %s", "has malformed commitments"),
        ("UPDATE audit_event SET commitments = '{\"note\": 1}' WHERE number = %s", "has malformed commitments"),
        ("UPDATE audit_event SET key_id = 'mine' WHERE number = %s", "an unknown key 'mine'"),
        ("DELETE FROM audit_database WHERE %s > 0", "the id of the database is missing"),
    ],
)
def test_malformed_rows_are_found(statement: str, finding: str) -> None:
    victim = Victim(random_trail(1)[0], random.Random(1))
    triggers.remove()
    sql(statement, victim.event.number)
    assert finding in " ".join(map(str, verify(at=NOON).findings))


@pytest.mark.parametrize(
    ("statement", "finding"),
    [
        (
            "UPDATE audit_value SET value = 'x' WHERE event_id = %s AND part = 'creator'",
            "value 'creator' that was changed",
        ),
        ("DELETE FROM audit_value WHERE event_id = %s AND part = 'creator'", "is missing its value 'creator'"),
        ("UPDATE audit_event SET key_id = 'mine' WHERE number = %s", "was not written by the service"),
        ("UPDATE audit_event SET commitments = '[]' WHERE number = %s", "has malformed commitments"),
    ],
)
def test_tampering_with_a_pending_event_is_found(statement: str, finding: str) -> None:
    process_id = random_trail(1)[0]
    record([Event(EventType.PROCESS_OPENED, process_id)], actor=PORTAL, at=NOON)
    triggers.remove()
    sql(statement, AuditEvent.objects.latest("number").number)
    assert finding in str(verify(at=NOON).findings[0])
    # A forged pending event does not hold up the others.
    record([Event(EventType.PROCESS_OPENED, process_id)], actor=PORTAL, at=NOON)
    checkpoints.make(at=NOON)
    assert AuditEvent.objects.latest("number").seq


def test_events_that_are_pending_for_long_are_reported() -> None:
    record([Event(EventType.PROCESS_OPENED, "p")], actor=PORTAL, at=NOON)
    assert "pending for over an hour" in verify(at=NOON + timedelta(hours=2)).unchecked[0]


def test_a_checkpoint_made_during_verification_is_no_finding() -> None:
    """Lines of the file may be newer than the snapshot of the database."""
    random_trail(1)
    calls = 0

    def add_line(events: int) -> None:
        nonlocal calls
        calls += 1
        line = checkpoints.line(Checkpoint.objects.latest("number"), checkpoints.database())
        file = settings.AUDIT_CHECKPOINT_FILE
        file.write_text(file.read_text() + line.replace('"number":', '"number":9') + "\n")

    verdict = verify(at=NOON, progress=add_line)
    assert (verdict.findings, calls) == ([], 1)
    assert "9" in str(verify(at=NOON).findings[0])


def test_the_database_refuses_changes_and_deletions() -> None:
    random_trail(1)
    for statement in (
        "UPDATE audit_event SET event_type = 'DECLINE'",
        "UPDATE audit_event SET seq = NULL",
        "DELETE FROM audit_event",
        "UPDATE audit_value SET value = 'x'",
        "DELETE FROM audit_head",
        "UPDATE audit_checkpoint SET up_to = 1",
        "DELETE FROM audit_checkpoint",
        "DELETE FROM audit_checkpoint_leaf",
    ):
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            sql(statement)
    assert triggers.missing() == []


@pytest.mark.django_db(transaction=True)
def test_verify_joins_a_snapshot_that_is_already_open() -> None:
    random_trail(1)
    with read_snapshot(), read_snapshot():
        assert verify(at=NOON).whole
    record([Event(EventType.FAILURE)], actor=PORTAL, at=NOON)
    assert verify(at=NOON).waiting == 1
