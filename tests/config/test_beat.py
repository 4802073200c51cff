from datetime import timedelta

import pytest

from config.beat import MemoryScheduler
from config.cache import JsonSerializer
from config.celery import app


@pytest.fixture
def scheduler() -> MemoryScheduler:
    return MemoryScheduler(app=app, lazy=True)


def test_beat_keeps_no_state_in_a_file() -> None:
    assert app.conf.beat_scheduler == "config.beat:MemoryScheduler"


def test_every_job_is_due_at_the_start(scheduler: MemoryScheduler) -> None:
    scheduler.setup_schedule()
    assert {name for name, entry in scheduler.schedule.items() if not scheduler.is_due(entry)[0]} == set()


def test_a_last_run_in_the_future_does_not_stop_jobs(scheduler: MemoryScheduler) -> None:
    scheduler.setup_schedule()
    for entry in scheduler.schedule.values():
        entry.last_run_at = entry.default_now() + timedelta(days=2)
    assert {name for name, entry in scheduler.schedule.items() if not scheduler.is_due(entry)[0]} == set()


def test_a_job_that_has_just_run_is_not_due(scheduler: MemoryScheduler) -> None:
    scheduler.setup_schedule()
    entry = scheduler.schedule["verify the audit trail"]
    entry.last_run_at = entry.default_now()
    assert not scheduler.is_due(entry)[0]


@pytest.mark.parametrize("value", [0, 12, -3, True, None, "text", [1, {"a": "ī"}]])
def test_the_cache_stores_json(value: object) -> None:
    stored = JsonSerializer().dumps(value)
    assert JsonSerializer().loads(stored if isinstance(stored, bytes) else str(stored).encode()) == value


def test_the_cache_does_not_unpickle() -> None:
    with pytest.raises(ValueError):
        JsonSerializer().loads(b"\x80\x04K\x01.")
