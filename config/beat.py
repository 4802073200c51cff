"""Celery beat without a state file: it cannot be damaged, and contains no time in the future."""

from datetime import UTC, datetime

from celery.beat import ScheduleEntry, Scheduler

LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


class MemoryScheduler(Scheduler):
    """Every job is due at the start and after the clock was set back, because jobs decide what there is to do."""

    def setup_schedule(self) -> None:
        super().setup_schedule()
        self._make_all_due()

    def is_due(self, entry: ScheduleEntry) -> tuple[bool, float]:
        if entry.last_run_at and entry.last_run_at > entry.default_now():
            self._make_all_due()
        return super().is_due(entry)

    def _make_all_due(self) -> None:
        for entry in self.schedule.values():
            entry.last_run_at = LONG_AGO
        # Its times are those of the clock before it was set back.
        self._heap = None
