"""Whom a run looks at, a page at a time, and what it has to say to them."""

import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django.db.models import Prefetch, Q, QuerySet

from audit.log import Event
from config.vocabulary import EventType, ProcessStatus, Role, SignerStatus, StepStatus
from notifications.calendar import Calendar
from notifications.drafts import Draft
from notifications.texts.choice import Texts
from signing import flow, messages
from signing.messages import Occasion
from signing.models import Signer, Step
from signing.reminders.digest import Told

BATCH = 500
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Window:
    """What a run looks at: the `days` of a calendar that have come, as of a moment, and what is asked for."""

    at: datetime
    calendar: Calendar
    days: list[date]
    every: int
    overdue_notice: bool

    def due_on(self, days: Iterable[date], *, within: str = "") -> Q:
        """Steps that are due on these days of the calendar's zone; `within` is the way to the step."""
        found = Q(pk__in=[])
        for first, last in _stretches(sorted(days)):
            begin, end = self._midnight(first), self._midnight(last + _DAY)
            found |= Q(**{f"{within}due_at__gte": begin, f"{within}due_at__lt": end})
        return found

    def _midnight(self, day: date) -> datetime:
        return datetime.combine(day, time.min, self.calendar.zone).astimezone(UTC)


class Source:
    """Rows to look at, a page at a time, and what is to be told about them."""

    def __init__(self, window: Window) -> None:
        self.window = window
        self.texts = Texts([EventType.REMINDER], bodies=False)

    def page(self, after: Any) -> tuple[Sequence[Any], Any, bool]:
        raise NotImplementedError

    def told(self, rows: Sequence[Any]) -> Iterator[Told]:
        raise NotImplementedError


class Tasks(Source):
    """Signers whose turn it is, by address, so that what goes to one reader stands together.

    Those whose step has a due date that is still to come; where it has none, every so many days since they were called.
    """

    def rows(self) -> QuerySet[Signer]:
        days = self.window.calendar.due_days(self.window.days)
        looked_at = self.window.due_on(days, within="step__") & Q(step__due_at__gt=self.window.at)
        if self.window.every:
            looked_at |= Q(step__due_at=None)
        waiting = Signer.objects.filter(
            status=SignerStatus.STARTED,
            role__in=sorted(flow.ACTING),
            step__status=StepStatus.STARTED,
            process__status=ProcessStatus.STARTED,
        )
        return waiting.filter(looked_at).select_related("process", "step").order_by("email_plain", "id")

    def page(self, after: str | None) -> tuple[Sequence[Signer], Any, bool]:
        """About BATCH rows, and always all of a reader's."""
        rows = self.rows().filter(email_plain__gt=after or "")
        found = list(rows[: BATCH + 1])
        if len(found) <= BATCH:
            return found, None, False
        beyond = found[-1].email_plain
        kept = [signer for signer in found if signer.email_plain != beyond] or list(rows.filter(email_plain=beyond))
        return kept, kept[-1].email_plain, True

    def told(self, rows: Sequence[Any]) -> Iterator[Told]:
        for signer in rows:
            if (slot := self.slot_of(signer)) is not None and signer.email:
                occasion = Occasion(
                    EventType.REMINDER, signer.process, [], self.window.at, signer=signer, step=signer.step
                )
                event = Event(EventType.REMINDER, process_id=signer.process_id, signer_id=signer.id)
                draft = replace(messages.to_signer(occasion, signer), key=f"reminder:{signer.id}:{slot}")
                yield from ((decided, event) for decided in messages.by_texts(draft, self.texts))

    def slot_of(self, signer: Signer) -> str | None:
        """What tells this reminder from the signer's others; None where none is due."""
        calendar, due_at, missed = self.window.calendar, signer.step.due_at, self.missed(signer)
        if due_at is not None:
            slot = calendar.slot(calendar.local_day(due_at), missed)
            return f"{due_at:%Y%m%dT%H%M%S}:{slot[1]}" if slot else None
        called = calendar.local_day(signer.called_at or self.window.at)
        days = [day for day in missed if (day - called).days % self.window.every == 0 and day > called]
        return f"none:{max(days):%Y%m%d}" if days else None

    def missed(self, signer: Signer) -> list[date]:
        """The run's days whose hour came when it was this signer's turn already."""
        called = signer.called_at or self.window.at
        return [day for day in self.window.days if self.window.calendar.moment_of(day) >= called]


class Overdue(Source):
    """Steps that went past their due date: the initiator hears of it on the day after."""

    def page(self, after: uuid.UUID | None) -> tuple[Sequence[Step], Any, bool]:
        if not self.window.overdue_notice:
            return [], None, False
        due = self.window.due_on(day - _DAY for day in self.window.days)
        rows = Step.objects.filter(due, status=StepStatus.STARTED, process__status=ProcessStatus.STARTED)
        waiting = Signer.objects.filter(status=SignerStatus.STARTED, role__in=sorted(flow.ACTING)).order_by("position")
        rows = rows.filter(id__gt=after) if after else rows
        found = list(
            rows.order_by("id").select_related("process").prefetch_related(Prefetch("signers", waiting))[: BATCH + 1]
        )
        return found[:BATCH], found[:BATCH][-1].id if found else after, len(found) > BATCH

    def told(self, rows: Sequence[Any]) -> Iterator[Told]:
        for step in rows:
            process = step.process
            if not process.initiator_email:
                continue
            occasion = Occasion(EventType.REMINDER, process, [], self.window.at, step=step)
            waiting = ", ".join(str(signer) for signer in step.signers.all())
            draft = Draft(
                key=f"overdue:{step.id}:{step.due_at:%Y%m%dT%H%M%S}",
                event=EventType.REMINDER,
                role=Role.INITIATOR,
                address=process.initiator_email,
                name=process.initiator_name or "",
                process_id=process.id,
                owner_group=process.owner_group,
                context=messages.context(occasion, name=process.initiator_name) | {"waiting": waiting, "tasks": []},
            )
            event = Event(
                EventType.REMINDER, process_id=process.id, note="The initiator is told that a step is overdue."
            )
            yield from ((decided, event) for decided in messages.by_texts(draft, self.texts))


def _stretches(days: Sequence[date]) -> Iterator[tuple[date, date]]:
    """Days in order as stretches of days that follow each other."""
    start = 0
    for place in range(1, len(days) + 1):
        if place == len(days) or days[place] - days[place - 1] > _DAY:
            if days:
                yield days[start], days[place - 1]
            start = place
