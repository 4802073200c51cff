"""Reads are recorded after their response, in batches, and survive everything but a killed process."""

import threading
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from django.db import IntegrityError, OperationalError

from audit import reads
from audit.models import AuditEvent

LONG_ENOUGH = 10.0


class Database:
    """Stands in for `append`: keeps the batches, and fails as often as it is told."""

    def __init__(self) -> None:
        self.batches: list[list[Any]] = []
        self.failures: list[Exception] = []
        self.written = threading.Event()

    def append(self, events: Sequence[Any]) -> None:
        if self.failures:
            raise self.failures.pop(0)
        self.batches.append(list(events))
        self.written.set()


@pytest.fixture
def database(monkeypatch: pytest.MonkeyPatch) -> Database:
    database = Database()
    monkeypatch.setattr(reads, "append", database.append)
    monkeypatch.setattr(reads, "RETRY_SECONDS", 0)
    monkeypatch.setattr(reads.connection, "close", lambda: None)
    return database


@pytest.fixture
def writer(database: Database) -> Iterator[reads.Writer]:
    writer = reads.Writer()
    yield writer
    writer.stop()


def events(*numbers: int) -> list[Any]:
    return [(AuditEvent(number=number), {}) for number in numbers]


def numbers_in(database: Database) -> list[int]:
    return [event.number for batch in database.batches for event, _ in batch]


def test_events_of_several_requests_are_written_together_and_in_order(writer: reads.Writer, database: Database) -> None:
    for number in range(5):
        assert writer.add(events(number))
    writer.start()
    assert database.written.wait(LONG_ENOUGH)
    assert numbers_in(database) == [0, 1, 2, 3, 4]
    assert len(database.batches) == 1


def test_a_failure_of_the_database_costs_no_event(writer: reads.Writer, database: Database) -> None:
    database.failures = [OperationalError("gone"), OperationalError("still gone")]
    writer.start()
    writer.add(events(1, 2))
    assert database.written.wait(LONG_ENOUGH)
    assert numbers_in(database) == [1, 2]


def test_an_event_that_cannot_be_written_does_not_stop_the_others(
    writer: reads.Writer, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def append(batch: Sequence[Any]) -> None:
        if any(event.number == 2 for event, _ in batch):
            raise IntegrityError("refused")
        database.append(batch)

    monkeypatch.setattr(reads, "append", append)
    writer.add(events(1, 2, 3))
    writer.start()
    writer.stop()
    assert numbers_in(database) == [1, 3]


def test_what_waits_is_written_when_the_process_stops(writer: reads.Writer, database: Database) -> None:
    writer.start()
    writer.add(events(*range(700)))
    writer.stop()
    assert numbers_in(database) == list(range(700))


def test_beyond_the_longest_queue_requests_write_their_own_events(
    writer: reads.Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reads, "LONGEST_QUEUE", 2)
    assert writer.add(events(1, 2))
    assert not writer.add(events(3))
    writer.start()
