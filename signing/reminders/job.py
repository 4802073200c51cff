"""The job that reminds: once per signer, due date and day, whatever failed in between.

The settings row remembers the moment up to which reminders have gone out. A run looks at the days whose hour lies
between that moment and now; of several that were missed the latest counts. The messages' unique keys are the last line.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from notifications.models import ReminderSettings
from signing.reminders.digest import queue
from signing.reminders.sources import Overdue, Source, Tasks, Window

FIRST_LOOK_BACK = timedelta(days=1)
"""How far a run looks back that knows of none before it."""


def remind_due(*, at: datetime) -> int:
    """Queue what is due as of that moment; how many reminders and notices. Several runs at once do it once."""
    run = _Run.begun(at)
    if run is None:
        return 0
    count = sum(sum(run.batches(source(run.window))) for source in (Tasks, Overdue))
    run.finish()
    return count


@dataclass(frozen=True, slots=True)
class _Run:
    since: datetime | None
    window: Window

    @classmethod
    def begun(cls, at: datetime) -> "_Run | None":
        """A run over the days that have come since the last one; None where there are none, or reminders are off."""
        kept = ReminderSettings.objects.get_or_create(pk=ReminderSettings.ONLY)[0]
        calendar = kept.calendar
        # After a clock that was ahead, what it skipped is looked at again: what was said then has its key.
        done = kept.done_until if kept.done_until and kept.done_until <= at else at - FIRST_LOOK_BACK
        days = calendar.run_days(done, at)
        window = Window(at, calendar, days, every=kept.without_due_date_every, overdue_notice=kept.overdue_notice)
        run = cls(kept.done_until, window)
        if days and not kept.active:
            run.finish()
        return run if days and kept.active else None

    def batches(self, source: Source) -> Iterator[int]:
        """Each batch in a transaction of its own, under the settings' lock, unless another run was quicker."""
        after: Any = None
        more = True
        while more:
            with transaction.atomic():
                if not self._still_ours():
                    return
                rows, after, more = source.page(after)
                yield queue(source.told(rows), source.texts, at=self.window.at)

    @transaction.atomic
    def finish(self) -> None:
        if self._still_ours():
            ReminderSettings.objects.filter(pk=ReminderSettings.ONLY).update(done_until=self.window.at)

    def _still_ours(self) -> bool:
        kept = ReminderSettings.objects.select_for_update().get(pk=ReminderSettings.ONLY)
        return kept.done_until == self.since
