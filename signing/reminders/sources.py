"""What a run of the reminder job looks at, one page at a time, and the reminders that are due."""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple, Protocol

from django.db.models import Prefetch, Q, QuerySet

from audit.log import Event
from config.vocabulary import EventType, ProcessStatus, SignerStatus, StepStatus
from notifications.calendar import Calendar
from notifications.texts.choice import Texts
from signing import flow, messages
from signing.messages import Occasion
from signing.models import Signer, Step
from signing.reminders.digest import Reminder

PAGE_SIZE = 500
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Window:
    """What a run covers: the `days` of a calendar whose hour has come.

    Tasks without a due date get a reminder `every` so many days; 0 disables these reminders.
    """

    at: datetime
    calendar: Calendar
    days: list[date]
    every: int
    overdue_notice: bool

    def due_on(self, days: Iterable[date], *, prefix: str = "") -> Q:
        """Match steps that are due on these days in the calendar's zone. `prefix` is the lookup path to the step."""
        matching = Q(pk__in=[])
        for first, last in _consecutive(sorted(days)):
            start = self._midnight(first)
            end = self._midnight(last + _DAY)
            matching |= Q(**{f"{prefix}due_at__gte": start, f"{prefix}due_at__lt": end})
        return matching

    def _midnight(self, day: date) -> datetime:
        return datetime.combine(day, time.min, self.calendar.zone).astimezone(UTC)


class Page(NamedTuple):
    """Some reminders; `next_cursor` is None on the last page."""

    reminders: list[Reminder]
    next_cursor: str | None


class ReminderSource(Protocol):
    texts: Texts

    def page(self, cursor: str | None) -> Page:
        """Return the page after the cursor; None is the first page."""
        ...


class SignerTasks:
    """Signers whose turn it is, ordered by email address, so that one page holds everything for a recipient.

    Their step has a due date in the future, or none.
    """

    def __init__(self, window: Window) -> None:
        self.window = window
        self.texts = Texts([EventType.REMINDER], bodies=False)

    def page(self, cursor: str | None) -> Page:
        rows = self._rows().filter(email_key__gt=cursor or "")
        signers = list(rows[: PAGE_SIZE + 1])
        next_cursor = None
        if len(signers) > PAGE_SIZE:
            # The last address may go on beyond the page: leave it to the next one, unless it is the only one.
            last_address = signers[-1].email_key
            complete = [signer for signer in signers if signer.email_key != last_address]
            signers = complete or list(rows.filter(email_key=last_address))
            next_cursor = signers[-1].email_key
        reminders: list[Reminder] = []
        for signer in signers:
            reminders += self._reminders_for(signer)
        return Page(reminders, next_cursor)

    def _rows(self) -> QuerySet[Signer]:
        days = self.window.calendar.due_days(self.window.days)
        in_window = self.window.due_on(days, prefix="step__") & Q(step__due_at__gt=self.window.at)
        if self.window.every:
            in_window |= Q(step__due_at=None)
        rows = Signer.objects.filter(
            in_window,
            status=SignerStatus.STARTED,
            role__in=sorted(flow.ACTING),
            step__status=StepStatus.STARTED,
            process__status=ProcessStatus.STARTED,
        )
        return rows.select_related("process", "step").order_by("email_key", "id")

    def _reminders_for(self, signer: Signer) -> list[Reminder]:
        slot = self._slot(signer)
        if slot is None or not signer.email:
            return []
        occasion = Occasion(EventType.REMINDER, signer.process, [], self.window.at, signer=signer, step=signer.step)
        event = Event(EventType.REMINDER, process_id=signer.process_id, signer_id=signer.id)
        draft = messages.to_signer(occasion, signer, key=f"reminder:{signer.id}:{slot}")
        return [Reminder(decided, event) for decided in messages.with_text(draft, self.texts)]

    def _slot(self, signer: Signer) -> str | None:
        """The part of the key that identifies this reminder; None if no reminder is due."""
        calendar = self.window.calendar
        days = self._days_since_call(signer)
        due_at = signer.step.due_at
        if due_at is not None:
            slot = calendar.slot(calendar.local_day(due_at), days)
            return f"{due_at:%Y%m%dT%H%M%S}:{slot[1]}" if slot else None
        called_on = calendar.local_day(self._called_at(signer))
        due_days = [day for day in days if day > called_on and (day - called_on).days % self.window.every == 0]
        return f"none:{max(due_days):%Y%m%d}" if due_days else None

    def _days_since_call(self, signer: Signer) -> list[date]:
        """The days of the run whose hour came after it became this signer's turn."""
        called_at = self._called_at(signer)
        return [day for day in self.window.days if self.window.calendar.moment_of(day) >= called_at]

    def _called_at(self, signer: Signer) -> datetime:
        return signer.called_at or self.window.at


class OverdueSteps:
    """Steps that passed their due date on the day before: their initiator is notified."""

    def __init__(self, window: Window) -> None:
        self.window = window
        self.texts = Texts([EventType.REMINDER], bodies=False)

    def page(self, cursor: str | None) -> Page:
        if not self.window.overdue_notice:
            return Page([], None)
        rows = self._rows()
        if cursor is not None:
            rows = rows.filter(id__gt=uuid.UUID(cursor))
        steps = list(rows[: PAGE_SIZE + 1])
        next_cursor = None
        if len(steps) > PAGE_SIZE:
            del steps[PAGE_SIZE:]
            next_cursor = str(steps[-1].id)
        reminders: list[Reminder] = []
        for step in steps:
            reminders += self._notices_for(step)
        return Page(reminders, next_cursor)

    def _rows(self) -> QuerySet[Step]:
        due = self.window.due_on(day - _DAY for day in self.window.days)
        waiting = Signer.objects.filter(status=SignerStatus.STARTED, role__in=sorted(flow.ACTING)).order_by("position")
        rows = Step.objects.filter(due, status=StepStatus.STARTED, process__status=ProcessStatus.STARTED)
        return rows.order_by("id").select_related("process").prefetch_related(Prefetch("signers", waiting))

    def _notices_for(self, step: Step) -> list[Reminder]:
        occasion = Occasion(EventType.REMINDER, step.process, [], self.window.at, step=step)
        waiting = ", ".join(str(signer) for signer in step.signers.all())
        drafts = messages.to_initiator(
            occasion,
            key=f"overdue:{step.id}:{step.due_at:%Y%m%dT%H%M%S}",
            extra={"waiting": waiting, "tasks": []},
        )
        event = Event(
            EventType.REMINDER, process_id=step.process_id, note="The initiator was notified that a step is overdue."
        )
        notices = []
        for draft in drafts:
            notices += [Reminder(decided, event) for decided in messages.with_text(draft, self.texts)]
        return notices


def _consecutive(days: Sequence[date]) -> list[tuple[date, date]]:
    """Sorted days as (first, last) of each run of consecutive days."""
    stretches: list[tuple[date, date]] = []
    for day in days:
        if stretches and day - stretches[-1][1] == _DAY:
            stretches[-1] = (stretches[-1][0], day)
        else:
            stretches.append((day, day))
    return stretches
