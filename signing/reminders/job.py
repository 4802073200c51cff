"""The reminder job: reminds once per signer, due date and day, however often it runs and whatever failed before.

The settings row holds the time up to which reminders have gone out. A run covers the days whose hour lies between that
time and now; of several missed days, the latest counts. The unique keys of the messages are the last line of defense.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction

from notifications.models import ReminderSettings
from signing.reminders.digest import queue
from signing.reminders.sources import OverdueSteps, ReminderSource, SignerTasks, Window

# How far the first run looks back.
FIRST_LOOK_BACK = timedelta(days=1)


def remind_due(*, at: datetime) -> int:
    """Queue the reminders and overdue notices that are due, and return their number.

    Several runs at the same time queue each of them once.
    """
    run = _start_run(at)
    if run is None:
        return 0
    count = run.queue_all(SignerTasks(run.window)) + run.queue_all(OverdueSteps(run.window))
    run.finish()
    return count


@dataclass(frozen=True, slots=True)
class _Run:
    """One run of the job. `since` is what the settings row held when the run started."""

    since: datetime | None
    window: Window

    def queue_all(self, source: ReminderSource) -> int:
        """Queue what a source has, one transaction per page, unless another run was faster."""
        count = 0
        cursor: str | None = None
        while True:
            with transaction.atomic():
                if not self._is_current():
                    return count
                page = source.page(cursor)
                count += queue(page.reminders, source.texts, at=self.window.at)
            if page.next_cursor is None:
                return count
            cursor = page.next_cursor

    @transaction.atomic
    def finish(self) -> None:
        if self._is_current():
            ReminderSettings.objects.filter(pk=ReminderSettings.ONLY).update(done_until=self.window.at)

    def _is_current(self) -> bool:
        """Lock the settings row. False if another run has finished in the meantime."""
        row = ReminderSettings.objects.select_for_update().get(pk=ReminderSettings.ONLY)
        return row.done_until == self.since


def _start_run(at: datetime) -> _Run | None:
    """Return a run over the days since the last one; None if there are none, or if reminders are disabled."""
    settings, _ = ReminderSettings.objects.get_or_create(pk=ReminderSettings.ONLY)
    done_until = settings.done_until
    # If the clock was ahead, look at the skipped days again. What was sent already has its key.
    if done_until is None or done_until > at:
        done_until = at - FIRST_LOOK_BACK
    days = settings.calendar.run_days(done_until, at)
    if not days:
        return None
    window = Window(
        at,
        settings.calendar,
        days,
        every=settings.without_due_date_every,
        overdue_notice=settings.overdue_notice,
    )
    run = _Run(settings.done_until, window)
    if not settings.active:
        run.finish()
        return None
    return run
