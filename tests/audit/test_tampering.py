"""Whoever owns the database changes the trail: it is seen, and the first bad event is named."""

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
from audit.chain.verify import verify
from audit.log import Event, record
from audit.models import AuditDatabase, AuditEvent, AuditValue, Checkpoint
from config.vocabulary import EventType
from tests.audit.trails import PORTAL, columns, copied, on_postgres, rehash, restored, some_log, sql
from tests.builders import NOON

pytestmark = pytest.mark.django_db

SEEDS = range(5)


@pytest.fixture(autouse=True)
def file(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setattr(
        "audit.chain.reader_cursor.readable_up_to", lambda: None
    )  # nobody else writes, and this transaction goes on
    settings.AUDIT_CHECKPOINT_FILE = tmp_path / "checkpoints.jsonl"
    yield settings.AUDIT_CHECKPOINT_FILE
    triggers.install()


class Victim:
    """A process of the log, an event in the middle of its chain, and the last."""

    def __init__(self, process_id: str, chance: random.Random) -> None:
        self.process_id = process_id
        self.events = list(AuditEvent.objects.of_process(process_id).filter(seq__isnull=False).order_by("seq"))
        self.place = chance.randrange(1, len(self.events) - 1)
        self.event, self.last = self.events[self.place], self.events[-1]
        self.other: Any = None

    def named(self, event: AuditEvent) -> str:
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


def edited(victim: Victim, column: str) -> str:
    cast = "::jsonb" if column == "commitments" and on_postgres() else ""
    edit = EDITS[column].replace("-", "") if column == "id" and not on_postgres() else EDITS[column]
    sql(f"UPDATE audit_event SET {column} = %s{cast} WHERE number = %s", edit, victim.event.number)
    return victim.named(victim.event)


def edit_a_field(victim: Victim, chance: random.Random) -> str:
    return edited(victim, chance.choice(sorted(EDITS)))


def edit_and_rechain(victim: Victim, chance: random.Random) -> str:
    sql("UPDATE audit_event SET event_type = 'DECLINE' WHERE number = %s", victim.event.number)
    rehash(victim.process_id)
    return victim.named(victim.event)


def delete(victim: Victim, chance: random.Random) -> str:
    _drop(victim.event)
    return victim.missing(victim.event.seq)


def delete_and_rechain(victim: Victim, chance: random.Random) -> str:
    _drop(victim.event)
    for event in victim.events[victim.place + 1 :]:
        sql("UPDATE audit_event SET seq = seq - 1 WHERE number = %s", event.number)
    sql("UPDATE audit_head SET seq = seq - 1 WHERE process_id = %s", victim.process_id)
    rehash(victim.process_id)
    following = victim.events[victim.place + 1]
    return f"process {victim.process_id}, event {following.seq - 1} (number {following.number}"


def insert(victim: Victim, chance: random.Random) -> str:
    for event in reversed(victim.events[victim.place :]):
        sql("UPDATE audit_event SET seq = seq + 1 WHERE number = %s", event.number)
    sql("UPDATE audit_head SET seq = seq + 1 WHERE process_id = %s", victim.process_id)
    number = _copy(victim.event, seq=victim.event.seq)
    rehash(victim.process_id)
    return f"process {victim.process_id}, event {victim.event.seq} (number {number}"


def forge_an_append(victim: Victim, chance: random.Random) -> str:
    number = _copy(victim.last, seq=victim.last.seq + 1)
    sql("UPDATE audit_head SET seq = seq + 1 WHERE process_id = %s", victim.process_id)
    rehash(victim.process_id)
    return f"process {victim.process_id}, event {victim.last.seq + 1} (number {number}"


def forge_one_that_waits(victim: Victim, chance: random.Random) -> str:
    number = _copy(victim.last, seq=None)
    sql("UPDATE audit_event SET event_type = 'PROCESS_OPENED' WHERE number = %s", number)
    checkpoints.make(at=NOON)  # the job must not give it a place
    return f"an event without a place (number {number}"


def reorder(victim: Victim, chance: random.Random) -> str:
    before = victim.events[victim.place - 1]
    sql("UPDATE audit_event SET seq = 1000000 WHERE number = %s", before.number)
    sql("UPDATE audit_event SET seq = %s WHERE number = %s", before.seq, victim.event.number)
    sql("UPDATE audit_event SET seq = %s WHERE number = %s", victim.event.seq, before.number)
    return f"process {victim.process_id}, event {before.seq} (number {victim.event.number}"


def duplicate(victim: Victim, chance: random.Random) -> str:
    sql("DROP INDEX one_event_per_place")
    number = _copy(victim.event, seq=victim.event.seq)
    return f"process {victim.process_id}, event {victim.event.seq} (number {number}"


def cut_the_tail(victim: Victim, chance: random.Random) -> str:
    for event in victim.events[victim.place :]:
        _drop(event)
    return victim.missing(victim.event.seq)


def cut_the_tail_and_fix_the_head(victim: Victim, chance: random.Random) -> str:
    cut_the_tail(victim, chance)
    sql("UPDATE audit_head SET seq = %s WHERE process_id = %s", victim.event.seq - 1, victim.process_id)
    rehash(victim.process_id)
    leaf = f"SELECT min(seq) FROM audit_checkpoint_leaf WHERE process_id = %s AND seq >= {victim.event.seq}"
    seq = sql(leaf, victim.process_id)[0][0]
    return f"process {victim.process_id}, event {seq} was there when checkpoint"


def swap_two_processes_events(victim: Victim, chance: random.Random) -> str:
    theirs = victim.other.events[min(victim.place, len(victim.other.events) - 1)]
    mine = victim.events[theirs.seq - 1] if theirs.seq <= len(victim.events) else victim.last
    sql("UPDATE audit_event SET seq = seq + 1000000 WHERE number = %s", mine.number)
    for event, process_id, seq in (
        (theirs, victim.process_id, mine.seq),
        (mine, victim.other.process_id, theirs.seq),
    ):
        sql("UPDATE audit_event SET process_id = %s, seq = %s WHERE number = %s", process_id, seq, event.number)
    first = min(mine, theirs, key=lambda event: event.number)
    chain, seq = (victim.process_id, mine.seq) if first is theirs else (victim.other.process_id, theirs.seq)
    return f"process {chain}, event {seq} (number {first.number}"


def drop_a_process(victim: Victim, chance: random.Random) -> str:
    for event in victim.events:
        _drop(event)
    if chance.random() < 0.5:
        sql("DELETE FROM audit_head WHERE process_id = %s", victim.process_id)
        seq = sql("SELECT min(seq) FROM audit_checkpoint_leaf WHERE process_id = %s", victim.process_id)[0][0]
        return f"process {victim.process_id}, event {seq} was there when checkpoint"
    return victim.missing(1)


def edit_the_side_table(victim: Victim, chance: random.Random) -> str:
    column = chance.choice(["value", "salt"])
    sql(
        f"UPDATE audit_value SET {column} = %s WHERE event_id = %s AND part = 'creator'", "00" * 16, victim.event.number
    )
    return victim.named(victim.event)


def take_from_the_side_table(victim: Victim, chance: random.Random) -> str:
    sql("DELETE FROM audit_value WHERE event_id = %s AND part = 'creator'", victim.event.number)
    return victim.named(victim.event)


def add_to_the_side_table(victim: Victim, chance: random.Random) -> str:
    row = AuditValue(event_id=victim.event.number, part="reportedBy", salt="00", value="x")
    if victim.event.source == "REPORTED":
        row.part = "customerPersonalCode"
    row.save(force_insert=True)
    return victim.named(victim.event)


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
    return "was there when checkpoint"


def take_a_leaf(victim: Victim, chance: random.Random) -> str:
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


KINDS: list[Callable[[Victim, random.Random], str]] = [
    edit_a_field,
    edit_and_rechain,
    delete,
    delete_and_rechain,
    insert,
    forge_an_append,
    forge_one_that_waits,
    reorder,
    duplicate,
    cut_the_tail,
    cut_the_tail_and_fix_the_head,
    swap_two_processes_events,
    drop_a_process,
    edit_the_side_table,
    take_from_the_side_table,
    add_to_the_side_table,
    edit_a_checkpoint,
    edit_a_leaf,
    take_a_leaf,
]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_it_is_found_and_the_first_bad_event_named(kind: Callable[[Victim, random.Random], str], seed: int) -> None:
    chance = random.Random(f"{kind.__name__}{seed}")
    mine, theirs = chance.sample(some_log(seed), 2)
    victim = Victim(mine, chance)
    victim.other = Victim(theirs, chance)
    assert verify(at=NOON).whole
    triggers.remove()

    named = kind(victim, chance)

    verdict = verify(at=NOON)
    assert named in str(verdict.findings[0]), verdict.findings


@pytest.mark.parametrize("column", sorted(EDITS))
def test_each_field_of_an_event(column: str) -> None:
    victim = Victim(some_log(1)[0], random.Random(1))
    triggers.remove()
    assert edited(victim, column) in str(verify(at=NOON).findings[0])


def cut_with_its_checkpoints(victim: Victim, chance: random.Random) -> None:
    cut_the_tail_and_fix_the_head(victim, chance)
    leaf = "SELECT min(checkpoint_id) FROM audit_checkpoint_leaf WHERE process_id = %s AND seq >= %s"
    first = sql(leaf, victim.process_id, victim.event.seq)[0][0]
    sql("DELETE FROM audit_checkpoint_leaf WHERE checkpoint_id >= %s", first)
    sql("DELETE FROM audit_checkpoint WHERE number >= %s", first)


def restore_an_old_copy(victim: Victim, chance: random.Random) -> None:
    old = copied()
    record([Event(EventType.SIGNER_SIGNED, victim.process_id)], actor=PORTAL, at=NOON)
    checkpoints.make(at=NOON)
    restored(old)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("kind", [cut_with_its_checkpoints, restore_an_old_copy], ids=lambda kind: kind.__name__)
def test_what_the_file_alone_shows(kind: Callable[[Victim, random.Random], None], seed: int, file: Path) -> None:
    chance = random.Random(seed)
    victim = Victim(some_log(seed)[0], chance)
    triggers.remove()

    kind(victim, chance)

    verdict = verify(at=NOON)
    assert "stands in the file, and the database has none" in str(verdict.findings[0])
    file.unlink()
    verdict = verify(at=NOON)
    assert verdict.whole
    assert not verdict.checkpoints or "there is no file" in verdict.unchecked[0]


@pytest.mark.parametrize("seed", SEEDS)
def test_what_nothing_shows(seed: int) -> None:
    """What is younger than the last checkpoint can be cut off; a read that waits for its place can be dropped."""
    victim = Victim(some_log(seed)[0], random.Random(seed))
    record([Event(EventType.SIGNER_SIGNED, victim.process_id)], actor=PORTAL, at=NOON)
    record([Event(EventType.PROCESS_OPENED, victim.process_id)], actor=PORTAL, at=NOON)
    triggers.remove()
    for event in AuditEvent.objects.in_order().filter(number__gt=AuditEvent.objects.latest("number").number - 2):
        _drop(event)
    sql("UPDATE audit_head SET seq = seq - 1 WHERE process_id = %s", victim.process_id)
    rehash(victim.process_id)
    assert verify(at=NOON).whole


@pytest.mark.parametrize("seed", range(100))
def test_no_false_alarm(seed: int) -> None:
    ids = some_log(seed, processes=2 + seed % 5)
    whole = verify(at=NOON)
    assert (whole.findings, whole.unchecked, whole.notes, whole.waiting) == ([], [], [], 0)
    assert verify(at=NOON, process_id=ids[0]).whole
    assert verify(at=NOON, since=NOON).events == whole.events


def test_since_a_date_looks_at_the_chains_that_were_written_to() -> None:
    old = some_log(1, processes=2)
    late = NOON + timedelta(days=30)
    record([Event(EventType.SIGNER_SIGNED, old[0])], actor=PORTAL, at=late)
    looked_at = verify(at=late, since=late)
    assert looked_at.events == AuditEvent.objects.of_process(old[0]).filter(seq__isnull=False).count()
    triggers.remove()
    sql("UPDATE audit_event SET event_type = 'DECLINE' WHERE process_id = %s", old[1])
    assert verify(at=late, since=late).whole
    assert not verify(at=late).whole


def test_a_line_that_was_torn_off_is_written_again(file: Path) -> None:
    some_log(1)
    whole = file.read_text()
    file.write_text(whole[:-40])
    checkpoints.write_file()
    assert whole.splitlines()[-1] in file.read_text().splitlines()
    assert verify(at=NOON).whole


def test_a_file_that_was_edited(file: Path) -> None:
    some_log(1)
    lines = file.read_text().splitlines(keepends=True)
    file.write_text("".join([lines[0].replace('"size":', '"size":1'), *lines[1:]]))
    assert "checkpoint 1 is another in the file" in str(verify(at=NOON).findings[0])
    file.write_text("".join(lines[1:]))
    if len(lines) > 1:
        assert "missing in the middle of the file" in str(verify(at=NOON).findings[0])


def test_a_file_that_was_emptied(file: Path) -> None:
    some_log(1)
    file.write_text("")
    verdict = verify(at=NOON)
    assert (verdict.whole, "the file lacks the last" in verdict.unchecked[0]) == (True, True)


def test_lines_of_another_database_are_passed_over(file: Path) -> None:
    some_log(1)
    lines = file.read_text()
    here = str(AuditDatabase.objects.get().id)
    file.write_text(lines.replace(here, "8f14e45f-ceea-467f-a8a6-000000000000") + lines)
    assert verify(at=NOON).whole


def test_a_key_that_is_not_there(settings: Any) -> None:
    some_log(1)
    settings.AUDIT_KEYS = {"other": "x" * 40}
    verdict = verify(at=NOON)
    assert verdict.whole
    (unchecked,) = verdict.unchecked
    assert re.fullmatch("the key 'local-[0-9a-f]{8}' is none of those that are set", unchecked)


def test_keys_may_be_changed(settings: Any) -> None:
    some_log(1)
    old = keys.public().hex()
    settings.AUDIT_KEYS = {"new": "x" * 40, **settings.AUDIT_KEYS}
    settings.AUDIT_SIGNING_KEYS = ["1" * 64]
    settings.AUDIT_RETIRED_PUBLIC_KEYS = [old]
    some_log(2)
    assert verify(at=NOON).whole
    assert {key[:5] for key in AuditEvent.objects.values_list("key_id", flat=True)} == {"local", "new"}
    settings.AUDIT_RETIRED_PUBLIC_KEYS = []
    verdict = verify(at=NOON)
    assert (verdict.whole, len(verdict.unchecked)) == (True, 1)


class TestTheCommand:
    def run(self, *words: str) -> tuple[int, str]:
        out = io.StringIO()
        code: Any = 0
        try:
            call_command("verify_audit", *words, stdout=out, stderr=out)
        except SystemExit as ended:
            code = ended.code
        return code, out.getvalue()

    def test_whole(self) -> None:
        process_id, *_ = some_log(1)
        code, said = self.run()
        assert (code, "The trail is whole." in said) == (0, True)
        assert self.run("--process", process_id)[0] == self.run("--since", "2026-05-04")[0] == 0

    def test_tampered(self) -> None:
        victim = Victim(some_log(1)[0], random.Random(1))
        triggers.remove()
        edit_a_field(victim, random.Random(1))
        code, said = self.run()
        assert (code, f"TAMPERED: {victim.named(victim.event)}" in said) == (1, True)
        assert "run migrate" in said

    def test_could_not(self, settings: Any) -> None:
        some_log(1)
        assert self.run("--process", "nobody") == (2, ANY)
        settings.AUDIT_KEYS = {"other": "x" * 40}
        code, said = self.run()
        assert (code, "COULD NOT CHECK" in said) == (2, True)

    def test_a_checkpoint_now(self, file: Path) -> None:
        record([Event(EventType.FAILURE)], actor=PORTAL, at=NOON)
        out = io.StringIO()
        call_command("checkpoint_audit", stdout=out)
        call_command("checkpoint_audit", stdout=out)
        assert "Checkpoint 1 over 1 chains" in out.getvalue()
        assert "Nothing was written since" in out.getvalue()
        assert len(file.read_text().splitlines()) == 1


@pytest.mark.parametrize(
    ("statement", "says"),
    [
        ("UPDATE audit_value SET salt = 'zz' WHERE event_id = %s", "has no salt as the service writes it"),
        ("UPDATE audit_event SET mac = 'é' WHERE number = %s", "is not as the service wrote it"),
        ("UPDATE audit_event SET commitments = '[]' WHERE number = %s", "has no commitments"),
        ("UPDATE audit_event SET commitments = '{\"note\": 1}' WHERE number = %s", "has no commitments"),
        ("UPDATE audit_event SET key_id = 'mine' WHERE number = %s", "a key 'mine' that is none of the service's"),
        ("DELETE FROM audit_database WHERE %s > 0", "the database's own id is gone"),
    ],
)
def test_what_is_not_even_of_the_right_form(statement: str, says: str) -> None:
    victim = Victim(some_log(1)[0], random.Random(1))
    triggers.remove()
    sql(statement, victim.event.number)
    assert says in " ".join(map(str, verify(at=NOON).findings))


@pytest.mark.parametrize(
    ("statement", "says"),
    [
        ("UPDATE audit_value SET value = 'x' WHERE event_id = %s AND part = 'creator'", "'creator' is not what"),
        ("DELETE FROM audit_value WHERE event_id = %s AND part = 'creator'", "'creator' is gone"),
        ("UPDATE audit_event SET key_id = 'mine' WHERE number = %s", "was not written by the service"),
        ("UPDATE audit_event SET commitments = '[]' WHERE number = %s", "has no commitments"),
    ],
)
def test_what_waits_is_looked_at_as_well(statement: str, says: str) -> None:
    process_id = some_log(1)[0]
    record([Event(EventType.PROCESS_OPENED, process_id)], actor=PORTAL, at=NOON)
    triggers.remove()
    sql(statement, AuditEvent.objects.latest("number").number)
    assert says in str(verify(at=NOON).findings[0])
    record([Event(EventType.PROCESS_OPENED, process_id)], actor=PORTAL, at=NOON)
    checkpoints.make(at=NOON)  # one that is not the service's holds up no other
    assert AuditEvent.objects.latest("number").seq


def test_what_waits_for_too_long_is_said() -> None:
    record([Event(EventType.PROCESS_OPENED, "p")], actor=PORTAL, at=NOON)
    assert "waited for their place for over an hour" in verify(at=NOON + timedelta(hours=2)).unchecked[0]


def test_a_checkpoint_that_is_made_meanwhile_is_no_alarm() -> None:
    """What stands in the file by the time it is read may be younger than the moment that is looked at."""
    some_log(1)
    number, at = 0, NOON

    def meanwhile(done: int) -> None:
        nonlocal number
        number += 1
        line = checkpoints.line(Checkpoint.objects.latest("number"), checkpoints.database())
        file = settings.AUDIT_CHECKPOINT_FILE
        file.write_text(file.read_text() + line.replace('"number":', '"number":9') + "\n")

    verdict = verify(at=at, progress=meanwhile)
    assert (verdict.findings, number) == ([], 1)
    assert "9" in str(verify(at=at).findings[0])


def test_the_database_refuses() -> None:
    some_log(1)
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


def _drop(event: AuditEvent) -> None:
    sql("DELETE FROM audit_value WHERE event_id = %s", event.number)
    sql("DELETE FROM audit_event WHERE number = %s", event.number)


def _copy(event: AuditEvent, *, seq: int | None) -> int:
    """The event once more, with its values, under another number and id."""
    number = int(sql("SELECT max(number) FROM audit_event")[0][0]) + 1
    kept = [c for c in columns("audit_event") if c not in ("number", "id", "seq")]
    names = ", ".join(kept)
    other = "8f14e45f-ceea-467f-a8a6-00000000000" + str(number % 10)
    sql(
        f"INSERT INTO audit_event (number, id, seq, {names}) "
        f"SELECT %s, %s, %s, {names} FROM audit_event WHERE number = %s",
        number,
        other if on_postgres() else other.replace("-", ""),
        seq,
        event.number,
    )
    sql(
        "INSERT INTO audit_value (event_id, part, salt, value) "
        "SELECT %s, part, salt, value FROM audit_value WHERE event_id = %s",
        number,
        event.number,
    )
    return number
